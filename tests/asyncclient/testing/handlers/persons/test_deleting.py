"""DELETE persons/:id and bulk_delete over a socket, in every era (contract 6.4, 6.5, 8)."""

import pytest

ZERO = {
    "persons_found": 0,
    "persons_deleted": 0,
    "persons_queued_for_deletion": 0,
    "events_queued_for_deletion": False,
    "recordings_queued_for_deletion": False,
    "deletion_errors": [],
}


async def test_a_deleted_person_is_gone_at_once_and_a_second_delete_is_not_found(serve):
    api = await serve(3)
    uuid = (await api.uuids())[0]
    reply = await api.delete(f"{uuid}/")
    assert (reply.status, reply.body) == (202, b"")
    assert api.world.person(uuid) is None
    assert uuid not in await api.uuids()
    assert (await api.delete(f"{uuid}/")).error == (404, "invalid_request", "not_found")
    assert (await api.delete("user-1/")).error == (400, "validation_error", "invalid_input")
    assert api.world.deletion_rows(uuid) == []


async def test_the_documented_statuses_can_be_had(serve):
    api = await serve(3, success_status="documented")
    uuid = (await api.uuids())[0]
    assert (await api.post(f"{uuid}/delete_events/")).status == 200
    assert (await api.post(f"{uuid}/delete_recordings/")).status == 200
    reply = await api.delete(f"{uuid}/")
    assert (reply.status, reply.body) == (204, b"")


@pytest.mark.parametrize("query", ["?delete_events=true", "?delete_events=false", "?delete_events", "?delete_events="])
async def test_presence_alone_makes_a_flag_of_delete_true(serve, query):
    api = await serve(3)
    uuid = (await api.uuids())[0]
    await api.delete(f"{uuid}/{query}")
    assert [row.status for row in api.world.deletion_rows(uuid)] == ["pending"]
    assert api.world.events_orphaned() == set()


async def test_keep_person_keeps_the_person_and_deletes_the_rest(serve):
    api = await serve(3)
    uuid = (await api.uuids())[0]
    await api.delete(f"{uuid}/?keep_person&delete_events&delete_recordings")
    assert api.world.person(uuid) is not None
    assert len(api.world.deletion_rows(uuid)) == 1
    assert api.world.recordings_requested(uuid) == 1


async def test_an_older_server_ignores_keep_person_so_that_keep_deletes(serve):
    api = await serve(3, keep_person=False)
    first, second, _ = await api.uuids()
    await api.delete(f"{first}/?keep_person=1")
    await api.post("bulk_delete/", {"ids": [second], "keep_person": True})
    assert api.world.count() == 1


async def test_bulk_delete_has_the_response_of_each_era(serve):
    found = {"persons_found": 2, "deletion_errors": []}
    queued = {"events_queued_for_deletion": True, "recordings_queued_for_deletion": False}
    expected = {
        "empty202": None,
        "summary": {**found, **queued, "persons_deleted": 2},
        "queued": {**found, **queued, "persons_deleted": 0, "persons_queued_for_deletion": 2},
    }
    for era, body in expected.items():
        api = await serve(5, era=era)
        reply = await api.post("bulk_delete/", {"ids": (await api.uuids())[:2], "delete_events": True})
        assert reply.status == 202
        assert (reply.json if reply.body else None) == body
        assert api.world.count() == 3


async def test_the_queued_era_can_delete_within_the_call(serve):
    api = await serve(5, bulk_delete_async=False, queued_delay_s=60)
    summary = (await api.post("bulk_delete/", {"ids": await api.uuids()})).json
    assert (summary["persons_deleted"], summary["persons_queued_for_deletion"]) == (5, 0)
    assert api.world.count() == 0


async def test_queued_persons_go_when_their_time_has_come_and_leave_the_list_later_still(serve):
    api = await serve(3, queued_delay_s=60, list_lag_s=30)
    uuid = (await api.uuids())[0]
    await api.post("bulk_delete/", {"ids": [uuid], "delete_events": True})
    assert len(api.world.deletion_rows(uuid)) == 1, "events are queued at call time"
    api.clock.now += 59
    assert (await api.get(f"{uuid}/")).status == 200
    api.clock.now += 1
    assert (await api.get(f"{uuid}/")).status == 404
    assert api.world.listed(uuid)
    api.clock.now += 30
    assert not api.world.listed(uuid)


async def test_settle_applies_queued_and_lagging_changes_at_once(serve):
    api = await serve(3, queued_delay_s=60, list_lag_s=30)
    uuid = (await api.uuids())[0]
    await api.post("bulk_delete/", {"ids": [uuid]})
    api.server.settle()
    assert api.world.person(uuid) is None
    assert not api.world.listed(uuid)


async def test_a_person_queued_twice_is_deleted_once(serve):
    api = await serve(3, queued_delay_s=60)
    uuid = (await api.uuids())[0]
    for _ in range(2):
        summary = (await api.post("bulk_delete/", {"ids": [uuid]})).json
        assert summary["persons_queued_for_deletion"] == 1
    api.clock.now += 60
    assert api.world.count() == 2


async def test_aliases_of_one_person_count_once_and_all_of_it_goes(serve):
    api = await serve(10)
    summary = (await api.post("bulk_delete/", {"distinct_ids": ["user-7", "user-7-device-2", "user-8"]})).json
    assert summary["persons_found"] == 2
    assert api.world.uuid_of("user-7-device-1") is None
    assert api.world.count() == 8


async def test_unknown_ids_are_dropped_silently(serve):
    api = await serve(3)
    nobody = "00000000-0000-0000-0000-000000000000"
    reply = await api.post("bulk_delete/", {"ids": [nobody], "delete_events": True, "delete_recordings": True})
    assert (reply.status, reply.json) == (202, ZERO)
    assert (await api.post("bulk_delete/", {"distinct_ids": ["nobody"]})).json == ZERO


async def test_unmatched_ids_can_be_refused_where_events_are_to_go(serve):
    api = await serve(3, unmatched="400")
    assert (await api.post("bulk_delete/", {"distinct_ids": ["x"], "delete_events": True})).status == 400
    assert (await api.post("bulk_delete/", {"distinct_ids": ["x"]})).status == 202
    assert (await api.post("bulk_delete/", {"distinct_ids": ["x", "user-1"], "delete_events": True})).status == 202


async def test_unmatched_ids_can_be_listed(serve):
    api = await serve(3, unmatched_field="distinct_ids_not_found")
    summary = (await api.post("bulk_delete/", {"distinct_ids": ["x", "user-1"]})).json
    assert summary["distinct_ids_not_found"] == ["x"]


async def test_flags_of_bulk_delete_are_truthy_or_not(serve):
    api = await serve(3)
    uuid = (await api.uuids())[0]
    summary = (await api.post("bulk_delete/", {"ids": [uuid], "delete_events": "false", "keep_person": 1})).json
    assert summary["events_queued_for_deletion"] is True
    assert api.world.count() == 3
    await api.post("bulk_delete/", {"ids": [uuid], "keep_person": ""})
    assert api.world.count() == 2


async def test_flags_in_the_query_of_bulk_delete_are_not_read(serve):
    api = await serve(3)
    uuid = (await api.uuids())[0]
    await api.post("bulk_delete/?keep_person=true&delete_events=true", {"ids": [uuid]})
    assert api.world.count() == 2
    assert api.world.deletion_rows(uuid) == []


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({}, "You need to specify either distinct_ids or ids"),
        ({"ids": []}, "You need to specify either distinct_ids or ids"),
        ({"ids": ["x"], "distinct_ids": ["y"]}, "not both"),
        ({"ids": ["x"] * 1001}, "You can only pass 1000 ids in one call"),
        ({"distinct_ids": ["x"] * 1001}, "You can only pass 1000 distinct_ids in one call"),
    ],
)
async def test_bulk_delete_wants_exactly_one_list_of_at_most_1000(serve, body, detail):
    api = await serve(3)
    reply = await api.post("bulk_delete/", body)
    assert reply.error == (400, "validation_error", "invalid_input")
    assert detail in reply.json["detail"]
    assert reply.json["attr"] is None


async def test_bulk_delete_takes_1000_ids(serve):
    api = await serve(1000)
    await api.post("bulk_delete/", {"ids": [str(uuid) for uuid in api.world.iter_uuids()]})
    assert api.world.count() == 0


@pytest.mark.parametrize("body", [{"ids": ["user-1"]}, {"ids": [5]}, {"ids": 5}, {"ids": "abc"}, ["x"], "x", 5])
async def test_malformed_ids_are_an_unhandled_error_and_change_nothing(serve, body):
    api = await serve(3)
    assert (await api.post("bulk_delete/", body)).error == (500, "server_error", "error")
    assert api.world.count() == 3


async def test_recordings_flags_do_nothing_on_a_server_without_them(serve):
    api = await serve(3, delete_recordings=False)
    first, second, _ = await api.uuids()
    await api.delete(f"{first}/?delete_recordings=true")
    summary = (await api.post("bulk_delete/", {"ids": [second], "delete_recordings": True})).json
    assert summary["recordings_queued_for_deletion"] is False
    assert api.world.recordings_requested(first) == api.world.recordings_requested(second) == 0


@pytest.mark.parametrize("failure", ["504", "stall"])
async def test_a_heavy_person_fails_a_batch_but_not_a_call_of_its_own(serve, failure):
    api = await serve(5, heavy_failure=failure)
    uuids = await api.uuids()
    api.world.set_heavy(uuids[1])
    if failure == "504":
        reply = await api.post("bulk_delete/", {"ids": uuids})
        assert (reply.status, reply.headers["Content-Type"]) == (504, "text/html; charset=utf-8")
        assert api.world.count() == 5
    assert (await api.post("bulk_delete/", {"ids": [uuids[1]]})).status == 202
    assert (await api.post("bulk_delete/", {"ids": uuids})).status == 202, "it is gone now"
    assert api.world.count() == 0


async def test_every_nth_seeded_person_can_be_heavy(serve):
    api = await serve(10, heavy_every=5)
    heavy = {f"user-{n}": api.world.uuid_of(f"user-{n}") for n in range(10)}
    for name, uuid in heavy.items():
        pair = {"ids": [str(uuid), str(heavy["user-0"])], "keep_person": True}
        expected = 504 if name in ("user-4", "user-9") else 202
        assert (await api.post("bulk_delete/", pair)).status == expected


async def test_a_recreated_person_has_its_uuid_again_and_is_another_person(serve):
    api = await serve(5)
    uuid = (await api.uuids())[2]
    before = api.world.person(uuid)
    await api.delete(f"{uuid}/")
    assert str(api.world.recreate(uuid)) == uuid
    after = api.world.person(uuid)
    assert after.created_at > before.created_at
    assert (after.distinct_ids, after.id != before.id) == (before.distinct_ids, True)
    assert (await api.uuids())[0] == uuid, "it is the newest now"
    assert (await api.get(f"{before.id}/")).status == 404
    assert (await api.get(f"{after.id}/")).status == 200


async def test_in_the_old_order_a_recreated_person_stays_hidden_from_the_list(serve):
    api = await serve(5, delete_order="legacy")
    uuid = str(list(api.world.iter_uuids())[2])
    await api.delete(f"{uuid}/")
    api.world.add_person(api.world.mutations.store.record(2).distinct_ids)
    assert (await api.get(f"{uuid}/")).status == 200
    assert uuid not in await api.uuids()
