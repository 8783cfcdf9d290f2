"""The demo's story, step by step, told as it happens."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import click

from asyncclient import Limits, PostHogClient, PropertyFilter, RateLimits
from asyncclient.testing import LocalPostHog, ServerOptions
from bulk.cli.demo.killed_run import run_and_kill
from bulk.cli.demo.proof import everyone, prove
from bulk.cli.display.live_display import Display
from bulk.cli.display.messages import counts
from bulk.cli.options.connection_options import HOST, KEY, PROJECT_ID
from bulk.engine import run_job, verify_job
from bulk.files.private_files import write_private
from bulk.journal.replay import replay_journal
from bulk.number_ranges import expand
from bulk.operations import DeletePersons
from bulk.plan.plan_file import Plan, short_digest
from bulk.plan.planner import make_plan
from bulk.report.load import read_report
from bulk.report.rendering import render_json, render_markdown
from bulk.sanitize import plain
from bulk.selection.selections import ByFilter
from bulk.states import Axis

if TYPE_CHECKING:
    from bulk.report.report import Report

LATENCY_S = 0.08
BATCHES = 80
CONCURRENCY = 3
OPTIONS = ServerOptions(project_name="Demo", latency_s=LATENCY_S, queued_delay_s=0.3, alias="rewrite")
SELECTION = ByFilter(properties=(PropertyFilter("plan", "free"),))
OPERATION = DeletePersons(delete_events=True, delete_recordings=True)


async def tell(persons: int, folder: Path, *, kept: bool, display: Display) -> int:
    """Play the whole story and return the exit code: 0 when everything that must hold holds.

    Args:
        persons: on the local server.
        folder: for plan, journal and reports.
        kept: whether the folder stays.
        display: shows progress.
    """
    plan_path, journal = folder / "demo.plan.jsonl", folder / "demo.journal.jsonl"
    async with LocalPostHog(persons=persons, seed=1, options=OPTIONS) as server:
        before = everyone(server)
        _step(1, f"A local server with {len(before):,} persons answers as PostHog does, at {server.url}.")
        async with _client(server) as client:
            _step(2, "Plan: a file that lists the persons to erase. This only reads.")
            plan = await make_plan(client, OPERATION, SELECTION, plan_path)
        with plan:
            _say(f"{plan.count:,} persons where plan exact free; their events and recordings go with them.")
            _say(f"Digest {short_digest(plan.digest)}: only this plan can be run with it.")
            in_flight = await _killed(server, plan, journal, display)
            _step(5, "Resume: run the same call again. The journal knows what is left.")
            async with _client(server) as client:
                report = await run_job(
                    client,
                    plan,
                    journal,
                    batch_size=_batch_size(plan),
                    concurrency=CONCURRENCY,
                    on_progress=display,
                )
                display.close()
                _counts(report)
                _step(6, "Verify: days later, the server has purged the events (the demo lets its weekly job run now).")
                server.run_event_deletion()
                report = await verify_job(client, plan, journal, on_progress=display)
            display.close()
            _counts(report)
            _say(plain(report.verdict, limit=None))
            _reports(folder, read_report(journal, plan), kept=kept)
            targets = frozenset(target.uuid for target in plan.iter())
        _step(8, "Proof, from the server's own records, not from the journal:")
        checks = prove(server, before=before, targets=targets, in_flight=in_flight)
    for check in checks:
        _say(f"{'yes' if check.holds else 'NO '}  {check.claim}")
    return 0 if report.exit_code == 0 and all(check.holds for check in checks) else 1


async def _killed(server: LocalPostHog, plan: Plan, journal: Path, display: Display) -> frozenset[UUID]:
    """Run the plan in a process that is killed half-way; who was in flight then."""
    _step(3, "Run it in a process of its own, and kill that half-way with SIGKILL, as a power cut would.")
    number, killed = await run_and_kill(
        plan.path,
        plan.digest,
        environment={
            HOST: server.url,
            PROJECT_ID: str(server.project_id),
            KEY: server.personal_api_key,
        },
        batch_size=_batch_size(plan),
        concurrency=CONCURRENCY,
        display=display,
    )
    display.close()
    _say(f"Process {number} is dead: {'killed without warning' if killed else 'it was through before the kill'}.")
    target_states, _ = await asyncio.to_thread(replay_journal, journal)
    numbers = {number for intent in target_states.open.values() for number in expand(intent.targets)}
    _step(4, "What the journal knows, person by person:")
    target_states.close_open()
    for axis, title in ((Axis.PERSON, "persons"), (Axis.EVENTS, "events"), (Axis.RECORDINGS, "recordings")):
        states = {state.name.lower(): count for state, count in target_states.counts(axis).items()}
        _say(counts(title, states))
    _say(f"{len(numbers):,} persons were in flight: sent, not answered. They are read before anything is sent again.")
    return frozenset(target.uuid for target in plan.iter() if target.number in numbers)


def _reports(folder: Path, report: "Report", *, kept: bool) -> None:
    _step(7, "Report: the evidence, the same bytes each time it is made.")
    for name, render in (("report.md", render_markdown), ("report.json", render_json)):
        write_private(folder / name, render(report).encode())
    where = (
        f"{plain(folder)}: report.md and report.json, beside plan and journal."
        if kept
        else ("report.md and report.json were written and go with the demo's folder; --keep DIR keeps them.")
    )
    _say(where)


def _counts(report: "Report") -> None:
    for axis in report.axes:
        if line := counts(axis.axis, {state.state: state.count for state in axis.states}):
            _say(line)


def _client(server: LocalPostHog) -> PostHogClient:
    return PostHogClient(
        host=server.url,
        project_id=server.project_id,
        personal_api_key=server.personal_api_key,
        limits=Limits(RateLimits.off()),
    )


def _batch_size(plan: Plan) -> int:
    """So that there are batches enough to see, and to kill in the middle of."""
    return max(10, min(250, plan.count // BATCHES))


def _step(number: int, text: str) -> None:
    click.echo(f"\n{number}. {text}")


def _say(text: str) -> None:
    click.echo(f"   {text}")
