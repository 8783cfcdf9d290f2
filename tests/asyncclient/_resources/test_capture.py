"""Captured events end to end against the local server: what arrives and what is retried."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from asyncclient import (
    Bucket,
    CaptureEvent,
    InvalidArgument,
    InvalidResponse,
    Limits,
    PostHogClient,
    PostHogError,
    QuotaLimited,
    RateLimits,
    RequestFinished,
    Retrying,
    RetryPolicy,
)
from asyncclient._protocol.endpoints import capture as endpoint
from asyncclient.testing import Fault, LocalPostHog, ServerOptions
from tests.asyncclient.fast_clients import FAST

BOUGHT = CaptureEvent("bought", "somebody")


def client_of(server: LocalPostHog, **settings: Any) -> PostHogClient:
    settings = {"limits": Limits(RateLimits.off()), "retry": FAST, "project_id": 1, "api_prefix": "projects"} | settings
    return PostHogClient(host=server.url, personal_api_key=server.personal_api_key, **settings)


def ids(server: LocalPostHog) -> list[tuple[UUID, str]]:
    found = []
    for uuid in server.world.iter_uuids():
        person = server.world.person(uuid)
        assert person is not None
        found.append((uuid, person.distinct_ids[0]))
    return found


def properties(server: LocalPostHog, uuid: UUID) -> dict[str, Any]:
    person = server.world.person(uuid)
    assert person is not None
    return dict(person.properties)


async def test_properties_of_many_are_set_and_removed_in_one_request_each() -> None:
    async with LocalPostHog(persons=20) as server, client_of(server) as client:
        known = ids(server)
        assert await client.capture.batch([CaptureEvent.set(name, {"plan": name, "x": None}) for _, name in known]) == 1
        assert all(properties(server, uuid)["plan"] == name for uuid, name in known)
        assert await client.capture.batch([CaptureEvent.unset(name, ["plan", "none"]) for _, name in known[:5]]) == 1
        assert ["plan" in properties(server, uuid) for uuid, _ in known] == [False] * 5 + [True] * 15
        assert all(properties(server, uuid)["x"] is None for uuid, _ in known)
        assert len(list(server.world.iter_uuids())) == 20
        assert [each.path for each in server.requests] == ["/api/projects/1/", "/batch/", "/batch/"]


async def test_no_events_are_no_request() -> None:
    async with LocalPostHog(persons=1) as server, client_of(server) as client:
        assert await client.capture.batch([]) == 0
        assert client.capture.split([]) == []
        assert server.requests == []


async def test_more_than_a_body_takes_goes_in_several_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint.batches, "__kwdefaults__", {"max_bytes": 1000})
    async with LocalPostHog(persons=0) as server, client_of(server) as client:
        events = [CaptureEvent.set(f"person-{n}", {"n": n}) for n in range(50)]
        parts = client.capture.split(events)
        assert [each for part in parts for each in part] == events
        assert await client.capture.batch(events) == len(parts) > 3
        sent = [each.body["batch"] for each in server.requests if each.action == "capture"]
        assert [[event["distinct_id"] for event in body] for body in sent] == [
            [event.distinct_id for event in part] for part in parts
        ]
        for part in parts:
            assert await client.capture.batch(part) == 1


async def test_a_bad_event_among_good_ones_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint.batches, "__kwdefaults__", {"max_bytes": 1000})
    async with LocalPostHog(persons=0) as server, client_of(server) as client:
        good = [CaptureEvent("x", "a", {"t": "y" * 300})] * 9
        for bad in (CaptureEvent("x", "a", {"t": "y" * 1000}), None):
            with pytest.raises(InvalidArgument, match="event number 10"):
                await client.capture.batch([*good, bad])  # type: ignore[list-item]
        assert server.requests == []


async def test_a_used_up_quota_is_an_error_and_not_repeated() -> None:
    options = ServerOptions(capture_quota_exceeded=True)
    async with LocalPostHog(persons=0, options=options) as server, client_of(server) as client:
        with pytest.raises(QuotaLimited, match=r"200 quota_limited .*\(events\) is used up: no event of this request"):
            await client.capture.batch([CaptureEvent.set("a", {"b": 1})])
        assert server.request_counts["capture"] == 1
        assert list(server.world.iter_uuids()) == []


TAKEN = [b'{"status": 1}', b'{"status": "Ok"}', b"1", b'"Ok"', b'{"quota_limited": []}']


@pytest.mark.parametrize(
    "body", [*TAKEN, b'{"status": "Ok", "quota_limited": null}', b'{"status": 1, "quota_limited": ["recordings"]}']
)
async def test_every_form_of_the_ingestion_hosts_yes_is_a_success(raw: Any, body: bytes) -> None:
    server = await raw.serve(raw.http(200, body))
    client = await raw.client(server.url, project_api_key="phc_x")
    assert await client.capture.batch([BOUGHT]) == 1


NOT_TAKEN = [
    b"",
    b"ok",
    b"[]",
    b"null",
    b"\xff",
    b"0",
    b"{}",
    b'{"status": 0}',
    b"[" * 100_000,
    b'{"quota_limited": null}',
]


@pytest.mark.parametrize(
    ("status", "body"),
    [*((200, body) for body in NOT_TAKEN), (200, b'{"detail": "session expired"}'), (202, TAKEN[0]), (204, b"")],
)
async def test_whatever_does_not_say_that_the_events_were_taken_is_no_success(
    raw: Any, status: int, body: bytes
) -> None:
    server = await raw.serve(raw.http(status, body))
    client = await raw.client(server.url, project_api_key="phc_x")
    with pytest.raises(InvalidResponse, match="ingestion host"):
        await client.capture.batch([BOUGHT])
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "named",
    [
        '["events"]',
        '["recordings", "events"]',
        '["recordings", 7]',
        '["a b<script>"]',
        '"all"',
        "true",
        '{"events": 1}',
    ],
)
async def test_any_form_of_a_quota_is_an_error_and_nothing_strange_is_shown(raw: Any, named: str) -> None:
    server = await raw.serve(raw.http(body=f'{{"status": 1, "quota_limited": {named}}}'.encode()))
    client = await raw.client(server.url, project_api_key="phc_x")
    with pytest.raises(QuotaLimited) as caught:
        await client.capture.batch([BOUGHT])
    assert "script" not in str(caught.value)


async def test_an_html_page_is_not_a_successful_capture(raw: Any) -> None:
    server = await raw.serve(raw.http(body=b"\n<!doctype html><title>PostHog</title>"))
    client = await raw.client(server.url, project_api_key="phc_x")
    with pytest.raises(InvalidResponse, match="ingestion host"):
        await client.capture.batch([BOUGHT])


@pytest.mark.parametrize(
    "body", [b"", b"plain words", b"<html>", b"\xff\xfe", b'{"detail": "somebody is bad"}', b"[7]"]
)
@pytest.mark.parametrize("status", [400, 401, 402, 404, 413, 500, 503])
async def test_any_failure_shows_its_status_and_no_personal_data(raw: Any, status: int, body: bytes) -> None:
    server = await raw.serve(raw.http(status, body))
    client = await raw.client(server.url, project_api_key="phc_x")
    with pytest.raises(PostHogError) as caught:
        await client.capture.batch([BOUGHT])
    assert getattr(caught.value, "status", None) == status
    assert "somebody" not in f"{caught.value} {vars(caught.value)}"


PASSING: list[dict[str, Any]] = [
    {"kind": "refuse"},
    {"kind": "reset"},
    {"kind": "reset_after"},
    {"kind": "cut_body"},
    *({"kind": "status", "status": status} for status in (502, 503, 504)),
    {"kind": "status", "status": 503, "body": "html", "when": "after"},
]


def fault(times: int, kind: str, **more: Any) -> Fault:
    return Fault(kind, action="capture", times=times, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("passing", PASSING, ids=str)
async def test_events_with_the_same_effect_twice_are_retried_like_a_read(passing: dict[str, Any]) -> None:
    events: list[Any] = []
    async with LocalPostHog(persons=1) as server, client_of(server, on_event=events.append) as client:
        server.faults.add(fault(3, **passing))
        [(uuid, name)] = ids(server)
        await client.capture.batch([CaptureEvent.set(name, {"plan": "x"}), CaptureEvent.unset(name, ["email"])])
        assert server.request_counts["capture"] == 4
        assert properties(server, uuid)["plan"] == "x"
        assert [e.attempt for e in events if isinstance(e, Retrying)] == [1, 2, 3]
        told = {e.bucket for e in events if isinstance(e, RequestFinished) and e.action == "capture"}
        assert told == {Bucket.CAPTURE}


@pytest.mark.parametrize("passing", PASSING, ids=str)
async def test_an_event_that_would_count_twice_is_never_retried_if_it_may_have_arrived(
    passing: dict[str, Any],
) -> None:
    async with LocalPostHog(persons=1) as server, client_of(server) as client:
        server.faults.add(fault(3, **passing))
        with pytest.raises(PostHogError):
            await client.capture.batch([CaptureEvent.set("a", {"plan": "x"}), BOUGHT])
        assert server.request_counts["capture"] == 1


@pytest.mark.parametrize("events", [[BOUGHT], [CaptureEvent.set("a", {"b": 1})]], ids=["any", "set"])
async def test_a_429_is_repeated_whatever_the_events(events: list[CaptureEvent]) -> None:
    async with LocalPostHog(persons=0) as server, client_of(server) as client:
        server.faults.add(fault(2, "status", status=429, retry_after="0"))
        assert await client.capture.batch(events) == 1
        assert server.request_counts["capture"] == 3


@pytest.mark.parametrize("status", [400, 401, 403, 413])
async def test_an_error_that_would_be_the_same_is_not_retried(status: int) -> None:
    async with LocalPostHog(persons=0) as server, client_of(server) as client:
        server.faults.add(fault(3, "status", status=status))
        with pytest.raises(PostHogError):
            await client.capture.batch([CaptureEvent.set("a", {"b": 1})])
        assert server.request_counts["capture"] == 1


@pytest.mark.parametrize("passing", [None, *PASSING], ids=str)
async def test_a_once_view_asks_before_each_request_and_sends_each_once(
    monkeypatch: pytest.MonkeyPatch, passing: dict[str, Any] | None
) -> None:
    monkeypatch.setattr(endpoint.batches, "__kwdefaults__", {"max_bytes": 1000})
    async with LocalPostHog(persons=0) as server, client_of(server) as client:
        if passing is not None:
            server.faults.add(fault(1, **passing))
        told: list[int] = []

        async def before_send() -> None:
            told.append(server.request_counts.get("capture", 0))

        events = [CaptureEvent("x", "a", {"t": "y" * 600})] * 3
        view = client.once(before_send).capture
        if passing is None:
            assert await view.batch(events) == 3
            assert told == [0, 1, 2]
        else:
            with pytest.raises(PostHogError):
                await view.batch(events)
            assert told == [0]
        assert server.request_counts["capture"] == len(told)


async def test_a_before_send_that_raises_lets_no_event_leave() -> None:
    async with LocalPostHog(persons=0) as server, client_of(server) as client:

        async def before_send() -> None:
            raise OSError("no space left")

        with pytest.raises(OSError, match="no space left"):
            await client.once(before_send).capture.batch([BOUGHT])
        assert "capture" not in server.request_counts


async def test_a_pause_that_the_server_asks_for_holds_captures_and_nothing_else() -> None:
    limits = Limits(RateLimits.posthog())
    events: list[Any] = []
    async with LocalPostHog(persons=1) as server:
        given = {"limits": limits, "retry": RetryPolicy.never(), "on_event": events.append}
        async with client_of(server, project_api_key=server.project_api_key, **given) as client:
            server.faults.add(fault(1, "status", status=429, retry_after="3000"))
            with pytest.raises(PostHogError):
                await client.capture.batch([BOUGHT])
            assert [(e.bucket, e.for_s) for e in events if type(e).__name__ == "Paused"] == [(Bucket.CAPTURE, 3000.0)]
            assert limits.eta_s(Bucket.CAPTURE, 1) > 2900
            held = asyncio.create_task(client.capture.batch([BOUGHT]))
            await client.persons.list()
            assert not held.done()
            assert server.request_counts["capture"] == 1
            held.cancel()
            await asyncio.gather(held, return_exceptions=True)
            assert limits.budget(Bucket.CAPTURE) == []
