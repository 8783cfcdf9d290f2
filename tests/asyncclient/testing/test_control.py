"""The control routes, for tests in another process."""

import json
from uuid import uuid4

import pytest

NO_KEY = {"Authorization": None}


async def control(api, method, path, **arguments):
    return await api.call(method, f"/__local__/{path}", headers=NO_KEY, **arguments)


def lines(reply):
    return [json.loads(line) for line in reply.body.splitlines()]


async def test_state_counts_everything_without_a_key(serve):
    api = await serve(5, queued_delay_s=60)
    uuids = await api.uuids()
    await api.post("bulk_delete/", {"ids": uuids[:2], "delete_events": True})
    state = (await control(api, "GET", "state")).json
    assert (state["persons"], state["listed"], state["deletions_queued"]) == (5, 5, 2)
    assert (state["rows_pending"], state["rows_completed"], state["events_orphaned"]) == (2, 0, 0)
    assert state["requests_by_action"] == {"list": 1, "bulk_delete": 1}
    assert state["requests"] == 2, "control requests are not counted"


async def test_requests_come_as_json_lines_by_action(serve):
    api = await serve(5)
    await api.get("?limit=2")
    await api.delete("1/?delete_events=true")
    requests = lines(await control(api, "GET", "requests"))
    assert [request["action"] for request in requests] == ["list", "destroy"]
    (destroy,) = lines(await control(api, "GET", "requests?action=destroy"))
    assert (destroy["status"], destroy["applied"], destroy["query"]) == (202, True, [["delete_events", "true"]])


async def test_the_control_routes_show_rows_persons_and_orphaned_events(serve):
    api = await serve(3)
    uuids = await api.uuids()
    await api.post(f"{uuids[0]}/delete_events/")
    await control(api, "POST", "faults", json={"kind": "orphan_events"})
    await api.delete(f"{uuids[1]}/?delete_events=1")
    rows = lines(await control(api, "GET", "rows"))
    assert [(row["person_uuid"], row["status"]) for row in rows] == [(uuids[0], "pending")]
    assert lines(await control(api, "GET", f"rows?person_uuid={uuids[2]}")) == []
    assert lines(await control(api, "GET", "orphaned")) == [uuids[1]]
    assert sorted(lines(await control(api, "GET", "persons"))) == sorted([uuids[0], uuids[2]])


async def test_faults_are_ordered_and_lifted(serve):
    api = await serve(3)
    ordered = [{"kind": "status", "status": 502, "action": "list", "times": 1}, {"kind": "status", "after": 1}]
    assert (await control(api, "POST", "faults", json=ordered)).json == {"faults": 2}
    assert [(await api.get()).status for _ in range(3)] == [502, 200, 500]
    await control(api, "DELETE", "faults")
    assert (await api.get()).status == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("faults", {"kind": "explode"}),
        ("faults", {"kind": "reset", "tims": 1}),
        ("options", {"era": "stone"}),
        ("options", {"speed": 1}),
        ("options", {"latency_s": -1}),
        ("options", [1]),
    ],
)
async def test_nonsense_is_refused_and_changes_nothing(serve, path, body):
    api = await serve(3)
    before = api.server.options
    assert (await control(api, "POST", path, json=body)).status == 400
    assert api.server.options == before
    assert len(api.server.faults) == 0


async def test_options_can_be_changed_on_the_way(serve):
    api = await serve(3)
    await control(api, "POST", "options", json={"rate_limits": {"others_per_minute": 1}, "era": "summary"})
    assert (await api.get()).status == 200
    assert (await api.get()).status == 429
    await control(api, "POST", "options", json={"rate_limits": "off"})
    assert (await api.get()).status == 200
    assert api.server.options.era == "summary"


async def test_the_control_routes_apply_pending_changes_and_purge_events(serve):
    api = await serve(3, queued_delay_s=60, list_lag_s=60)
    uuid = (await api.uuids())[0]
    await api.post("bulk_delete/", {"ids": [uuid], "delete_events": True})
    assert (await control(api, "POST", "settle")).json == {"persons": 2}
    assert not api.world.listed(uuid)
    assert (await control(api, "POST", "run_event_deletion")).json == {"completed": 1, "requests_completed": 0}


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Host": "127.0.0.1.evil.example"}, {"Origin": "http://evil.example"}]
)
async def test_web_pages_and_other_names_are_kept_out(serve, headers):
    api = await serve(3)
    reply = await api.call("GET", "/__local__/state", headers=headers)
    assert reply.status == 403


async def test_data_deletion_requests_are_approved_and_completed(serve):
    api = await serve(3, scopes=None)
    api.server.world.add_event("ghost", timestamp=1_760_000_000.0)
    body = {"query": "SELECT uuid FROM events WHERE distinct_id = 'ghost'", "submission_id": str(uuid4())}
    made = await api.call("POST", "/api/projects/1/data_deletion_requests/", json=body)
    assert made.status == 201, made.body
    assert (await control(api, "POST", "run_event_deletion")).json == {"completed": 0, "requests_completed": 0}
    assert (await control(api, "POST", "approve_deletions")).json == {"approved": 1}
    assert (await control(api, "POST", "approve_deletions")).json == {"approved": 0}
    assert (await control(api, "POST", "run_event_deletion")).json == {"completed": 0, "requests_completed": 1}
    assert not api.server.world.personless_events("ghost")


async def test_an_unknown_control_route_is_not_found(serve):
    api = await serve(3)
    assert (await control(api, "GET", "nothing")).status == 404
    assert (await control(api, "GET", "settle")).status == 404
