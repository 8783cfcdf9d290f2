"""The world as tests arrange and read it: persons, merges, orphans, rows (contract 5, 8)."""

from datetime import UTC, datetime
from uuid import NAMESPACE_URL, UUID, uuid5

import pytest

from asyncclient.testing import LocalPostHog, ServerOptions

NOBODY = UUID(int=0)


@pytest.fixture
def server():
    return LocalPostHog(persons=20, clock=lambda: 1_790_000_000.0)


@pytest.fixture
def world(server):
    return server.world


def test_a_uuid_is_derived_from_project_and_first_distinct_id(world):
    namespace = UUID("932979b4-65c3-4424-8467-0b66ec27bc22")
    assert world.add_person(["a", "b"]) == uuid5(namespace, "1:a")
    other = LocalPostHog(options=ServerOptions(project_id=2)).world
    assert other.add_person(["a"]) == uuid5(namespace, "2:a")
    assert world.uuid_of("user-3") == uuid5(namespace, "1:user-3")
    given = uuid5(NAMESPACE_URL, "x")
    assert world.add_person(["c"], uuid=str(given)) == given


def test_a_person_can_be_seen_by_uuid_in_any_spelling_and_by_each_distinct_id(world):
    uuid = world.add_person(["a", "b"], {"plan": "pro"}, created_at=datetime(2026, 1, 2, tzinfo=UTC))
    person = world.person(str(uuid).upper())
    assert person == world.person(uuid)
    assert (person.uuid, person.distinct_ids, person.properties) == (uuid, ("a", "b"), {"plan": "pro"})
    assert person.created_at == datetime(2026, 1, 2, tzinfo=UTC)
    assert world.uuid_of("a") == world.uuid_of("b") == uuid
    assert world.person(NOBODY) is None
    assert world.uuid_of("nobody") is None


def test_a_person_added_without_a_time_is_the_newest_even_by_a_clock_far_in_the_past():
    world = LocalPostHog(persons=20, clock=lambda: 5.0).world
    first, second = (world.person(world.add_person([name])) for name in "ab")
    newest_seeded = max(world.person(world.uuid_of(f"user-{n}")).created_at for n in range(20))
    assert newest_seeded < first.created_at < second.created_at


def test_no_person_is_added_twice(world):
    uuid = world.add_person(["a"])
    for again in (lambda: world.add_person(["a"]), lambda: world.add_person(["new", "user-3"])):
        with pytest.raises(ValueError, match=r"exists already|belongs to another"):
            again()
    with pytest.raises(ValueError, match="at least one"):
        world.add_person([])
    with pytest.raises(ValueError, match="not a UUID"):
        world.person("user-3")
    world.remove_person(uuid)
    assert world.add_person(["a"]) == uuid


def test_count_and_iteration_follow_arrivals_and_departures(world):
    uuid = world.add_person(["a"])
    world.remove_person(world.uuid_of("user-0"))
    assert world.count() == 20
    everybody = list(world.iter_uuids())
    assert len(set(everybody)) == 20
    assert everybody[-1] == uuid
    with pytest.raises(LookupError):
        world.remove_person(NOBODY)


def test_tasks_due_at_one_time_run_in_the_order_of_scheduling(world):
    done = []
    for name in "abc":
        world.mutations.schedule(5, lambda _due, _now, name=name: done.append(name))
    world.mutations.schedule(1, lambda due, _now: done.append(due))
    world.count()
    assert done == [1, "a", "b", "c"]


def test_deletions_are_queued_until_they_are_done(server):
    server.reconfigure(queued_delay_s=60)
    mutations = server.world.mutations
    mutations.delete_later(0, 1)
    mutations.delete_later(2)
    assert (mutations.queued(), server.world.count()) == (3, 20)
    server.settle()
    assert (mutations.queued(), server.world.count()) == (0, 17)


def test_a_merge_moves_all_distinct_ids_and_the_other_person_vanishes(world):
    into, emptied = world.uuid_of("user-5"), world.uuid_of("user-7")
    before = world.person(into)
    world.merge(into, emptied)
    after = world.person(into)
    assert after.distinct_ids == (
        "user-5",
        "user-5-device-1",
        "user-7",
        "user-7-device-1",
        "user-7-device-2",
    )
    assert (after.id, after.created_at, after.properties) == (before.id, before.created_at, before.properties)
    assert world.person(emptied) is None
    assert not world.listed(emptied)
    assert world.uuid_of("user-7") == world.uuid_of("user-7-device-2") == into
    with pytest.raises(ValueError, match="belongs to another"):
        world.recreate(emptied)
    with pytest.raises(ValueError, match="into itself"):
        world.merge(into, into)
    world.remove_person(into)
    assert world.uuid_of("user-7") is None


@pytest.mark.parametrize("before", ["user-3", "old"])
def test_a_person_that_is_added_again_has_its_new_distinct_ids_alone(world, before):
    uuid = world.uuid_of("user-3") if before == "user-3" else world.add_person([before])
    world.remove_person(uuid)
    world.add_person(["new"], uuid=uuid)
    assert (world.uuid_of(before), world.uuid_of("new")) == (None, uuid)


def test_a_recreated_person_is_the_same_uuid_with_another_time_and_number(world):
    uuid = world.uuid_of("user-7")
    before = world.person(uuid)
    assert world.recreate(uuid) == uuid
    after = world.person(uuid)
    assert (after.distinct_ids, after.properties) == (before.distinct_ids, before.properties)
    assert after.created_at > before.created_at
    assert after.id != before.id
    assert world.listed(uuid)
    world.recreate(uuid, created_at="2025-05-05T00:00:00Z")
    assert world.person(uuid).created_at == datetime(2025, 5, 5, tzinfo=UTC)
    assert world.count() == 20
    with pytest.raises(LookupError):
        world.recreate(NOBODY)


def test_an_orphan_is_only_listed_and_a_lost_person_is_only_stored(world):
    orphan, lost = world.uuid_of("user-1"), world.uuid_of("user-2")
    world.orphan(orphan)
    world.lose(lost)
    assert (world.person(orphan), world.listed(orphan)) == (None, True)
    assert (world.person(lost) is None, world.listed(lost)) == (False, False)
    assert world.count() == 19


def test_losing_a_person_whose_row_is_still_under_way_keeps_it_out_for_good():
    now = 1_790_000_000.0
    server = LocalPostHog(persons=3, options=ServerOptions(list_lag_s=60), clock=lambda: now)
    uuid = server.world.add_person(["a"])
    server.world.lose(uuid)
    server.settle()
    assert not server.world.listed(uuid)


def test_deletion_rows_of_an_earlier_request_can_be_put_in(world):
    uuid = world.uuid_of("user-1")
    world.add_deletion_row(uuid, created_at=datetime(2026, 2, 1, tzinfo=UTC), completed=True)
    world.add_deletion_row(uuid, created_at="2026-03-01T00:00:00+00:00")
    world.add_deletion_row(uuid, created_at=1_700_000_000, completed=True)
    rows = world.deletion_rows(uuid)
    assert [(row.created_at.year, row.status) for row in rows] == [
        (2026, "pending"),
        (2026, "completed"),
        (2023, "completed"),
    ]
    assert rows[0].delete_verified_at is None
    assert rows[1].delete_verified_at == rows[1].created_at
    assert world.deletion_rows(NOBODY) == []
    world.add_deletion_row(NOBODY, created_at=5)
    assert len(world.deletion_rows(NOBODY)) == 1


def test_the_weekly_job_leaves_rows_of_the_future_alone(server):
    uuid = server.world.uuid_of("user-1")
    server.world.add_deletion_row(uuid, created_at=1_790_000_001.0)
    assert server.run_event_deletion() == 0
    server.world.add_deletion_row(uuid, created_at=1_790_000_000.0)
    assert server.run_event_deletion() == 1


def test_a_deletion_by_another_client_orphans_no_events(world):
    uuid = world.uuid_of("user-1")
    world.mutations.request_event_deletion([1], effective=False)
    world.remove_person(uuid)
    assert world.events_orphaned() == set()


def test_a_server_can_be_arranged_before_it_listens_and_has_no_address_yet(server):
    with pytest.raises(RuntimeError, match="not been started"):
        server.url  # noqa: B018
    assert (server.project_id, server.personal_api_key[:4]) == (1, "phx_")


async def test_a_server_starts_once_at_a_time_and_may_start_again(server):
    async with server:
        with pytest.raises(RuntimeError, match="already"):
            await server.start()
    await server.close()
    async with server:
        assert server.url.startswith("http://127.0.0.1:")


async def test_the_port_can_be_chosen(server):
    async with server:
        port = int(server.url.rpartition(":")[2])
        with pytest.raises(OSError, match="address already in use"):
            await LocalPostHog(port=port).start()
    async with LocalPostHog(port=port) as other:
        assert other.url.endswith(f":{port}")
