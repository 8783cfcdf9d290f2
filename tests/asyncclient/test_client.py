"""The client's views and its calls over sockets, against the local server."""

import asyncio
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest

from asyncclient import (
    Bucket,
    InvalidArgument,
    Limits,
    NotFound,
    PostHogClient,
    PostHogError,
    RateLimits,
    RequestFinished,
    Retrying,
    ServerError,
)
from asyncclient.testing import Fault, LocalPostHog, ServerOptions
from tests.asyncclient.fast_clients import FAST, client_of


def first(server: LocalPostHog) -> UUID:
    return UUID(str(next(iter(server.world.iter_uuids()))))


async def nothing() -> None:
    return None


MUTATING = {
    "destroy": lambda persons, uuid: persons.delete(uuid),
    "delete_events": lambda persons, uuid: persons.delete_events(uuid),
    "delete_recordings": lambda persons, uuid: persons.delete_recordings(uuid),
    "bulk_delete": lambda persons, uuid: persons.bulk_delete(ids=[uuid]),
}
READING = {
    "retrieve": lambda persons, uuid: persons.get(uuid),
    "list": lambda persons, uuid: persons.list(),
    "batch_by_uuids": lambda persons, uuid: persons.batch_by_uuids([uuid]),
    "deletion_status": lambda persons, uuid: persons.deletion_status(),
}
FAULTS = ["refuse", "reset", "reset_after", "cut_body", "status", "garbage", "deep_json", "redirect"]


def fault(kind: str, action: str, **more: Any) -> Fault:
    if kind == "redirect":
        more["to"] = "http://elsewhere.invalid/"
    return Fault(kind, action=action, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("key", "rates"),
    [("phx_x", RateLimits.posthog()), ("older-key", RateLimits.posthog()), ("pha_x", RateLimits.user())],
)
def test_the_kind_of_key_decides_which_limits_a_client_starts_with(key: str, rates: RateLimits) -> None:
    client = PostHogClient(project_id=1, personal_api_key=key)
    assert client.limits.rates == rates
    own = Limits(RateLimits.off())
    assert PostHogClient(project_id=1, personal_api_key=key, limits=own).limits is own


@pytest.mark.parametrize("kind", [*FAULTS, "none"])
@pytest.mark.parametrize("action", [*MUTATING, *READING])
async def test_a_once_view_makes_exactly_one_attempt_for_any_outcome(action: str, kind: str) -> None:
    async with LocalPostHog(persons=2) as server, client_of(server) as client:
        await client.settle_prefix()
        if kind != "none":
            server.faults.add(fault(kind, action))
        told: list[int] = []

        async def before_send() -> None:
            told.append(server.request_counts.get(action, 0))

        before = server.request_counts.get(action, 0)
        try:
            await (MUTATING | READING)[action](client.once(before_send).persons, first(server))
        except PostHogError:
            assert kind != "none"
        assert server.request_counts[action] == before + 1
        assert told == [before]


@pytest.mark.parametrize("kind", ["refuse", "reset", "reset_after", "cut_body", "status"])
@pytest.mark.parametrize("action", MUTATING)
async def test_a_write_that_may_have_had_an_effect_is_never_retried(action: str, kind: str) -> None:
    async with LocalPostHog(persons=2) as server, client_of(server) as client:
        server.faults.add(fault(kind, action))
        with suppress(PostHogError):
            await MUTATING[action](client.persons, first(server))
        assert server.request_counts[action] == 1


@pytest.mark.parametrize("kind", ["refuse", "reset", "cut_body", "status"])
@pytest.mark.parametrize("action", READING)
async def test_a_read_is_repeated_until_it_succeeds(action: str, kind: str) -> None:
    events: list[Any] = []
    async with LocalPostHog(persons=2) as server, client_of(server, api_prefix="projects") as client:
        server.faults.add(fault(kind, action, times=3, **({"status": 503} if kind == "status" else {})))
        await READING[action](client.observed(events.append).persons, first(server))
        assert server.request_counts[action] == 4
        assert [e.attempt for e in events if isinstance(e, RequestFinished)] == [1, 2, 3, 4]
        assert [e.attempt for e in events if isinstance(e, Retrying)] == [1, 2, 3]


async def test_before_send_that_raises_sends_nothing_and_returns_the_permit() -> None:
    limits = Limits(RateLimits.posthog())
    async with LocalPostHog(persons=2) as server, client_of(server, limits=limits) as client:
        await client.settle_prefix()
        held = []

        async def before_send() -> None:
            held.append(limits.budget(Bucket.DELETES)[0].used)
            raise OSError("no space left")

        with pytest.raises(OSError, match="no space left"):
            await client.once(before_send).persons.delete(first(server))
        assert held == [1]
        assert limits.budget(Bucket.DELETES)[0].used == 0
        assert server.request_counts == {"retrieve": 1}  # which settled the prefix


async def test_once_settles_the_prefix_by_itself_without_telling_before_send() -> None:
    async with LocalPostHog(persons=2, options=ServerOptions(alias="gone")) as server, client_of(server) as client:
        told = []

        async def before_send() -> None:
            told.append(len(server.requests))

        await client.once(before_send).persons.get(first(server))
        assert told == [2]
        assert [each.action for each in server.requests] == ["unknown", "retrieve", "retrieve"]


@pytest.mark.parametrize("action", MUTATING)
async def test_nothing_is_changed_in_the_current_project_whichever_that_is(action: str) -> None:
    async with LocalPostHog(persons=2) as server, client_of(server, project_id="@current") as client:
        for view in (client, client.once(nothing)):
            with pytest.raises(InvalidArgument, match="@current"):
                await MUTATING[action](view.persons, first(server))
        assert server.requests == []
        assert len((await client.persons.list()).results) == 2


async def test_views_share_connection_limits_and_prefix_and_add_up() -> None:
    outer: list[Any] = []
    inner: list[Any] = []
    async with LocalPostHog(persons=2) as server, client_of(server, on_event=outer.append) as client:
        await client.settle_prefix()
        outer.clear()
        view = client.once(nothing).observed(inner.append).with_retry(FAST)
        await view.persons.get(first(server))
        assert view.limits is client.limits
        assert (view.origin, view.project_id) == (server.url, 1)
        assert outer == inner
        await client.persons.list()
        assert len(outer) == len(inner) + 1
        server.faults.add(Fault("status", status=503, action="retrieve"))
        with pytest.raises(ServerError):
            await view.persons.get(first(server))
        assert server.request_counts["retrieve"] == 3  # still once


async def test_events_report_errors_without_personal_data() -> None:
    events: list[Any] = []
    async with LocalPostHog(persons=2) as server, client_of(server, on_event=events.append) as client:
        gone = first(server)
        await client.persons.delete(gone)
        with pytest.raises(NotFound):
            await client.persons.get(gone)
        await client.projects.get(1)
        finished = [(e.action, e.bucket, e.status) for e in events if isinstance(e, RequestFinished)]
        assert finished == [
            ("retrieve", Bucket.OTHERS, 404),  # of nobody, to settle the prefix
            ("destroy", Bucket.DELETES, 202),
            ("retrieve", Bucket.OTHERS, 404),
            ("projects", Bucket.DEFAULT, 200),
        ]
        assert str(gone) not in repr(events)


async def test_flags_are_on_the_wire_exactly_as_requested() -> None:
    async with LocalPostHog(persons=20) as server, client_of(server) as client:
        people = [UUID(str(each)) for each in server.world.iter_uuids()]
        await client.persons.delete(people[0])
        await client.persons.delete(people[1], delete_events=True)
        await client.persons.delete(people[2], delete_recordings=True, keep_person=True)
        await client.persons.bulk_delete(ids=people[3:5], delete_events=True, keep_person=True)
        await client.persons.bulk_delete(distinct_ids=["a", "b"])
        queries = [each.query for each in server.requests if each.action == "destroy"]
        assert queries == [
            (),
            (("delete_events", "true"),),
            (("delete_recordings", "true"), ("keep_person", "true")),
        ]
        bodies = [each.body for each in server.requests if each.action == "bulk_delete"]
        assert bodies == [
            {
                "ids": [str(each) for each in people[3:5]],
                "delete_events": True,
                "delete_recordings": False,
                "keep_person": True,
            },
            {"distinct_ids": ["a", "b"], "delete_events": False, "delete_recordings": False, "keep_person": False},
        ]
        assert {str(each) for each in people[2:5]} <= {str(each) for each in server.world.iter_uuids()}


@pytest.mark.parametrize("era", ["empty202", "summary", "queued"])
@pytest.mark.parametrize("success", ["real", "documented"])
async def test_every_era_and_both_kinds_of_success_are_read(era: str, success: str) -> None:
    options = ServerOptions(era=era, success_status=success)  # type: ignore[arg-type]
    async with LocalPostHog(persons=5, options=options) as server, client_of(server) as client:
        people = [UUID(str(each)) for each in server.world.iter_uuids()]
        await client.persons.delete(people[0])
        await client.persons.delete_events(people[1])
        await client.persons.delete_recordings(people[1])
        summary = await client.persons.bulk_delete(ids=people[2:4], delete_events=True)
        if era == "empty202":
            assert summary.is_empty
        else:
            assert summary.persons_found == 2
            assert (summary.persons_deleted or 0) + (summary.persons_queued_for_deletion or 0) == 2
        server.settle()
        assert server.world.count() == 2


async def test_calls_of_the_batch_reads_and_rows_agree_with_the_world() -> None:
    async with LocalPostHog(persons=5) as server, client_of(server) as client:
        people = [UUID(str(each)) for each in server.world.iter_uuids()]
        by_uuid = await client.persons.batch_by_uuids(people)
        assert set(by_uuid) == set(people)
        name = by_uuid[people[0]].distinct_ids[0]
        assert (await client.persons.refs_by_distinct_ids([name]))[name].uuid == people[0]
        assert (await client.persons.batch_by_distinct_ids([name, "nobody"])).keys() == {name}
        refs = await client.persons.refs_by_uuids([str(each) for each in people])
        assert {uuid: ref.created_at for uuid, ref in refs.items()} == {u: p.created_at for u, p in by_uuid.items()}
        await client.persons.delete_events(people[0])
        rows = (await client.persons.deletion_status(person_uuid=people[0], status="pending")).results
        assert [(row.person_uuid, row.status) for row in rows] == [(people[0], "pending")]
        person = await client.persons.get(people[0])
        assert isinstance(person.id, int)
        assert (await client.persons.get(person.id)).uuid == people[0]


async def test_the_timeout_of_one_call_is_its_own(raw: Any) -> None:
    async def slow(request: Any, writer: asyncio.StreamWriter) -> bool:
        await request.client_gone()
        return False

    server = await raw.serve(slow)
    client = await raw.client(server.url, timeout_s=3600)
    with pytest.raises(PostHogError, match=r"POST persons/bulk_delete/: no response within 1 s"):
        await client.persons.bulk_delete(ids=[raw.uuid], timeout_s=1.0)
