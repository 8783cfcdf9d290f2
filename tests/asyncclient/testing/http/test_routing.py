"""Paths, methods, prefixes and the routes of older servers (contract 1, 6.4, 6.11, 8)."""

import pytest
import yarl

DEPRECATION = ("Deprecation", "Link", "Sunset")


@pytest.mark.parametrize("path", ["", "deletion_status/", "3/"])
async def test_the_last_slash_may_be_left_out(serve, path):
    api = await serve(5)
    base = f"/api/projects/1/persons/{path}"
    assert (await api.get(base)).status == 200
    assert (await api.get(base.rstrip("/"))).status == 200


async def test_the_alias_is_served_and_announces_its_successor(serve):
    api = await serve(5)
    uuid = (await api.uuids())[0]
    for path in ("", f"{uuid}/", "00000000-0000-0000-0000-000000000000/"):
        reply = await api.get(f"/api/environments/1/persons/{path}?limit=1")
        assert reply.headers["Deprecation"] == "true"
        assert reply.headers["Link"] == f'</api/projects/1/persons/{path}>; rel="successor-version"'
        assert reply.headers["Sunset"] == "Fri, 31 Jul 2026 00:00:00 GMT"
        canonical = await api.get(f"/api/projects/1/persons/{path}?limit=1")
        assert canonical.body == reply.body
        assert not set(DEPRECATION) & set(canonical.headers)
    assert (await api.delete(f"/api/environments/1/persons/{uuid}/")).status == 202
    assert api.world.person(uuid) is None


async def test_sunset_is_left_out_where_its_setting_is_empty(serve):
    api = await serve(1, sunset="")
    reply = await api.get("/api/environments/1/persons/")
    assert "Sunset" not in reply.headers
    assert "Deprecation" in reply.headers


async def test_an_alias_path_without_a_counterpart_is_unknown_without_headers(serve):
    api = await serve(1)
    reply = await api.get("/api/environments/1/nonsense/")
    assert (reply.status, reply.json["detail"]) == (404, "Endpoint not found.")
    assert not set(DEPRECATION) & set(reply.headers)


async def test_the_alias_can_be_plain_redirected_or_gone(serve):
    api = await serve(1, alias="plain")
    plain = await api.get("/api/environments/1/persons/")
    assert plain.status == 200
    assert not set(DEPRECATION) & set(plain.headers)
    api.server.reconfigure(alias="redirect")
    redirect = await api.get("/api/environments/1/persons/?limit=1")
    assert (redirect.status, redirect.headers["Location"]) == (307, "/api/projects/1/persons/?limit=1")
    assert not set(DEPRECATION) & set(redirect.headers)
    api.server.reconfigure(alias="gone")
    gone = await api.get("/api/environments/1/persons/")
    assert (gone.status, gone.json["detail"]) == (404, "Endpoint not found.")
    assert (await api.get("/api/projects/1/persons/")).status == 200


@pytest.mark.parametrize(
    "path", ["/", "/api/", "/api/projects/1/persons/1/nothing/", "/api/projects//persons/", "/api/projectsx/"]
)
async def test_an_unknown_path_is_not_found(serve, path):
    api = await serve(1)
    reply = await api.get(path)
    assert reply.error == (404, "invalid_request", "not_found")
    assert reply.json["detail"] == "Endpoint not found."


@pytest.mark.parametrize(
    ("path", "status"),
    [("?format=json", 200), ("?format=xml", 404), ("1.json", 200), ("1.xml", 404), ("a.b.c", 404)],
)
async def test_only_json_is_a_known_format(serve, path, status):
    api = await serve(1)
    assert (await api.get(path)).status == status


@pytest.mark.parametrize("segment", ["..", "%2e%2e", "%2E%2E"])
async def test_dot_segments_reach_no_other_route(serve, segment):
    api = await serve(3)
    target = yarl.URL(f"{api.server.url}/api/projects/1/persons/{segment}/", encoded=True)
    assert (await api.delete(target)).status == 404
    assert api.server.requests[-1].path.endswith(f"/persons/{segment}/")


@pytest.mark.parametrize("path", ["bulk_delete/", "batch_by_uuids/", "batch_by_distinct_ids/", "1/delete_events/"])
async def test_get_on_a_route_for_post_is_a_405_after_the_key_was_checked(serve, path):
    api = await serve(1)
    reply = await api.get(path)
    assert reply.error == (405, "invalid_request", "method_not_allowed")
    assert reply.json["detail"] == 'Method "GET" not allowed.'
    assert (await api.get(path, headers={"Authorization": "Bearer x"})).status == 401
    api.server.reconfigure(unmapped_method="403")
    assert (await api.get(path)).status == 403


async def test_persons_cannot_be_created(serve):
    api = await serve(1)
    assert (await api.post("", {"properties": {}})).error == (405, "invalid_request", "method_not_allowed")
    api.server.reconfigure(scopes=["person:read"])
    assert (await api.post("", {"properties": {}})).status == 403


@pytest.mark.parametrize(
    ("option", "route", "status"),
    [
        ("bulk_delete", "bulk_delete/", 400),
        ("batch_reads", "batch_by_uuids/", 400),
        ("batch_reads", "batch_by_distinct_ids/", 400),
        ("deletion_status", "deletion_status/", 400),
        ("properties_at_time", "properties_at_time/", 400),
        ("reset_distinct_id", "reset_person_distinct_id/", 400),
        ("delete_events", "1/delete_events/", 404),
        ("delete_recordings", "1/delete_recordings/", 404),
    ],
)
async def test_a_name_that_an_older_server_does_not_know_is_read_as_a_person_id(serve, option, route, status):
    api = await serve(1, **{option: False})
    reply = await api.get(route)
    assert reply.status == status
    expected = "does not look like a personID" if status == 400 else "Endpoint not found."
    assert expected in reply.json["detail"]
    assert (await api.post(route, {})).status == (405 if status == 400 else 404)
    assert (await api.delete(route)).status == status


async def test_head_is_handled_by_get_and_options_gives_metadata(serve):
    api = await serve(5)
    head = await api.call("HEAD", "", headers={"Accept-Encoding": "identity"})
    assert (head.status, head.body) == (200, b"")
    assert int(head.headers["Content-Length"]) > 500
    options = await api.call("OPTIONS", "")
    assert (options.status, options.json["parses"]) == (200, ["application/json"])


async def test_bodies_are_json_only(serve):
    api = await serve(1)
    form = await api.post("bulk_delete/", data={"ids": "x"})
    assert form.error == (415, "invalid_request", "unsupported_media_type")
    bare = await api.post("bulk_delete/", data=b"{}", headers={"Content-Type": ""})
    assert bare.status == 415
    charset = {"Content-Type": "application/json; charset=utf-8"}
    assert (await api.post("batch_by_uuids/", data=b"{}", headers=charset)).status == 200
    for broken in (b"{", b"\xff", b'{"ids": NaN}', b"[" * 100_000):
        reply = await api.post("bulk_delete/", data=broken, headers={"Content-Type": "application/json"})
        assert reply.error == (400, "invalid_request", "parse_error")
        assert reply.json["detail"].startswith("JSON parse error - ")


async def test_the_date_header_follows_the_clock(serve):
    api = await serve(1)
    assert (await api.get()).headers["Date"] == "Mon, 21 Sep 2026 14:13:20 GMT"
