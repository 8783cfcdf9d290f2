"""A machine with a wrong clock: the server's clock counts, and no earlier request is forgotten (guarantees 13, 20)."""

import time
from typing import Any

import pytest
from virtual_time import run_virtual

from asyncclient import Bucket, Limits, PostHogClient, RateLimits, RequestFinished
from asyncclient.testing import Fault
from bulk import DeletePersons, NotFinished, load_plan, run_job

OFFSETS_S = [7200.0, -7200.0, 30 * 86400.0]
LATER_S = 10.0
"""Between two processes: long enough that no request of one can be taken for one of the other, and within a minute."""


class ServerTime:
    """The server's clock, which can be moved forward."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_s


class RequestCount:
    """Counts the reads and changes of a client, from its events."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self, event: Any) -> None:
        self.made += isinstance(event, RequestFinished) and event.bucket is Bucket.OTHERS


class Counted:
    """A client of another process on a machine with a wrong clock, and the number of its reads and changes."""

    def __init__(self, a: Any, off_s: float) -> None:
        self.requests = RequestCount()
        self.client = PostHogClient(
            host=a.server.url,
            project_id=a.server.project_id,
            personal_api_key=a.server.personal_api_key,
            limits=Limits(RateLimits.posthog()),
            uniform=lambda low, high: low,
            wall=lambda: time.time() + off_s,
            on_event=self.requests,
        )

    @property
    def charged(self) -> int:
        return len(self.client.limits.recent(Bucket.OTHERS))


@pytest.mark.parametrize("off_s", OFFSETS_S)
async def test_a_wrong_clock_forgets_no_request_of_the_planning(arena: Any, off_s: float) -> None:
    clock = ServerTime()
    async with arena(persons=30, limits=RateLimits.posthog(), clock=clock) as a:
        plan = await a.plan()
        planned = len(a.client.limits.recent(Bucket.OTHERS))
        clock.ahead_s = LATER_S
        counted = Counted(a, off_s)
        async with counted.client as client:
            await run_job(client, plan, a.journal, approve=plan.digest)
        assert planned > 0
        assert counted.charged == planned + counted.requests.made


@pytest.mark.parametrize("off_s", OFFSETS_S)
async def test_a_wrong_clock_forgets_no_request_of_an_earlier_run(arena: Any, off_s: float) -> None:
    clock = ServerTime()
    async with arena(persons=30, limits=RateLimits.posthog(), clock=clock) as a:
        earlier = RequestCount()
        a.client = a.client.observed(earlier)
        plan = await a.plan()
        await a.run(plan)
        clock.ahead_s = LATER_S
        counted = Counted(a, off_s)
        async with counted.client as client:
            await run_job(client, plan, a.journal)
        assert earlier.made > 0
        assert counted.charged >= earlier.made + counted.requests.made


async def test_requests_of_the_same_time_as_those_of_another_process_count_in_addition(arena: Any) -> None:
    async with arena(persons=30, limits=RateLimits.posthog()) as a:
        plan = await a.plan()
        planned = len(a.client.limits.recent(Bucket.OTHERS))
        counted = Counted(a, 0.0)
        async with counted.client as client:
            for _ in range(planned):
                await client.persons.get(a.everybody[0])  # at the same time, by the same key, in another process
            with load_plan(plan.path) as loaded:
                await run_job(client, loaded, a.journal, approve=plan.digest)
        assert planned > 0
        assert counted.charged == planned + counted.requests.made


def test_the_client_of_the_planning_counts_it_once(virtual: Any) -> None:
    async def main() -> None:
        async with virtual(persons=30, limits=RateLimits.posthog()) as a:
            requests = RequestCount()
            a.client = a.client.observed(requests)
            plan = await a.plan()
            await a.run(plan)
            await a.run(plan)
            assert len(a.client.limits.recent(Bucket.OTHERS)) == requests.made

    run_virtual(main())  # in real time, a slow machine may see the server's clock a quarter of a second off


@pytest.mark.parametrize("off_s", OFFSETS_S)
async def test_records_have_the_servers_time(arena: Any, off_s: float) -> None:
    async with arena(persons=30, clock=lambda: time.time() + off_s) as a:
        plan = await a.plan()
        await a.run(plan)
        for record in a.records():
            assert abs(record.at - time.time() - off_s) < 600.0


async def test_a_change_accepted_while_the_servers_clock_was_ahead_is_sent_again_once_it_is_overdue(arena: Any) -> None:
    clock = ServerTime()
    async with arena(persons=3, clock=clock) as a:
        plan = await a.plan(operation=DeletePersons())
        a.server.faults.add(Fault("swallow", action="bulk_delete", times=1))
        clock.ahead_s = 30 * 86400.0
        async with Counted(a, 0.0).client as a.client:
            with pytest.raises(NotFinished):
                await a.run(plan, wait_s=0)
        exit_codes = []
        for clock.ahead_s in (10.0, 100.0):
            async with Counted(a, 0.0).client as a.client:
                exit_codes.append((await a.run(plan, wait_s=0)).exit_code)
        assert (exit_codes, a.left()) == ([75, 0], [])
