"""Runs the demo step by step and says what happens."""

import asyncio
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from asyncclient import Limits, PostHogClient, PropertyFilter, RateLimits
from asyncclient.testing import LocalPostHog, ServerOptions
from bulk.cli.demo.killed_run import run_and_kill
from bulk.cli.demo.proof import all_uuids, check_server_records
from bulk.cli.display.live_display import Display
from bulk.cli.display.messages import state_counts
from bulk.cli.job_session import CommandOutput
from bulk.cli.options.settings import HOST, KEY, PROJECT_ID
from bulk.engine import run_job, verify_job
from bulk.files.unnamed_file import write_private
from bulk.formatting import count_of
from bulk.journal.replay import replay_journal
from bulk.number_ranges import expand
from bulk.operations import DeletePersons
from bulk.plan.plan_file import Plan, short_digest
from bulk.plan.planner import make_plan
from bulk.report.load import read_report
from bulk.report.rendering import render_json, render_markdown
from bulk.report.rendering.document import AXIS_TITLES
from bulk.report.rendering.html import render_html
from bulk.report.rendering.sections.timeline import timeline_section
from bulk.report.rendering.text import section_lines
from bulk.sanitize import plain
from bulk.selection.selections import ByFilter
from bulk.states import Axis

if TYPE_CHECKING:
    from bulk.report.report import Report

LATENCY_S = 0.08
BATCHES = 80
CONCURRENCY = 3
OPTIONS = ServerOptions(
    project_name="Demo", latency_s=LATENCY_S, queued_delay_s=0.3, alias="rewrite", seeded_recordings=True
)
SELECTION = ByFilter(properties=(PropertyFilter("plan", "free"),))
_INDENT = "   "
OPERATION = DeletePersons(delete_events=True, delete_recordings=True)


async def run_demo(persons: int, folder: Path, *, kept: bool, display: Display, output: CommandOutput) -> int:
    """Run the demo and return its exit code: 0 if the job is done and every check holds.

    Arguments:
        persons: number of persons on the local server.
        folder: for plan, journal and reports.
        kept: whether the folder is kept after the demo.
        display: shows progress.
        output: where the steps are described.
    """
    plan_path, journal = folder / "demo.plan.jsonl", folder / "demo.journal.jsonl"
    async with LocalPostHog(persons=persons, seed=1, options=OPTIONS) as server:
        before = all_uuids(server)
        _step(output, 1, f"Local server: {count_of(len(before), 'person')}, behaves like PostHog, at {server.url}.")
        async with _client(server) as client:
            _step(output, 2, "Plan: write a file that lists the persons to erase. This only reads from the server.")
            plan = await make_plan(client, OPERATION, SELECTION, plan_path)
        with plan:
            _say(output, f"{count_of(plan.count, 'person')} where plan exact free, with their events and recordings.")
            _say(output, f"The digest {short_digest(plan.digest)} approves this plan and no other.")
            in_flight = await _run_until_killed(server, plan, journal, display, output)
            _step(output, 5, "Resume: run the same plan again. The journal says what is left to do.")
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
                _show_result(output, report)
                _step(output, 6, "Verify: days later, when PostHog has purged the events. The demo purges them now.")
                server.run_event_deletion()
                report = await verify_job(client, plan, journal, on_progress=display)
            display.close()
            _show_result(output, report)
            _write_reports(output, folder, read_report(journal, plan), kept=kept)
            targets = frozenset(target.uuid for target in plan.iter())
        _step(output, 8, "Proof: compare with the server's own records, not with the journal.")
        checks = check_server_records(server, before=before, targets=targets, in_flight=in_flight)
    for check in checks:
        _say(output, f"{'yes' if check.holds else 'NO '}  {check.claim}")
    output.print("\nNext: `posthog-bulk server` keeps such a server running, to try every operation on it yourself.")
    code = 0 if report.exit_code == 0 and all(check.holds for check in checks) else 1
    found = [{"claim": check.claim, "holds": check.holds} for check in checks]
    output.write_event("demo", exit_code=code, checks=found)
    return code


async def _run_until_killed(
    server: LocalPostHog, plan: Plan, journal: Path, display: Display, output: CommandOutput
) -> frozenset[UUID]:
    """Run the plan in a process that is killed half-way, and return the persons that were in flight then."""
    _step(output, 3, "Run: in a separate process, killed half-way with SIGKILL, which it cannot handle.")
    process_id, killed = await run_and_kill(
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
    _say(output, f"Process {process_id} {'was killed' if killed else 'finished before it could be killed'}.")
    target_states, _ = await asyncio.to_thread(replay_journal, journal)
    numbers = {number for intent in target_states.open.values() for number in expand(intent.targets)}
    _step(output, 4, "Journal: what is known after the kill.")
    target_states.close_open()
    for axis in (Axis.PERSON, Axis.EVENTS, Axis.RECORDINGS):
        states = {state.name.lower(): count for state, count in target_states.counts(axis).items()}
        _say(output, state_counts(AXIS_TITLES[axis.name.lower()], states))
    _say(
        output,
        f"Requests for {count_of(len(numbers), 'person')} were in flight: sent, without a response. "
        "These persons are read before anything is sent again.",
    )
    return frozenset(target.uuid for target in plan.iter() if target.number in numbers)


def _write_reports(output: CommandOutput, folder: Path, report: "Report", *, kept: bool) -> None:
    _step(output, 7, "Report: made from journal and plan, the same bytes each time.")
    for name, render in (("report.html", render_html), ("report.md", render_markdown), ("report.json", render_json)):
        write_private(folder / name, render(report).encode())
    _, caption, *rows = section_lines(timeline_section(report), width=output.width - len(_INDENT))
    _say(output, f"{caption.strip()}:")
    for row in takewhile(bool, rows):
        _say(output, row)
    where = f"{plain(folder)}, beside plan, journal and receipts: open report.html in a browser."
    temporary = "a temporary folder, which is removed now; to keep them: posthog-bulk demo --keep DIR"
    _say(output, f"Wrote report.html, report.md and report.json to {where if kept else temporary}")


def _show_result(output: CommandOutput, report: "Report") -> None:
    """Say what is known of the persons, and whether the job is complete."""
    for axis in report.axes:
        if line := state_counts(AXIS_TITLES[axis.axis], {state.state: state.count for state in axis.states}):
            _say(output, line)
    _say(output, plain(report.duty.sentence, limit=None))


def _client(server: LocalPostHog) -> PostHogClient:
    return PostHogClient(
        host=server.url,
        project_id=server.project_id,
        personal_api_key=server.personal_api_key,
        limits=Limits(RateLimits.off()),
    )


def _batch_size(plan: Plan) -> int:
    """Return a batch size that results in enough batches to watch, and to be killed among."""
    return max(10, min(250, plan.count // BATCHES))


def _step(output: CommandOutput, number: int, text: str) -> None:
    output.print(f"\n{number}. {text}")


def _say(output: CommandOutput, text: str) -> None:
    output.print(f"{_INDENT}{text}")
