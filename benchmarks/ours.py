"""The product as a contender: a client on the measuring server without limits, and a job on it."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benchmarks.canned import uuid_text
from benchmarks.lab import KEY, PROJECT


def client(url: str, *, connections: int = 64) -> Any:
    """A client, to be opened; limits off."""
    from asyncclient import Limits, PostHogClient, RateLimits

    return PostHogClient(
        host=url,
        project_id=PROJECT,
        personal_api_key=KEY,
        limits=Limits(RateLimits.off()),
        max_connections=connections,
    )


def uuids(count: int) -> Iterable[str]:
    """The first so many persons of the measuring server."""
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
    """Plan and run a job to its end.

    Arguments:
        workers: batches under way at once.
        planned: called between the two.

    Returns:
        Seconds for each, and what the files take.

    Raises:
        RuntimeError: not all was done.
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
