"""delete_events, delete_recordings and deletion_status over a socket (contract 6.6, 6.7, 6.11, 8)."""

from datetime import UTC, datetime

import pytest


async def test_delete_events_queues_one_row_and_a_pending_one_keeps_its_first_time(serve):
    api = await serve(3)
    uuid = (await api.uuids())[0]
    first = datetime.fromtimestamp(api.clock.now, UTC)
    reply = await api.post(f"{uuid}/delete_events/")
    assert (reply.status, reply.body) == (202, b"")
    api.clock.now += 60
    await api.post(f"{uuid}/delete_events/")
    rows = api.world.deletion_rows(uuid)
    assert [(row.created_at, row.status, row.delete_verified_at) for row in rows] == [(first, "pending", None)]


async def test_after_completion_a_new_request_makes_a_new_row(serve):
    api = await serve(3)
    uuid = (await api.uuids())[0]
    await api.post(f"{uuid}/delete_events/")
    api.clock.now += 3600
    assert api.server.run_event_deletion() == 1
    api.clock.now += 60
    await api.post(f"{uuid}/delete_events/")
    assert [row.status for row in api.world.deletion_rows(uuid)] == ["pending", "completed"]


async def test_an_older_server_drops_a_request_after_a_completed_one(serve):
    api = await serve(3, pending_rows="one_ever")
    uuid = (await api.uuids())[0]
    api.world.add_deletion_row(uuid, created_at="2026-01-01", completed=True)
    assert (await api.post(f"{uuid}/delete_events/")).status == 202
    assert [row.status for row in api.world.deletion_rows(uuid)] == ["completed"]


async def test_every_delete_recordings_starts_new_workflows_and_none_shows_in_deletion_status(serve):
    api = await serve(3)
    uuid = (await api.uuids())[0]
    for _ in range(2):
        assert (await api.post(f"{uuid}/delete_recordings/")).status == 202
    await api.post("bulk_delete/", {"ids": [uuid], "delete_recordings": True, "keep_person": True})
    assert api.world.recordings_requested(uuid) == 3
    assert (await api.get("deletion_status/")).json["count"] == 0


@pytest.mark.parametrize("action", ["delete_events", "delete_recordings"])
async def test_a_missing_person_is_not_found_and_an_invalid_id_is_refused(serve, action):
    api = await serve(3)
    assert (await api.post(f"{'0' * 32}/{action}/")).status == 404
    assert (await api.post(f"user-1/{action}/")).status == 400


async def test_deletion_status_lists_newest_first_in_pages(serve):
    api = await serve(5)
    uuids = await api.uuids()
    for uuid in uuids:
        await api.post(f"{uuid}/delete_events/")
        api.clock.now += 1
    page = (await api.get("deletion_status/?limit=2&offset=2")).json
    assert (page["count"], [row["person_uuid"] for row in page["results"]]) == (5, [uuids[2], uuids[1]])
    base = f"{api.server.url}/api/projects/1/persons/deletion_status/"
    assert (page["next"], page["previous"]) == (f"{base}?limit=2&offset=4", f"{base}?limit=2&offset=2")
    last = (await api.get(page["next"])).json
    assert (last["next"], [row["person_uuid"] for row in last["results"]]) == (None, [uuids[0]])
    assert len((await api.get("deletion_status/")).json["results"]) == 5
    assert (await api.get("deletion_status/?limit=5")).json["next"] is None


async def test_a_row_has_the_fields_of_the_contract(serve):
    api = await serve(3)
    uuid = (await api.uuids())[0]
    await api.post(f"{uuid}/delete_events/")
    row = {"person_uuid": uuid, "created_at": "2026-09-21T14:13:20Z"}
    pending = {**row, "status": "pending", "delete_verified_at": None}
    assert (await api.get("deletion_status/")).json["results"] == [pending]
    api.clock.now += 0.5
    api.server.run_event_deletion()
    completed = {**row, "status": "completed", "delete_verified_at": "2026-09-21T14:13:20.500000Z"}
    assert (await api.get("deletion_status/")).json["results"] == [completed]


async def test_deletion_status_filters_by_status_and_person(serve):
    api = await serve(3)
    first, second, third = await api.uuids()
    await api.post(f"{first}/delete_events/")
    api.server.run_event_deletion()
    api.clock.now += 1
    await api.post("bulk_delete/", {"ids": [first, second], "delete_events": True})

    async def rows(query):
        page = (await api.get(f"deletion_status/?{query}")).json
        assert page["count"] == len(page["results"])
        return [(row["person_uuid"], row["status"]) for row in page["results"]]

    assert await rows("status=completed") == [(first, "completed")]
    assert sorted(await rows("status=pending")) == sorted([(first, "pending"), (second, "pending")])
    assert len(await rows("status=all")) == 3
    assert await rows(f"person_uuid={first}") == [(first, "pending"), (first, "completed")]
    assert await rows(f"person_uuid={first}&status=completed") == [(first, "completed")]
    assert await rows(f"person_uuid={third}") == []
    assert await rows(f"person_uuid={'0' * 32}") == []


@pytest.mark.parametrize(
    ("query", "code", "attr"),
    [
        ("status=done", "invalid_choice", "status"),
        ("person_uuid=user-1", "invalid_input", "person_uuid"),
        ("limit=x", "invalid_input", "limit"),
        ("limit=0", "min_value", "limit"),
        ("offset=-1", "min_value", "offset"),
    ],
)
async def test_a_bad_value_is_refused_by_name(serve, query, code, attr):
    api = await serve(1)
    reply = await api.get(f"deletion_status/?{query}")
    assert reply.error == (400, "validation_error", code)
    assert reply.json["attr"] == attr


async def test_rows_outlive_their_persons(serve):
    api = await serve(3)
    uuid = (await api.uuids())[0]
    await api.delete(f"{uuid}/?delete_events=true")
    assert (await api.get(f"deletion_status/?person_uuid={uuid}")).json["count"] == 1
