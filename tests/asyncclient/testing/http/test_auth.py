"""Keys, scopes and projects over a socket (contract 2)."""

import pytest

from asyncclient.testing import PersonalKey, RateLimits

BAD_KEY = "Personal API key found in request Authorization header is invalid."
NO_KEY = {"Authorization": None}


async def test_no_key_is_not_authenticated(serve):
    api = await serve(1)
    reply = await api.get(headers=NO_KEY)
    assert reply.error == (401, "authentication_error", "not_authenticated")
    assert reply.json["detail"] == "Authentication credentials were not provided."


@pytest.mark.parametrize("key", ["phx_other", "phc_local_project_token_for_tests_only", "phs_x", "x"])
async def test_a_wrong_key_is_invalid(serve, key):
    api = await serve(1)
    reply = await api.get(headers={"Authorization": f"Bearer {key}"})
    assert reply.error == (401, "authentication_error", "authentication_failed")
    assert reply.json["detail"] == BAD_KEY


async def test_bearer_is_matched_by_case(serve):
    api = await serve(1)
    key = api.server.personal_api_key
    for header, status in ((f"Bearer   {key} ", 200), (f"bearer {key}", 401), (f"Token {key}", 401), (key, 401)):
        assert (await api.get(headers={"Authorization": header})).status == status


async def test_the_key_may_also_come_in_the_body_or_the_query_but_the_header_counts_first(serve):
    api = await serve(1)
    key = api.server.personal_api_key
    assert (await api.get(f"?personal_api_key={key}", headers=NO_KEY)).status == 200
    body = {"uuids": [], "personal_api_key": key}
    assert (await api.post("batch_by_uuids/", body, headers=NO_KEY)).status == 200
    assert (await api.get(f"?personal_api_key={key}", headers={"Authorization": "Bearer x"})).status == 401


async def test_no_key_is_ever_recorded(serve):
    api = await serve(1)
    key = api.server.personal_api_key
    await api.get(f"?personal_api_key={key}")
    await api.post("batch_by_uuids/", {"uuids": [], "personal_api_key": key})
    assert api.server.requests
    assert key not in repr(api.server.requests)


CALLS = [
    ("GET", "", "person:read"),
    ("GET", "1/", "person:read"),
    ("GET", "deletion_status/", "person:read"),
    ("POST", "batch_by_uuids/", "person:read"),
    ("POST", "batch_by_distinct_ids/", "person:read"),
    ("DELETE", "1/", "person:write"),
    ("POST", "bulk_delete/", "person:write"),
    ("POST", "1/delete_events/", "person:write"),
    ("POST", "1/delete_recordings/", "person:write"),
    ("GET", "values/", "person:read"),
    ("GET", "properties_at_time/", "person:read"),
    ("POST", "1/split/", "person:write"),
    ("POST", "reset_person_distinct_id/", "person:write"),
    ("GET", "/api/projects/1/persisted_folder/", "persisted_folder:read"),
    ("POST", "/api/projects/1/persisted_folder/", "persisted_folder:write"),
    ("PATCH", "/api/projects/1/persisted_folder/x/", "persisted_folder:write"),
    ("DELETE", "/api/projects/1/persisted_folder/x/", "persisted_folder:write"),
    ("GET", "/api/projects/", "project:read"),
    ("GET", "/api/projects/1/", "project:read"),
]


@pytest.mark.parametrize(("method", "path", "scope"), CALLS)
async def test_each_call_needs_its_scope(serve, method, path, scope):
    api = await serve(1)
    for scopes, allowed in (
        ((scope,), True),
        ((scope.replace(":read", ":write"),), True),
        (("*",), True),
        (None, True),
        (("cohort:read", "person:none"), False),
        ((scope.replace(":write", ":read"),), scope.endswith(":read")),
    ):
        api.server.reconfigure(scopes=scopes)
        reply = await api.call(method, path)
        assert (reply.status == 403) is not allowed, scopes
        if not allowed:
            assert reply.json["code"] == "permission_denied"
            assert reply.json["detail"] == f"API key missing required scope '{scope}'"


async def test_deleting_the_collection_is_closed_to_scoped_keys_even_with_every_scope(serve):
    api = await serve(3)
    reply = await api.delete("?distinct_id=user-1")
    assert reply.error == (403, "authentication_error", "permission_denied")
    assert reply.json["detail"] == "This action does not support personal API key access"
    api.server.reconfigure(scopes=None)
    assert (await api.delete("?distinct_id=user-1")).status == 405
    assert api.world.count() == 3


async def test_other_projects_are_closed(serve):
    api = await serve(1)
    reply = await api.get("/api/projects/2/persons/")
    assert (reply.status, reply.json["detail"]) == (404, "Project not found.")
    api.server.reconfigure(foreign_projects=[2])
    reply = await api.get("/api/projects/2/persons/")
    assert (reply.status, reply.json["detail"]) == (403, "You don't have access to the project.")
    api.server.reconfigure(foreign_projects=[], unknown_project="403")
    reply = await api.get("/api/projects/2/persons/")
    assert (reply.status, reply.json["detail"]) == (403, "You don't have access to the project.")
    api.server.reconfigure(key_projects=(7,))
    reply = await api.get()
    text = "API key does not have access to the requested project: ID 1."
    assert (reply.status, reply.json["detail"]) == (403, text)
    assert (await api.get("/api/projects/")).json["results"] == []


async def test_a_project_that_is_no_number_is_not_found(serve):
    api = await serve(1)
    reply = await api.get("/api/projects/shop/persons/")
    assert reply.error == (404, "invalid_request", "not_found")
    assert reply.json["detail"] == "Project not found."


async def test_each_key_has_its_own_scopes_projects_and_limits(serve):
    more = PersonalKey(key="phx_b", scopes=("person:read",), projects=(7,), first_name="B", email="b@example.com")
    reader = PersonalKey(key="phx_c", scopes=("person:read", "project:read"))
    api = await serve(3, more_keys=(more, reader), rate_limits=RateLimits(others_per_minute=1, default_per_minute=9))
    as_more, as_reader = ({"Authorization": f"Bearer {each.key}"} for each in (more, reader))
    assert (await api.delete("1/", headers=as_reader)).status == 403
    assert (await api.get(headers=as_more)).json["detail"].endswith("requested project: ID 1.")
    assert [(await api.get(headers=as_reader)).status for _ in range(2)] == [200, 429]
    assert (await api.get()).status == 200
    assert len((await api.get("/api/projects/", headers=as_reader)).json["results"]) == 1
    assert (await api.get(headers={"Authorization": "Bearer phx_d"})).status == 401


@pytest.mark.parametrize("queued_delay_s", [0, 5])
async def test_the_activity_log_names_the_owner_of_the_key(serve, queued_delay_s):
    more = PersonalKey(key="phx_b", first_name="B", email="b@example.com")
    api = await serve(3, more_keys=(more,), queued_delay_s=queued_delay_s)
    as_more = {"Authorization": f"Bearer {more.key}"}
    uuid = str(api.world.uuid_of("user-1"))
    await api.call("PATCH", f"{uuid}/", json={"properties": {"a": 1}})
    await api.call("PATCH", f"{uuid}/", json={"properties": {"a": 1}}, headers=as_more)
    await api.post("bulk_delete/", {"ids": [uuid]}, headers=as_more)
    api.clock.now += 10
    told = (await api.get("activity/")).json["results"]
    assert [(entry["activity"], entry["user"]["first_name"], entry["user"]["email"]) for entry in told] == [
        ("deleted", "B", "b@example.com"),
        ("updated", "B", "b@example.com"),
        ("updated", "Local", "local@example.com"),
    ]
