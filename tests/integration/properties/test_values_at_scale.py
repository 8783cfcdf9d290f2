"""Many rows of values at PostHog's limits, with runs that are killed and events that are lost: each person has exactly
its row (guarantees 7, 13, 35). In virtual time; VALUES_ROWS sets the number of rows, as for the figures in README.md.
"""

import os
import sys
from typing import Any

import anyio
import pytest
from virtual_time import run_virtual

from asyncclient import RateLimits, RequestFinished
from asyncclient.testing import Fault
from bulk import UpdateProperties, make_plan, open_rows, run_job

PUBLISHED = RateLimits.posthog()
ROWS = int(os.environ.get("VALUES_ROWS", "2000"))


def write_rows(a: Any) -> Any:
    """Write a CSV file with a row for each person, and open it."""
    file = a.folder / "values.csv"
    with file.open("w") as out:
        out.write("person,plan,seats,note\n")
        for number, uuid in enumerate(a.everybody):
            out.write(f"{uuid},plan {number},{number},\n")
    return open_rows(file, id_column="uuid:person", types={"seats": "number"})


def forget_the_end(a: Any) -> None:
    """Remove the last record of a journal, as if its run had been killed."""
    lines = a.journal.read_bytes().splitlines(keepends=True)
    a.journal.write_bytes(b"".join(lines[:-1]))


async def run_killed(a: Any, plan: Any, client: Any, *, at: int) -> None:
    """Run until a number of requests were answered, and end as a killed process does."""
    seen = 0
    with anyio.CancelScope() as scope:

        def look(event: object) -> None:
            nonlocal seen
            seen += isinstance(event, RequestFinished)
            if seen == at:
                scope.cancel()

        await run_job(client.observed(look), plan, a.journal, approve=plan.digest)
    assert scope.cancelled_caught
    forget_the_end(a)


@pytest.mark.slow
@pytest.mark.parametrize("route", ["capture", "rest"])
def test_each_person_has_exactly_its_row_after_two_kills_and_lost_events(virtual: Any, axis: Any, route: str) -> None:
    rows = ROWS if route == "capture" or "VALUES_ROWS" in os.environ else ROWS // 4

    async def main() -> None:
        async with virtual(persons=rows, limits=PUBLISHED, rate_limits="posthog", latency_s=0.1) as a:
            before, values, began = a.properties(), write_rows(a), anyio.current_time()
            operation = UpdateProperties.per_person(values, route=route)
            plan = await make_plan(a.client, operation, values, a.folder / "job.plan.jsonl")
            planned = len(a.server.requests)
            if route == "capture":
                a.server.faults.add(Fault("swallow", action="capture", share=0.01, seed=5))
            for part in (4, 3):
                async with a.another_client(PUBLISHED) as client:
                    await run_killed(
                        a, plan, client, at=max(4, rows // 200 // part if route == "capture" else rows // part)
                    )
            async with a.another_client(PUBLISHED) as client:
                report = await run_job(client, plan, a.journal, approve=plan.digest, wait_s=7200.0)
            took_s = anyio.current_time() - began
            calls = [request for request in a.server.requests[planned:] if request.action in ("capture", "update")]
            reads = len(a.server.requests) - len(calls)
            figures = f"{took_s / 60:.0f} min, {len(calls):,} calls that change, {reads:,} reads"
            sys.stdout.write(f"\n{rows:,} rows by {route}: {figures}\n")
            counts = axis(report, "properties")
            assert (report.exit_code, sum(counts.values())) == (0, rows)
            assert counts.keys() <= {"changed_confirmed", "found_changed"}
            own = {uuid: {"plan": f"plan {n}", "seats": n} for n, uuid in enumerate(a.everybody)}
            now = a.properties()
            assert {u: {**before[u], **own[u]} for u in before} == now
            assert sum(request.status == 429 for request in a.server.requests) == 0
            if route == "capture":  # lost events were sent again
                assert sum(len(request.body["batch"]) for request in calls) > rows

    run_virtual(main())
