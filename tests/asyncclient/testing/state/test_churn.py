"""Other clients that add and remove persons during a listing."""

import pytest


async def test_arrivals_at_the_front_shift_the_rows_that_were_not_read_yet(serve):
    api = await serve(10)
    before = await api.uuids()
    api.server.churn(adds_per_request=2)
    first = await api.uuids("?limit=4")
    assert first[2:] == before[:2]
    second = await api.uuids("?limit=4&offset=4")
    assert second == before[:4], "two are seen twice"
    assert api.world.count() == 14


async def test_removals_at_the_front_make_a_naive_reader_skip_persons(serve):
    api = await serve(20)
    before = await api.uuids("?limit=20")
    api.server.churn(removes_per_request=1)
    assert await api.uuids("?limit=5") == before[1:6]
    assert await api.uuids("?limit=5&offset=5") == before[7:12]
    assert api.world.count() == 18


@pytest.mark.parametrize("at", ["front", "random"])
async def test_protected_persons_stay_and_the_others_are_deleted(serve, at):
    api = await serve(30)
    protected = {str(api.world.uuid_of(f"user-{n}")) for n in range(0, 30, 3)}
    api.server.churn(adds_per_request=1, removes_per_request=3, at=at, protect=protected)
    for _ in range(15):
        await api.get()
    left = {str(uuid) for uuid in api.world.iter_uuids()}
    assert protected <= left
    assert api.world.count() < 30


async def test_removals_pass_over_the_protected_and_take_the_next(serve):
    api = await serve(6)
    before = await api.uuids()
    api.server.churn(removes_per_request=1, protect=before[:2])
    assert await api.uuids() == before[:2] + before[3:]
    assert await api.uuids() == before[:2] + before[4:]


async def test_fractions_add_up_and_zero_stops_it(serve):
    api = await serve(10)
    api.server.churn(adds_per_request=0.5)
    for _ in range(5):
        await api.get()
    assert api.world.count() == 12
    api.server.churn()
    await api.get()
    assert api.world.count() == 12


async def test_only_list_requests_drive_it(serve):
    api = await serve(10)
    api.server.churn(removes_per_request=1)
    await api.get("1/")
    await api.post("batch_by_uuids/", {"uuids": []})
    assert api.world.count() == 10


async def test_churn_with_the_same_seed_repeats_exactly(serve):
    runs = []
    for _ in range(2):
        api = await serve(50)
        api.server.churn(adds_per_request=2, removes_per_request=2, at="random", seed=5)
        runs.append([await api.uuids(f"?limit=10&offset={offset}") for offset in range(0, 50, 10)])
    assert runs[0] == runs[1]


async def test_random_arrivals_land_inside_the_listing(serve):
    api = await serve(50)
    api.server.churn(adds_per_request=10, at="random")
    ids = [person["distinct_ids"][0] for person in (await api.get()).json["results"]]
    arrived = [rank for rank, name in enumerate(ids) if name.startswith("arrival-")]
    assert len(arrived) == 10
    assert max(arrived) > 15


async def test_a_block_of_early_rows_can_go_at_the_nth_request(serve):
    api = await serve(20)
    before = await api.uuids("?limit=20")
    api.server.remove_block(3, at_request=2, offset=1)
    assert await api.uuids("?limit=20") == before
    assert await api.uuids("?limit=20") == before[:1] + before[4:]
    assert await api.uuids("?limit=20") == before[:1] + before[4:]
