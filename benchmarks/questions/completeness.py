"""Completeness: the persons that each contender misses, sends twice, or wrongly reports as done when things go wrong.

The task is to erase the persons that a filter selects, with their events. The server plays one scenario at a time,
the same for every contender, and its state at the end decides. A contender that ends with an error, or is killed, is
started again with the same command.
"""

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from benchmarks.contenders.deletion_scripts import SCRIPTS
from benchmarks.figures import Check, Result, Row
from benchmarks.harness import ROOT, Bench, process
from benchmarks.servers.local_posthog import PLAN, Scenario

ASKS = "How many persons does an erasure by filter miss, repeat, or wrongly report as done?"
NOTE = (
    "Missed: the person still exists at the end, or was deleted without its events being queued, which cannot be "
    "repaired. Repeated: sent again although the same call had taken effect. Wrongly done: missed, but recorded as "
    "done. Failed: the last start ended with an error. The listing lags behind the store by half a second, and by two "
    "seconds where contenders are killed."
)
PERSONS, SMOKE_PERSONS = 1_000, 200
STARTS = 4
"""Maximum of starts of one command."""
OURS = "posthog-bulk"
BATCH_SIZE = 50
MAX_REPEATS = 3

KILLED = "killed half-way"
SCENARIOS = {
    "none": Scenario(),
    "short pages": Scenario(options={"unhydratable_every": 7}),
    "others remove persons while it lists": Scenario(removed_per_page=20, options={"list_lag_s": 0}),
    "429s": Scenario(
        faults=[
            {"kind": "status", "status": 429, "retry_after": "1", "action": action, "every": 3, "times": 3}
            for action in ("list", "destroy", "bulk_delete")
        ]
    ),
    "500 although the person is gone": Scenario(faults=[{"kind": "orphan_events", "every": 3, "times": 6}]),
    "202 that names persons it did not delete": Scenario(
        faults=[{"kind": "deletion_errors", "count": 2, "every": 2, "times": 5}]
    ),
    KILLED: Scenario(options={"list_lag_s": 2.0}),
}
SMOKE_SCENARIOS = ("500 although the person is gone", KILLED)
SMOKE_SCRIPTS = ("requests + tenacity, bulk_delete",)


def measure(bench: Bench) -> Result:
    """Run every contender in every scenario."""
    persons = bench.size(PERSONS, SMOKE_PERSONS)
    scenarios = SMOKE_SCENARIOS if bench.smoke else tuple(SCENARIOS)
    rows = []
    for name in scenarios:
        for contender in (OURS, *(SMOKE_SCRIPTS if bench.smoke else SCRIPTS)):
            row = Row(contender=f"{name}: {contender}")
            rows.append(row)
            for _ in range(min(bench.repeats, MAX_REPEATS)):
                with tempfile.TemporaryDirectory(dir=bench.folder) as folder:
                    row.add(_play(contender, SCENARIOS[name], Path(folder), persons=persons, kill=name == KILLED))
    mine = [row for row in rows if row.contender.endswith(f": {OURS}")]
    return Result(
        question="completeness",
        asks=ASKS,
        rows=rows,
        checks=[
            Check(what=f"{OURS}, all scenarios: {figure.replace('_', ' ')}",
                  value=sum(max(row.figures[figure]) for row in mine), bound=0, sense="<=")
            for figure in ("missed", "repeated", "wrongly_done", "failed")
        ],
        notes=[NOTE],
    )  # fmt: skip


def _play(contender: str, scenario: Scenario, folder: Path, *, persons: int, kill: bool) -> dict[str, float]:
    arguments = msgspec.json.encode({"persons": persons, "scenario": scenario}).decode()
    with process("benchmarks.servers.local_posthog", arguments) as (server, first):
        url, key = msgspec.json.decode(first)
        assert server.stdin is not None
        assert server.stdout is not None
        words = msgspec.json.encode({"url": url, "key": key, "contender": contender, "folder": str(folder)}).decode()
        start, ended = 0, -1
        while ended and start < STARTS:
            start += 1
            running = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.contenders.contender", "completeness", "any", words],
                cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            if kill and start == 1:
                command = {"kill": running.pid, **_half_way(contender, persons)}
                server.stdin.write(msgspec.json.encode(command).decode() + "\n")
                server.stdin.flush()
            ended = running.wait(600)
            if kill and start == 1 and ended != -9:
                raise RuntimeError(f"{contender} ended with {ended} before it could be killed")
        server.stdin.write("{}\n")
        server.stdin.flush()
        truth = msgspec.json.decode(server.stdout.readline())
    done = set((folder / "done.txt").read_text().split())
    missed = {*truth["here"], *truth["events_left"]}
    return {
        "selected": len(truth["selected"]),
        "missed": len(missed),
        "repeated": truth["repeated"],
        "wrongly_done": len(missed & done),
        "starts": start,
        "failed": float(ended != 0),
    }


def _half_way(contender: str, persons: int) -> dict[str, Any]:
    """Return the call of this contender at which half of the selected persons, 30 % of all, are done."""
    half = persons * 3 // 10
    if contender == OURS:
        return {"action": "bulk_delete", "after": max(2, half // BATCH_SIZE * 2)}  # each batch in two stages
    if contender == "requests + tenacity, bulk_delete":
        return {"action": "bulk_delete", "after": max(1, half // BATCH_SIZE)}
    return {"action": "destroy", "after": half}


def _run(arguments: dict[str, Any]) -> dict[str, float]:
    folder = Path(arguments["folder"])
    done = folder / "done.txt"
    if arguments["contender"] == OURS:
        code, uuids = asyncio.run(_erase(arguments["url"], arguments["key"], folder))
        done.write_text("".join(f"{uuid}\n" for uuid in uuids))
        if code > 1:  # 1 is a finished job with failed persons, which the report names
            raise SystemExit(code)
    else:
        SCRIPTS[arguments["contender"]](arguments["url"], arguments["key"], done)
    return {}


async def _erase(url: str, key: str, folder: Path) -> tuple[int, list[UUID]]:
    """Run the job and return its exit code, and the persons that are done in its journal."""
    from asyncclient import Limits, PostHogClient, PropertyFilter, RateLimits
    from bulk import ByFilter, DeletePersons, load_plan, make_plan, run_job
    from bulk.journal.replay import replay_journal
    from bulk.states import Axis, Events, Person

    plan_path, journal = folder / "job.plan.jsonl", folder / "job.journal.jsonl"
    limits = Limits(RateLimits.off())
    async with PostHogClient(host=url, project_id=1, personal_api_key=key, limits=limits) as client:
        if plan_path.exists():
            plan = load_plan(plan_path)
        else:
            selection = ByFilter(properties=(PropertyFilter("plan", PLAN),))
            plan = await make_plan(client, DeletePersons(delete_events=True), selection, plan_path, page_size=100)
        report = await run_job(
            client, plan, journal, approve=plan.digest, concurrency=4, batch_size=BATCH_SIZE, wait_s=60.0
        )
    target_states, _ = replay_journal(journal)
    gone = target_states.numbers(Axis.PERSON, (Person.DELETED_CONFIRMED, Person.FOUND_DELETED))
    queued = {*target_states.numbers(Axis.EVENTS, (Events.QUEUED, Events.PURGED))}
    numbers = [number for number in gone if number in queued]
    uuids = [plan.targets(number, number + 1)[0].uuid for number in numbers]
    plan.close()
    return report.exit_code, uuids


CONTENDERS = {"any": _run}
