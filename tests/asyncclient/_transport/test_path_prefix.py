"""The path prefix, with everything that a server may do with the documented one (contract 1, guarantee 26)."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest

from asyncclient import (
    InvalidArgument,
    InvalidResponse,
    Limits,
    PostHogClient,
    PrefixMoved,
    RateLimits,
    RequestFinished,
    RetryPolicy,
    RouteNotFound,
    UnexpectedRedirect,
)
from asyncclient.testing import LocalPostHog, ServerOptions

MOVES = {"rewrite": True, "plain": False, "redirect": True, "gone": True}


@asynccontextmanager
async def started(
    alias: str, *, heavy_calls: Any = "bulk_delete", **settings: Any
) -> AsyncIterator[tuple[LocalPostHog, PostHogClient]]:
    options = ServerOptions(alias=alias, heavy_calls=heavy_calls)  # type: ignore[arg-type]
    async with LocalPostHog(persons=3, options=options) as server, client_of(server, **settings) as client:
        yield server, client


def client_of(server: LocalPostHog, **settings: Any) -> PostHogClient:
    settings = {"limits": Limits(RateLimits.off()), "retry": RetryPolicy.never()} | settings
    return PostHogClient(host=server.url, project_id=1, personal_api_key=server.personal_api_key, **settings)


def sent(server: LocalPostHog) -> list[tuple[str, str]]:
    return [(each.action, each.path.split("/")[2]) for each in server.requests]


@pytest.mark.parametrize("alias", MOVES)
async def test_a_read_moves_the_prefix_when_announced_and_is_resent_only_if_it_failed(alias: str) -> None:
    events: list[Any] = []
    async with started(alias, on_event=events.append) as (server, client):
        person = next(iter(server.world.iter_uuids()))
        assert (await client.persons.get(person)).uuid == UUID(str(person))
        assert len((await client.persons.list()).results) == 3
        prefixes = [prefix for _, prefix in sent(server)]
        assert (
            prefixes
            == {
                "rewrite": ["environments", "projects"],
                "plain": ["environments", "environments"],
                "redirect": ["environments", "projects", "projects"],
                "gone": ["environments", "projects", "projects"],
            }[alias]
        )
        moved = [each for each in events if isinstance(each, PrefixMoved)]
        assert moved == ([PrefixMoved(old="environments", new="projects")] if MOVES[alias] else [])
        assert len([each for each in events if isinstance(each, RequestFinished)]) == len(prefixes)


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("alias", MOVES)
async def test_a_write_first_waits_for_a_read_that_settles_the_prefix(alias: str) -> None:
    async with started(alias) as (server, client):
        person = next(iter(server.world.iter_uuids()))
        await client.persons.delete(person)
        writes = [each for each in server.requests if each.method == "DELETE"]
        assert [each.path.split("/")[2] for each in writes] == ["projects" if MOVES[alias] else "environments"]
        assert server.requests[-1].method == "DELETE"
        assert all(each.method == "GET" for each in server.requests[:-1])
        assert server.world.count() == 2


async def test_two_first_writes_at_once_settle_once() -> None:
    async with started("redirect") as (server, client):
        people = [*server.world.iter_uuids()]
        await asyncio.gather(*(client.persons.delete(each) for each in people))
        assert sent(server)[:2] == [("retrieve", "environments"), ("retrieve", "projects")]
        assert [each.method for each in server.requests] == ["GET", "GET", *["DELETE"] * 3]


@pytest.mark.parametrize("alias", MOVES)
async def test_a_batch_read_first_needs_no_read_before_it(alias: str) -> None:
    async with started(alias) as (server, client):
        people = [*server.world.iter_uuids()]
        assert len(await client.persons.batch_by_uuids(people)) == 3
        assert len(await client.persons.batch_by_uuids(people)) == 3
        assert {each.method for each in server.requests} == {"POST"}
        assert len(server.requests) == (3 if alias in ("redirect", "gone") else 2)


async def test_many_first_reads_at_once_all_succeed_on_a_prefix_that_is_gone() -> None:
    async with started("gone") as (server, client):
        people = [*server.world.iter_uuids()]
        found = await asyncio.gather(*(client.persons.get(each) for each in people * 5))
        assert len(found) == 15
        assert 0 < len([each for each in server.requests if "/environments/" in each.path]) <= 15


@pytest.mark.parametrize("prefix", ["environments", "projects"])
async def test_a_fixed_prefix_is_kept_whatever_the_server_announces(prefix: str) -> None:
    async with started("rewrite", api_prefix=prefix) as (server, client):
        person = next(iter(server.world.iter_uuids()))
        await client.persons.list()
        await client.persons.delete(person)
        assert sent(server) == [("list", prefix), ("destroy", prefix)]


async def test_a_fixed_prefix_that_redirects_is_an_error_and_not_left() -> None:
    async with started("redirect", api_prefix="environments") as (server, client):
        with pytest.raises(UnexpectedRedirect):
            await client.persons.list()
        with pytest.raises(UnexpectedRedirect):
            await client.persons.delete(next(iter(server.world.iter_uuids())))
        assert len(server.requests) == 2


def test_an_unknown_prefix_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="auto, environments, projects"):
        PostHogClient(host="us", project_id=1, personal_api_key="phx_x", api_prefix="teams")


async def test_settling_the_prefix_takes_one_request_once() -> None:
    async with started("rewrite") as (server, client):
        await client.settle_prefix()
        await client.settle_prefix()
        await client.once(nothing).settle_prefix()
        assert len(server.requests) == 1


@pytest.mark.parametrize("alias", MOVES)
async def test_the_newest_person_timing_out_in_every_call_keeps_no_prefix_from_being_settled(alias: str) -> None:
    async with started(alias, heavy_calls="every") as (server, client):
        async with client_of(server) as first:
            newest, other = [each.uuid for each in (await first.persons.list(limit=2)).results]
        server.world.set_heavy(newest)
        assert (await client.once(nothing).persons.get(other)).uuid == other
        await client.persons.delete(other)
        assert server.world.count() == 2


async def nothing() -> None:
    return None


async def test_the_second_request_of_a_moved_read_has_its_own_permit_and_event() -> None:
    events: list[Any] = []
    limits = Limits(RateLimits.posthog())
    async with started("gone", limits=limits, on_event=events.append) as (_, client):
        await client.persons.list()
        assert [each.used for each in limits.budget(client_bucket())] == [2]
        finished = [(each.action, each.status) for each in events if isinstance(each, RequestFinished)]
        assert finished == [("list", 404), ("list", 200)]


def client_bucket() -> Any:
    from asyncclient import Bucket

    return Bucket.OTHERS


PAGE = json.dumps({"results": [], "next": None}).encode()
NOBODY = b'{"detail": "Not found."}'


async def test_a_redirect_to_anywhere_but_the_successor_moves_nothing(raw: Any) -> None:
    server = await raw.serve(raw.http(302, b"", Location="/login?next=/api/projects/1/"))
    client = await raw.client(server.url, api_prefix="auto")
    with pytest.raises(UnexpectedRedirect):
        await client.persons.list()
    with pytest.raises(UnexpectedRedirect):
        await client.persons.delete(raw.uuid)
    assert {each.method for each in server.requests} == {"GET"}
    assert {each.path for each in server.requests} == {
        "/api/environments/1/persons/",
        f"/api/environments/1/persons/{UUID(int=0)}/",
    }


async def test_a_redirect_of_a_read_to_another_hosts_projects_is_sent_again_to_ours_alone(raw: Any) -> None:
    elsewhere = await raw.serve(raw.http(body=PAGE))

    async def moved(request: Any, writer: asyncio.StreamWriter) -> bool:
        here = "/projects/" in request.path
        writer.write(
            raw.http(body=PAGE) if here else raw.http(308, b"", Location=f"{elsewhere.url}/api/projects/1/persons/")
        )
        return True

    server = await raw.serve(moved)
    client = await raw.client(server.url, api_prefix="auto")
    await client.persons.list(limit=7)
    assert elsewhere.requests == []
    assert [each.target for each in server.requests] == [
        "/api/environments/1/persons/?limit=7&offset=0",
        "/api/projects/1/persons/?limit=7&offset=0",
    ]


@pytest.mark.parametrize("response", [b"<html>Welcome</html>", b"[]", b""])
async def test_a_success_that_is_not_the_apis_settles_nothing(raw: Any, response: bytes) -> None:
    server = await raw.serve(raw.http(body=response))
    client = await raw.client(server.url, api_prefix="auto")
    for _ in range(2):
        with pytest.raises(InvalidResponse):
            await client.persons.delete(raw.uuid)
    assert {each.method for each in server.requests} == {"GET"}


async def test_when_neither_prefix_exists_no_write_leaves(raw: Any) -> None:
    server = await raw.serve(raw.http(404, b'{"detail": "Endpoint not found."}'))
    client = await raw.client(server.url, api_prefix="auto")
    for _ in range(2):
        with pytest.raises(RouteNotFound):
            await client.persons.delete(raw.uuid)
    assert {each.method for each in server.requests} == {"GET"}


async def test_an_error_on_the_announced_prefix_is_not_sent_again(raw: Any) -> None:
    refused = raw.http(403, b'{"detail": "no"}', Deprecation="true", Link='</api/projects/1/>; rel="successor-version"')
    server = await raw.serve(refused)
    client = await raw.client(server.url, api_prefix="auto")
    with pytest.raises(Exception, match="403"):
        await client.persons.list()
    assert len(server.requests) == 1


async def test_a_once_view_makes_one_attempt_even_when_the_server_moves_meanwhile(raw: Any) -> None:
    async def moving(request: Any, writer: asyncio.StreamWriter) -> bool:
        settled = len(server.requests) == 1
        writer.write(raw.http(404, NOBODY) if settled else raw.http(404, b'{"detail": "Endpoint not found."}'))
        return True

    server = await raw.serve(moving)
    client = await raw.client(server.url, api_prefix="auto")
    with pytest.raises(RouteNotFound):
        await client.once(nothing).persons.get(raw.uuid)
    assert [each.path.split("/")[2] for each in server.requests] == ["environments", "environments"]


async def test_a_server_that_moves_during_a_job_is_followed_by_the_next_read(raw: Any) -> None:
    state = {"moved": False}

    async def response(request: Any, writer: asyncio.StreamWriter) -> bool:
        if state["moved"] and "/environments/" in request.path:
            writer.write(raw.http(404, b'{"detail": "Endpoint not found."}'))
        else:
            writer.write(raw.http(202, b"") if request.method == "DELETE" else raw.http(404, NOBODY))
        return True

    server = await raw.serve(response)
    client = await raw.client(server.url, api_prefix="auto")
    await client.persons.delete(raw.uuid)
    state["moved"] = True
    with pytest.raises(RouteNotFound):
        await client.persons.delete(raw.uuid)  # a write is never sent again
    await client.persons.delete(raw.uuid)
    assert [(each.method, each.path.split("/")[2]) for each in server.requests] == [
        ("GET", "environments"),
        ("DELETE", "environments"),
        ("DELETE", "environments"),
        ("GET", "environments"),
        ("GET", "projects"),
        ("DELETE", "projects"),
    ]


@pytest.mark.parametrize("settled", [False, True])
async def test_a_redirect_of_a_batch_read_moves_it_too(settled: bool) -> None:
    async with started("plain" if settled else "redirect") as (server, client):
        if settled:
            await client.persons.list()
            server.reconfigure(alias="redirect")
        first = next(server.world.iter_uuids())
        assert list(await client.persons.refs_by_uuids([first])) == [first]
        assert client._core.shared.prefix.name == "projects"
        await client.persons.delete(first)
        assert server.requests[-1].path.startswith("/api/projects/")
