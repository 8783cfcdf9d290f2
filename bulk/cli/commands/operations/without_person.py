"""`posthog-bulk delete-events --without-person`: submit data deletion requests for distinct IDs that have no person."""

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
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
    from bulk.cli.commands.operations.without_person_job import Prepared
    from bulk.cli.display.live_display import Display
    from bulk.cli.job_session import CommandOutput
    from bulk.cli.signals.event_loop import Stopper
    from bulk.concurrency.stop_gate import StopGate
    from bulk.without_person.plan import WithoutPersonHeader
    from bulk.without_person.report import WithoutPersonReport

_TAKEN = ("distinct_ids", "column", "allow_shared_ids", "concurrency", "json")
NOT_TAKEN = frozenset(
    {
        *(name for kind in (SelectionArguments, RunOptions, JobRecord) for name in kind.__struct_fields__),
        *("protect", "expect_lines", "expect_unmatched"),
    }
) - set(_TAKEN)
"""The options of `delete-events` that make no sense for IDs without a person."""


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
    from bulk.cli.commands.operations.without_person_job import prepare_job
    from bulk.cli.job_session import CommandOutput, run_with_client
    from bulk.cli.signals.explanations import explain_interruption, not_started, nothing_kept, same_command_line
    from bulk.errors import Refused
    from bulk.formatting import count_of
    from bulk.without_person.chunks import in_chunks

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

    async def prepare(client: "PostHogClient", _: "Stopper", display: "Display") -> "Prepared":
        async with _report_work(client, settings, display, "checking") as (working, gate):
            return await prepare_job(
                working, gate, lines, chunks, plan, journal, concurrency=run_options.concurrency, settings=settings
            )

    with explain_interruption(nothing_kept):
        ready = run_with_client(settings, prepare, json=output.json)
    with explain_interruption(lambda: not_started(ready.paths.plan, same_command_line())):
        planned = _approve_and_write(ready, chunks, count, settings, output, yes=yes)
    output.print_command(f"If interrupted, resume with: {same_command_line()}")
    report = _submit(planned, settings, output)
    show_without_person(report, planned.paths.journal, output)
    return report.exit_code


def _approve_and_write(
    ready: "Prepared",
    chunks: Sequence[tuple[str, ...]],
    count: int,
    settings: Settings,
    output: "CommandOutput",
    *,
    yes: bool,
) -> "Prepared":
    """Show the review and ask for approval unless the job is approved, and write the plan unless it exists.

    Raises:
        Refused: there is nothing to delete, or the user does not approve.
    """
    from bulk.cli.commands.operations.without_person_job import write_new_plan
    from bulk.cli.display.without_person import review_lines
    from bulk.errors import Refused

    if ready.events is not None:
        for line in review_lines(ready.header, count, ready.events, chunks):
            output.print(line)
        if not ready.events and ready.plan is None:
            raise Refused("no event has one of these distinct IDs; nothing was sent", "nothing has to be deleted")
        if not yes:
            _ask(ready.header, count, ready.events)
    return ready if ready.plan is not None else write_new_plan(ready, chunks, settings)


def _submit(planned: "Prepared", settings: Settings, output: "CommandOutput") -> "WithoutPersonReport":
    """Submit the requests that PostHog does not have yet, and return the report of the job."""
    from bulk.cli.job_session import run_with_client
    from bulk.cli.signals.explanations import explain_interruption, same_command_line
    from bulk.sanitize import plain

    loaded, path = planned.plan, planned.paths.journal
    assert loaded is not None  # it exists, or was written

    async def submit(client: "PostHogClient", _: "Stopper", display: "Display") -> "WithoutPersonReport":
        from bulk.without_person.submission import submit_job

        async with _report_work(client, settings, display, "submitting") as (working, __):
            return await submit_job(working, loaded, path, events=planned.events)

    def kept() -> str:
        return (
            f"What was submitted is recorded in {plain(path)}, and is never submitted twice. "
            f"To continue:\n  {same_command_line()}"
        )

    with explain_interruption(kept):
        return run_with_client(settings, submit, json=output.json)


def show_without_person(report: "WithoutPersonReport", journal: Path, output: "CommandOutput") -> None:
    """Show the state of a job and of its requests, and write it as an event.

    Arguments:
        report: of the job.
        journal: its journal.
        output: where to show it.
    """
    from bulk.cli.display.plan.plan_review import aligned_rows
    from bulk.sanitize import file_word, plain
    from bulk.without_person.report import report_rows

    rows = [(title, plain(text, limit=None)) for title, text in report_rows(report)]
    if report.is_submitted:
        command = "verify" if report.exit_code else "report"
        rows.append(("Next", f"posthog-bulk {command} {file_word(str(journal))}"))
    for line in aligned_rows(rows):
        output.print_row(line)
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
    from bulk.selection.input_lines import read_lines, require_usable
    from bulk.selection.inputs.line_checks import Line, Reason
    from bulk.selection.selections import ByDistinctIds

    source = sys.stdin.buffer if arguments.distinct_ids == STDIN else Path(arguments.distinct_ids or "")
    selection = ByDistinctIds(source, column=arguments.column, allow_shared_ids=arguments.allow_shared_ids)
    lines = require_usable(
        line for line in read_lines(selection) if isinstance(line, Line) or line.reason is not Reason.BLANK
    )
    first: dict[str, int] = {}
    for line in lines:
        first.setdefault(line.value, line.number)
    return first


@asynccontextmanager
async def _report_work(
    client: "PostHogClient", settings: Settings, display: "Display", phase: str
) -> AsyncIterator[tuple["PostHogClient", "StopGate"]]:
    """Show the requests and waits of the block, and wait out outages in it."""
    from bulk.concurrency.outages import with_outage_wait
    from bulk.concurrency.stop_gate import StopGate
    from bulk.events import Activity
    from bulk.progress.activity_reporter import ActivityReporter, Moment
    from bulk.progress.wait_tracker import WaitTracker

    def describe(moment: Moment) -> Activity:
        return Activity(phase=phase, elapsed_s=moment.elapsed_s, requests=moment.requests, wait=moment.wait)

    gate = StopGate()
    tracker = WaitTracker(client.limits, gate.sleeps)
    working = with_outage_wait(client, settings.retry_for_s, on_outage=display).observed(tracker.client_event)
    async with ActivityReporter(tracker, describe, display).reporting():
        yield working, gate


def _ask(header: "WithoutPersonHeader", count: int, events: int) -> None:
    """Ask for the number of distinct IDs.

    Raises:
        Refused: there is no terminal, or the user typed another number or nothing.
    """
    from bulk.cli.approval import ask_at_terminal, can_prompt
    from bulk.errors import Refused
    from bulk.formatting import count_of, parse_count
    from bulk.sanitize import plain

    what = f"the deletion of {count_of(events, 'event')} of {count_of(count, 'distinct ID')}"
    if not can_prompt():
        raise Refused(
            f"{what} is not approved; nothing was sent",
            f"review it, then run the same command with --yes --expect-count {count}",
        )
    where = f"project {header.project_id} ({plain(header.project_name)}) on {plain(header.host)}"
    typed = ask_at_terminal(f"\nAbout to request {what} in {where}.", "Type the number of distinct IDs to continue: ")
    if parse_count(typed) != count:
        raise Refused("not approved; nothing was sent", "run the same command again to be asked again")
