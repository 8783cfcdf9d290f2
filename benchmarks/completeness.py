"""What is lost: whom each way misses, sends for twice, or calls done although they are not, when things go wrong.

Persons that a filter selects are to be erased with their events. The server plays one trouble at a time, the same for
everybody; the truth is what it holds at the end. Who ends with an error, or is killed, is started again, as it is.
"""

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from benchmarks.deleters import DELETERS
from benchmarks.figures import Check, Result, Row
from benchmarks.harness import ROOT, Bench, process
from benchmarks.posthog import PLAN, Trouble

ASKS = "Erasing whom a filter selects, with their events: who is missed, repeated, or wrongly called done?"
NOTE = (
    "Missed: the person is still there at the end, or is gone and its events were never queued, which nobody "
    "can make up for. Repeated: sent once more although the same call had taken effect. Wrongly done: missed "
    "and yet noted as done. Failed: the last start ended with an error. The listing trails the store by half a second, "
    "by two seconds for those who are killed."
)
PERSONS, SMOKE_PERSONS = 1_000, 200
STARTS = 4
"""So often a command is started in all before it is given up."""
OURS = "posthog-bulk"
BATCH_SIZE = 50
MOST_REPEATS = 3

KILLED = "killed half-way"
TROUBLES = {
    "none": Trouble(),
    "short pages": Trouble(options={"unhydratable_every": 7}),
    "others remove persons while it lists": Trouble(removes=20, options={"list_lag_s": 0}),
    "429s": Trouble(
        faults=[
            {"kind": "status", "status": 429, "retry_after": "1", "action": action, "every": 3, "times": 3}
            for action in ("list", "destroy", "bulk_delete")
        ]
    ),
    "500 although the person is gone": Trouble(faults=[{"kind": "orphan_events", "every": 3, "times": 6}]),
    "202 that names persons it did not delete": Trouble(
        faults=[{"kind": "deletion_errors", "count": 2, "every": 2, "times": 5}]
    ),
    KILLED: Trouble(options={"list_lag_s": 2.0}),
}
SMOKE_TROUBLES = ("500 although the person is gone", KILLED)
SMOKE_RIVALS = ("requests + tenacity, bulk_delete",)


def measure(bench: Bench) -> Result:
    """Play every trouble to everybody."""
    persons = bench.size(PERSONS, SMOKE_PERSONS)
    troubles = SMOKE_TROUBLES if bench.smoke else tuple(TROUBLES)
    rows = []
    for name in troubles:
        for contender in (OURS, *(SMOKE_RIVALS if bench.smoke else DELETERS)):
            row = Row(contender=f"{name}: {contender}")
            rows.append(row)
            for _ in range(min(bench.repeats, MOST_REPEATS)):
                with tempfile.TemporaryDirectory(dir=bench.folder) as folder:
                    row.add(_play(contender, TROUBLES[name], Path(folder), persons=persons, kill=name == KILLED))
    mine = [row for row in rows if row.contender.endswith(f": {OURS}")]
    return Result(
        question="completeness",
        asks=ASKS,
        rows=rows,
        checks=[
            Check(what=f"{OURS}, all troubles: {figure.replace('_', ' ')}",
                  value=sum(max(row.figures[figure]) for row in mine), bound=0, sense="<=")
            for figure in ("missed", "repeated", "wrongly_done", "failed")
        ],
        notes=[NOTE],
    )  # fmt: skip


def _play(contender: str, trouble: Trouble, folder: Path, *, persons: int, kill: bool) -> dict[str, float]:
    said = msgspec.json.encode({"persons": persons, "trouble": trouble}).decode()
    with process("benchmarks.posthog", said) as (server, first):
        url, key = msgspec.json.decode(first)
        assert server.stdin is not None
        assert server.stdout is not None
        words = msgspec.json.encode({"url": url, "key": key, "contender": contender, "folder": str(folder)}).decode()
        start, ended = 0, -1
        while ended and start < STARTS:
            start += 1
            running = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.contender", "completeness", "any", words],
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
        "asked": len(truth["asked"]),
        "missed": len(missed),
        "repeated": truth["repeated"],
        "wrongly_done": len(missed & done),
        "starts": start,
        "failed": float(ended != 0),
    }


def _half_way(contender: str, persons: int) -> dict[str, Any]:
    """Half of the persons that the filter selects, some 60 % of all, in calls of this contender's."""
    half = persons * 3 // 10
    if contender == OURS:
        return {"action": "bulk_delete", "after": max(2, half // BATCH_SIZE * 2)}  # each batch in two stages
    if contender == "requests + tenacity, bulk_delete":
        return {"action": "bulk_delete", "after": max(1, half // BATCH_SIZE)}
    return {"action": "destroy", "after": half}


def _run(said: dict[str, Any]) -> dict[str, float]:
    folder = Path(said["folder"])
    done = folder / "done.txt"
    if said["contender"] == OURS:
        code, uuids = asyncio.run(_erase(said["url"], said["key"], folder))
        done.write_text("".join(f"{uuid}\n" for uuid in uuids))
        if code > 1:  # 1 is an end too: somebody was found to be not as asked, and is named
            raise SystemExit(code)
    else:
        DELETERS[said["contender"]](said["url"], said["key"], done)
    return {}


async def _erase(url: str, key: str, folder: Path) -> tuple[int, list[UUID]]:
    """Run the job; returns its exit code, and whom its journal calls done."""
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
    gone = target_states.numbers(Axis.PERSON, (Person.GONE, Person.GONE_SETTLED))
    queued = {*target_states.numbers(Axis.EVENTS, (Events.QUEUED, Events.PURGED))}
    numbers = [number for number in gone if number in queued]
    uuids = [plan.targets(number, number + 1)[0].uuid for number in numbers]
    plan.close()
    return report.exit_code, uuids


CONTENDERS = {"any": _run}
