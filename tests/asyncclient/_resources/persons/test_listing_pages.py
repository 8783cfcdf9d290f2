"""Listings whose pages take too long, or have rows that cannot be read (guarantee 15)."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from changed_responses import limit_rows, rewrite

from asyncclient import (
    InvalidResponse,
    PostHogClient,
    RetryPolicy,
    ServerError,
    UnreadableRow,
)
from asyncclient.testing import Fault, LocalPostHog
from tests.asyncclient.fast_clients import client_of

Break = Callable[[dict[str, Any]], None]

BROKEN: dict[str, Break] = {
    "created_at is null": lambda row: row.update(created_at=None),
    "distinct_ids is null": lambda row: row.update(distinct_ids=None),
    "NaN": lambda row: row["properties"].update(score=float("nan")),
    "a lone surrogate": lambda row: row["properties"].update(city="\ud83d"),
    "no time zone": lambda row: row.update(created_at="2026-01-01T00:00:00"),
    "no object": lambda row: row.clear(),
    "no UUID": lambda row: row.update(uuid="x"),
}


def break_rows(server: LocalPostHog, uuids: set[UUID], change: Break) -> None:
    """Let the rows of these persons be unreadable in listings."""

    def broken(action: str, body: dict[str, Any]) -> dict[str, Any] | None:
        if action != "list":
            return None
        for row in body["results"]:
            if UUID(row["uuid"]) in uuids:
                change(row)
        return body

    rewrite(server, broken)


def uuid_of(row: Any) -> UUID:
    return UUID(json.loads(row)["uuid"]) if isinstance(row, bytes | memoryview) else row.uuid


async def found(client: PostHogClient, kind: str, **options: Any) -> list[UUID]:
    if kind == "iter_pages":
        return [row.uuid async for page in client.persons.iter_pages(**options) for row in page.results]
    return [
        uuid_of(bytes(row) if kind == "iter_raw" else row) async for row in getattr(client.persons, kind)(**options)
    ]


@pytest.mark.parametrize("kind", ["iter", "iter_pages", "iter_refs", "iter_raw"])
async def test_a_page_that_takes_too_long_is_requested_again_in_smaller_pages(kind: str) -> None:
    async with LocalPostHog(persons=700) as server, client_of(server) as client:
        heavy = sorted(server.world.iter_uuids())[:2]
        requested = limit_rows(server, 50, heavy=heavy)
        seen = await found(client, kind, page_size=400)
        assert sorted(seen) == sorted(server.world.iter_uuids())
        assert requested[0] == 400
        assert min(requested) <= 50


async def test_the_client_does_not_retry_a_page_that_a_smaller_one_replaces() -> None:
    async with LocalPostHog(persons=30) as server, client_of(server) as client:
        requested = limit_rows(server, 7)
        assert len([ref async for ref in client.persons.iter_refs(page_size=1000)]) == 30
        assert requested[:5] == [1000, 250, 62, 15, 4]


async def test_the_smallest_page_is_retried_as_any_read_and_its_error_is_raised() -> None:
    async with LocalPostHog(persons=30) as server, client_of(server) as client:
        requested = limit_rows(server, 0)
        with pytest.raises(ServerError):
            await found(client, "iter_refs", page_size=100)
        assert requested == [100, 25, 6, 4, 4, 4, 4, 4]


async def test_a_client_that_makes_each_request_once_requests_no_smaller_page() -> None:
    async with LocalPostHog(persons=30) as server, client_of(server, retry=RetryPolicy.never()) as client:
        requested = limit_rows(server, 0)
        with pytest.raises(ServerError):
            await found(client, "iter_refs", page_size=100)
        assert requested == [100]


async def test_other_errors_are_retried_with_the_same_page() -> None:
    async with LocalPostHog(persons=30) as server, client_of(server) as client:
        server.faults.add(Fault("status", action="list", status=503, times=2))
        server.faults.add(Fault("status", action="list", status=504, retry_after="0", times=1))
        assert len(await found(client, "iter_refs", page_size=100)) == 30
        assert {dict(each.query)["limit"] for each in server.requests if each.action == "list"} == {"100"}


async def test_a_page_larger_than_the_client_accepts_is_requested_again_in_smaller_pages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("asyncclient._transport.body.LARGEST_BODY", 9_000)
    async with LocalPostHog(persons=60) as server, client_of(server) as client:
        assert len(await found(client, "iter", page_size=60)) == 60


@pytest.mark.quick_cases(3)
@pytest.mark.parametrize("page_size", [3, 1000])
@pytest.mark.parametrize("kind", ["iter", "iter_pages", "iter_refs", "iter_raw"])
@pytest.mark.parametrize("why", BROKEN)
async def test_an_unreadable_row_is_told_once_and_the_listing_continues(kind: str, why: str, page_size: int) -> None:
    async with LocalPostHog(persons=25) as server, client_of(server) as client:
        persons = await found(client, "iter_refs")
        unreadable = set(persons[9:11])
        break_rows(server, unreadable, BROKEN[why])
        told: list[UnreadableRow] = []
        seen = await found(client, kind, page_size=page_size, on_unreadable=told.append)
        assert sorted(seen) == sorted(set(persons) - unreadable)
        if why == "no object":  # two rows with the same bytes are one
            assert [row.uuid for row in told] == [None]
        elif why == "no UUID":
            assert [row.uuid for row in told] == [None, None]
        else:
            assert {row.uuid for row in told} == unreadable
            assert len(told) == 2
        assert [row.place for row in told] == [10, 11][: len(told)]


@pytest.mark.parametrize("kind", ["iter", "iter_pages", "iter_refs", "iter_raw"])
async def test_without_a_listener_an_unreadable_row_is_an_error(kind: str) -> None:
    async with LocalPostHog(persons=25) as server, client_of(server) as client:
        break_rows(server, set(list(server.world.iter_uuids())[9:10]), BROKEN["NaN"])
        with pytest.raises(InvalidResponse):
            await found(client, kind)


async def test_readable_rows_beside_an_unreadable_one_stay_as_the_server_sent_them(raw: Any) -> None:
    row = b'{ "uuid":"018f0000-0000-7000-8000-000000000002" ,\n "created_at" : "2026-01-02T00:00:00Z", "n":1.10}'
    bad = b'{"uuid": "018f0000-0000-7000-8000-000000000003", "created_at": NaN}'
    server = await raw.serve(raw.http(body=b'{"results":[' + bad + b" , " + row + b'] , "next" : null}'))
    client = await raw.client(server.url)
    told: list[UnreadableRow] = []
    assert [bytes(each) async for each in client.persons.iter_raw(on_unreadable=told.append)] == [row]
    assert [(each.place, bytes(each.raw)) for each in told] == [(1, bad)]
    assert repr(told[0]) == "<UnreadableRow 1>"


@pytest.mark.parametrize(
    "body",
    [
        b"[NaN]",
        b'{"results": NaN}',
        b'{"results": [NaN], "next": 7}',
        b'{"results": [NaN]',
        b'{"results": [NaN]} x',
        b'{"next": null}',
        b'{"results": [NaN],',
        b"\xff",
        b'{"results": ' + b"[" * 100_000,
    ],
)
async def test_what_is_no_page_is_an_error_despite_a_listener(raw: Any, body: bytes) -> None:
    server = await raw.serve(raw.http(body=body))
    client = await raw.client(server.url)
    with pytest.raises(InvalidResponse):
        await found(client, "iter_refs", on_unreadable=lambda _: None)


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("page_size", [150, 10_000])
async def test_a_page_of_a_query_that_takes_too_long_is_requested_again_with_fewer_rows(page_size: int) -> None:
    async with LocalPostHog(persons=900) as server, client_of(server) as client:
        requested = limit_rows(server, 160)
        text = "SELECT toString(id) FROM persons WHERE toString(id) > {after} ORDER BY toString(id)"
        seen = [each async for page in client.query.iter_column(text, page_size=page_size) for each in page]
        assert seen == sorted(map(str, server.world.iter_uuids()))
        having = [each async for page in client.query.iter_person_uuids_having(["plan"]) for each in page]
        assert list(map(str, having)) == seen
        assert max(requested) == 10_000
        assert sum(limit > 160 for limit in requested) < len(requested) / 2


async def test_a_query_that_always_takes_too_long_ends_with_its_error() -> None:
    async with LocalPostHog(persons=9) as server, client_of(server) as client:
        requested = limit_rows(server, 0)
        with pytest.raises(ServerError):
            await anext(aiter(client.query.iter_person_uuids_having(["plan"])))
        assert requested == [10_000, 2500, 625, 156, *[100] * 5]
