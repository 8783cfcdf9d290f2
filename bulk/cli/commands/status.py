"""`posthog-bulk status`: show the state of a job, from its journal alone."""

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bulk.cli.options.connection_options import FILE, OPTIONAL_PLAN_HELP, json_option
from bulk.cli.options.help_layout import command as help_command
from bulk.cli.options.help_layout import option
from bulk.cli.signals.raising import raise_if_due

if TYPE_CHECKING:
    from bulk.progress.file_reading import OnRead
    from bulk.report.load import JobStatus
    from bulk.report.report import Report, RunReport

WATCH_EVERY_S = 1.0

T = TypeVar("T")


@help_command("status")
@click.argument("journal", type=FILE)
@option("--plan", type=FILE, metavar="FILE", help=OPTIONAL_PLAN_HELP)
@option("--watch", is_flag=True, help="Show the progress of a running job until its run ends")
@json_option
def command(journal: Path, plan: Path | None, watch: bool, json: bool) -> int:
    """Show the state of the job in JOURNAL, even while it runs. Needs no network and no key.

    The exit code is 0 if the job is complete, 75 while it runs or waits for PostHog, and 1 if it needs attention.

    \b
    Example:
      posthog-bulk status leavers.journal.jsonl --watch
    """
    from bulk.cli.job_session import CommandOutput, show_long_reads
    from bulk.cli.signals.explanations import explain_interruption
    from bulk.files.lock_probe import is_locked
    from bulk.jobs.job_files import plan_of
    from bulk.without_person.records import is_journal_without_person

    if is_journal_without_person(journal):
        if watch:
            raise click.UsageError("--watch does not work with a job for events without a person: leave it out")
        return show_without_person_of(journal, json=json)
    if watch and is_locked(journal):
        with explain_interruption(lambda: "The job itself continues."):
            _watch(journal, plan, json=json)
    with show_long_reads() as on_read:
        status = read_job_status(journal, plan, on_read=on_read)
    output = CommandOutput(json=json)
    now = datetime.now(UTC)
    for line in status_lines(status, plan or plan_of(journal), journal, now=now):
        if line.startswith("State "):
            output.print_state(line, status.duty)
        else:
            output.print_row(line)
    output.write_event("status", **status_fields(status, journal, now=now))
    return status.duty.exit_code


def show_without_person_of(journal: Path, *, json: bool) -> int:
    """Show the state of a job for events without a person, and return its exit code.

    Arguments:
        journal: of the job.
        json: whether to write it as an event too.
    """
    from bulk.cli.commands.operations.without_person import show_without_person
    from bulk.cli.job_session import CommandOutput
    from bulk.without_person.records import read_states
    from bulk.without_person.report import build_without_person_report

    report = build_without_person_report(read_states(journal))
    show_without_person(report, journal, CommandOutput(json=json))
    return report.exit_code


def _watch(journal: Path, plan: Path | None, *, json: bool) -> None:
    """Show the progress until no process runs the job."""
    from bulk.cli.display.live_display import open_display
    from bulk.cli.job_session import show_long_reads
    from bulk.files.lock_probe import is_locked
    from bulk.report.load import ProgressFollower

    with show_long_reads() as on_read:
        follower = read_with_plan(ProgressFollower, journal, plan, on_read=on_read)
    display = open_display(json=json, stream=sys.stderr if json else sys.stdout)
    try:
        while is_locked(journal):
            if (progress := follower.progress()) is not None:
                display(progress)
            time.sleep(WATCH_EVERY_S)
            raise_if_due()
    finally:
        display.close()


def read_job_status(journal: Path, plan: Path | None, *, on_read: "OnRead | None" = None) -> "JobStatus":
    """Return the status of a job, with its plan if that exists; arguments as in `read_job_report`."""
    from bulk.report.load import read_status

    return read_with_plan(read_status, journal, plan, on_read=on_read)


def read_job_report(journal: Path, plan: Path | None, *, values: bool = False) -> "Report":
    """Return the report of a journal, with its plan if that exists.

    Arguments:
        journal: the journal.
        plan: a plan that must belong to this job; None for the one of the same name, if it exists and can be read.
        values: whether the plan also adds values that may identify persons.
    """
    from bulk.cli.job_session import show_long_reads
    from bulk.report.load import read_report

    with show_long_reads() as on_read:
        return read_with_plan(partial(read_report, values=values), journal, plan, on_read=on_read)


def read_with_plan(read: Callable[..., T], journal: Path, plan: Path | None, *, on_read: "OnRead | None") -> T:
    """Return what a function reads from a journal, with its plan if that exists and can be read.

    Arguments:
        read: called with the journal, the plan or None, and `on_read`.
        journal: the journal.
        plan: a plan that must belong to this job; None for the one of the same name.
        on_read: called while the journal is read.
    """
    from bulk.errors import BulkError
    from bulk.jobs.job_files import plan_of
    from bulk.plan.plan_file import load_plan

    if plan is not None:
        with load_plan(plan) as loaded:
            return read(journal, loaded, on_read=on_read)
    beside = plan_of(journal)
    if not beside.exists():
        return read(journal, None, on_read=on_read)
    try:
        with load_plan(beside) as loaded:
            return read(journal, loaded, on_read=on_read)
    except BulkError as error:
        found = read(journal, None, on_read=on_read)  # raises if the journal itself is at fault
        click.echo(f"posthog-bulk: shown without the plan: {error}", err=True)
        return found


def status_fields(status: "JobStatus", journal: Path, *, now: datetime) -> dict[str, Any]:
    """Return the state of a job as the fields of a JSON event.

    Arguments:
        status: the status of the job.
        journal: its journal.
        now: the time, for what is overdue.
    """
    import msgspec

    from bulk.operations import describe as describe_operation
    from bulk.requests.due_dates import as_of

    report = status.report
    last = report.runs[-1] if report.runs else None
    return {
        "journal": str(journal),
        "job": report.job,
        "operation": describe_operation(report.operation),
        "host": report.host,
        "project_id": report.project_id,
        "count": report.count,
        "approved_at": report.approved_at,
        "verdict": status.duty.sentence,
        "exit_code": status.duty.exit_code,
        "duty": msgspec.to_builtins(status.duty),
        "run_verdict": report.run_verdict,
        "input": msgspec.to_builtins(report.input),
        "axes": {axis.axis: {state.state: state.count for state in axis.states} for axis in report.axes},
        "is_running": status.is_running,
        "runs": len(report.runs),
        "run_started": last and last.started,
        "run_ended": last and last.ended,
        "run_reason": last and last.reason,
        "last_entry_at": report.last_entry_at,
        "record": msgspec.to_builtins(report.record),
        "due": msgspec.to_builtins(as_of(report.due, now)),
        "shredded_at": report.shredded_at,
    }


def status_lines(status: "JobStatus", plan: Path, journal: Path, *, now: datetime) -> list[str]:
    """Return the state of a job in a few lines.

    Arguments:
        status: the status of the job.
        plan: the plan file.
        journal: the journal.
        now: the time, for what is overdue.
    """
    from bulk.cli.display.messages import state_counts
    from bulk.cli.display.plan.plan_review import aligned_rows
    from bulk.cli.display.screen import progress_line
    from bulk.cli.display.wait_lines import local_time
    from bulk.formatting import format_count, format_time
    from bulk.report.rendering.document import AXIS_TITLES
    from bulk.report.rendering.sections.proof import torn_tail_sentence
    from bulk.report.rendering.sections.request_rows import SHREDDED, due_rows, record_rows
    from bulk.requests.due_dates import as_of
    from bulk.sanitize import plain

    report = status.report
    rows = [*_job_rows(report), *_state_rows(status, plan, journal, now=now)]
    rows.append(("Result", plain(report.run_verdict, limit=None)))
    counts = [
        state_counts(AXIS_TITLES[axis.axis], {one.state: one.count for one in axis.states}) for axis in report.axes
    ]
    rows += [("", line) for line in counts if line]
    rows += [(title, plain(text, limit=None)) for title, text in record_rows(report.record)]
    rows += [(title, text) for title, text in due_rows(as_of(report.due, now), today=now.date())]
    if report.runs:
        rows.append(("Last run", f"{len(report.runs)} {_run_text(report.runs[-1], is_running=status.is_running)}"))
    if status.is_running and status.progress is not None:
        rows.append(("Progress", progress_line(status.progress, now=local_time())))
    elif report.shredded_at is not None:
        rows += [("Plan destroyed", format_time(report.shredded_at, seconds=True)), ("", SHREDDED)]
    last_written = plain(format_time(report.last_entry_at, seconds=True))
    rows.append(("Journal", f"{format_count(report.journal_lines)} lines, last written {last_written}"))
    if report.torn_tail_bytes and not status.is_running:  # the last line of a running job may be half written
        rows.append(("", plain(torn_tail_sentence(report), limit=None)))
    return list(aligned_rows(rows))


def _job_rows(report: "Report") -> list[tuple[str, str]]:
    """Return which job it is, as headings and texts."""
    from bulk.formatting import count_of, format_time
    from bulk.operations import describe as describe_operation
    from bulk.sanitize import plain

    project = str(report.project_id)
    if report.plan is not None:
        project += f" ({plain(report.plan.project_name)})"
    return [
        ("Job", plain(report.job)),
        ("Operation", f"{plain(describe_operation(report.operation))}; {count_of(report.count, 'person')}"),
        ("Project", f"{project} on {plain(report.host)}"),
        ("Approved", plain(format_time(report.approved_at, seconds=True)) if report.approved_at else "no"),
    ]


def _state_rows(status: "JobStatus", plan: Path, journal: Path, *, now: datetime) -> list[tuple[str, str]]:
    """Return the state of a job and, if no process works on it, what to do next."""
    from bulk.cli.display.duty_lines import duty_lines
    from bulk.jobs.next_run import resume_words, run_line
    from bulk.report.report import is_finished

    report = status.report
    state, *to_do = duty_lines(status.duty, plan, journal, run_again=run_line(plan, journal), now=now, report=report)
    if status.is_running:
        return [("State", state)]
    is_left = report.shredded_at is None and not is_finished(report)
    to_resume = [("To resume", resume_words(plan, journal))] if is_left else []
    return [("State", state), *to_resume, *(("", line) for line in to_do)]


def _run_text(run: "RunReport", *, is_running: bool) -> str:
    """Return the command of a run, when it started, and how it ended."""
    from bulk.formatting import format_time
    from bulk.sanitize import plain
    from bulk.states import ending_label

    if is_running:
        end = "running"
    elif run.ended:
        end = f"ended {plain(format_time(run.ended, seconds=True))} ({ending_label(run.reason or '')})"
    else:
        end = "ended without a record: its process was killed"
    return f"(command {plain(run.purpose)}), started {plain(format_time(run.started, seconds=True))}, {end}"
