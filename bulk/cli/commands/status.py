"""`posthog-bulk status`: where a job stands, from its journal alone."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bulk.cli.job_paths import plan_of
from bulk.cli.options.connection_options import FILE
from bulk.cli.streams.text import queued

if TYPE_CHECKING:
    from bulk.report.report import Report

WATCH_EVERY_S = 2.0


@click.command("status")
@click.argument("journal", type=FILE)
@click.option(
    "--plan", type=FILE, metavar="FILE", help="Plan; by default NAME.plan.jsonl for NAME.journal.jsonl, if it exists"
)
@click.option("--watch", is_flag=True, help="Look again every 2 s until the job ends")
def command(journal: Path, plan: Path | None, watch: bool) -> int:
    """Show the state of the job of JOURNAL. Needs no network and no key, and disturbs no running job.

    \b
    Example:
      posthog-bulk status leavers.journal.jsonl --watch
    """
    before = None
    while True:
        report = read(journal, plan)
        lines = summary(report)
        output = queued(sys.stdout)
        if lines != before and not (output is not None and output.is_behind):
            click.echo("\n".join(lines) + ("\n" if watch else ""))
            before = lines
        over = bool(report.runs) and report.runs[-1].ended is not None
        if over or not watch:
            return 0
        time.sleep(WATCH_EVERY_S)


def read(journal: Path, plan: Path | None) -> "Report":
    """The report of a journal, with its plan where that is at hand.

    Args:
        journal: the journal.
        plan: a plan that must be this job's; None for the stem's, if it is there.
    """
    from bulk.errors import BulkError
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
        report = read_report(journal)  # raises where the journal itself is the trouble
        click.echo(f"posthog-bulk: without its plan: {error}", err=True)
        return report


def summary(report: "Report") -> list[str]:
    """A report in a few lines."""
    from bulk.cli.display.messages import counts
    from bulk.operations import describe as describe_operation
    from bulk.report.rendering.document import AXIS_TITLES, figure
    from bulk.sanitize import plain

    project = str(report.project_id)
    if report.plan is not None:
        project += f" ({plain(report.plan.project_name)})"
    lines = [
        f"Job {plain(report.job)}: {plain(describe_operation(report.operation))}, {figure(report.count)} targets",
        f"  project {project} on {plain(report.host)}, approved: {plain(report.approved_at or 'no')}",
        f"  {plain(report.verdict, limit=None)}",
    ]
    axes = [counts(AXIS_TITLES[axis.axis], {one.state: one.count for one in axis.states}) for axis in report.axes]
    lines += [f"  {axis}" for axis in axes if axis]
    if report.runs:
        last = report.runs[-1]
        ended = f"ended {plain(last.ended)} ({plain(last.reason or '')})" if last.ended else "still running, or killed"
        lines.append(f"  run {len(report.runs)} started {plain(last.started)}, {ended}")
    lines.append(f"  last entry {plain(report.last_entry_at)}, {figure(report.journal_lines)} lines")
    return lines
