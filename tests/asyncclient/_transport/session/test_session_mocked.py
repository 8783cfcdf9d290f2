"""The ten documented calls and newer ones through aioresponses, which replaces `aiohttp.ClientSession`."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import aiohttp
import pytest
from aioresponses_shim import mocked_responses
from yarl import URL

from asyncclient import ConnectFailed, ConnectionLost, NotFound, PostHogClient, RetryPolicy, TimedOut

HOST = "https://posthog.example.com"
ROOT = f"{HOST}/api/projects/7"
ADA = "018f0000-0000-7000-8000-000000000001"
PERSON = {"uuid": ADA, "created_at": "2026-01-02T03:04:05Z", "distinct_ids": ["ada"], "properties": {}, "id": 7}
PAGE = {"results": [PERSON], "next": None, "previous": None}

Call = Callable[[PostHogClient], Awaitable[Any]]
DOCUMENTED: dict[str, tuple[str, str, int, Any, Call]] = {
    "list": ("GET", "persons/?limit=100&offset=0", 200, PAGE, lambda c: c.persons.list()),
    "get": ("GET", f"persons/{ADA}/", 200, PERSON, lambda c: c.persons.get(ADA)),
    "update": ("PATCH", f"persons/{ADA}/", 202, None, lambda c: c.persons.update(ADA, {"plan": "pro"})),
    "delete": ("DELETE", f"persons/{ADA}/", 202, None, lambda c: c.persons.delete(ADA)),
    "activity": (
        "GET",
        f"persons/{ADA}/activity/?limit=10&page=1",
        200,
        {"results": [], "next": None, "previous": None, "total_count": 0},
        lambda c: c.persons.activity(ADA),
    ),
    "delete_events": ("POST", f"persons/{ADA}/delete_events/", 202, None, lambda c: c.persons.delete_events(ADA)),
    "delete_property": (
        "POST",
        f"persons/{ADA}/delete_property/",
        201,
        {"success": True},
        lambda c: c.persons.delete_property(ADA, "email"),
    ),
    "delete_recordings": (
        "POST",
        f"persons/{ADA}/delete_recordings/",
        202,
        None,
        lambda c: c.persons.delete_recordings(ADA),
    ),
    "properties_timeline": (
        "GET",
        f"persons/{ADA}/properties_timeline/",
        200,
        {"points": [], "crucial_property_keys": []},
        lambda c: c.persons.properties_timeline(ADA),
    ),
    "persisted_folder": ("DELETE", f"persisted_folder/{ADA}/", 204, None, lambda c: c.persisted_folders.delete(ADA)),
}
REQUEST = {"id": ADA, "submission_id": ADA, "status": "pending"}
NEWER: dict[str, tuple[str, str, int, Any, Call]] = {
    "emails": ("GET", f"persons/{ADA}/emails/", 200, {"results": []}, lambda c: c.persons.emails(ADA)),
    "recordings": (
        "GET",
        f"session_recordings/?person_uuid={ADA}&limit=100&offset=0",
        200,
        {"results": [], "has_next": False},
        lambda c: c.session_recordings.list(ADA),
    ),
    "delete recordings by ID": (
        "POST",
        "session_recordings/bulk_delete/",
        200,
        {"success": True, "deleted_count": 1, "total_requested": 1},
        lambda c: c.session_recordings.bulk_delete(["s"]),
    ),
    "preview": (
        "POST",
        "data_deletion_requests/preview/",
        200,
        {"count": 3},
        lambda c: c.data_deletion_requests.preview("SELECT uuid FROM events"),
    ),
    "create": (
        "POST",
        "data_deletion_requests/",
        201,
        REQUEST,
        lambda c: c.data_deletion_requests.create("SELECT uuid FROM events", submission_id=ADA),
    ),
    "deletion": (
        "GET",
        f"data_deletion_requests/{ADA}/",
        200,
        REQUEST,
        lambda c: c.data_deletion_requests.get(ADA),
    ),
    "deletions": (
        "GET",
        "data_deletion_requests/?limit=100&offset=0",
        200,
        {"count": 1, "next": None, "previous": None, "results": [REQUEST]},
        lambda c: c.data_deletion_requests.list(),
    ),
}


@pytest.fixture(params=["its own session", "a session of the user's"])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[PostHogClient]:
    settings: dict[str, Any] = {
        "host": HOST,
        "project_id": 7,
        "personal_api_key": "phx_mocked_0123456789",
        "api_prefix": "projects",
        "retry": RetryPolicy.never(),
    }
    if request.param == "its own session":
        async with PostHogClient(**settings) as client:
            yield client
    else:
        async with aiohttp.ClientSession() as session, PostHogClient(session=session, **settings) as client:
            yield client


@pytest.mark.parametrize("name", [*DOCUMENTED, *NEWER])
async def test_the_mock_responds_to_each_call(client: PostHogClient, name: str) -> None:
    method, path, status, payload, call = (DOCUMENTED | NEWER)[name]
    with mocked_responses() as mocked:
        if payload is None:
            mocked.add(f"{ROOT}/{path}", method=method, status=status)
        else:
            mocked.add(f"{ROOT}/{path}", method=method, status=status, payload=payload)
        await call(client)
        ((sent, address),) = mocked.requests
    assert (sent, address.with_query(None)) == (method, URL(f"{ROOT}/{path}").with_query(None))


def test_the_mocked_calls_are_the_ten_documented_ones() -> None:
    assert len(DOCUMENTED) == 10


async def test_the_response_of_a_mock_is_decoded(client: PostHogClient) -> None:
    with mocked_responses() as mocked:
        mocked.get(re.compile(rf"{ROOT}/persons/\?.*"), payload=PAGE)
        mocked.get(f"{ROOT}/persons/{ADA}/", status=404, payload={"detail": "Not found."})
        page = await client.persons.list()
        with pytest.raises(NotFound):
            await client.persons.get(ADA)
    assert [person.uuid for person in page.results] == [UUID(ADA)]


@pytest.mark.parametrize(
    ("raised", "kind", "sent"),
    [
        (aiohttp.ServerDisconnectedError(), ConnectionLost, True),
        (aiohttp.ClientPayloadError(), ConnectionLost, True),
        (aiohttp.ClientResponseError(None, ()), ConnectionLost, True),  # type: ignore[arg-type]
        (TimeoutError(), TimedOut, True),
        (aiohttp.ConnectionTimeoutError(), ConnectFailed, False),
    ],
)
async def test_an_exception_of_a_mock_becomes_the_clients(
    client: PostHogClient, raised: Exception, kind: type[Any], sent: bool
) -> None:
    with mocked_responses() as mocked:
        mocked.delete(f"{ROOT}/persons/{ADA}/", exception=raised)
        with pytest.raises(kind) as caught:
            await client.persons.delete(ADA)
    assert caught.value.sent is sent
