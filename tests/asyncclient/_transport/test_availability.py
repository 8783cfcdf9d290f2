"""Outages of the server in virtual time: who waits, who probes, what is sent, and how it ends (guarantee 12)."""

import asyncio
from typing import Any

import pytest
from virtual_time import run_virtual

from asyncclient import (
    ConnectionLost,
    PostHogError,
    RateLimits,
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
from tests.asyncclient._transport.server_away import (
    LOST,
    REFUSED,
    TIMED_OUT,
    WHERE,
    Client,
    Server,
    nothing,
    request,
    response,
)


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

        async def crash(asked: Request[Any], path: str, on_sent: Any) -> Response:
            nonlocal crashes
            if asked.action == "deadly":
                crashes += 1
                now = server.loop.time() - server.began
                server.away.append((now, now + 3.0, LOST))
            return await Server.send(server, asked, path, on_sent)

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


def test_an_untrusted_certificate_is_not_waited_out() -> None:
    async def main() -> None:
        untrusted = UntrustedCertificate("the server's certificate is not trusted", **WHERE, sent=False)
        server = Server([(0.0, 900.0, untrusted)])
        with pytest.raises(UntrustedCertificate):
            await Client(server).view().send(request(), None)
        assert server.loop.time() - server.began < 20.0

    run_virtual(main())


def test_a_probe_that_is_not_sent_does_not_end_an_outage() -> None:
    async def main() -> None:
        server = Server([(0.0, 100.0, REFUSED)])
        client = Client(server)
        call = asyncio.create_task(client.view().send(request(), None))
        await asyncio.sleep(5.0)
        client.limits.pause(Bucket.OTHERS, 90_000.0, status=503)
        with pytest.raises(ServerError, match="not sent: the server asks to wait"):
            await call
        assert client.of(ServerReachable) == []
        assert [action for action, _ in server.sent].count("read") == 1

    run_virtual(main())


def test_a_first_probe_that_is_not_sent_proves_nothing() -> None:
    async def main() -> None:
        server = Server([(0.0, 100.0, REFUSED)])
        client = Client(server)
        client.view()
        client.limits.pause(Bucket.OTHERS, 90_000.0)
        assert not await client.outages.in_outage()
        assert client.availability.responded_at == float("-inf")
        assert server.sent == []

    run_virtual(main())
