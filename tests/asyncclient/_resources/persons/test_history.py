"""Activity, timeline and properties at a time over sockets (contract 6.9 to 6.11)."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest

from asyncclient import (
    Activity,
    ActivityPage,
    ActivityUser,
    Change,
    InvalidArgument,
    InvalidResponse,
    ListingError,
    NotFound,
    PermissionDenied,
    PostHogClient,
    PropertiesTimeline,
    PropertyFilter,
    RouteNotFound,
    ServerError,
    TimelinePoint,
)
from asyncclient.testing import LocalPostHog, ServerOptions
from tests.asyncclient.fast_clients import FAST, client_of


async def busy(client: PostHogClient, server: LocalPostHog, times: int) -> UUID:
    uuid = server.world.add_person(["a"])
    for number in range(times):
        await client.persons.update(uuid, {"n": number})
    return uuid


@pytest.mark.parametrize("page_size", [1, 3, 7, 100])
async def test_all_activity_of_a_person_comes_once_newest_first(page_size: int) -> None:
    async with LocalPostHog(options=ServerOptions(user_first_name="Ada")) as server, client_of(server) as client:
        uuid = await busy(client, server, 7)
        await client.persons.delete_property(uuid, "n")
        found = [each async for each in client.persons.iter_activity(uuid, page_size=page_size)]
        assert [each.activity for each in found] == ["delete_property", *["updated"] * 7]
        assert len({each.id for each in found}) == 8
        assert {each.item_id for each in found} == {str((await client.persons.get(uuid)).id)}
        assert found[0].user == ActivityUser("Ada", "local@example.com")
        assert found[0].created_at is not None
        assert found[0].created_at >= found[-1].created_at  # type: ignore[operator]
        assert found[0].changes[0].field == "properties"


async def test_a_page_is_as_requested() -> None:
    async with LocalPostHog() as server, client_of(server) as client:
        uuid = await busy(client, server, 12)
        first = await client.persons.activity(uuid)
        last = await client.persons.activity(uuid, limit=5, page=3, format="json")
        assert (len(first.results), first.total_count, first.next is None) == (10, 12, False)
        assert (len(last.results), last.next, last.previous is None) == (2, None, False)
        sent = [dict(each.query) for each in server.requests if each.action == "activity"]
        assert sent == [{"limit": "10", "page": "1"}, {"limit": "5", "page": "3", "format": "json"}]
        with pytest.raises(RouteNotFound):
            await client.persons.activity(uuid, page=9)


async def test_a_deleted_person_is_only_in_the_activity_of_all() -> None:
    async with LocalPostHog() as server, client_of(server) as client:
        uuid = await busy(client, server, 1)
        await client.persons.delete(uuid)
        with pytest.raises(NotFound):
            await client.persons.activity(uuid)
        with pytest.raises(NotFound):
            _ = [each async for each in client.persons.iter_activity(uuid)]
        everything = [each.activity async for each in client.persons.iter_all_activity(page_size=1)]
        assert everything == ["deleted", "updated"]
        assert [each.activity for each in (await client.persons.all_activity(limit=1, page=2)).results] == ["updated"]


async def test_activity_needs_its_own_scope() -> None:
    options = ServerOptions(scopes=("person:write",))
    async with LocalPostHog(options=options) as server, client_of(server) as client:
        uuid = server.world.add_person(["a"])
        with pytest.raises(PermissionDenied, match="activity_log:read"):
            await client.persons.activity(uuid)


def page(number: int, **more: Any) -> dict[str, Any]:
    return {"results": [{"id": str(number), "activity": "updated"}], "next": None} | more


async def numbered(raw: Any, **pages: Any) -> Any:
    """Return a client of a server that sends the requested page; a number in place of a page is a status."""

    async def response(request: Any, writer: asyncio.StreamWriter) -> bool:
        said = pages[f"p{parse_qs(urlsplit(request.target).query)['page'][0]}"]
        status, body = said if isinstance(said, tuple) else (200, said)
        writer.write(raw.http(status, json.dumps(body).encode()))
        return True

    server = await raw.serve(response)
    return server, await raw.client(server.url)


async def entries(client: PostHogClient) -> list[Any]:
    return [each.id async for each in client.persons.iter_activity(7, page_size=1)]


async def test_a_page_past_the_end_ends_only_a_complete_listing(raw: Any) -> None:
    gone = (404, {"detail": "Invalid page."})
    more = "http://x/?page=2"
    _, client = await numbered(raw, p1=page(1, next=more, total_count=1), p2=gone)
    assert await entries(client) == ["1"]
    _, client = await numbered(raw, p1=page(1, next=more, total_count=1), p2=(500, {}))
    assert await entries(client) == ["1"]
    _, client = await numbered(raw, p1=page(1, next=more, total_count=2), p2=gone)
    with pytest.raises(RouteNotFound):
        await entries(client)
    _, client = await numbered(raw, p1=page(1, next=more), p2=(500, {}))
    with pytest.raises(ServerError):
        await entries(client)
    _, client = await numbered(raw, p1=gone)
    with pytest.raises(RouteNotFound):
        await entries(client)


async def test_no_url_of_the_servers_is_fetched_and_no_loop_followed(raw: Any) -> None:
    elsewhere = "http://elsewhere.invalid/api/other/?page=2&personal_api_key=x"
    server, client = await numbered(raw, p1=page(1, next=elsewhere), p2=page(2))
    assert await entries(client) == ["1", "2"]
    assert [each.target for each in server.requests] == [
        f"/api/projects/1/persons/7/activity/?limit=1&page={number}" for number in (1, 2)
    ]
    _, client = await numbered(raw, p1=page(1, next="?page=2"), p2=page(2, next="?page=1"))
    with pytest.raises(ListingError, match="a loop"):
        await entries(client)


@pytest.mark.parametrize("body", [b"", b" \n"])
async def test_a_body_that_was_never_promised_may_be_missing(raw: Any, body: bytes) -> None:
    server = await raw.serve(raw.http(body=body))
    client = await raw.client(server.url)
    assert await client.persons.activity(7) == ActivityPage()
    assert await client.persons.properties_timeline(7) == PropertiesTimeline()
    with pytest.raises(InvalidResponse):  # the end of a listing has to be told
        await entries(client)


@pytest.mark.parametrize("body", [b"{}", b'{"next": null, "detail": "session expired"}', b"<html>", b"null"])
async def test_a_body_that_is_no_history_is_not_an_empty_one(raw: Any, body: bytes) -> None:
    server = await raw.serve(raw.http(body=body))
    client = await raw.client(server.url)
    for call in (client.persons.activity(7), client.persons.properties_timeline(7), client.persons.all_activity()):
        with pytest.raises(InvalidResponse):
            await call


async def test_entries_of_every_age_are_read(raw: Any) -> None:
    told = {
        "results": [
            {
                "id": "018f0000-0000-7000-8000-000000000001",
                "user": {"first_name": "System", "email": None, "is_system": True, "later": 1},
                "activity": "split_person",
                "scope": "Person",
                "item_id": "7",
                "detail": {
                    "changes": [
                        {"type": "Person", "action": "split", "field": None, "before": {"a": 1}, "after": [1]},
                        {"type": 1, "action": [], "later": True},
                        None,
                        "odd",
                    ],
                    "later": {"x": 1},
                },
                "created_at": "2026-01-02T03:04:05Z",
                "later": [],
            },
            {"user": None, "detail": None, "item_id": 7},
            {"detail": {"changes": None}},
            {},
        ]
    }
    server = await raw.serve(raw.http(body=json.dumps(told).encode()))
    client = await raw.client(server.url)
    first, *rest = (await client.persons.all_activity()).results
    assert first.user == ActivityUser("System", None, is_system=True)
    assert first.changes == (Change("Person", "split", None, {"a": 1}, [1]), Change())
    assert first.detail == told["results"][0]["detail"]
    assert first.created_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert [each.changes for each in rest] == [()] * 3
    assert rest[2] == Activity()


TIMELINE = {
    "points": [
        {"timestamp": "2026-01-02T03:04:05Z", "properties": {"plan": "free"}, "relevant_event_count": 2},
        {"timestamp": "2026-01-03 00:00:00", "properties": {}},
    ],
    "crucial_property_keys": ["plan"],
    "effective_date_from": "2026-01-01T00:00:00+00:00",
    "effective_date_to": "2026-02-01T00:00:00+00:00",
}


async def test_a_timeline_is_requested_and_read(raw: Any) -> None:
    server = await raw.serve(raw.http(body=json.dumps(TIMELINE).encode()))
    client = await raw.client(server.url)
    found = await client.persons.properties_timeline(
        7,
        events=[{"id": "$pageview", "properties": [{"key": "plan", "value": "free"}]}],
        properties=[PropertyFilter("plan", "free"), {"key": "a", "value": 1}],
        display="ActionsLineGraph",
        date_from="-30d",
        date_to="2026-02-01",
        interval="day",
        breakdown="plan",
        breakdown_type="person",
    )
    assert found.points == [
        TimelinePoint(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), {"plan": "free"}, 2),
        TimelinePoint(datetime(2026, 1, 3)),  # noqa: DTZ001
    ]
    assert found.crucial_property_keys == ["plan"]
    assert found.effective_date_from == datetime(2026, 1, 1, tzinfo=UTC)
    query = {name: value[0] for name, value in parse_qs(urlsplit(server.requests[0].target).query).items()}
    assert json.loads(query.pop("events")) == [{"id": "$pageview", "properties": [{"key": "plan", "value": "free"}]}]
    assert json.loads(query.pop("properties")) == [
        {"key": "plan", "value": "free", "type": "person", "operator": "exact"},
        {"key": "a", "value": 1},
    ]
    assert query == {
        "display": "ActionsLineGraph",
        "date_from": "-30d",
        "date_to": "2026-02-01",
        "interval": "day",
        "breakdown": "plan",
        "breakdown_type": "person",
    }


async def test_the_oldest_timelines_have_no_dates(raw: Any) -> None:
    server = await raw.serve(raw.http(body=b'{"points": [], "crucial_property_keys": []}'))
    found = await (await raw.client(server.url)).persons.properties_timeline(7)
    assert (found.effective_date_from, found.effective_date_to) == (None, None)


async def test_a_scoped_keys_403_surfaces(raw: Any) -> None:
    said = {"type": "authentication_error", "code": "permission_denied",
            "detail": "This action does not support personal API key access", "attr": None}  # fmt: skip
    server = await raw.serve(raw.http(403, json.dumps(said).encode()))
    client = await raw.client(server.url, retry=FAST)
    with pytest.raises(PermissionDenied, match="does not support personal API key access"):
        await client.persons.properties_timeline(7)
    assert len(server.requests) == 1


async def test_a_csv_response_is_returned_unchanged(raw: Any) -> None:
    server = await raw.serve(raw.http(body="id,name\r\n7,\u00e4\r\n".encode(), Content_Type="text/csv"))
    client = await raw.client(server.url)
    for call in (
        client.persons.list(format="csv"),
        client.persons.get(7, format="csv"),
        client.persons.activity(7, format="csv"),
        client.persons.properties_timeline(7, format="csv"),
    ):
        assert await call == "id,name\r\n7,\u00e4\r\n"
    assert all(each.target.endswith("format=csv") for each in server.requests)
    assert all(each.headers["accept"].startswith("text/csv") for each in server.requests)


async def test_properties_at_a_time_come_as_the_server_tells_them(raw: Any) -> None:
    server = await raw.serve(raw.http(body=b'{"properties": {"plan": "free"}, "later": 1}'))
    client = await raw.client(server.url)
    found = await client.persons.properties_at_time("2026-01-01T00:00:00Z", distinct_id="a&b=c")
    assert found == {"properties": {"plan": "free"}, "later": 1}
    await client.persons.properties_at_time("2026-01-01", person_id=7)
    assert [each.target.partition("?")[2] for each in server.requests] == [
        "timestamp=2026-01-01T00%3A00%3A00Z&distinct_id=a%26b%3Dc",
        "timestamp=2026-01-01&person_id=7",
    ]
    server.response = (await raw.serve(raw.http(404, b'{"error": "Person not found"}'))).response
    with pytest.raises(RouteNotFound, match="Person not found"):
        await client.persons.properties_at_time("2026-01-01", person_id=7)


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"page": 0}, {"page": True}, {"limit": "10"}, {"page": -1}])
async def test_invalid_pages_are_refused(raw: Any, wrong: dict[str, Any]) -> None:
    server = await raw.serve(b"")
    client = await raw.client(server.url)
    with pytest.raises(InvalidArgument, match=next(iter(wrong))):
        await client.persons.activity(7, **wrong)
    with pytest.raises(InvalidArgument):
        await client.persons.all_activity(**wrong)
    assert not server.requests
