"""Batches of events: accepted, dropped, delayed, lost, applied (contract 8, 12)."""

import gzip
import io
import json
from uuid import NAMESPACE_URL, UUID, uuid5

import pytest

from asyncclient.testing import Fault
from asyncclient.testing.tables.person import as_datetime


def event(distinct_id, name="$set", **properties):
    return {"event": name, "distinct_id": distinct_id, "properties": properties}


def set_(distinct_id, **values):
    return event(distinct_id, **{"$set": values})


def unset(distinct_id, *keys):
    return event(distinct_id, "$delete_person_property", **{"$unset": list(keys)})


async def send(api, *events, path="/batch/", token=None, data=None, **more):
    body = {"api_key": token or api.server.project_api_key, "batch": list(events), **more}
    data = json.dumps(body).encode() if data is None else data
    headers = {"Content-Type": "application/json", "Authorization": None}
    return await api.call("POST", path, data=data, headers=headers)


def properties(api, distinct_id):
    uuid = api.world.uuid_of(distinct_id)
    return None if uuid is None else api.world.person(uuid).properties


async def test_a_batch_changes_persons_by_any_of_their_distinct_ids(serve):
    api = await serve()
    uuid = api.world.add_person(["a", "b"], {"plan": "free", "age": 3, "old": 1})
    reply = await send(
        api,
        set_("b", plan="pro", note=None),
        unset("a", "old", "absent"),
        event("a", **{"$set_once": {"plan": "x", "first": 1}}),
        event("a", "click", **{"$set": {"clicked": True}, "$unset": ["age"]}),
        sent_at="2026-09-21T14:13:20Z",
        historical_migration=True,
    )
    assert (reply.status, reply.json) == (200, {"status": 1})
    assert api.world.person(uuid).properties == {"plan": "pro", "note": None, "first": 1, "clicked": True}
    request = api.server.requests[-1]
    assert (request.action, request.status, request.applied) == ("capture", 200, True)


async def test_events_apply_in_the_order_they_came(serve):
    api = await serve(1)
    await send(api, set_("user-0", n=1), set_("user-0", n=2), unset("user-0", "n"), set_("user-0", n=3))
    await send(api, set_("user-0", n=4), unset("user-0", "n"))
    assert "n" not in properties(api, "user-0")
    await send(api, unset("user-0", "m"), set_("user-0", m=1))
    assert properties(api, "user-0")["m"] == 1
    # Only what was there before an event is unset by it.
    await send(api, event("user-0", **{"$set": {"m": 2, "new": 1}, "$unset": ["m", "new"]}))
    assert (properties(api, "user-0").get("m"), properties(api, "user-0").get("new")) == (None, 1)


@pytest.mark.parametrize("path", ["/batch/", "/batch", "/capture/", "/i/v0/e/", "/e/", "/track/"])
async def test_one_event_and_a_list_of_events_are_taken_as_well(serve, path):
    api = await serve()
    token = api.server.project_api_key
    one = {**set_("a", n=1), "api_key": token}
    assert (await send(api, path=path, data=json.dumps(one).encode())).status == 200
    assert (await send(api, path=path, data=json.dumps([{**set_("b", n=2), "token": token}]).encode())).status == 200
    inside = set_("c", n=3)
    inside["properties"]["token"] = token
    assert (await send(api, path=path, data=json.dumps([inside]).encode())).status == 200
    assert [properties(api, name) for name in "abc"] == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert token not in repr(api.server.requests)


async def test_the_token_is_checked_and_recorded_nowhere(serve):
    api = await serve(project_api_key="phc_secret_of_the_test")
    assert (await send(api, set_("a", n=1), token="phc_other")).error == (
        401,
        "authentication_error",
        "invalid_api_key",
    )
    assert (await send(api, data=b'{"batch": []}')).error == (401, "authentication_error", "missing_api_key")
    assert (await send(api, set_("a", n=1), token=api.server.personal_api_key)).status == 401
    assert (await send(api, set_("b", n=1), path="/batch/?token=phc_secret_of_the_test")).status == 200
    assert api.server.requests[-1].body["batch"] == [set_("b", n=1)]
    assert (await send(api, {**event("b", token="phc_secret_of_the_test"), "api_key": "phc_x"})).status == 200
    assert properties(api, "a") is None
    assert "phc_" not in repr(api.server.requests)
    assert (await api.get("/api/projects/1/")).json["api_token"] == "phc_secret_of_the_test"


async def test_a_body_may_be_compressed_as_a_header_or_the_query_says(serve):
    api = await serve()
    for name, path, headers in (
        ("a", "/batch/", {"Content-Encoding": "gzip"}),
        ("b", "/batch/?compression=gzip", {}),
    ):
        body = {"api_key": api.server.project_api_key, "batch": [set_(name, n=1)]}
        packed = gzip.compress(json.dumps(body).encode())
        reply = await api.call("POST", path, data=packed, headers={"Content-Type": "application/json", **headers})
        assert reply.status == 200
        assert properties(api, name) == {"n": 1}
        assert api.server.requests[-1].body["batch"] == [set_(name, n=1)]


@pytest.mark.slow
@pytest.mark.parametrize("packed", [False, True])
async def test_a_body_over_20_mb_is_too_large_packed_or_not(serve, packed):
    api = await serve()
    for size, status in ((19_000_000, 200), (20 * 1024 * 1024 + 1, 413)):
        body = {"api_key": api.server.project_api_key, "batch": [set_("a", n="x" * size)]}
        data = json.dumps(body).encode()
        path = "/batch/?compression=gzip" if packed else "/batch/"
        sent = io.BytesIO(gzip.compress(data, 1) if packed else data)
        assert (await send(api, data=sent, path=path)).status == status
    assert len(properties(api, "a")["n"]) == 19_000_000


async def test_an_invalid_batch_is_refused(serve):
    api = await serve()
    for data in (b"", b"{", b"3", b"\x1f\x8bnot gzip", b'{"batch": 3}', b'{"batch": {}}'):
        assert (await send(api, data=data)).error == (400, "validation_error", "invalid_payload")
    assert (await api.get("/batch/")).status == 405


async def test_an_event_that_cannot_be_stored_is_dropped_with_a_success(serve):
    api = await serve(1)
    dropped = [set_("", n=1), set_(None, n=1), event("user-0", "", **{"$set": {"n": 1}}), 3]
    dropped += [{"event": "$set", "properties": {"$set": {"n": 1}}}, {"distinct_id": "user-0", "$set": {"n": 1}}]
    dropped += [event("new", "click", **{"$process_person_profile": False, "$set": {"n": 1}})]
    assert (await send(api, *dropped, set_("user-0", m=1))).status == 200
    assert (api.world.count(), api.world.uuid_of("new")) == (1, None)
    assert (properties(api, "user-0")["m"], "n" in properties(api, "user-0")) == (1, False)
    state = (await api.get("/__local__/state")).json
    assert (state["events_received"], state["events_without_effect"]) == (8, 7)


async def test_an_unknown_distinct_id_creates_a_person_and_any_event_does(serve):
    api = await serve(3)
    await send(api, event("a", "click", **{"$set": {"n": 1}, "$set_once": {"n": 2, "m": 3}, "$unset": ["m"]}))
    person = api.world.person(api.world.uuid_of("a"))
    assert person.uuid == uuid5(UUID("932979b4-65c3-4424-8467-0b66ec27bc22"), "1:a")
    assert (person.properties, person.distinct_ids, person.is_identified) == ({"n": 1, "m": 3}, ("a",), False)
    assert person.created_at == as_datetime(round(api.clock.now * 1_000_000))
    assert (await api.uuids())[0] == str(person.uuid)
    await send(api, unset("b", "n"))
    assert properties(api, "b") == {}


@pytest.mark.parametrize(("order", "listed"), [("tombstone", True), ("legacy", False)])
async def test_an_event_after_a_deletion_creates_the_person_anew(serve, order, listed):
    api = await serve(3, delete_order=order)
    uuid = api.world.uuid_of("user-1")
    before = api.world.person(uuid)
    await api.delete("2/")
    await send(api, set_("user-1", n=1))
    after = api.world.person(uuid)
    assert (after.properties, after.id, after.created_at > before.created_at) == ({"n": 1}, 4, True)
    assert api.world.listed(uuid) is listed


async def test_a_uuid_in_use_is_not_given_again(serve):
    api = await serve()
    first = api.world.add_person(["a"])
    api.world.take_distinct_ids(first)
    await send(api, set_("a", n=1))
    assert api.world.uuid_of("a") not in (None, first)
    assert api.world.person(first).properties == {}


async def test_an_update_under_way_when_its_person_is_deleted_creates_one(serve):
    api = await serve(1, capture_lag_s=10)
    uuid = api.world.uuid_of("user-0")
    assert (await api.call("PATCH", "1/", json={"properties": {"n": 1}})).status == 202
    await api.delete("1/")
    assert api.world.person(uuid) is None
    api.clock.now += 11
    assert api.world.person(uuid).properties == {"n": 1}


async def test_no_event_overtakes_one_before_it(serve):
    api = await serve(1, capture_lag_s=100)
    await send(api, set_("user-0", n=1))
    api.server.reconfigure(capture_lag_s=0)
    await send(api, set_("user-0", n=2))
    assert "n" not in properties(api, "user-0")
    api.clock.now += 100
    assert properties(api, "user-0")["n"] == 2
    api.server.reconfigure(capture_lag_s=50)
    await send(api, set_("user-0", n=3))
    api.server.settle()
    assert properties(api, "user-0")["n"] == 3
    assert api.world.ingestion.under_way == 0


async def test_identify_merges_an_anonymous_person_whose_properties_give_way(serve):
    api = await serve()
    known = api.world.add_person(["known"], {"plan": "pro"})
    anonymous = api.world.add_person(["anon", "anon-2"], {"plan": "free", "seen": 1}, is_identified=False)
    await send(api, event("known", "$identify", **{"$anon_distinct_id": "anon", "$set": {"n": 1}}))
    person = api.world.person(known)
    assert person.distinct_ids == ("known", "anon", "anon-2")
    assert person.properties == {"plan": "pro", "seen": 1, "n": 1}
    assert api.world.person(anonymous) is None


@pytest.mark.parametrize(("name", "field"), [("$identify", "$anon_distinct_id"), ("$create_alias", "alias")])
async def test_an_identified_person_is_merged_only_by_force(serve, name, field):
    api = await serve()
    one, two = api.world.add_person(["one"]), api.world.add_person(["two"])
    await send(api, event("one", name, **{field: "two"}))
    assert (api.world.uuid_of("one"), api.world.uuid_of("two")) == (one, two)
    await send(api, event("one", "$merge_dangerously", alias="two"))
    assert api.world.uuid_of("two") == one


@pytest.mark.parametrize(("name", "field"), [("$identify", "$anon_distinct_id"), ("$create_alias", "alias")])
async def test_a_new_id_joins_the_person_there_is(serve, name, field):
    api = await serve()
    await send(api, event("a", "click"), event("a", name, **{field: "b"}))
    assert await api.uuids("?search=find-me") == []
    await send(api, event("find-me", name, **{field: "b"}))
    assert await api.uuids("?search=find-me") == [str(api.world.uuid_of("a"))]
    await send(api, event("c", name, **{field: "b", "$set": {"n": 1}}))
    person = api.world.person(api.world.uuid_of("a"))
    assert (person.distinct_ids, person.is_identified, person.properties) == (
        ("a", "b", "find-me", "c"),
        True,
        {"n": 1},
    )
    assert await api.uuids("?distinct_id=c") == [str(person.uuid)]
    await send(api, event("d", name, **{field: "e"}))
    assert api.world.person(api.world.uuid_of("e")).distinct_ids == ("d", "e")
    assert api.world.count() == 2


async def test_the_form_of_the_response_and_an_exceeded_quota(serve):
    api = await serve(1, capture_status="Ok")
    assert (await send(api, set_("user-0", n=1))).json == {"status": "Ok"}
    api.server.reconfigure(capture_quota_exceeded=True, capture_status=1)
    reply = await send(api, set_("user-0", n=2))
    assert (reply.status, reply.json) == (200, {"status": 1, "quota_limited": ["events"]})
    assert properties(api, "user-0")["n"] == 1
    assert not api.server.requests[-1].applied


async def test_a_share_of_the_events_of_batches_is_swallowed_the_same_each_time(serve):
    lost = []
    for seed in (7, 7, 8):
        api = await serve(400)
        api.server.faults.add(Fault("swallow", action="capture", share=0.05, seed=seed))
        for start in range(0, 400, 10):
            assert (await send(api, *(set_(f"user-{n}", n=1) for n in range(start, start + 10)))).status == 200
        lost.append({n for n in range(400) if "n" not in properties(api, f"user-{n}")})
        assert api.world.ingestion.swallowed == len(lost[-1])
    assert 5 <= len(lost[0]) <= 40
    assert lost[0] == lost[1] != lost[2]


async def test_whole_batches_and_the_first_events_of_one_can_be_swallowed(serve):
    api = await serve(4)
    batch = [set_(f"user-{n}", n=1) for n in range(4)]
    api.server.faults.add(Fault("swallow", action="capture", times=1))
    api.server.faults.add(Fault("swallow", action="capture", count=3, times=1))
    assert (await send(api, *batch)).status == 200
    assert not api.server.requests[-1].applied
    assert api.world.ingestion.swallowed == 4
    await send(api, *batch)
    assert [("n" in properties(api, f"user-{n}")) for n in range(4)] == [False, False, False, True]


async def test_other_faults_strike_batches_like_any_request(serve):
    api = await serve(1)
    api.server.faults.add(Fault("status", action="capture", status=503, retry_after="7", times=1))
    api.server.faults.add(Fault("status", action="capture", status=502, when="after", times=1))
    reply = await send(api, set_("user-0", n=1))
    assert (reply.status, reply.headers["Retry-After"]) == (503, "7")
    assert "n" not in properties(api, "user-0")
    assert (await send(api, set_("user-0", n=1))).status == 502
    assert properties(api, "user-0")["n"] == 1


@pytest.mark.slow
async def test_batches_are_behind_no_limit_of_the_key_and_need_none(serve):
    api = await serve(1, rate_limits="posthog", scopes=())
    for _ in range(500):
        reply = await send(api, set_("user-0", n=1))
    assert reply.status == 200


async def test_there_are_no_feature_flags(serve):
    api = await serve()
    body = json.dumps({"api_key": api.server.project_api_key, "distinct_id": "a"}).encode()
    for path in ("/flags/?v=4", "/decide/?v=3"):
        reply = await send(api, data=body, path=path)
        assert (reply.status, reply.json["flags"], reply.json["errorsWhileComputingFlags"]) == (200, {}, False)
    assert (await send(api, data=b"{}", path="/flags/")).status == 401
    assert api.world.count() == 0


async def test_persons_whose_uuid_was_given_are_changed_like_others(serve):
    api = await serve()
    uuid = api.world.add_person(["a"], uuid=uuid5(NAMESPACE_URL, "a"))
    await send(api, set_("a", n=1))
    assert api.world.person(uuid).properties == {"n": 1}
