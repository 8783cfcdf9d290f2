"""`posthog-bulk status`: show the state of a job, from its journal alone."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bulk.cli.options.connection_options import FILE, PLAN_HELP
from bulk.cli.options.help_layout import command as help_command
from bulk.cli.options.help_layout import option
from bulk.cli.streams.text import as_text_output

if TYPE_CHECKING:
    from bulk.report.report import Report

WATCH_EVERY_S = 2.0


@help_command("status")
@click.argument("journal", type=FILE)
@option("--plan", type=FILE, metavar="FILE", help=PLAN_HELP)
@option("--watch", is_flag=True, help="Show it again every 2 s until the run ends")
def command(journal: Path, plan: Path | None, watch: bool) -> int:
    """Show the state of the job in JOURNAL, even while it runs. Needs no network, no key, and not even the plan.

    \b
    Example:
      posthog-bulk status leavers.journal.jsonl --watch
    """
    from bulk.jobs.job_files import plan_of
    from bulk.jobs.next_run import run_line

    shown = None
    while True:
        report = read_job_report(journal, plan)
        lines = status_lines(report, run_line(plan or plan_of(journal), journal))
        output = as_text_output(sys.stdout)
        if lines != shown and not (output is not None and output.is_behind):
            click.echo("\n".join(lines) + ("\n" if watch else ""))
            shown = lines
        has_ended = bool(report.runs) and report.runs[-1].ended is not None
        if has_ended or not watch:
            return 0
        time.sleep(WATCH_EVERY_S)


def read_job_report(journal: Path, plan: Path | None) -> "Report":
    """Return the report of a journal, with its plan if that exists.

    Args:
        journal: the journal.
        plan: a plan that must belong to this job; None for the one of the same name, if it exists and can be read.
    """
    from bulk.errors import BulkError
    from bulk.jobs.job_files import plan_of
    from bulk.plan.plan_file import load_plan
    from bulk.report.load import read_report

    if plan is not None:
        with load_plan(plan) as loaded:
            return read_report(journal, loaded)
    beside = plan_of(journal)
    if not beside.exists():
        return read_report(journal)
    try:
        with load_plan(beside) as loaded:
            return read_report(journal, loaded)
    except BulkError as error:
        report = read_report(journal)  # raises if the journal itself is at fault
        click.echo(f"posthog-bulk: shown without the plan: {error}", err=True)
        return report


def status_lines(report: "Report", resume_line: str) -> list[str]:
    """Return the state of a job in a few lines.

    Args:
        report: the report of the job.
        resume_line: the command line that resumes the job, shown if it is not finished.
    """
    from bulk.cli.display.messages import state_counts
    from bulk.cli.display.plan_review import aligned_rows
    from bulk.formatting import count_of, format_count, format_time
    from bulk.operations import describe as describe_operation
    from bulk.report.rendering.document import AXIS_TITLES
    from bulk.report.report import is_finished
    from bulk.sanitize import plain
    from bulk.states import ending_label

    project = str(report.project_id)
    if report.plan is not None:
        project += f" ({plain(report.plan.project_name)})"
    rows = [
        ("Job", plain(report.job)),
        ("Operation", f"{plain(describe_operation(report.operation))}; {count_of(report.count, 'person')}"),
        ("Project", f"{project} on {plain(report.host)}"),
        ("Approved", plain(format_time(report.approved_at, seconds=True)) if report.approved_at else "no"),
        ("State", plain(report.verdict, limit=None)),
    ]
    counts = [
        state_counts(AXIS_TITLES[axis.axis], {one.state: one.count for one in axis.states}) for axis in report.axes
    ]
    rows += [("", line) for line in counts if line]
    if report.runs:
        last = report.runs[-1]
        end = (
            f"ended {plain(format_time(last.ended, seconds=True))} ({ending_label(last.reason or '')})"
            if last.ended
            else "still running, or killed"
        )
        kind = "Verification" if last.purpose == "verify" else "Run"
        rows.append((f"{kind} {len(report.runs)}", f"started {plain(format_time(last.started, seconds=True))}, {end}"))
    if not is_finished(report):
        rows.append(("To resume", resume_line))
    last_written = plain(format_time(report.last_entry_at, seconds=True))
    rows.append(("Journal", f"{format_count(report.journal_lines)} lines, last written {last_written}"))
    return list(aligned_rows(rows))
