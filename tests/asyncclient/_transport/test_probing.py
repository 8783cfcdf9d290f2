"""Probes during an outage: who sends them, when, and what waits meanwhile (guarantee 12)."""

import asyncio

import pytest
from virtual_time import run_virtual

from asyncclient import ConnectFailed, RequestFinished, RetryPolicy, ServerError, ServerReachable, TimedOut
from asyncclient._protocol.limits.rate_limits import Bucket
from tests.asyncclient._transport.server_away import REFUSED, TIMED_OUT, Client, Server, request, response


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


def test_without_time_for_outages_the_attempts_of_the_policy_count_and_nothing_is_probed() -> None:
    async def main() -> None:
        server = Server([(0.0, 900.0, REFUSED)])
        with pytest.raises(ConnectFailed):
            await Client(server).view(RetryPolicy()).send(request(), None)
        assert (len(server.times("read")), len(server.times("probe"))) == (5, 0)

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
