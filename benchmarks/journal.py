"""A long journal: how long a job takes to be ready to go on with, and in how much memory.

The journal is written by the engine's own code, in the shape in which a job that makes a call a person leaves it: an
intent and an answer for every block of persons, and a line for what each reading of the store settled. The same with a
line for each person is what a journal could come to at worst; readers of those lines that check and keep nothing stand
beside it.
"""

import json
import time
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.canned import NEWEST_S, uuid_text
from benchmarks.figures import Check, Result, row_of
from benchmarks.harness import Bench, Entry
from benchmarks.loops import run

ASKS = "How long until a job with a million results in its journal goes on, and with ten million?"
SIZES, SMOKE_SIZES = (1_000_000, 10_000_000), (5_000, 20_000)
BOUNDS = ((2.0, 100.0), (20.0, 160.0))
BLOCK = 64
SETTLED_AT_ONCE = 200
"""Persons that one reading of the store settles."""
LEFT = 1_000
"""Targets that are still to be done."""
MOST_REPEATS = 5


def measure(bench: Bench) -> Result:
    """Write the journals and open each."""
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
        measured = bench.contest(
            "journal",
            entries,
            {"files": str(folder), "left": LEFT},
            figures=("plan_s", "replay_s", "ready_s", "peak_mb"),
            most_repeats=MOST_REPEATS,
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
        "Ready is all of it: the plan opened and its digest checked, the journal locked, every line's checksum and "
        "number checked and the line taken in, and the first persons that are left read from the plan."
    )
    return Result(question="journal", asks=ASKS, rows=rows, checks=checks, notes=[note])


def _files(said: dict[str, Any]) -> tuple[Path, Path]:
    folder = Path(said["files"])
    return folder / "x.plan.jsonl", folder / "x.journal.jsonl"


def _write(said: dict[str, Any]) -> dict[str, float]:
    start = time.perf_counter()
    run(_write_both(said))
    _, journal = _files(said)
    return {"bytes_target": journal.stat().st_size / said["results"], "write_s": time.perf_counter() - start}


async def _write_both(said: dict[str, Any]) -> None:
    from datetime import UTC, datetime, timedelta
    from uuid import UUID

    from bulk import DeletePersons
    from bulk.journal.job_log import JobLog
    from bulk.journal.records import FORMAT, Approved, JobOpened, RunStarted
    from bulk.journal.replay import open_journal
    from bulk.journal.target_states import TargetStates
    from bulk.operations import to_dict
    from bulk.plan.plan_file import FORMAT as PLAN_FORMAT
    from bulk.plan.plan_file import PlanHeader, PlanWriter
    from bulk.posthog.attempt_result import OK
    from bulk.states import Axis
    from bulk.targets.observations import Observation
    from bulk.version import VERSION

    results = said["results"]
    plan_path, journal_path = _files(said)
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
            job.record_answer(attempt, OK, numbers)
        for first in range(0, results, said["at_once"]):
            numbers = range(first, min(first + said["at_once"], results))
            job.observe("store", dict.fromkeys(numbers, (Observation.ABSENT,)))
    plan.close()


def _ready(said: dict[str, Any]) -> dict[str, float]:
    from bulk import DeletePersons
    from bulk.journal.job_log import JobLog
    from bulk.journal.replay import open_journal
    from bulk.journal.target_states import TargetStates
    from bulk.plan.plan_file import load_plan
    from bulk.states import UNSENT

    plan_path, journal_path = _files(said)
    start = time.perf_counter()
    plan = load_plan(plan_path)
    opened = time.perf_counter()
    target_states = TargetStates()
    journal = open_journal(journal_path, target_states)
    replayed = time.perf_counter()
    job = JobLog(plan, DeletePersons(), target_states, journal.writer(), now=time.time)
    numbers = list(islice(target_states.numbers(job.lead, UNSENT[job.lead]), said["left"]))
    job.targets(numbers)
    ready = time.perf_counter()
    if len(numbers) != said["left"] or numbers[-1] != plan.count - 1:
        raise RuntimeError(f"{len(numbers)} targets are left where {said['left']} should be")
    return {"plan_s": opened - start, "replay_s": replayed - opened, "ready_s": ready - start}


def _msgspec(said: dict[str, Any]) -> dict[str, float]:
    import msgspec

    from bulk.journal.records import Record

    start = time.perf_counter()
    decode = msgspec.json.Decoder(Record).decode
    with _files(said)[1].open("rb") as lines:
        for line in lines:
            decode(line)
    return {"replay_s": time.perf_counter() - start}


def _json(said: dict[str, Any]) -> dict[str, float]:
    start = time.perf_counter()
    with _files(said)[1].open("rb") as lines:
        for line in lines:
            json.loads(line)
    return {"replay_s": time.perf_counter() - start}


CONTENDERS = {"write": _write, "posthog-bulk": _ready, "msgspec": _msgspec, "json": _json}
