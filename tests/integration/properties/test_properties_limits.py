"""Changes by REST share the rate limit of reads: it holds in any minute, over stops and resumes, and a server that
enforces it responds with no 429 (guarantees 13, 14). In virtual time, against PostHog's own throttles."""

from contextlib import suppress
from typing import Any

import anyio
import pytest
from virtual_time import run_virtual

from asyncclient import Bucket, RateLimits, RequestFinished
from asyncclient.testing import Fault
from asyncclient.testing import RateLimits as ServerRates
from bulk import DeletePersons, NotFinished, UnsetProperties, UpdateProperties, run_job
from bulk.events import LimitMoved, PauseStarted

PUBLISHED = RateLimits.posthog()
MINUTE = 240
COUNTED = {"update", "delete_property", "batch_by_uuids", "list", "retrieve", "query", "deletion_status"}


def most_in_a_minute(a: Any) -> int:
    """Return the largest number of rate-limited requests that arrived within any 60 s."""
    times = sorted(request.at for request in a.server.requests if request.action in COUNTED)
    first = max_in_window = 0
    for last, at in enumerate(times):
        while times[first] <= at - 60.0:
            first += 1
        max_in_window = max(max_in_window, last - first + 1)
    return max_in_window


def refused(a: Any) -> int:
    return sum(request.status == 429 for request in a.server.requests)


@pytest.mark.slow
@pytest.mark.parametrize("latency_s", [0.0, 0.3])
def test_600_updates_keep_to_the_limit_and_meet_no_429(virtual: Any, axis: Any, latency_s: float) -> None:
    async def main() -> None:
        async with virtual(persons=600, limits=PUBLISHED, rate_limits="posthog", latency_s=latency_s) as a:
            plan = await a.plan(operation=UpdateProperties({"plan": "x"}, route="rest"))
            began = anyio.current_time()
            report = await a.run(plan)
            took = anyio.current_time() - began
            assert axis(report, "properties") == {"changed_confirmed": 600}
            assert refused(a) == 0
            assert MINUTE / 2 < most_in_a_minute(a) <= MINUTE
            assert 120.0 <= took <= 200.0
            assert (report.pauses, report.limits_lowered) == (0, 0)

    run_virtual(main())


def forget_the_end(a: Any) -> None:
    """Remove the last record of a journal, as if its run had been killed."""
    lines = a.journal.read_bytes().splitlines(keepends=True)
    assert b'"type":"run_ended"' in lines[-1]
    a.journal.write_bytes(b"".join(lines[:-1]))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("persons", "at", "killed"),
    [(300, 3, True), (300, 40, False), (300, 241, False), (300, 241, True), (600, 500, True)],
)
def test_a_resume_counts_what_was_sent_before(virtual: Any, axis: Any, persons: int, at: int, killed: bool) -> None:
    """The run is cancelled within blocks, and resumed by a process without any memory of it."""

    async def main() -> None:
        async with virtual(persons=persons, limits=PUBLISHED, rate_limits="posthog", latency_s=0.1) as a:
            plan = await a.plan(operation=UpdateProperties({"plan": "x"}, route="rest"))
            seen = 0
            with anyio.CancelScope() as scope:

                def look(event: object) -> None:
                    nonlocal seen
                    seen += isinstance(event, RequestFinished)
                    if seen == at:
                        scope.cancel()

                a.client = a.client.observed(look)
                await a.run(plan)
            assert scope.cancelled_caught
            if killed:
                forget_the_end(a)
            async with a.another_client(PUBLISHED) as fresh:
                report = await run_job(fresh, plan, a.journal, approve=plan.digest)
            counts = axis(report, "properties")
            assert counts.keys() <= {"changed_confirmed", "found_changed"}
            assert (sum(counts.values()), counts.get("found_changed", 0) <= 5 * 8) == (persons, True)
            assert refused(a) == 0
            assert most_in_a_minute(a) <= MINUTE

    run_virtual(main())


@pytest.mark.slow
def test_requests_of_a_stopped_block_are_charged_one_by_one(virtual: Any) -> None:
    async def main() -> None:
        async with virtual(persons=600, limits=PUBLISHED, rate_limits="posthog") as a:
            plan, stop = await a.plan(operation=UnsetProperties(("plan", "country"), route="rest")), anyio.Event()

            async def halt() -> None:
                await a.server.arrived(201, action="delete_property")
                stop.set()

            async with anyio.create_task_group() as group:
                group.start_soon(halt)
                await a.run(plan, stop=stop)
            made = sum(request.action in COUNTED for request in a.server.requests)
            stop = anyio.Event()
            async with a.another_client(PUBLISHED) as fresh:
                # the first response tells the server's clock, which gives the age of earlier requests
                with suppress(NotFinished):
                    await run_job(fresh.observed(lambda _: stop.set()), plan, a.journal, stop=stop)
                used = fresh.limits.budget(Bucket.OTHERS)[0].used
            assert used == made

    run_virtual(main())


@pytest.mark.slow
def test_reads_of_the_planning_count_too(virtual: Any, axis: Any) -> None:
    async def main() -> None:
        async with virtual(persons=230, limits=PUBLISHED, rate_limits="posthog", batch_reads=False) as a:
            plan = await a.plan(operation=UpdateProperties({"plan": "x"}, route="rest"))
            async with a.another_client(PUBLISHED) as fresh:
                report = await run_job(fresh, plan, a.journal, approve=plan.digest)
            assert axis(report, "properties") == {"changed_confirmed": 230}
            assert refused(a) == 0
            assert most_in_a_minute(a) <= MINUTE

    run_virtual(main())


@pytest.mark.slow
def test_a_lower_limit_is_learned_from_one_429_and_kept(virtual: Any, axis: Any) -> None:
    async def main() -> None:
        rates = ServerRates(others_per_minute=100)
        async with virtual(persons=250, limits=PUBLISHED, rate_limits=rates) as a:
            plan = await a.plan(operation=UpdateProperties({"plan": "x"}, route="rest"))
            events: list[Any] = []
            report = await a.run(plan, on_progress=events.append, concurrency=4)
            assert axis(report, "properties") == {"changed_confirmed": 250}
            assert 1 <= refused(a) <= 6
            assert report.limits_lowered == len([each for each in events if isinstance(each, LimitMoved)]) >= 1
            assert [each.bucket for each in events if isinstance(each, PauseStarted)]
            assert len(a.sent()) == 250 + sum(r.status == 429 and r.action == "update" for r in a.server.requests)

    run_virtual(main())


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("retry_after", ["3600", "Fri, 01 Jan 2100 00:00:00 GMT", "-5", "soon", None])
def test_any_retry_after_within_a_block_is_safe(virtual: Any, axis: Any, retry_after: str | None) -> None:
    async def main() -> None:
        async with virtual(persons=120, limits=PUBLISHED) as a:
            plan = await a.plan(operation=UpdateProperties({"plan": "x"}, route="rest"))
            fault = Fault("status", action="update", status=429, retry_after=retry_after, after=60, times=1)
            a.server.faults.add(fault)
            if retry_after is not None and "2100" in retry_after:
                with pytest.raises(NotFinished, match="more than an hour"):
                    await a.run(plan)
                assert len(a.sent()) <= 61 + 8
                return
            began = anyio.current_time()
            report = await a.run(plan)
            assert axis(report, "properties") == {"changed_confirmed": 120}
            assert len(a.sent()) == 121
            assert (anyio.current_time() - began >= 3600) == (retry_after == "3600")

    run_virtual(main())


@pytest.mark.slow
@pytest.mark.parametrize(("persons", "keys"), [(12, 60)])
def test_persons_whose_calls_outlast_their_read_are_still_done(
    virtual: Any, axis: Any, monkeypatch: pytest.MonkeyPatch, persons: int, keys: int
) -> None:
    """One call per key, eight workers, late changes: no call is made twice, and no target is given up."""
    monkeypatch.setattr("bulk.execution.group_executor.MAX_ATTEMPTS", 2)
    monkeypatch.setattr("bulk.execution.unset.key_list_trial.MAX_TRIALS", 0)

    async def main() -> None:
        async with virtual(persons=persons, limits=PUBLISHED, rate_limits="posthog", capture_lag_s=600.0) as a:
            names = tuple(f"key{n}" for n in range(keys))
            for uuid in a.everybody:
                a.server.world.set_properties(uuid, dict.fromkeys(names, 1))
            plan = await a.plan(operation=UnsetProperties(names, route="rest"))
            began = anyio.current_time()
            with pytest.raises(NotFinished, match="accepted the test batch of"):
                await a.run(plan, wait_s=0.0)
            assert len(a.sent()) == persons * keys
            assert len({(r.path, str(r.body)) for r in a.sent()}) == persons * keys
            assert anyio.current_time() - began < persons * keys / MINUTE * 60.0 * 1.2 + 120.0
            a.server.settle()
            report = await a.run(plan)
            assert (report.exit_code, axis(report, "properties")) == (0, {"changed_confirmed": persons})
            assert refused(a) == 0

    run_virtual(main())


@pytest.mark.slow
def test_changes_by_capture_meet_no_rate_limit(virtual: Any, axis: Any) -> None:
    async def main() -> None:
        async with virtual(persons=2000, limits=PUBLISHED, rate_limits="posthog") as a:
            plan = await a.plan(operation=UpdateProperties({"plan": "x"}))
            began = anyio.current_time()
            report = await a.run(plan, batch_size=500)
            assert axis(report, "properties") == {"changed_confirmed": 2000}
            assert len(a.sent()) == 1 + 5  # of 400 persons each: two whole reads
            assert anyio.current_time() - began < 60
            assert refused(a) == 0

    run_virtual(main())


@pytest.mark.slow
@pytest.mark.parametrize("route", ["rest", "capture", "delete"])
def test_a_job_progresses_if_persons_are_read_one_by_one_within_the_rate_limit(
    virtual: Any, axis: Any, route: str
) -> None:
    """Reading a whole group takes longer than a read may be relied on."""

    async def main() -> None:
        old = {"batch_reads": False, "deletion_status": False}
        async with virtual(persons=300, limits=PUBLISHED, rate_limits="posthog", **old) as a:
            operation = DeletePersons() if route == "delete" else UnsetProperties(("plan",), route=route)
            plan = await a.plan(operation=operation)
            with anyio.fail_after(1800):
                report = await a.run(plan)
            assert report.exit_code == 0
            assert axis(report, "person" if route == "delete" else "properties") == {
                "deleted_confirmed" if route == "delete" else "changed_confirmed": 300
            }
            assert refused(a) == 0
            assert len(a.server.requests) < 300 * 8

    run_virtual(main())
