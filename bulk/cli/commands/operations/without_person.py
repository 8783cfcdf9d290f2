"""`posthog-bulk delete-events --without-person`: submit data deletion requests for distinct IDs that have no person."""

import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from bulk.cli.options.connection_options import Expected, RunOptions
from bulk.cli.options.selection_options import STDIN, SelectionArguments
from bulk.cli.options.settings import Settings
from bulk.requests.job_record import JobRecord

if TYPE_CHECKING:
    from asyncclient import PostHogClient
    from bulk.cli.display.live_display import Display
    from bulk.cli.job_paths import JobPaths
    from bulk.cli.job_session import CommandOutput
    from bulk.cli.signals import Stopper
    from bulk.concurrency.stop_gate import StopGate
    from bulk.personless.plan import SubmissionsHeader, SubmissionsPlan
    from bulk.personless.report import SubmissionsReport

_TAKEN = ("distinct_ids", "column", "allow_shared_ids", "concurrency", "json")
NOT_TAKEN = frozenset(
    {
        *(name for kind in (SelectionArguments, RunOptions, JobRecord) for name in kind.__struct_fields__),
        *("protect", "expect_lines", "expect_unmatched"),
    }
) - set(_TAKEN)
"""The options of `delete-events` that make no sense for IDs without a person."""


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """What is known before anything is submitted.

    Arguments:
        header: of the plan, which exists or is to be written.
        plan: if it exists already.
        paths: the files of the job.
        events: how many events the server counts; None for a job that is approved already.
    """

    header: "SubmissionsHeader"
    plan: "SubmissionsPlan | None"
    paths: "JobPaths"
    events: int | None


def delete_without_person(
    *,
    selection_arguments: SelectionArguments,
    plan: Path | None,
    journal: Path | None,
    yes: bool,
    expected: Expected,
    run_options: RunOptions,
    settings: Settings,
    **_: Any,
) -> int:
    """Plan, ask for approval and submit, or resume the same job; then read the states of its requests.

    Arguments:
        selection_arguments: of which only the file of distinct IDs is used.
        plan: the plan file, if given.
        journal: the journal, if given.
        yes: whether the approval is given by `expected`.
        expected: its `expect_count` is the number of distinct IDs that the user expects.
        run_options: how the job runs.
        settings: for the client.

    Returns:
        The exit code.
    """
    from bulk.cli.display.personless import review_lines
    from bulk.cli.interruption import explained, nothing_kept, same_command_line
    from bulk.cli.job_session import CommandOutput, run_with_client
    from bulk.errors import Refused
    from bulk.formatting import count_of
    from bulk.personless.chunks import in_chunks
    from bulk.sanitize import plain

    expect_count = expected.expect_count
    _check_options(yes=yes, expect_count=expect_count, selection=selection_arguments)
    output = CommandOutput(json=run_options.json)
    lines = _read_ids(selection_arguments)
    chunks, count = in_chunks(lines), len(lines)
    if expect_count is not None and expect_count != count:
        raise Refused(
            f"the input has {count_of(count, 'distinct ID')}, not {expect_count:,} (--expect-count); nothing was sent",
            "check the input and the number",
        )

    async def prepare(client: "PostHogClient", _: "Stopper", display: "Display") -> Prepared:
        async with _working(client, settings, display, "checking") as (working, gate):
            return await _prepare(
                working, gate, lines, chunks, plan, journal, concurrency=run_options.concurrency, settings=settings
            )

    with explained(nothing_kept):
        ready = run_with_client(settings, prepare, json=output.json)
    if ready.events is not None:
        for line in review_lines(ready.header, count, ready.events, chunks):
            output.print(line)
        if not ready.events and ready.plan is None:
            raise Refused("no event has one of these distinct IDs; nothing was sent", "nothing has to be deleted")
        if not yes:
            _ask(ready.header, count, ready.events)
    loaded = ready.plan or _write_plan(ready, chunks)
    output.print_command(f"If interrupted, resume with: {same_command_line()}")

    async def submit(client: "PostHogClient", _: "Stopper", display: "Display") -> "SubmissionsReport":
        from bulk.personless.submission import submit_job

        async with _working(client, settings, display, "submitting") as (working, __):
            return await submit_job(working, loaded, ready.paths.journal, events=ready.events)

    def kept() -> str:
        return (
            f"What was submitted is recorded in {plain(ready.paths.journal)}, and is never submitted twice. "
            f"To continue:\n  {same_command_line()}"
        )

    with explained(kept):
        report = run_with_client(settings, submit, json=output.json)
    show_submissions(report, ready.paths.journal, output)
    return report.exit_code


def show_submissions(report: "SubmissionsReport", journal: Path, output: "CommandOutput") -> None:
    """Show the state of a job and of its requests, and write it as an event.

    Arguments:
        report: of the job.
        journal: its journal.
        output: where to show it.
    """
    from bulk.cli.display.plan.plan_review import aligned_rows
    from bulk.personless.report import report_rows
    from bulk.sanitize import file_word, plain

    for line in aligned_rows([(title, plain(text, limit=None)) for title, text in report_rows(report)]):
        output.print_row(line)
    if report.is_submitted and report.exit_code:
        output.print_command(f"To read the states again: posthog-bulk verify {file_word(str(journal))}")
    output.write_event("events_without_person", journal=str(journal), report=msgspec.to_builtins(report), problem=None)


def refuse_options(context: click.Context) -> None:
    """Refuse options of `delete-events` that --without-person does not take.

    Raises:
        UsageError: one is given.
    """
    given = click.core.ParameterSource.COMMANDLINE
    for param in context.command.params:
        if param.name in NOT_TAKEN and context.get_parameter_source(param.name) is given:
            raise click.UsageError(f"{param.opts[0]} does not work with --without-person: leave it out")


def _check_options(*, yes: bool, expect_count: int | None, selection: SelectionArguments) -> None:
    refuse_options(click.get_current_context())
    if selection.distinct_ids is None:
        raise click.UsageError("--without-person needs the distinct IDs: give --distinct-ids FILE")
    if yes and expect_count is None:
        raise click.UsageError("--yes requires --expect-count N, the number of distinct IDs that you expect")


def _read_ids(arguments: SelectionArguments) -> dict[str, int]:
    """Return the distinct IDs of the input, each with the number of its first line.

    Raises:
        InputError: a line cannot be used, or there is none.
    """
    from bulk.execution.splitting.person_split import usable
    from bulk.selection.input_lines import read_lines
    from bulk.selection.inputs.line_checks import Line, Reason
    from bulk.selection.selections import ByDistinctIds

    source = sys.stdin.buffer if arguments.distinct_ids == STDIN else Path(arguments.distinct_ids or "")
    selection = ByDistinctIds(source, column=arguments.column, allow_shared_ids=arguments.allow_shared_ids)
    lines = usable(
        [line for line in read_lines(selection) if isinstance(line, Line) or line.reason is not Reason.BLANK]
    )
    first: dict[str, int] = {}
    for line in lines:
        first.setdefault(line.value, line.number)
    return first


@asynccontextmanager
async def _working(
    client: "PostHogClient", settings: Settings, display: "Display", phase: str
) -> AsyncIterator[tuple["PostHogClient", "StopGate"]]:
    """Show the requests and waits of the block, and wait out outages in it."""
    from bulk.concurrency.outages import emit_outages, waiting_out
    from bulk.concurrency.stop_gate import StopGate
    from bulk.events import Activity
    from bulk.progress.activity import ActivityReporter, Moment
    from bulk.progress.wait_tracker import WaitTracker

    def describe(moment: Moment) -> Activity:
        return Activity(phase=phase, elapsed_s=moment.elapsed_s, requests=moment.requests, wait=moment.wait)

    gate = StopGate()
    tracker = WaitTracker(client.limits, gate.sleeps)
    working = waiting_out(client, settings.retry_for_s).observed(tracker.client_event).observed(emit_outages(display))
    async with ActivityReporter(tracker, describe, display).reporting():
        yield working, gate


async def _prepare(
    client: "PostHogClient",
    gate: "StopGate",
    lines: dict[str, int],
    chunks: Sequence[tuple[str, ...]],
    plan: Path | None,
    journal: Path | None,
    *,
    concurrency: int,
    settings: Settings,
) -> Prepared:
    """Check access, find the job that the command resumes, and check and count what is still to be submitted."""
    from bulk.cli.job_paths import check_job_files, check_places, choose_job_paths
    from bulk.errors import Refused
    from bulk.personless.checks import check_access, check_no_persons, count_again, count_events
    from bulk.personless.chunks import digest_of
    from bulk.personless.job_files import find_plans
    from bulk.personless.plan import FORMAT, SubmissionsHeader, read_plan
    from bulk.personless.records import SubmissionStates, read_submissions

    project_id, digest = client.project_id, digest_of(chunks)
    if not isinstance(project_id, int):
        raise Refused("such a job needs a project number: @current can change at any moment", "set the project ID")
    await check_access(client)
    if plan is None and journal is None and (found := find_plans(Path(), client.origin, project_id, digest)):
        plan = _only(found)
    paths = choose_job_paths(
        plan,
        journal,
        operation="delete-events-without-person",
        project=settings.project(os.environ),
        now=datetime.now(UTC),
    )
    check_job_files(paths.plan, paths.journal)
    check_places(paths)
    loaded = read_plan(paths.plan) if os.path.lexists(paths.plan) else None  # noqa: ASYNC240 - before any work
    if loaded is not None and not loaded.header.is_for(client.origin, project_id, digest):
        raise Refused(
            f"{paths.plan} is for other distinct IDs, or another host or project",
            "name a new file with --plan for a new job, or run it with the input that it was made from",
        )
    states = SubmissionStates()
    if loaded is not None and paths.journal.exists() and paths.journal.stat().st_size:
        states = read_submissions(paths.journal)
    chunks = loaded.chunks if loaded is not None else chunks
    left = [ids for number, ids in enumerate(chunks) if not states.chunks or states.chunks[number].request is None]
    events = None if states.approved else sum([await count_events(client, ids) for ids in chunks[:1]])
    await check_no_persons(client, {each: lines[each] for ids in left for each in ids}, gate, concurrency=concurrency)
    if events is not None:
        events += sum([await count_events(client, ids) for ids in chunks[1:]])
        events = events or await count_again(client, chunks, gate)
    project = await client.projects.get(project_id)
    header = SubmissionsHeader(
        format=FORMAT,
        job=os.urandom(8).hex(),
        host=client.origin,
        project_id=project_id,
        project_name=project.name,
        created_at=datetime.fromtimestamp(client.server_time(), UTC).isoformat(timespec="seconds"),
        ids_digest=digest,
    )
    return Prepared(header=loaded.header if loaded else header, plan=loaded, paths=paths, events=events)


def _only(found: Sequence[Path]) -> Path:
    from bulk.errors import Refused
    from bulk.sanitize import plain

    if len(found) > 1:
        names = ", ".join(plain(path) for path in found)
        raise Refused(f"several jobs are for these distinct IDs: {names}", "name the one to resume with --plan")
    return found[0]


def _write_plan(ready: Prepared, chunks: Sequence[tuple[str, ...]]) -> "SubmissionsPlan":
    """Write the plan; another process that has just planned the same job ends this one."""
    from bulk.errors import JobPlannedTwice
    from bulk.personless.job_files import find_plans
    from bulk.personless.plan import write_plan

    header = ready.header
    made = write_plan(ready.paths.plan, header, chunks)
    if ready.paths.is_generated:
        others = find_plans(Path(), header.host, header.project_id, header.ids_digest)
        if other := next((path for path in others if path.name != made.path.name), None):
            made.path.unlink()
            raise JobPlannedTwice(other)
    return made


def _ask(header: "SubmissionsHeader", count: int, events: int) -> None:
    """Ask for the number of distinct IDs.

    Raises:
        Refused: there is no terminal, or the user typed another number or nothing.
    """
    from bulk.cli.approval import WARNING, can_prompt, read_terminal
    from bulk.cli.display.terminal import fit, write_alert
    from bulk.errors import Refused
    from bulk.formatting import count_of
    from bulk.sanitize import plain

    what = f"the deletion of {count_of(events, 'event')} of {count_of(count, 'distinct ID')}"
    if not can_prompt():
        raise Refused(
            f"{what} is not approved; nothing was sent",
            f"review it, then run the same command with --yes --expect-count {count}",
        )
    where = f"project {header.project_id} ({plain(header.project_name)}) on {plain(header.host)}"
    click.echo(fit(f"\nAbout to request {what} in {where}.\n\n  ", sys.stderr), nl=False, err=True)
    write_alert(sys.stderr, WARNING)
    click.echo("\n\nType the number of distinct IDs to continue: ", nl=False, err=True)
    if read_terminal().strip().replace(",", "").replace("_", "") != str(count):
        raise Refused("not approved; nothing was sent", "run the same command again to be asked again")
