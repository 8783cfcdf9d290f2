"""Faults over a socket: what fails, whether the effect happened, and which requests are affected."""

import asyncio
import gzip

import aiohttp
import pytest

from asyncclient.testing import Fault
from asyncclient.testing.faults import ACTIONS
from asyncclient.testing.http import routing
from asyncclient.testing.http.intermediaries import RESPONSES

LOST = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)


async def bulk(api, count=2, **more):
    ids = [str(uuid) for uuid in api.world.iter_uuids()][:count]
    return await api.post("bulk_delete/", {"ids": ids, **more})


@pytest.mark.parametrize(("kind", "left"), [("refuse", 5), ("reset", 5), ("reset_after", 3)])
async def test_a_lost_connection_before_or_after_the_effect(serve, kind, left):
    api = await serve(5)
    api.server.faults.add(Fault(kind, action="bulk_delete", times=1))
    with pytest.raises(LOST):
        await bulk(api)
    record = api.server.requests[-1]
    assert (record.status, record.applied, record.fault) == (None, kind == "reset_after", kind)
    assert api.world.count() == left
    assert (await bulk(api)).status == 202


async def test_a_reset_is_a_reset_and_not_an_orderly_end(serve):
    api = await serve(1)
    api.server.faults.add(Fault("reset"))
    port = int(api.server.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    key = api.server.personal_api_key
    writer.write(f"GET /api/projects/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n".encode())
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()


@pytest.mark.parametrize(("kind", "left"), [("stall", 5), ("stall_after", 3)])
async def test_a_stall_lasts_until_the_client_leaves(serve, kind, left):
    api = await serve(5)
    api.server.faults.add(Fault(kind, times=1))
    request = asyncio.create_task(bulk(api))
    await api.server.arrived(1)
    assert api.world.count() == left
    for _ in range(3):
        await api.get("/__local__/state")
    assert not request.done()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    assert (await api.get()).status == 200


async def test_a_stall_ends_when_the_server_closes(serve):
    api = await serve(1)
    api.server.faults.add(Fault("stall"))
    request = asyncio.create_task(api.get())
    await api.server.arrived(1)
    await api.server.close()
    with pytest.raises(LOST):
        await request


async def test_a_cut_body_declares_more_than_it_sends(serve):
    api = await serve(50)
    api.server.faults.add(Fault("cut_body"))
    for call in (api.get(), bulk(api), api.delete("50/")):
        with pytest.raises(aiohttp.ClientPayloadError):
            await call
    assert api.world.count() == 47, "the effects took place"


async def test_garbage_is_a_success_that_is_not_json(serve):
    api = await serve(5)
    api.server.faults.add(Fault("garbage"))
    for reply, status in ((await api.get(), 200), (await bulk(api), 202)):
        assert reply.status == status
        with pytest.raises(ValueError):
            reply.json  # noqa: B018
    assert api.world.count() == 3


@pytest.mark.slow
async def test_a_big_body_is_small_on_the_wire(serve):
    api = await serve(1)
    api.server.faults.add(Fault("big_body", size=40_000_000))
    url = f"{api.server.url}/api/projects/"
    headers = {"Authorization": f"Bearer {api.server.personal_api_key}"}
    async with aiohttp.ClientSession(auto_decompress=False) as session, session.get(url, headers=headers) as reply:
        packed = await reply.read()
    assert len(packed) < 1_000_000
    assert len(gzip.decompress(packed)) == 40_000_000


async def test_deep_json_is_deep(serve):
    api = await serve(1)
    api.server.faults.add(Fault("deep_json"))
    assert (await api.get()).body.startswith(b"[" * 10_000)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_a_status_before_or_after_the_effect(serve, status, when):
    api = await serve(5)
    api.server.faults.add(Fault("status", status=status, when=when, action="bulk_delete", retry_after="17"))
    reply = await bulk(api)
    assert (reply.status, reply.headers["Retry-After"]) == (status, "17")
    assert reply.json["type"] == ("throttled_error" if status == 429 else "server_error")
    assert api.world.count() == (5 if when == "before" else 3)
    assert api.server.requests[-1].applied is (when == "after")


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, "validation_error", "invalid_input"),
        (401, "authentication_error", "authentication_failed"),
        (403, "authentication_error", "permission_denied"),
        (404, "invalid_request", "not_found"),
        (409, "server_error", "conflict"),
    ],
)
async def test_a_status_comes_with_the_envelope_of_that_status(serve, status, kind, code):
    api = await serve(1)
    api.server.faults.add(Fault("status", status=status))
    assert (await api.get()).error == (status, kind, code)


async def test_a_status_can_come_as_html_or_with_nothing(serve):
    api = await serve(1)
    api.server.faults.add(Fault("status", status=502, body="html", times=1))
    api.server.faults.add(Fault("status", status=503, body="empty", times=1))
    html, empty = await api.get(), await api.get()
    assert (html.status, html.headers["Content-Type"]) == (502, "text/html; charset=utf-8")
    assert b"502 Bad Gateway" in html.body
    assert (empty.status, empty.body) == (503, b"")


async def test_a_failed_person_deletion_is_a_503_that_changed_nothing(serve):
    api = await serve(5)
    api.server.faults.add(Fault("person_deletion_failed"))
    uuid = (await api.uuids())[0]
    reply = await api.delete(f"{uuid}/?delete_events=true")
    assert reply.error == (503, "server_error", "person_deletion_failed")
    assert "tombstone_postgres" in reply.json["detail"]
    assert (await bulk(api)).status == 503
    assert (api.world.count(), api.world.deletion_rows(uuid)) == (5, [])


@pytest.mark.parametrize(
    ("amount", "failed"), [({}, 1), ({"count": 3}, 3), ({"count": 9}, 4), ({"share": 0.5}, 2), ({"count": 0}, 0)]
)
async def test_persons_in_deletion_errors_are_not_deleted_but_their_events_are_queued(serve, amount, failed):
    api = await serve(5, era="summary")
    api.server.faults.add(Fault("deletion_errors", **amount))
    summary = (await bulk(api, 4, delete_events=True)).json
    assert (summary["persons_found"], summary["persons_deleted"]) == (4, 4 - failed)
    uuids = [error["person_uuid"] for error in summary["deletion_errors"]]
    assert len(uuids) == failed
    for uuid in uuids:
        assert api.world.person(uuid) is not None
        assert len(api.world.deletion_rows(uuid)) == 1
    assert api.world.count() == 1 + failed


async def test_deletion_errors_name_the_step_that_their_age_knows(serve):
    for options, step in (
        ({"era": "summary"}, None),
        ({"delete_order": "legacy"}, "delete_postgres"),
        ({"delete_order": "tombstone"}, "tombstone_postgres"),
    ):
        api = await serve(3, **options)
        api.server.faults.add(Fault("deletion_errors"))
        assert (await bulk(api)).json["deletion_errors"][0].get("step") == step


async def test_an_error_before_persons_are_resolved_names_no_person(serve):
    api = await serve(3)
    api.server.faults.add(Fault("deletion_errors", step="resolve_persons"))
    assert (await bulk(api)).json["deletion_errors"] == [{"person_uuid": None, "step": "resolve_persons"}]
    assert api.world.count() == 2


async def test_a_deletion_error_after_two_of_the_steps_still_counts_the_person_as_deleted(serve):
    api = await serve(3, era="summary")
    api.server.faults.add(Fault("deletion_errors", step="log_activity"))
    summary = (await bulk(api)).json
    assert (summary["persons_deleted"], len(summary["deletion_errors"])) == (2, 1)
    assert api.world.count() == 1


@pytest.mark.parametrize("delete_order", ["legacy", "tombstone"])
async def test_orphaned_events_the_person_is_gone_and_no_row_was_made(serve, delete_order):
    api = await serve(5, delete_order=delete_order)
    api.server.faults.add(Fault("orphan_events"))
    uuid = (await api.uuids())[0]
    reply = await api.delete(f"{uuid}/?delete_events=true")
    assert reply.error == (500, "server_error", "error")
    assert (await api.delete(f"{uuid}/?delete_events=true")).status == 404, "a retry cannot mend it"
    assert {str(one) for one in api.world.events_orphaned()} == {uuid}
    assert (await bulk(api, delete_events=True)).status == 500
    assert (api.world.count(), len(api.world.events_orphaned())) == (2, 3)
    assert api.server.requests[-1].applied


async def test_persons_whose_events_were_queued_before_are_not_orphaned(serve):
    api = await serve(5)
    await bulk(api, delete_events=True, keep_person=True)
    api.server.faults.add(Fault("orphan_events"))
    await bulk(api, delete_events=True)
    assert (api.world.count(), api.world.events_orphaned()) == (3, set())


async def test_events_requested_in_an_earlier_lost_call_count_as_requested(serve):
    api = await serve(5, pending_rows="one_pending")
    api.server.faults.add(Fault("swallow", action="bulk_delete", times=1))
    assert (await bulk(api, 1, delete_events=True, keep_person=True)).status == 202
    await bulk(api, 1)
    assert len(api.world.events_orphaned()) == 1


async def test_a_swallowed_delete_says_202_and_does_nothing(serve):
    api = await serve(5, era="summary")
    api.server.faults.add(Fault("swallow"))
    uuid = (await api.uuids())[0]
    assert (await api.delete(f"{uuid}/")).status == 202
    assert (await api.post(f"{uuid}/delete_events/")).status == 202
    assert (await api.post(f"{uuid}/delete_recordings/")).status == 202
    assert (await bulk(api)).json["persons_deleted"] == 2
    assert (api.world.count(), api.world.deletion_rows(uuid)) == (5, [])
    assert api.world.recordings_requested(uuid) == 0
    assert not any(request.applied for request in api.server.requests)


async def test_a_redirect_leads_elsewhere_and_does_nothing(serve):
    api = await serve(5)
    api.server.faults.add(Fault("redirect", to="http://elsewhere.example/x"))
    reply = await bulk(api)
    assert (reply.status, reply.headers["Location"]) == (307, "http://elsewhere.example/x")
    assert api.world.count() == 5


async def test_a_fault_affects_only_its_action_and_only_as_often_as_set(serve):
    api = await serve(5)
    api.server.faults.add(Fault("status", action="retrieve", times=2))
    assert (await api.get()).status == 200
    assert [(await api.get("1/")).status for _ in range(4)] == [500, 500, 200, 200]


async def test_a_fault_can_start_late_and_strike_every_nth_time(serve):
    api = await serve(5)
    api.server.faults.add(Fault("status", after=2, every=3))
    statuses = [(await api.get("1/")).status for _ in range(9)]
    assert [number for number, status in enumerate(statuses, 1) if status == 500] == [5, 8]


async def test_a_fault_can_be_a_matter_of_chance_that_repeats(serve):
    def struck(seed):
        return [api.server.faults.trigger("list", in_front=False) is not None for _ in range(200)]

    runs = []
    for seed in (7, 7, 8):
        api = await serve(1)
        api.server.faults.add(Fault("status", probability=0.25, seed=seed))
        runs.append(struck(seed))
    assert runs[0] == runs[1] != runs[2]
    assert 25 < sum(runs[0]) < 75


async def test_the_first_fault_that_strikes_has_the_request(serve):
    api = await serve(5)
    api.server.faults.add(Fault("status", status=502, times=1))
    api.server.faults.add(Fault("status", status=503, times=1))
    assert [(await api.get("1/")).status for _ in range(3)] == [502, 503, 200]
    api.server.faults.add(Fault("status"))
    api.server.faults.clear()
    assert (await api.get("1/")).status == 200


async def test_a_request_with_a_wrong_key_uses_up_no_fault(serve):
    api = await serve(5)
    api.server.faults.add(Fault("status", times=1))
    assert (await api.get(headers={"Authorization": "Bearer x"})).status == 401
    assert (await api.get()).status == 500


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("explode", {}),
        ("reset", {"every": 0}),
        ("reset", {"probability": 2}),
        ("redirect", {}),
        ("orphan_events", {"action": "list"}),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(kind, arguments):
    with pytest.raises(ValueError):
        Fault(kind, **arguments)


async def test_a_response_is_delayed_by_the_latency_and_the_effect_is_not(serve):
    api = await serve(5, latency_s=30)
    request = asyncio.create_task(bulk(api))
    await api.server.arrived(1, action="bulk_delete")
    assert api.world.count() == 3
    assert api.server.requests[-1].status is None
    assert not request.done()
    await api.server.close()
    assert (await request).status == 202


@pytest.mark.parametrize("sender", RESPONSES)
@pytest.mark.parametrize(("when", "left"), [("before", 5), ("after", 3)])
async def test_an_intermediary_responds_in_its_own_form(serve, sender, when, left):
    api = await serve(5)
    api.server.faults.add(Fault("intermediary", sender=sender, action="bulk_delete", when=when, times=1))
    expected = RESPONSES[sender]
    ids = [str(uuid) for uuid in api.world.iter_uuids()][:2]
    reply = await api.post("bulk_delete/", {"ids": ids})
    assert reply.status == expected.status == int(sender.rpartition("_")[2].replace("1020", "403"))
    assert reply.headers["Server"] == dict(expected.headers)["Server"]
    assert api.world.count() == left


def test_an_unknown_intermediary_is_refused():
    with pytest.raises(ValueError, match="known senders are nginx_502"):
        Fault("intermediary", sender="apache")


def test_an_unknown_action_is_refused():
    with pytest.raises(ValueError, match=r"unknown action 'nope'; known actions are .* batch_by_uuids, bulk_delete, "):
        Fault("status", action="nope")


def test_the_known_actions_are_those_of_the_route_table():
    public = routing._PUBLIC.values()
    found = {action.name for route in (*routing._ROUTES, *public) for action in route.methods.values()}
    assert found | {"unknown"} == ACTIONS
