"""Persisted folders: the request of each call, and its decoded response (contract 7)."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncclient import (
    Bucket,
    ConnectionLost,
    InvalidArgument,
    Limits,
    NotFound,
    PersistedFolder,
    PostHogClient,
    RateLimits,
    RetryPolicy,
)
from asyncclient._protocol import endpoints as endpoints
from asyncclient.testing import LocalPostHog

U = UUID("018f0000-0000-7000-8000-000000000001")
AT = f"persisted_folder/{U}/"
HOME = {
    "id": str(U),
    "type": "home",
    "protocol": "products://",
    "path": "Unfiled",
    "created_at": "2026-01-02T03:04:05Z",
    "updated_at": "2026-01-02T03:04:06Z",
    "surface": "default",
}
FOLDER = PersistedFolder(
    id=U,
    type="home",
    path="Unfiled",
    created_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    updated_at=datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC),
)


async def sent(raw: Any, status: int, body: bytes, call: Any) -> tuple[Any, Any]:
    """Return the result of a call that gets this response, and what was sent for it."""
    server = await raw.serve(raw.http(status, body))
    client = await raw.client(server.url)
    result = await call(client.persisted_folders)
    (request,) = server.requests
    target = request.target.removeprefix("/api/projects/1/")
    return result, (request.method, target, json.loads(request.body) if request.body else None)


async def test_a_page_of_folders_is_requested_and_decoded(raw: Any) -> None:
    body = {"count": 2, "next": None, "previous": None, "results": [HOME, HOME | {"type": "of the future"}]}
    page, told = await sent(raw, 200, json.dumps(body).encode(), lambda folders: folders.list(limit=5, offset=10))
    assert told == ("GET", "persisted_folder/?limit=5&offset=10", None)
    assert (page.count, page.results[0], page.results[1].type) == (2, FOLDER, "of the future")


async def test_one_folder_is_requested_by_id_and_decoded(raw: Any) -> None:
    folder, told = await sent(raw, 200, json.dumps(HOME).encode(), lambda folders: folders.get(str(U)))
    assert (folder, told) == (FOLDER, ("GET", AT, None))


@pytest.mark.parametrize("status", [200, 201])
async def test_creating_sends_every_field_since_the_server_resets_what_is_left_out(raw: Any, status: int) -> None:
    body = json.dumps(HOME).encode()
    folder, told = await sent(raw, status, body, lambda folders: folders.create("home"))
    assert folder == FOLDER
    assert told == ("POST", "persisted_folder/", {"type": "home", "path": "", "protocol": "products://"})
    _, told = await sent(raw, status, body, lambda folders: folders.create("pinned", "a/b", protocol="x://"))
    assert told == ("POST", "persisted_folder/", {"type": "pinned", "path": "a/b", "protocol": "x://"})


@pytest.mark.parametrize(
    "given_",
    [
        {"path": "x"},
        {"path": ""},
        {"type": "pinned"},
        {"protocol": "x://"},
        {"type": "home", "path": "a", "protocol": ""},
    ],
    ids=str,
)
async def test_updating_sends_what_is_given_and_nothing_else(raw: Any, given_: dict[str, str]) -> None:
    folder, told = await sent(raw, 200, json.dumps(HOME).encode(), lambda folders: folders.update(U, **given_))
    assert (folder, told) == (FOLDER, ("PATCH", AT, given_))


@pytest.mark.parametrize(("status", "body"), [(204, b""), (202, b""), (200, b"")])
async def test_deleting_has_an_empty_response(raw: Any, status: int, body: bytes) -> None:
    result, told = await sent(raw, status, body, lambda folders: folders.delete(U))
    assert (result, told) == (None, ("DELETE", AT, None))


async def test_a_folder_that_is_not_there_is_not_found(raw: Any) -> None:
    body = b'{"type":"invalid_request","code":"not_found","detail":"Not found.","attr":null}'
    for call in (
        lambda folders: folders.get(U),
        lambda folders: folders.delete(U),
        lambda folders: folders.update(U, path=""),
    ):
        with pytest.raises(NotFound) as caught:
            await sent(raw, 404, body, call)
        assert str(U) not in str(caught.value)


async def test_a_folder_lives_as_the_server_has_it() -> None:
    async with LocalPostHog(persons=0) as server:
        limits = Limits(RateLimits.off())
        async with PostHogClient(
            host=server.url, project_id=1, personal_api_key=server.personal_api_key, limits=limits
        ) as client:
            folders = client.persisted_folders
            home = await folders.create("home", "a", protocol="x://")
            pinned = await folders.create("pinned")
            assert (home.type, home.path, home.protocol, pinned.protocol) == ("home", "a", "x://", "products://")
            assert {each.id for each in (await folders.list()).results} == {home.id, pinned.id}
            assert len((await folders.list(limit=1, offset=1)).results) == 1
            changed = await folders.update(home.id, path="b")
            assert (changed.id, changed.path, changed.protocol) == (home.id, "b", "x://")
            again = await folders.create("home")
            assert (again.id, again.path, again.protocol) == (home.id, "", "products://")
            assert (await folders.get(home.id)).path == ""
            await folders.delete(home.id)
            with pytest.raises(NotFound):
                await folders.get(home.id)
            with pytest.raises(NotFound):
                await folders.delete(home.id)
            assert [each.id for each in (await folders.list()).results] == [pinned.id]


WRITES: list[Any] = [
    lambda folders: folders.create("home"),
    lambda folders: folders.update(U, path="x"),
    lambda folders: folders.delete(U),
]


@pytest.mark.parametrize("write", WRITES)
async def test_a_write_is_not_repeated_and_not_sent_to_the_current_project(raw: Any, write: Any) -> None:
    async def drop(request: Any, writer: Any) -> bool:
        return False

    server = await raw.serve(drop)
    client = await raw.client(server.url, retry=RetryPolicy(base_s=0.0))
    with pytest.raises(ConnectionLost):
        await write(client.persisted_folders)
    assert len(server.requests) == 1
    current = await raw.client(server.url, project_id="@current")
    with pytest.raises(InvalidArgument, match="@current"):
        await write(current.persisted_folders)
    assert len(server.requests) == 1


HOSTILE = ["", "home", "../..", "1", 1, None, str(U) + "/", "{" + str(U) + "}", f"{U}\n", True, b"x"]


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_only_a_uuid_becomes_a_path(hostile: Any) -> None:
    for call in (
        endpoints.get_folder,
        endpoints.delete_folder,
        lambda folder: endpoints.update_folder(folder, type=None, path="x", protocol=None),
    ):
        with pytest.raises(InvalidArgument, match="not the UUID"):
            call(hostile)


@given(st.text())
def test_no_text_changes_a_path(text: str) -> None:
    try:
        request = endpoints.delete_folder(text)
    except InvalidArgument:
        return
    assert request.path == f"persisted_folder/{UUID(text)}/"


@pytest.mark.parametrize(
    ("given_", "says"),
    [
        ({}, "nothing to change"),
        ({"type": "Home"}, "not one of home, pinned, custom_products"),
        ({"type": ""}, "not one of home"),
        ({"type": 7}, "not a string"),
        ({"path": 7}, "path 7 is not a string"),
        ({"path": "a\0"}, "NUL"),
        ({"path": "\ud800"}, "path"),
        ({"protocol": "x" * 65}, "65 characters and the server accepts at most 64"),
    ],
)
async def test_invalid_arguments_are_refused_before_anything_is_sent(
    raw: Any, given_: dict[str, Any], says: str
) -> None:
    server = await raw.serve(raw.http())
    client: PostHogClient = await raw.client(server.url)
    with pytest.raises(InvalidArgument, match=says):
        await client.persisted_folders.update(U, **given_)
    if given_:
        with pytest.raises(InvalidArgument, match=says):
            await client.persisted_folders.create(**{"type": "home", **given_})
    for wrong in ({"limit": 0}, {"offset": -1}):
        with pytest.raises(InvalidArgument):
            await client.persisted_folders.list(**wrong)
    assert server.requests == []


def test_folders_count_in_the_default_bucket() -> None:
    calls = [endpoints.list_folders(limit=1, offset=0), endpoints.get_folder(U), endpoints.delete_folder(U)]
    calls.append(endpoints.create_folder("home", path="", protocol=""))
    assert {each.bucket for each in calls} == {Bucket.DEFAULT}
    assert [each.mutating for each in calls] == [False, False, True, True]
    assert all(str(U) not in each.route for each in calls)
