"""Journal: how long a job with a long journal takes until it can resume, and how much memory it needs.

The engine's own code writes the journal of a job with one call per person: an intent and an outcome per block of
persons, and a line per batch read. The worst case has a line per person. For comparison, two readers decode those lines
and check and keep nothing.
"""

import json
import time
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.contenders.event_loops import run
from benchmarks.figures import Check, Result, row_of
from benchmarks.harness import Bench, Entry
from benchmarks.servers.canned import NEWEST_S, uuid_text

ASKS = "How long does a job with a million results in its journal take to resume, and with ten million?"
SIZES, SMOKE_SIZES = (1_000_000, 10_000_000), (5_000, 20_000)
BOUNDS = ((2.0, 100.0), (20.0, 160.0))
BLOCK = 64
SETTLED_AT_ONCE = 200
"""Persons per batch read."""
LEFT = 1_000
"""Targets that the job still has to process."""
MAX_REPEATS = 5


def measure(bench: Bench) -> Result:
    """Write the journals, and open each."""
    rows, checks = [], []
    sizes = SMOKE_SIZES if bench.smoke else SIZES
    shapes = [
        *((size, SETTLED_AT_ONCE, bounds) for size, bounds in zip(sizes, BOUNDS, strict=True)),
        (sizes[0], 1, None),
    ]
    for size, at_once, bounds in shapes:
        folder = bench.folder / f"journal-{size}-{at_once}"
        folder.mkdir()
        written = bench.run("journal", "write", {"files": str(folder), "results": size, "at_once": at_once})
        label = f"{size:,} results, posthog-bulk" + (", a line each" if at_once == 1 else "")
        entries = [Entry(label=label, name="posthog-bulk")]
        if at_once == 1:
            entries += [
                Entry(label="the same lines, msgspec decoding", name="msgspec"),
                Entry(label="the same lines, json.loads", name="json"),
            ]
        measured = bench.compare(
            "journal",
            entries,
            {"files": str(folder), "left": LEFT},
            figures=("plan_s", "replay_s", "ready_s", "peak_mb"),
            max_repeats=MAX_REPEATS,
        )
        for path in folder.iterdir():
            path.unlink()
        row = row_of(measured, label)
        row.add({name: written[name] for name in ("bytes_target", "write_s")})
        rows += measured
        if bounds is None:
            continue
        longest_s, most_mb = bounds
        ready, peak = row.median("ready_s"), row.median("peak_mb")
        checks.append(Check(what=f"{size:,} results: ready, seconds", value=ready, bound=longest_s, sense="<="))
        checks.append(Check(what=f"{size:,} results: peak memory, MB", value=peak, bound=most_mb, sense="<="))
    note = (
        "Ready is the time for everything: open the plan and check its digest, lock the journal, check and replay "
        "every line, and read the first remaining persons from the plan."
    )
    return Result(question="journal", asks=ASKS, rows=rows, checks=checks, notes=[note])


def _files(arguments: dict[str, Any]) -> tuple[Path, Path]:
    folder = Path(arguments["files"])
    return folder / "x.plan.jsonl", folder / "x.journal.jsonl"


def _write(arguments: dict[str, Any]) -> dict[str, float]:
    start = time.perf_counter()
    run(_write_both(arguments))
    _, journal = _files(arguments)
    return {"bytes_target": journal.stat().st_size / arguments["results"], "write_s": time.perf_counter() - start}


async def _write_both(arguments: dict[str, Any]) -> None:
    from datetime import UTC, datetime, timedelta
    from uuid import UUID

    from bulk import DeletePersons
    from bulk.journal.job_log import JobLog
    from bulk.journal.records import FORMAT, Approved, JobOpened, RunStarted
    from bulk.journal.replay import open_journal
    from bulk.journal.target_states import TargetStates
    from bulk.operations import to_dict
    from bulk.plan.plan_file import FORMAT as PLAN_FORMAT
    from bulk.plan.plan_file import PlanHeader
    from bulk.plan.plan_writer import PlanWriter
    from bulk.posthog.attempt_result import OK
    from bulk.states import Axis
    from bulk.targets.observations import Observation
    from bulk.version import VERSION

    results = arguments["results"]
    plan_path, journal_path = _files(arguments)
    operation, at = DeletePersons(), datetime.fromtimestamp(NEWEST_S, UTC)
    header = PlanHeader(
        format=PLAN_FORMAT, project_id=1, project_name="Measured", host="http://127.0.0.1", created_at=at.isoformat(),
        operation=to_dict(operation), selection={"summary": {}, "details": {}}, version=VERSION,
    )  # fmt: skip
    with PlanWriter.create(plan_path, header) as targets:
        for number in range(results + LEFT):
            targets.add(UUID(uuid_text(number)), at - timedelta(seconds=number))
        plan = targets.finish()
    target_states = TargetStates()
    async with open_journal(journal_path, target_states).writer() as writer:
        job = JobLog(plan, operation, target_states, writer, now=time.time)
        job.record(JobOpened(
            format=FORMAT, job="measured", host=plan.header.host, project=1, operation=plan.header.operation,
            selection={}, plan_digest=plan.digest, count=plan.count, planned_at=plan.header.created_at, at=job.now(),
        ))  # fmt: skip
        job.record(Approved(at=job.now(), digest=plan.digest, how="digest"))
        job.record(RunStarted(
            at=job.now(), purpose="run", version=VERSION, concurrency=8, batch_size=BLOCK, wait_s=900.0, rates="off",
        ))  # fmt: skip
        for first in range(0, results, BLOCK):
            numbers = range(first, min(first + BLOCK, results))
            attempt = await job.record_intent("bulk_delete", "deletes", (Axis.PERSON,), numbers, job.now())
            job.record_outcome(attempt, OK, numbers)
        for first in range(0, results, arguments["at_once"]):
            numbers = range(first, min(first + arguments["at_once"], results))
            job.observe("person_reads", dict.fromkeys(numbers, (Observation.ABSENT,)))
    plan.close()


def _ready(arguments: dict[str, Any]) -> dict[str, float]:
    from bulk import DeletePersons
    from bulk.journal.job_log import JobLog
    from bulk.journal.replay import open_journal
    from bulk.journal.target_states import TargetStates
    from bulk.plan.plan_file import load_plan
    from bulk.states import ACTIONABLE

    plan_path, journal_path = _files(arguments)
    start = time.perf_counter()
    plan = load_plan(plan_path)
    opened = time.perf_counter()
    target_states = TargetStates()
    journal = open_journal(journal_path, target_states)
    replayed = time.perf_counter()
    job = JobLog(plan, DeletePersons(), target_states, journal.writer(), now=time.time)
    numbers = list(islice(target_states.numbers(job.primary_axis, ACTIONABLE[job.primary_axis]), arguments["left"]))
    job.targets(numbers)
    ready = time.perf_counter()
    if len(numbers) != arguments["left"] or numbers[-1] != plan.count - 1:
        raise RuntimeError(f"{len(numbers)} targets are left where {arguments['left']} should be")
    return {"plan_s": opened - start, "replay_s": replayed - opened, "ready_s": ready - start}


def _msgspec(arguments: dict[str, Any]) -> dict[str, float]:
    import msgspec

    from bulk.journal.records import Record

    start = time.perf_counter()
    decode = msgspec.json.Decoder(Record).decode
    with _files(arguments)[1].open("rb") as lines:
        for line in lines:
            decode(line)
    return {"replay_s": time.perf_counter() - start}


def _json(arguments: dict[str, Any]) -> dict[str, float]:
    start = time.perf_counter()
    with _files(arguments)[1].open("rb") as lines:
        for line in lines:
            json.loads(line)
    return {"replay_s": time.perf_counter() - start}


CONTENDERS = {"write": _write, "posthog-bulk": _ready, "msgspec": _msgspec, "json": _json}
