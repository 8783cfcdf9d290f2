"""The transports for rate limits and retries, around a scripted wire, in virtual time (guarantees 10, 13, 14)."""

import asyncio
from typing import Any

import pytest
from virtual_time import run_virtual

from asyncclient import (
    ApiStatusError,
    Bucket,
    ConnectFailed,
    ConnectionLost,
    LimitLowered,
    Limits,
    Paused,
    PostHogError,
    RateLimited,
    RateLimits,
    RequestFinished,
    Retrying,
    RetryPolicy,
    ServerError,
    TimedOut,
)
from asyncclient._protocol.http import Request, Response
from asyncclient._protocol.responses.expectations import EmptyBody
from asyncclient._protocol.server_clock import ServerClock
from asyncclient._secret import Secret
from asyncclient._transport.path_prefix import PathPrefix
from asyncclient._transport.rate_limited import RateLimitedTransport
from asyncclient._transport.retrying import RetryingTransport

WHERE = {"method": "GET", "path": "p", "route": "GET p"}
ALL = RetryPolicy()
LOST = [ConnectionLost("x", **WHERE, sent=True), TimedOut("x", **WHERE, sent=True)]


def highest(low: float, high: float) -> float:
    return high


def response(code: int, body: bytes = b"{}", **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status=code, path="p", headers=named, body=body)


class Script:
    """A wire with scripted responses, in virtual time."""

    def __init__(self, *responses: Response | PostHogError, latency_s: float = 0.0) -> None:
        self.responses = list(responses)
        self.at: list[float] = []
        self.latency_s = latency_s

    async def send(self, request: Request, path: str, on_sent: Any) -> Response:
        self.at.append(asyncio.get_running_loop().time())
        said = self.responses.pop(0)
        if not isinstance(said, ConnectFailed):
            on_sent()
        await asyncio.sleep(self.latency_s)
        if isinstance(said, PostHogError):
            raise said
        return said


def layered(script: Script, events: list[Any], limits: Limits, policy: RetryPolicy = ALL) -> RetryingTransport:
    loop = asyncio.get_running_loop()
    key = Secret("phx_x")
    throttled = RateLimitedTransport(script, limits, key, policy, events.append, ServerClock(), loop.time)
    return RetryingTransport(throttled, PathPrefix("projects", 1), policy, key, events.append, highest)


def request(mutating: bool = False, bucket: Bucket = Bucket.OTHERS) -> Request:
    return Request(
        action="a", method="GET", path="persons/", route="GET r", bucket=bucket, mutating=mutating, expects=EmptyBody()
    )


def test_five_attempts_with_growing_waits_then_the_error() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        script, events = Script(*[response(503)] * 5), []
        limits = Limits(RateLimits.off(), clock=loop.time)
        with pytest.raises(ServerError):
            await layered(script, events, limits).send(request(), None)
        gaps = [round(b - a, 2) for a, b in zip(script.at, script.at[1:], strict=False)]
        assert gaps == [0.5, 1.0, 2.0, 4.0]
        assert [(e.attempt, e.after_s, e.reason) for e in events if isinstance(e, Retrying)] == [
            (1, 0.5, "503"),
            (2, 1.0, "503"),
            (3, 2.0, "503"),
            (4, 4.0, "503"),
        ]
        assert [(e.attempt, e.status) for e in events if isinstance(e, RequestFinished)] == [
            (n, 503) for n in range(1, 6)
        ]

    run_virtual(main())


RETRY_AFTERS = [
    *(("40", 40.0), ("0", 1.0), ("-3", 1.0), ("0.001", 1.0), ("junk", 1.0), ("", 1.0)),
    ("Wed, 21 Oct 2015 07:28:00 GMT", 1.0),
]
"""Forms of the header, and the pause that each means at the first attempt."""


@pytest.mark.parametrize(("retry_after", "pause_s"), RETRY_AFTERS)
def test_a_429_pauses_all_requests_of_the_bucket_visibly(retry_after: str, pause_s: float) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        limits = Limits(RateLimits.posthog(), clock=loop.time)
        limits.charge(Bucket.OTHERS, [59.9] * 100)  # so that no request waits long for the lowered limit
        events: list[Any] = []
        script = Script(response(429, **{"retry-after": retry_after}), response(200), response(200))
        stack = layered(script, events, limits)
        began = loop.time()
        first = asyncio.create_task(stack.send(request(mutating=True), None))
        await asyncio.sleep(0.001)
        other = asyncio.create_task(stack.send(request(), None))
        other_bucket = Script(response(200))
        await layered(other_bucket, events, limits).send(request(bucket=Bucket.DELETES), None)
        assert other_bucket.at[0] - began < 0.1
        await asyncio.gather(first, other)
        assert all(at - began >= pause_s - 0.001 for at in script.at[1:])
        assert [(e.bucket, e.for_s) for e in events if isinstance(e, Paused)] == [(Bucket.OTHERS, pause_s)]

    run_virtual(main())


@pytest.mark.parametrize(("retry_after", "pause_s"), [case for case in RETRY_AFTERS if case[0]])
@pytest.mark.parametrize("status", [502, 503])
def test_an_unavailable_server_that_names_a_wait_pauses_all_requests_once(
    status: int, retry_after: str, pause_s: float
) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        limits = Limits(RateLimits.off(), clock=loop.time)
        events: list[Any] = []
        script = Script(*[response(status, **{"retry-after": retry_after})] * 3, *[response(200)] * 20, latency_s=0.01)
        stack = layered(script, events, limits)
        began = loop.time()
        together = [asyncio.create_task(stack.send(request(), None)) for _ in range(3)]
        await asyncio.sleep(0.02)
        later = [asyncio.create_task(stack.send(request(mutating=True), None)) for _ in range(17)]
        await asyncio.gather(*together, *later)
        assert len(script.at) == 23
        assert all(at - began >= pause_s for at in script.at[3:])
        assert [(e.bucket, e.for_s, e.reason) for e in events if isinstance(e, Paused)] == [
            (Bucket.OTHERS, pause_s, str(status))
        ]
        assert not [e for e in events if isinstance(e, LimitLowered)]

    run_virtual(main())


@pytest.mark.parametrize(("status", "error"), [(429, RateLimited), (503, ServerError), (502, ServerError)])
def test_above_the_longest_pause_nothing_is_sent_and_every_call_fails_at_once(
    status: int, error: type[ApiStatusError]
) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        events: list[Any] = []
        script = Script(response(status, **{"retry-after": "7200"}), response(200))
        stack = layered(script, events, Limits(RateLimits.off(), clock=loop.time))
        began = loop.time()
        for left_s in (7200.0, 7200.0, 5400.0):
            await asyncio.sleep(began + 7200.0 - left_s - loop.time())
            with pytest.raises(error) as caught:
                await stack.send(request(), None)
            assert caught.value.retry_after_s == pytest.approx(left_s, abs=0.1)
            assert loop.time() - began == pytest.approx(7200.0 - left_s, abs=0.1)
        assert "not sent: the server asks to wait 5400 s more" in str(caught.value)
        assert len(script.at) == 1
        assert [e.for_s for e in events if isinstance(e, Paused)] == [7200.0]
        await asyncio.sleep(1801.0)
        assert (await stack.send(request(), None)).status == 200  # an hour later it is asked again

    run_virtual(main())


def test_a_server_with_repeated_429s_is_not_flooded_and_lowers_the_limit_once() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        limits = Limits(RateLimits.posthog(), clock=loop.time)
        events: list[Any] = []
        script = Script(*[response(429, **{"retry-after": "0"})] * 4, response(200))
        await layered(script, events, limits).send(request(), None)
        gaps = [round(b - a, 1) for a, b in zip(script.at, script.at[1:], strict=False)]
        assert gaps == [1.0, 2.0, 4.0, 8.0]
        assert [(e.old, e.new) for e in events if isinstance(e, LimitLowered)] == [(240, 120)]
        await asyncio.sleep(3600.0)
        assert limits.budget(Bucket.OTHERS)[0].limit == 240

    run_virtual(main())


def test_many_429s_of_requests_that_left_together_lower_the_limit_once() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        limits = Limits(RateLimits.posthog(), clock=loop.time)
        events: list[Any] = []
        script = Script(*[response(429, **{"retry-after": "1"})] * 32, latency_s=0.2)
        stack = layered(script, events, limits, RetryPolicy.never())
        await asyncio.gather(*(stack.send(request(), None) for _ in range(32)), return_exceptions=True)
        assert len(script.at) == 32
        assert [(e.old, e.new) for e in events if isinstance(e, LimitLowered)] == [(240, 120)]

    run_virtual(main())


def test_an_unsent_request_costs_no_permit_and_emits_no_event() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        limits = Limits(RateLimits.posthog(), clock=loop.time)
        events: list[Any] = []
        script = Script(ConnectFailed("x", **WHERE, sent=False), response(200))
        await layered(script, events, limits).send(request(mutating=True), None)
        assert limits.budget(Bucket.OTHERS)[0].used == 1
        assert [type(e) for e in events] == [Retrying, RequestFinished]

    run_virtual(main())


def test_with_before_send_there_is_one_attempt_whatever_the_outcome() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        outcomes: list[Response | PostHogError] = [
            *(response(code) for code in (429, 500, 503)),
            ConnectFailed("x", **WHERE, sent=False),
            *LOST,
        ]
        for outcome in outcomes:
            server_text = []

            async def before_send(server_text: list[int] = server_text) -> None:
                server_text.append(1)

            script = Script(outcome, response(200))
            with pytest.raises(PostHogError):
                await layered(script, [], Limits(RateLimits.off(), clock=loop.time)).send(request(), before_send)
            assert (len(script.at), len(server_text)) == (1, 1)

    run_virtual(main())


def test_before_send_is_awaited_once_the_permit_is_held_and_returns_it_when_it_raises() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        limits = Limits(RateLimits.posthog(), clock=loop.time)
        script = Script(response(200))
        seen = []

        async def before_send() -> None:
            seen.append((limits.budget(Bucket.OTHERS)[0].used, len(script.at)))
            raise OSError("the disk is full")

        with pytest.raises(OSError, match="the disk is full"):
            await layered(script, [], limits).send(request(), before_send)
        assert seen == [(1, 0)]
        assert limits.budget(Bucket.OTHERS)[0].used == 0
        assert script.at == []

    run_virtual(main())


def test_a_call_cancelled_while_it_waits_for_its_turn_costs_nothing() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        limits = Limits(RateLimits.posthog(), clock=loop.time)
        limits.pause(Bucket.OTHERS, 100.0)
        script, events = Script(response(200)), []
        task = asyncio.create_task(layered(script, events, limits).send(request(), None))
        await asyncio.sleep(1.0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert (script.at, events, limits.budget(Bucket.OTHERS)[0].used) == ([], [], 0)

    run_virtual(main())


def test_a_call_cancelled_in_flight_keeps_its_permit_and_emits_an_event() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        limits = Limits(RateLimits.posthog(), clock=loop.time)
        script, events = Script(response(200), latency_s=10.0), []
        task = asyncio.create_task(layered(script, events, limits).send(request(), None))
        await asyncio.sleep(1.0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert [(type(e), e.status, round(e.elapsed_s, 2)) for e in events] == [(RequestFinished, None, 1.0)]
        assert limits.budget(Bucket.OTHERS)[0].used == 1

    run_virtual(main())
