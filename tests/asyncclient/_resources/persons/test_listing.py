"""Listings over sockets: rows that shift, short pages, and iterators that are left early (guarantee 15)."""

import asyncio
import gc
import json
from collections import Counter
from contextlib import aclosing
from typing import Any
from uuid import UUID

import msgspec
import pytest

from asyncclient import (
    InvalidArgument,
    InvalidResponse,
    Person,
    PersonRef,
    PropertyFilter,
)
from asyncclient.testing import Fault, LocalPostHog, ServerOptions
from tests.asyncclient.fast_clients import client_of


def people(server: LocalPostHog) -> set[UUID]:
    return {UUID(str(each)) for each in server.world.iter_uuids()}


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize("page_size", [1, 7, 100, 1000])
async def test_all_iterators_agree(page_size: int) -> None:
    async with LocalPostHog(persons=230 if page_size > 1 else 20) as server, client_of(server) as client:
        persons = [each async for each in client.persons.iter(page_size=page_size)]
        refs = [each async for each in client.persons.iter_refs(page_size=page_size)]
        raws = [msgspec.json.decode(each, type=Person) async for each in client.persons.iter_raw(page_size=page_size)]
        paged = [row async for page in client.persons.iter_pages(page_size=page_size) for row in page.results]
        assert persons == raws == paged
        assert refs == [PersonRef(each.uuid, each.created_at, each.distinct_ids) for each in persons]
        assert {each.uuid for each in persons} == people(server)
        assert len(persons) == server.world.count()


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("at", ["front", "random"])
@pytest.mark.parametrize("page_size", [10, 50])
async def test_created_and_deleted_persons_hide_and_repeat_no_other_person(at: Any, page_size: int) -> None:
    async with LocalPostHog(persons=400) as server, client_of(server) as client:
        staying = sorted(people(server))[::2]
        server.churn(adds_per_request=1.5, removes_per_request=1.5, at=at, protect=staying, seed=3)
        seen = Counter([each.uuid async for each in client.persons.iter_refs(page_size=page_size)])
        assert set(seen.values()) == {1}
        assert set(staying) <= set(seen)


@pytest.mark.slow
@pytest.mark.parametrize(("block", "offset"), [(200, 0), (150, 20)])
async def test_a_block_of_rows_removed_during_a_listing_hides_no_later_person(block: int, offset: int) -> None:
    async with LocalPostHog(persons=600) as server, client_of(server) as client:
        before = people(server)
        server.remove_block(block, at_request=6, offset=offset)
        seen = Counter([each.uuid async for each in client.persons.iter(page_size=50)])
        assert set(seen.values()) == {1}
        assert people(server) <= set(seen) <= before
        assert server.request_counts["list"] < 40


@pytest.mark.parametrize("every", [2, 3, 10])
async def test_rows_that_the_store_lost_only_shorten_pages(every: int) -> None:
    options = ServerOptions(unhydratable_every=every)
    async with LocalPostHog(persons=300, options=options) as server, client_of(server) as client:
        seen = Counter([each.uuid async for each in client.persons.iter(page_size=20)])
        page = await client.persons.list(limit=20)
        assert page.next is not None
        assert len(page.results) < 20
        assert set(seen.values()) == {1}
        assert set(seen) == people(server)


async def test_filters_are_sent_with_every_page_and_applied() -> None:
    async with LocalPostHog(persons=300) as server, client_of(server) as client:
        plan = PropertyFilter("plan", ["pro", "enterprise"])
        chosen = [each async for each in client.persons.iter(properties=[plan], page_size=10)]
        assert {each.properties["plan"] for each in chosen} == {"pro", "enterprise"}
        asked = [dict(each.query) for each in server.requests if each.action == "list"]
        assert len(asked) > 3
        assert {each["properties"] for each in asked} == {
            json.dumps(
                [{"key": "plan", "value": ["pro", "enterprise"], "type": "person", "operator": "exact"}],
                separators=(",", ":"),
            )
        }
        one = chosen[0]
        by_id = [each async for each in client.persons.iter_refs(distinct_id=one.distinct_ids[0])]
        assert [each.uuid for each in by_id] == [one.uuid]
        by_search = [each.uuid async for each in client.persons.iter_refs(search=one.distinct_ids[0])]
        assert one.uuid in by_search


async def test_raw_objects_are_the_servers_bytes_unchanged(raw: Any) -> None:
    objects = [
        (
            b'{ "uuid":"018f0000-0000-7000-8000-000000000002" ,\n "created_at" : "2026-01-02T00:00:00Z",'
            b' "properties":{"a":1.0,"b":1e5,"c":"\\u00fc\xc3\xbc","a":2}, "later": [ null ] }'
        ),
        b'{"created_at":"2026-01-01T00:00:00+00:00","uuid":"018f000000007000800000000000000a","z":12345678901234567890123}',
    ]
    server = await raw.serve(raw.http(body=b'{"next": null, "results": [ ' + b" , ".join(objects) + b" ]}"))
    client = await raw.client(server.url)
    assert [bytes(each) async for each in client.persons.iter_raw()] == objects


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["iter", "iter_pages", "iter_refs", "iter_raw"])
async def test_leaving_early_leaks_nothing(kind: str) -> None:
    async with LocalPostHog(persons=50) as server, client_of(server) as client:
        async for _ in getattr(client.persons, kind)(page_size=10):
            break
        gc.collect()
        await asyncio.sleep(0)
        async with aclosing(getattr(client.persons, kind)(page_size=10)) as rows:
            async for _ in rows:
                break
        assert server.request_counts["list"] == 2


@pytest.mark.parametrize("kind", ["iter", "iter_pages", "iter_refs", "iter_raw"])
async def test_cancelling_a_listing_under_way_leaks_nothing(raw: Any, kind: str) -> None:
    async with LocalPostHog(persons=50) as server, client_of(server) as client:
        await client.settle_prefix()
        server.faults.add(Fault("stall", action="list", after=2))
        got = 0

        async def read() -> None:
            nonlocal got
            async for _ in getattr(client.persons, kind)(page_size=10):
                got += 1

        task = asyncio.create_task(read())
        await raw.until(lambda: server.request_counts.get("list") == 3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert got > 0
        tasks = [each for each in asyncio.all_tasks() if "persons" in repr(each.get_coro())]
        assert tasks == []


@pytest.mark.parametrize("size", [0, -1, 10_001, True, 1.5, "10"])
@pytest.mark.parametrize("kind", ["iter", "iter_pages", "iter_refs", "iter_raw"])
async def test_an_invalid_page_size_is_refused_before_anything_is_sent(raw: Any, kind: str, size: Any) -> None:
    server = await raw.serve(raw.http())
    client = await raw.client(server.url)
    with pytest.raises(InvalidArgument, match="limit"):
        _ = [each async for each in getattr(client.persons, kind)(page_size=size)]
    assert server.requests == []


@pytest.mark.parametrize(
    "row",
    [
        b"{}",
        b"null",
        b'{"uuid": "018f0000-0000-7000-8000-000000000002"}',
        b'{"uuid": "018f0000-0000-7000-8000-000000000002", "created_at": "2026-01-02T00:00:00"}',
        b'{"uuid": "someone", "created_at": "2026-01-02T00:00:00Z"}',
        b'{"uuid": "018f0000-0000-7000-8000-000000000002", "created_at": "0000-01-02T00:00:00Z"}',
    ],
)
async def test_a_row_that_is_no_person_is_an_error_and_never_skipped(raw: Any, row: bytes) -> None:
    server = await raw.serve(raw.http(body=b'{"next": null, "results": [' + row + b"]}"))
    client = await raw.client(server.url)
    for kind in ("iter", "iter_refs", "iter_raw", "iter_pages"):
        with pytest.raises(InvalidResponse):
            _ = [each async for each in getattr(client.persons, kind)()]


@pytest.mark.parametrize("more", [{"name": None}, {"name": "\u00e4"}, {"last_seen_at": None, "is_identified": None}])
async def test_a_person_without_a_name_does_not_end_a_listing(raw: Any, more: dict[str, Any]) -> None:
    uuids = [f"018f0000-0000-7000-8000-{n:012}" for n in (3, 2, 1)]
    people = [raw.person(uuids[0]), raw.person(uuids[1], **more), raw.person(uuids[2])]
    server = await raw.serve(raw.http(body=json.dumps({"results": people, "next": None}).encode()))
    client = await raw.client(server.url)
    found = [person async for person in client.persons.iter()]
    assert [str(person.uuid) for person in found] == uuids
    assert found[1].name == more.get("name", "x")
    assert len([ref async for ref in client.persons.iter_refs()]) == 3
