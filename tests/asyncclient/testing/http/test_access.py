"""Access and what it hides: tokens, projects, users' limits, access control (contract 1, 2, 3)."""

from io import BytesIO

import pytest

from asyncclient.testing import Fault, PersonalKey, RateLimits

OAUTH = PersonalKey(key="pha_a", email="user@example.com")
SESSION = PersonalKey(key="browser", email="user@example.com", is_session=True)


@pytest.mark.parametrize("name", ["token", "api_key"])
async def test_a_stray_token_decides_about_the_project(serve, name):
    api = await serve(1)
    assert (await api.get(f"?{name}=phc_wrong")).error == (401, "authentication_error", "authentication_failed")
    assert (await api.post("batch_by_uuids/", {"uuids": [], name: "phc_wrong"})).status == 401
    assert (await api.get(f"?{name}={api.server.project_api_key}")).status == 200


async def test_calls_of_oauth_tokens_and_sessions_are_counted_by_user(serve):
    limits = RateLimits(users_per_minute=2, others_per_minute=1)
    api = await serve(1, more_keys=(OAUTH, SESSION), rate_limits=limits)
    token, session = {"Authorization": "Bearer pha_a"}, {"Authorization": None, "Cookie": "a=b; sessionid=browser"}
    assert (await api.get(headers=token)).status == 200
    assert (await api.get(headers=session)).status == 200
    for headers in (token, session):
        refused = await api.post("bulk_delete/", {"ids": ["0"]}, headers=headers)
        assert refused.error == (429, "throttled_error", "throttled")
    assert (await api.get()).status == 200, "a personal key has a limit of its own"
    assert (await api.get("/api/projects/1/", headers=token)).status == 200, "only persons are counted so"


async def test_users_have_posthogs_own_limits_by_default():
    assert (RateLimits().users_per_minute, RateLimits().users_per_hour) == (180, 1200)


async def test_a_session_is_no_key_and_a_key_no_session(serve):
    api = await serve(1, more_keys=(SESSION,))
    assert (await api.get(headers={"Authorization": "Bearer browser"})).status == 401
    cookie = {"Authorization": None, "Cookie": f"sessionid={api.server.personal_api_key}"}
    assert (await api.get(headers=cookie)).error[2] == "not_authenticated"
    open_to_all = {"Authorization": None, "Cookie": "sessionid=browser"}
    assert (await api.get("user-0/properties_timeline/".replace("user-0", "1"), headers=open_to_all)).status == 200


async def test_hidden_properties_are_left_out_and_cannot_be_written(serve):
    api = await serve(hidden_properties=("salary",))
    uuid = api.world.add_person(["a"], {"salary": 1, "plan": "free"})
    one = (await api.get(f"{uuid}/")).json
    listed = (await api.get()).json["results"][0]
    batched = (await api.post("batch_by_uuids/", {"uuids": [str(uuid)]})).json["results"][str(uuid)]
    by_id = (await api.post("batch_by_distinct_ids/", {"distinct_ids": ["a"]})).json["results"]["a"]
    assert [each["properties"] for each in (one, listed, batched, by_id)] == [{"plan": "free"}] * 4
    assert b"salary" not in (await api.get("?format=csv")).body
    refused = [
        await api.call("PATCH", f"{uuid}/", json={"properties": {"salary": 2}}),
        await api.post(f"{uuid}/update_property/", {"key": "salary", "value": 2}),
        await api.post(f"{uuid}/delete_property/", {"$unset": "salary"}),
    ]
    assert [reply.error[:2] for reply in refused] == [(400, "validation_error")] * 3
    assert api.world.person(uuid).properties == {"salary": 1, "plan": "free"}
    assert (await api.call("PATCH", f"{uuid}/", json={"properties": {"plan": "paid"}})).status == 202


async def test_rows_without_a_person_are_dropped_or_shown(serve):
    api = await serve(5)
    lost = list(api.world.iter_uuids())[2]
    api.world.orphan(lost)
    assert str(lost) not in await api.uuids()
    api.server.reconfigure(orphan_rows="shown")
    assert str(lost) in await api.uuids()
    assert str(lost) in (await api.get("?format=csv")).body.decode()
    assert (await api.get(f"{lost}/")).status == 404


async def test_a_heavy_person_can_time_out_in_every_call(serve):
    api = await serve(3, heavy_calls="every")
    heavy, other, _ = list(api.world.iter_uuids())
    api.world.set_heavy(heavy)
    replies = [
        await api.get(),
        await api.get(f"{heavy}/"),
        await api.call("PATCH", f"{heavy}/", json={"properties": {"a": 1}}),
        await api.delete(f"{heavy}/"),
        await api.post("batch_by_uuids/", {"uuids": [str(heavy), str(other)]}),
        await api.post("bulk_delete/", {"ids": [str(heavy)]}),
    ]
    assert [reply.status for reply in replies] == [504] * 6
    assert (await api.get(f"{other}/")).status == 200
    assert api.world.count() == 3


@pytest.mark.parametrize("body", [[], ["a"], "a", {"uuids": "a"}, {"distinct_ids": {"a": 1}}])
async def test_a_batch_read_without_a_list_finds_no_person(serve, body):
    api = await serve(1)
    for path in ("batch_by_uuids/", "batch_by_distinct_ids/"):
        reply = await api.post(path, body)
        assert (reply.status, reply.json) == (200, {"results": {}})


async def test_a_batch_of_events_may_be_an_array(serve):
    api = await serve(1)
    event = {"event": "$set", "distinct_id": "user-0", "properties": {"$set": {"n": 1}}}
    assert (await api.post("/batch/", [{**event, "api_key": api.server.project_api_key}])).status == 200
    assert api.world.person(api.world.uuid_of("user-0")).properties["n"] == 1


async def test_a_batch_of_events_stays_under_20_mb(serve):
    api = await serve(1)
    frame = b'{"api_key": "%s", "batch": [], "pad": "%s"}'
    key = api.server.project_api_key.encode()
    most = 20_000_000 - 1 - len(frame % (key, b""))
    for size, status in ((most, 200), (most + 1, 413)):
        data = frame % (key, b"x" * size)
        reply = await api.call("POST", "/batch/", data=BytesIO(data), headers={"Content-Type": "application/json"})
        assert reply.status == status


@pytest.mark.parametrize("page", ["login", "app", "json", "text", "empty"])
async def test_a_proxy_before_posthog_responds_with_its_own_200(serve, page):
    api = await serve(2)
    uuids = await api.uuids()
    api.server.faults.add(Fault(kind="page", page=page))
    for reply in (await api.get(), await api.delete(f"{uuids[0]}/"), await api.get(headers={"Authorization": "x"})):
        assert reply.status == 200
        assert not reply.body or reply.body.startswith((b"<!", b'{"detail"', b"OK"))
    assert api.world.count() == 2
    api.server.faults.clear()
    api.server.faults.add(Fault(kind="page", page=page, page_status=202, when="after", action="destroy"))
    assert (await api.delete(f"{uuids[0]}/")).status == 202
    assert api.world.count() == 1
