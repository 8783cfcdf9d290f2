"""Outages of the server in virtual time: who waits, who probes, what is sent, and how it ends (guarantee 12)."""

import asyncio
from typing import Any

import pytest
from virtual_time import run_virtual

from asyncclient import (
    ConnectFailed,
    ConnectionLost,
    Limits,
    PostHogError,
    RateLimits,
    RequestFinished,
    RetryPolicy,
    ServerError,
    ServerReachable,
    ServerUnreachable,
    TimedOut,
    Unreachable,
    UntrustedCertificate,
)
from asyncclient._protocol.http import Request, Response
from asyncclient._protocol.limits.rate_limits import Bucket
from asyncclient._protocol.responses.expectations import EmptyBody
from asyncclient._protocol.server_clock import ServerClock
from asyncclient._secret import Secret
from asyncclient._transport.availability import Availability, OutageWatch
from asyncclient._transport.path_prefix import PathPrefix
from asyncclient._transport.rate_limited import RateLimitedTransport
from asyncclient._transport.retrying import RetryingTransport

WHERE = {"method": "GET", "path": "p", "route": "GET p"}
REFUSED = ConnectFailed("no connection (Connection refused)", **WHERE, sent=False)
LOST = ConnectionLost("the connection broke", **WHERE, sent=True)
TIMED_OUT = TimedOut("no response within 60 s", **WHERE, sent=True)
PATIENT = RetryPolicy(retry_for_s=900.0)


def response(code: int, **headers: str) -> Response:
    return Response(
        status=code, path="p", headers={name.replace("_", "-"): value for name, value in headers.items()}, body=b"{}"
    )


def highest(low: float, high: float) -> float:
    return high


def request(action: str = "read", *, mutating: bool = False) -> Request[None]:
    return Request(
        action=action,
        method="POST" if mutating else "GET",
        path="persons/",
        route="GET r",
        bucket=Bucket.OTHERS,
        mutating=mutating,
        expects=EmptyBody(),
    )


class Server:
    """A wire that fails while the server is away, and keeps what was sent and when."""

    def __init__(self, away: list[tuple[float, float, Any]] | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        self.began = self.loop.time()
        self.away = away or []
        self.sent: list[tuple[str, float]] = []
        self.broken: dict[str, Any] = {}

    async def send(self, request: Request[Any], path: str, left: Any) -> Response:
        now = self.loop.time() - self.began
        self.sent.append((request.action, now))
        what = next((error for start, stop, error in self.away if start <= now < stop), None)
        what = what if what is not None else self.broken.get(request.action)
        if not isinstance(what, ConnectFailed):
            left()
        await asyncio.sleep(0.01)
        if isinstance(what, PostHogError):
            raise what
        return what or response(200)

    def times(self, action: str) -> list[float]:
        return [at for name, at in self.sent if name == action]


class Client:
    """The layers of a client around a server; views share the availability."""

    def __init__(self, server: Server, limits: RateLimits | None = None) -> None:
        self.server = server
        self.events: list[Any] = []
        self.limits = Limits(limits or RateLimits.off(), clock=server.loop.time)
        self.availability = Availability(server.loop.time)

    def view(self, policy: RetryPolicy = PATIENT) -> RetryingTransport:
        key = Secret("phx_x")
        limited = RateLimitedTransport(
            self.server, self.limits, key, policy, self.events.append, ServerClock(), self.server.loop.time
        )
        outages = OutageWatch(
            limited, self.availability, policy, lambda: (request("probe"), "p"), key, self.events.append, highest
        )
        self.outages = outages
        return RetryingTransport(limited, PathPrefix("projects", 1), policy, key, self.events.append, highest, outages)

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.mark.parametrize("away_s", [1.0, 30.0, 300.0, 890.0])
@pytest.mark.parametrize("failure", [REFUSED, LOST, TIMED_OUT, response(500), response(503), response(522)])
def test_a_read_is_sent_again_when_the_server_is_back_however_long_that_takes(
    failure: Response | PostHogError, away_s: float
) -> None:
    async def main() -> None:
        server = Server([(0.0, away_s, failure)])
        client = Client(server)
        assert (await client.view().send(request(), None)).status == 200
        first, last = server.times("read")
        assert first < 0.1
        assert away_s <= last <= away_s + 31.0
        assert [round(each.away_s) for each in client.of(ServerReachable)] == [round(last)]
        assert len(server.sent) < 60

    run_virtual(main())


def test_each_wait_is_reported_with_when_it_ends_and_when_the_waiting_ends() -> None:
    async def main() -> None:
        client = Client(Server([(0.0, 10.0, REFUSED)]))
        await client.view().send(request(), None)
        events = client.of(ServerUnreachable)
        assert [each.retry_in_s for each in events] == [0.5, 1.0, 2.0, 4.0, 8.0]
        assert {round(each.away_s + each.gives_up_in_s) for each in events} == {900}
        assert {each.reason for each in events} == {"no connection (Connection refused)"}

    run_virtual(main())


def test_when_the_time_is_over_every_waiting_request_fails_and_the_next_call_tries_anew() -> None:
    async def main() -> None:
        server = Server([(0.0, 1000.0, REFUSED)])
        client = Client(server)
        calls = [asyncio.create_task(client.view().send(request(), None)) for _ in range(5)]
        ends = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(end) for end in ends] == [Unreachable] * 5
        assert 900.0 <= server.loop.time() - server.began < 901.0
        assert str(ends[0]) == ("GET r: the server did not respond for 15 min (no connection (Connection refused))")
        assert (await client.view().send(request(), None)).status == 200  # it waits until the server is back
        assert 1000.0 <= server.loop.time() - server.began < 1040.0

    run_virtual(main())


def test_only_one_request_probes_while_all_others_wait_unsent() -> None:
    async def main() -> None:
        server = Server([(5.0, 120.0, response(503))])
        client = Client(server)
        await asyncio.sleep(5.0)
        calls = [asyncio.create_task(client.view().send(request(), None)) for _ in range(20)]
        await asyncio.sleep(30.0)
        late = [asyncio.create_task(client.view().send(request("late", mutating=True), None)) for _ in range(5)]
        await asyncio.gather(*calls, *late)
        assert all(at < 5.1 or at >= 120.0 for at in server.times("read"))
        assert all(at >= 120.0 for at in server.times("late"))
        assert len(server.times("late")) == 5
        assert len(server.times("probe")) < 15
        assert len(client.of(ServerReachable)) == 1

    run_virtual(main())


def test_a_read_that_fails_alone_is_no_outage() -> None:
    async def main() -> None:
        server = Server()
        server.broken["heavy"] = TIMED_OUT
        client = Client(server)
        with pytest.raises(TimedOut):
            await client.view(RetryPolicy(retry_for_s=900.0, attempts=2)).send(request("heavy"), None)
        assert len(server.times("heavy")) == 2
        assert len(server.times("probe")) == 2
        assert not client.of(ServerUnreachable)
        assert (await client.view().send(request(), None)).status == 200

    run_virtual(main())


def test_a_call_that_ends_in_an_outage_each_time_fails_in_the_end() -> None:
    async def main() -> None:
        server = Server()
        client = Client(server)
        crashes = 0

        async def crash(asked: Request[Any], path: str, left: Any) -> Response:
            nonlocal crashes
            if asked.action == "deadly":
                crashes += 1
                now = server.loop.time() - server.began
                server.away.append((now, now + 3.0, LOST))
            return await Server.send(server, asked, path, left)

        server.send = crash  # type: ignore[method-assign]
        with pytest.raises(ConnectionLost):
            await client.view(RetryPolicy(retry_for_s=900.0, attempts=1)).send(request("deadly"), None)
        assert crashes == 6

    run_virtual(main())


@pytest.mark.parametrize("failure", [LOST, TIMED_OUT, response(500), response(503)])
def test_a_change_that_may_have_been_made_is_not_sent_again_after_an_outage(failure: Response | PostHogError) -> None:
    async def main() -> None:
        server = Server([(0.0, 30.0, failure)])
        with pytest.raises((ServerError, ConnectionLost, TimedOut)):
            await Client(server).view().send(request(mutating=True), None)
        assert len(server.sent) == 1
        assert server.loop.time() - server.began < 1.0

    run_virtual(main())


def test_a_change_that_did_not_leave_is_sent_when_the_server_is_back() -> None:
    async def main() -> None:
        server = Server([(0.0, 30.0, REFUSED)])
        assert (await Client(server).view().send(request(mutating=True), None)).status == 200
        assert len(server.times("read")) == 2

    run_virtual(main())


def test_a_call_made_once_is_sent_once_and_waits_before_its_intent_is_recorded() -> None:
    async def main() -> None:
        server = Server([(0.0, 30.0, LOST)])
        client = Client(server)
        intents: list[float] = []

        async def before_send() -> None:
            intents.append(server.loop.time() - server.began)

        with pytest.raises(ConnectionLost):
            await client.view().send(request(mutating=True), before_send)
        assert await client.outages.in_outage()
        assert len(intents) == len(server.times("read")) == 1
        assert (await client.view().send(request(mutating=True), before_send)).status == 200
        assert len(intents) == len(server.times("read")) == 2
        assert intents[1] >= 30.0

    run_virtual(main())


def test_a_request_that_waited_for_its_permit_does_not_leave_in_an_outage() -> None:
    async def main() -> None:
        server = Server([(0.0, 90.0, LOST)])
        client = Client(server, RateLimits(others_per_minute=10))
        calls = [asyncio.create_task(client.view().send(request(), None)) for _ in range(30)]
        await asyncio.gather(*calls)
        assert len([at for at in server.times("read") if at < 90.0]) == 2
        per_minute = [sum(start <= at < start + 60.0 for _, at in server.sent) for _, start in server.sent]
        assert max(per_minute) <= 10

    run_virtual(main())


def test_cancelling_the_request_that_probes_hands_the_probing_to_another() -> None:
    async def main() -> None:
        server = Server([(0.0, 60.0, REFUSED)])
        client = Client(server)
        calls = [asyncio.create_task(client.view().send(request(), None)) for _ in range(3)]
        await asyncio.sleep(10.0)
        for call in calls[:2]:
            call.cancel()
            await asyncio.sleep(1.0)
        assert (await calls[2]).status == 200
        assert client.availability.outage is None
        assert client.availability.waiting == 0

    run_virtual(main())


def test_cancelling_the_last_request_that_waits_leaves_nothing_behind() -> None:
    async def main() -> None:
        server = Server([(0.0, 60.0, REFUSED)])
        client = Client(server)
        call = asyncio.create_task(client.view().send(request(), None))
        await asyncio.sleep(20.0)
        sent = len(server.sent)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        await asyncio.sleep(100.0)
        assert len(server.sent) == sent
        assert client.availability.outage is None
        assert not client.availability.turn.locked()
        assert len(asyncio.all_tasks()) == 1
        assert (await client.view().send(request(), None)).status == 200
        assert len(server.sent) == sent + 1

    run_virtual(main())


def test_an_outage_that_no_request_waited_for_is_forgotten_after_a_while() -> None:
    async def main() -> None:
        server = Server([(0.0, 10.0, LOST)])
        client = Client(server)
        with pytest.raises(ConnectionLost):
            await client.view().send(request(mutating=True), nothing)
        assert await client.outages.in_outage()
        await asyncio.sleep(3600.0)
        probes = len(server.times("probe"))
        assert (await client.view().send(request(), None)).status == 200
        assert len(server.times("probe")) == probes

    run_virtual(main())


def test_without_time_for_outages_the_attempts_of_the_policy_count_and_nothing_is_probed() -> None:
    async def main() -> None:
        server = Server([(0.0, 900.0, REFUSED)])
        with pytest.raises(ConnectFailed):
            await Client(server).view(RetryPolicy()).send(request(), None)
        assert (len(server.times("read")), len(server.times("probe"))) == (5, 0)

    run_virtual(main())


def test_an_untrusted_certificate_is_not_waited_out() -> None:
    async def main() -> None:
        untrusted = UntrustedCertificate("the server's certificate is not trusted", **WHERE, sent=False)
        server = Server([(0.0, 900.0, untrusted)])
        with pytest.raises(UntrustedCertificate):
            await Client(server).view().send(request(), None)
        assert server.loop.time() - server.began < 20.0

    run_virtual(main())


@pytest.mark.parametrize(("retry_after", "error"), [("120", None), ("7200", ServerError)])
def test_a_server_that_names_a_pause_is_probed_after_it_and_too_long_a_pause_ends_the_call(
    retry_after: str, error: type[Exception] | None
) -> None:
    async def main() -> None:
        server = Server([(0.0, 100.0, response(503, retry_after=retry_after))])
        client = Client(server)
        if error is None:
            assert (await client.view().send(request(), None)).status == 200
            assert not [at for _, at in server.sent if 1.0 < at < 119.0]
        else:
            with pytest.raises(error) as caught:
                await client.view().send(request(), None)
            assert caught.value.retry_after_s > 3600.0  # type: ignore[attr-defined]

    run_virtual(main())


def test_probes_count_in_the_rate_limit_and_in_the_events() -> None:
    async def main() -> None:
        server = Server([(0.0, 20.0, response(503))])
        client = Client(server)
        await client.view().send(request(), None)
        finished = client.of(RequestFinished)
        assert len(finished) == len(server.sent)
        assert len(client.limits.recent(Bucket.OTHERS)) == len(server.sent)

    run_virtual(main())


async def nothing() -> None:
    """Let a request leave."""


def test_requests_that_a_probe_held_back_all_leave_after_it() -> None:
    async def main() -> None:
        server = Server()
        server.broken["heavy"] = TIMED_OUT
        client = Client(server)
        heavy = asyncio.create_task(
            client.view(RetryPolicy(retry_for_s=900.0, attempts=1)).send(request("heavy"), None)
        )
        await asyncio.sleep(0.012)
        others = [asyncio.create_task(client.view().send(request(), None)) for _ in range(30)]
        async with asyncio.timeout(5.0):
            await asyncio.gather(*others)
        with pytest.raises(TimedOut):
            await heavy
        assert server.sent[1][0] == "probe"

    run_virtual(main())
