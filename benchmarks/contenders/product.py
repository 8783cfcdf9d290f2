"""The product as a contender: a client of the measuring server without rate limits, and a job on it."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benchmarks.servers.canned import uuid_text
from benchmarks.servers.server_control import KEY, PROJECT


def client(url: str, *, connections: int = 64) -> Any:
    """Return a client that is not opened yet, without rate limits."""
    from asyncclient import Limits, PostHogClient, RateLimits

    return PostHogClient(
        host=url,
        project_id=PROJECT,
        personal_api_key=KEY,
        limits=Limits(RateLimits.off()),
        max_connections=connections,
    )


def uuids(count: int) -> Iterable[str]:
    """Return the UUIDs of the first persons of the measuring server."""
    return map(uuid_text, range(count))


async def job(
    url: str,
    operation: Any,
    selection: Any,
    folder: Path,
    *,
    workers: int,
    batch_size: int = 250,
    planned: Callable[[], None] = lambda: None,
) -> dict[str, float]:
    """Plan a job and run it to its end.

    Arguments:
        workers: batches processed in parallel.
        planned: called after planning.

    Returns:
        Seconds for planning and running, and the size of the journal.

    Raises:
        RuntimeError: a target was not done.
    """
    from bulk import make_plan, run_job

    journal = folder / "job.journal.jsonl"
    async with client(url, connections=workers) as opened:
        start = time.perf_counter()
        plan = await make_plan(opened, operation, selection, folder / "job.plan.jsonl", concurrency=min(workers, 8))
        planned()
        middle = time.perf_counter()
        report = await run_job(
            opened, plan, journal, approve=plan.digest, concurrency=workers, batch_size=batch_size, wait_s=60.0
        )
        end = time.perf_counter()
        plan.close()
    if report.exit_code:
        raise RuntimeError(f"the job ended with {report.exit_code}: {report.verdict}")
    return {"plan_s": middle - start, "run_s": end - middle, "journal_mb": journal.stat().st_size / 1e6}
