"""Persisted folders: at most one per type and user (contract 7)."""

import uuid as uuids

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

if not settings.configured:
    settings.configure(USE_I18N=False)

import exceptions_hog
from rest_framework import exceptions, serializers
from rest_framework.renderers import JSONRenderer

from asyncclient.testing import PersonalKey, RateLimits, ServerOptions
from asyncclient.testing.handlers.folders import validated
from asyncclient.testing.http.envelope import Refusal
from asyncclient.testing.tables.folders import Folders, TypeTaken

FOLDERS = "/api/projects/1/persisted_folder/"
TYPES = ("home", "pinned", "custom_products")
OTHER = PersonalKey(key="phx_other", email="other@example.com")
AS_OTHER = {"Authorization": "Bearer phx_other"}
NOBODY = "01900000-0000-7000-8000-00000000ffff"


@pytest.fixture
async def api(serve):
    return await serve(1, more_keys=(OTHER,))


async def test_a_folder_is_made_read_listed_changed_and_deleted(api):
    made = await api.post(FOLDERS, {"type": "home", "path": "Unfiled"})
    folder = made.json
    assert made.status == 201
    assert folder == {
        "id": folder["id"],
        "type": "home",
        "protocol": "products://",
        "path": "Unfiled",
        "created_at": "2026-09-21T14:13:20Z",
        "updated_at": "2026-09-21T14:13:20Z",
    }
    assert uuids.UUID(folder["id"]).version == 7
    one = f"{FOLDERS}{folder['id']}/"
    assert (await api.get(one)).json == folder
    page = (await api.get(FOLDERS)).json
    assert page == {"count": 1, "next": None, "previous": None, "results": [folder]}
    api.clock.now += 60
    changed = await api.call("PATCH", one, json={"path": "a/b"})
    assert (changed.status, changed.json) == (200, folder | {"path": "a/b", "updated_at": "2026-09-21T14:14:20Z"})
    (view,) = api.world.folders()
    assert (str(view.id), view.type, view.path, view.email) == (folder["id"], "home", "a/b", "local@example.com")
    gone = await api.delete(one)
    assert (gone.status, gone.body) == (204, b"")
    assert api.world.folders() == []
    assert (await api.delete(one)).error == (404, "invalid_request", "not_found")
    assert [r.applied for r in api.server.requests] == [True, False, False, True, True, False]


async def test_post_overwrites_the_folder_of_its_type_and_resets_what_is_left_out(api):
    first = (await api.post(FOLDERS, {"type": "pinned", "path": "x", "protocol": "p://"})).json
    again = await api.post(FOLDERS, {"type": "pinned"})
    assert again.status == 201
    assert (again.json["id"], again.json["path"], again.json["protocol"]) == (first["id"], "", "products://")
    assert len(api.world.folders()) == 1


async def test_put_asks_for_the_type_and_keeps_the_rest(api):
    uuid = api.world.add_folder("home", "x", protocol="p://")
    one = f"{FOLDERS}{uuid}/"
    refused = await api.call("PUT", one, json={"path": "y"})
    assert (*refused.error, refused.json["attr"]) == (400, "validation_error", "required", "type")
    changed = (await api.call("PUT", one, json={"type": "pinned"})).json
    assert (changed["type"], changed["path"], changed["protocol"]) == ("pinned", "x", "p://")


async def test_two_folders_of_a_type_are_an_unhandled_error(api):
    home = api.world.add_folder("home")
    api.world.add_folder("pinned")
    reply = await api.call("PATCH", f"{FOLDERS}{home}/", json={"type": "pinned"})
    assert reply.error == (500, "server_error", "error")
    assert [folder.type for folder in api.world.folders()] == ["home", "pinned"]


async def test_folders_of_another_user_are_not_there(api):
    mine, theirs = api.world.add_folder("home", "mine"), api.world.add_folder("home", "theirs", email=OTHER.email)
    assert mine != theirs
    for method, body in (("GET", None), ("PATCH", {"path": "z"}), ("PUT", {"type": "home"}), ("DELETE", None)):
        reply = await api.call(method, f"{FOLDERS}{theirs}/", **({} if body is None else {"json": body}))
        assert reply.error == (404, "invalid_request", "not_found"), method
    assert [each["path"] for each in (await api.get(FOLDERS)).json["results"]] == ["mine"]
    assert [each["path"] for each in (await api.get(FOLDERS, headers=AS_OTHER)).json["results"]] == ["theirs"]
    assert (await api.delete(f"{FOLDERS}{theirs}/", headers=AS_OTHER)).status == 204
    assert [len(api.world.folders(email)) for email in (None, OTHER.email)] == [1, 0]


@pytest.mark.parametrize("wrong", [NOBODY, "home", "1", "a b", "0190"])
async def test_unknown_and_malformed_ids_are_not_found(api, wrong):
    for method in ("GET", "DELETE"):
        assert (await api.call(method, f"{FOLDERS}{wrong}/")).json["detail"] == "Not found."


async def test_a_page_of_folders_is_ordered_by_type_and_linked(api):
    for kind in ("pinned", "home", "custom_products"):
        api.world.add_folder(kind)
    first = (await api.get(f"{FOLDERS}?limit=2")).json
    assert ([each["type"] for each in first["results"]], first["count"]) == (["custom_products", "home"], 3)
    assert first["previous"] is None
    second = (await api.get(first["next"])).json
    assert ([each["type"] for each in second["results"]], second["next"]) == (["pinned"], None)
    assert second["previous"] == f"{api.server.url}{FOLDERS}?limit=2"
    for passed_over in ("?limit=x&offset=-1", "?limit=0", "?offset=x"):
        assert len((await api.get(FOLDERS + passed_over)).json["results"]) == 3


async def test_each_call_needs_its_scope_and_counts_with_the_other_default_calls(serve):
    api = await serve(1, rate_limits=RateLimits(default_per_minute=1), scopes=["persisted_folder:read"])
    reply = await api.post(FOLDERS, {"type": "home"})
    assert (reply.status, reply.json["detail"]) == (403, "API key missing required scope 'persisted_folder:write'")
    api.server.reconfigure(scopes=["person:write"])
    assert (await api.get(FOLDERS)).status == 403
    api.server.reconfigure(scopes=["persisted_folder:write", "person:read", "project:read"])
    assert (await api.get(FOLDERS)).status == 200
    assert (await api.delete(f"{FOLDERS}{NOBODY}/")).status == 429
    assert (await api.get("/api/projects/1/")).status == 429
    assert (await api.get()).status == 200


async def test_older_servers_have_no_folders_or_fewer_types(serve):
    api = await serve(1, custom_products=False)
    reply = await api.post(FOLDERS, {"type": "custom_products"})
    assert (*reply.error, reply.json["attr"]) == (400, "validation_error", "invalid_choice", "type")
    api.server.reconfigure(persisted_folders=False)
    assert (await api.get(FOLDERS)).json["detail"] == "Endpoint not found."


async def test_folders_have_no_csv_and_the_alias_announces_its_successor(api):
    assert (await api.get(f"{FOLDERS}?format=csv")).error == (404, "invalid_request", "not_found")
    reply = await api.get("/api/environments/1/persisted_folder/")
    assert (reply.status, reply.headers["Deprecation"]) == (200, "true")


async def test_the_control_routes_show_folders(api):
    api.world.add_folder("home", "theirs", email=OTHER.email)
    reply = await api.get(f"/__local__/folders?email={OTHER.email}")
    assert (reply.json["path"], reply.json["email"]) == ("theirs", OTHER.email)
    assert (await api.get("/__local__/folders")).body == b""


class Oracle(serializers.Serializer):
    """Return a folder as the server's model has it."""

    type = serializers.ChoiceField(choices=TYPES)
    protocol = serializers.CharField(max_length=64, required=False)
    path = serializers.CharField(allow_blank=True, required=False)


TEXTS = st.text(max_size=4) | st.sampled_from([*TYPES, "p://", "\x00", " x ", "y" * 64, "y" * 65])
VALUES = TEXTS | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.lists(TEXTS, max_size=1)
BODIES = st.fixed_dictionaries({}, optional={"type": VALUES, "protocol": VALUES, "path": VALUES, "id": VALUES})


@pytest.mark.slow
@given(BODIES | VALUES, st.booleans())
def test_bodies_are_taken_and_refused_as_the_framework_does(body, partial):
    oracle = Oracle(data=body, partial=partial)
    if oracle.is_valid():
        assert validated(body, types=TYPES, partial=partial) == oracle.validated_data
        return
    expected = exceptions_hog.exception_handler(exceptions.ValidationError(oracle.errors))
    with pytest.raises(Refusal) as refused:
        validated(body, types=TYPES, partial=partial)
    response = refused.value.response
    assert (response.status, response.body) == (400, JSONRenderer().render(expected.data))


def test_ids_are_of_version_7_and_never_given_twice():
    folders = Folders(lambda: 1_790_000_000_000_000)
    seen = set()
    for _ in range(50):
        folder = folders.put("a", "home", protocol="p", path="")
        identifier = uuids.UUID(bytes=folder.raw_id)
        assert (identifier.version, identifier.variant) == (7, uuids.RFC_4122)
        assert int.from_bytes(folder.raw_id[:6], "big") == 1_790_000_000_000
        seen.add(identifier)
        folders.remove(folder)
    assert len(seen) == 50
    other = folders.put("a", "pinned", protocol="p", path="")
    folders.put("a", "home", protocol="p", path="")
    with pytest.raises(TypeTaken):
        folders.change(other, type="home", protocol="p", path="")


def test_two_equal_keys_are_refused():
    for more in ((PersonalKey(key=ServerOptions().personal_api_key),), (OTHER, OTHER)):
        with pytest.raises(ValueError, match="more_keys"):
            ServerOptions(more_keys=more)
    assert ServerOptions(more_keys=(OTHER,)).find_key("phx_x") is None
