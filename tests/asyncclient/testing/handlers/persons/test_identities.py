"""Splitting persons, and resetting distinct IDs that are used again (contract 6.11, 8)."""

from uuid import UUID

import pytest

from asyncclient.testing import Fault
from asyncclient.testing.tables.uuids import derive_uuid

SPLIT = "distinct_ids_to_split"


def uuid_by(distinct_id):
    return UUID(bytes=derive_uuid(1, distinct_id))


@pytest.fixture
async def api(serve):
    return await serve(2)


@pytest.fixture
def uuid(api):
    return api.world.add_person(["a", "b", "c", "d"], {"plan": "free"})


async def test_named_distinct_ids_get_persons_of_their_own(api, uuid):
    reply = await api.post(f"{uuid}/split/", {SPLIT: ["b", "d", "b"]})
    assert (reply.status, reply.json) == (201, {"success": True})
    whole = api.world.person(uuid)
    assert (whole.distinct_ids, whole.properties) == (("a", "c"), {"plan": "free"})
    for distinct_id in ("b", "d"):
        assert api.world.uuid_of(distinct_id) == uuid_by(distinct_id)
        own = api.world.person(uuid_by(distinct_id))
        assert (own.distinct_ids, own.properties, own.is_identified) == ((distinct_id,), {}, False)
        assert own.created_at > whole.created_at
    assert [each["distinct_ids"] for each in (await api.get("?limit=3")).json["results"]] == [["d"], ["b"], ["a", "c"]]
    assert api.server.requests[0].applied
    batch = (await api.post("batch_by_distinct_ids/", {"distinct_ids": ["a", "b"]})).json["results"]
    assert (batch["a"]["uuid"], batch["b"]["uuid"]) == (str(uuid), str(uuid_by("b")))


@pytest.mark.parametrize(
    ("body", "left"),
    [
        ({}, ("a",)),
        ({"main_distinct_id": ""}, ("a",)),
        ({"main_distinct_id": None}, ("a",)),
        # The id that the person was made by gives this very UUID, so it stays.
        ({"main_distinct_id": "c"}, ("a", "c")),
        ({"main_distinct_id": "nobody's"}, ("a",)),
    ],
)
async def test_without_names_all_but_the_main_one_go(api, uuid, body, left):
    assert (await api.post(f"{uuid}/split/", body)).status == 201
    assert api.world.person(uuid).distinct_ids == left
    assert api.world.count() == 2 + 1 + 4 - len(left)


async def test_a_person_of_another_uuid_can_lose_them_all(api):
    uuid = api.world.add_person(["x", "y"], uuid="01900000-0000-7000-8000-00000000ffff")
    assert (await api.post(f"{uuid}/split/", {SPLIT: ["x", "y"]})).status == 201
    assert api.world.person(uuid).distinct_ids == ()
    assert (await api.call("PATCH", f"{uuid}/", json={"properties": {"a": 1}})).status == 500


async def test_a_person_with_that_uuid_gets_the_distinct_id(api):
    other = api.world.add_person(["z"], uuid=uuid_by("y"))
    uuid = api.world.add_person(["x", "y"])
    assert (await api.post(f"{uuid}/split/", {SPLIT: ["y"]})).status == 201
    assert api.world.person(other).distinct_ids == ("z", "y")
    assert api.world.uuid_of("y") == other


async def test_a_seeded_person_is_split(serve):
    api = await serve(1000)
    uuid = api.world.uuid_of("user-137")
    await api.post("138/split/", {SPLIT: ["user-137-device-3"]})
    assert len(api.world.person(uuid).distinct_ids) == 11
    assert api.world.uuid_of("user-137-device-3") == uuid_by("user-137-device-3")
    assert api.world.count() == 1001


@pytest.mark.parametrize(
    ("body", "detail", "attr"),
    [
        ({SPLIT: "b"}, "must be a list of strings", SPLIT),
        ({SPLIT: ["b", 1]}, "must be a list of strings", SPLIT),
        ({SPLIT: []}, "must not be empty", SPLIT),
        ({SPLIT: ["b", "x", "e"]}, "not on this person: ['e', 'x']", SPLIT),
        ({SPLIT: ["b"], "main_distinct_id": "a"}, f"main_distinct_id cannot be combined with {SPLIT}", None),
    ],
)
async def test_a_distinct_id_that_cannot_be_split_off_is_refused(api, uuid, body, detail, attr):
    reply = await api.post(f"{uuid}/split/", body)
    assert reply.error == (400, "validation_error", "invalid_input")
    assert (reply.json["detail"], reply.json["attr"]) == (detail, attr)
    assert api.world.person(uuid).distinct_ids == ("a", "b", "c", "d")


async def test_a_missing_person_is_not_found_and_a_distinct_id_is_not_a_person_id(api):
    assert (await api.post("999999/split/", {SPLIT: ["b"]})).error == (404, "invalid_request", "not_found")
    assert (await api.post("user-1/split/", {SPLIT: ["b"]})).error[0] == 400


async def test_a_split_is_done_after_its_lag_if_the_person_is_still_there(serve):
    api = await serve(split_lag_s=30)
    uuid, other = api.world.add_person(["a", "b"]), api.world.add_person(["c", "d"])
    for each, name in ((uuid, "b"), (other, "d")):
        assert (await api.post(f"{each}/split/", {SPLIT: [name]})).status == 201
    assert api.world.uuid_of("b") == uuid
    api.world.remove_person(other)
    api.clock.now += 29
    assert api.world.uuid_of("b") == uuid
    api.clock.now += 2
    assert api.world.uuid_of("b") == uuid_by("b")
    assert (api.world.uuid_of("d"), api.world.count()) == (None, 2)


async def test_a_server_that_knows_no_names_splits_everything_off(serve):
    api = await serve(partial_split=False)
    uuid = api.world.add_person(["a", "b", "c"])
    assert (await api.post(f"{uuid}/split/", {SPLIT: ["c"]})).status == 201
    assert api.world.person(uuid).distinct_ids == ("a",)


async def test_a_swallowed_split_responds_as_if_it_had_worked(api, uuid):
    api.server.faults.add(Fault("swallow", action="split", times=1))
    assert (await api.post(f"{uuid}/split/", {SPLIT: ["b"]})).status == 201
    assert not api.server.requests[-1].applied
    assert api.world.uuid_of("b") == uuid


async def test_a_split_is_in_the_activity_log(api, uuid):
    await api.post(f"{uuid}/split/", {SPLIT: ["b"]})
    (entry,) = (await api.get(f"{uuid}/activity/")).json["results"]
    assert (entry["activity"], entry["detail"]["name"]) == ("split_person", str(uuid))
    (told,) = entry["detail"]["changes"]
    assert (told["action"], told["after"]) == ("split", {"distinct_ids": ["a", "b", "c", "d"], SPLIT: ["b"]})


@pytest.mark.parametrize("order", ["tombstone", "legacy"])
async def test_a_split_shows_a_person_that_the_older_order_would_hide(serve, order):
    api = await serve(delete_order=order)
    gone = api.world.add_person(["b"])
    api.world.remove_person(gone)
    uuid = api.world.add_person(["a", "b"])
    await api.post(f"{uuid}/split/", {SPLIT: ["b"]})
    assert api.world.person(gone).distinct_ids == ("b",)
    assert api.world.listed(gone)


def test_the_world_splits_a_person_without_a_request(api, uuid):
    assert api.world.split(uuid, ["b", "c"]) == [uuid_by("b"), uuid_by("c")]
    assert api.world.split(uuid, ["a", "b"]) == [uuid, uuid_by("b")]
    with pytest.raises(LookupError):
        api.world.split("01900000-0000-7000-8000-00000000ffff", ["a"])


async def reset(api, distinct_id):
    reply = await api.post("reset_person_distinct_id/", {"distinct_id": distinct_id})
    assert (reply.status, reply.body) == (202, b"")
    return api.server.requests[-1].applied


async def test_a_reset_shows_a_re_created_person_and_only_after_the_reuse(serve):
    api = await serve(3, delete_order="legacy", list_lag_s=5)
    uuid = api.world.uuid_of("user-1")
    await api.delete(f"{uuid}/")
    api.server.world.mutations.settle()
    assert not await reset(api, "user-1")
    event = {"event": "$set", "distinct_id": "user-1", "properties": {"$set": {"a": 1}}}
    await api.post("/batch/", {"api_key": api.server.project_api_key, "batch": [event]})
    api.server.world.mutations.settle()
    assert api.world.person(uuid) is not None
    assert not api.world.listed(uuid)
    assert await reset(api, "user-1")
    assert not api.world.listed(uuid)
    api.clock.now += 6
    assert api.world.listed(uuid)
    assert (await api.uuids())[0] == str(uuid)
    assert await reset(api, "user-1")
    api.server.world.mutations.settle()
    assert (await api.uuids()).count(str(uuid)) == 1


async def test_a_deletion_after_a_reset_hides_the_next_one_again(serve):
    api = await serve(3, delete_order="legacy")
    uuid = api.world.uuid_of("user-1")
    api.world.recreate(uuid)
    assert not api.world.listed(uuid)
    await reset(api, "user-1")
    assert api.world.listed(uuid)
    api.world.recreate(uuid)
    assert not api.world.listed(uuid)


async def test_a_reset_that_overtakes_a_lagging_deletion_still_shows(serve):
    api = await serve(3, delete_order="legacy", list_lag_s=5)
    uuid = api.world.uuid_of("user-1")
    api.world.recreate(uuid)
    await reset(api, "user-1")
    api.clock.now += 6
    assert api.world.listed(uuid)


async def test_a_reset_changes_nothing_where_there_is_nothing_to_change(serve):
    api = await serve(3)
    lost = api.world.uuid_of("user-2")
    api.world.lose(lost)
    for distinct_id in ("user-0", "user-2", "nobody's"):
        assert not await reset(api, distinct_id)
    assert not api.world.listed(lost)
    api.world.recreate(api.world.uuid_of("user-1"))
    assert not await reset(api, "user-1")
    api.server.reconfigure(delete_order="legacy")
    assert not await reset(api, "user-0")


async def test_before_february_2026_a_reset_left_the_person_hidden(serve):
    api = await serve(3, delete_order="legacy", reset_shows_person=False)
    uuid = api.world.uuid_of("user-1")
    api.world.recreate(uuid)
    assert not await reset(api, "user-1")
    assert not api.world.listed(uuid)


@pytest.mark.parametrize("body", [{}, {"distinct_id": ""}, {"distinct_id": None}, {"distinct_id": 5}])
async def test_a_reset_wants_a_distinct_id(api, body):
    reply = await api.post("reset_person_distinct_id/", body)
    assert reply.error == (400, "validation_error", "invalid_input")
    assert reply.json["detail"] == "distinct_id is required"
