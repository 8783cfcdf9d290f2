"""`posthog-bulk verify`: read back the results of a job, days or weeks later."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bulk.cli.options.connection_options import (
    FILE,
    PLAN_HELP,
    expect_unmatched_option,
    json_option,
    settings_options,
)
from bulk.cli.options.help_layout import WholeNumber, option
from bulk.cli.options.help_layout import command as help_command
from bulk.cli.options.record_options import check_operator, confirming_operator_option
from bulk.cli.options.settings import Settings

if TYPE_CHECKING:
    from asyncclient import PostHogClient
    from bulk.cli.display.live_display import Display
    from bulk.cli.signals.event_loop import Stopper
    from bulk.report.report import Report
    from bulk.without_person.report import WithoutPersonReport


@help_command("verify")
@click.argument("journal", type=FILE)
@option("--plan", type=FILE, metavar="FILE", help=PLAN_HELP)
@option("--concurrency", type=WholeNumber(1, 256), default=8, metavar="N", help="Reads in parallel")
@expect_unmatched_option
@confirming_operator_option
@json_option
@settings_options
def command(
    journal: Path,
    plan: Path | None,
    concurrency: int,
    expect_unmatched: int | None,
    operator: str | None,
    json: bool,
    settings: Settings,
) -> int:
    """Read back the results of the job in JOURNAL: persons gone, properties set or removed, events purged.

    This changes nothing on the server. The exit code is 0 if the job is complete, 75 while it waits for PostHog, which
    purges events at the weekend, and 1 if it needs attention. It is meant for cron: once a day until it exits with 0.
    Input lines that match no person need attention until --expect-unmatched confirms that PostHog has no such person.

    Requests: three, and one per 200 persons, one per 1,000 deletion rows, one query per 5,000 deleted persons, and one
    query per 1,000 distinct IDs whose recordings are to be deleted. To check recordings, the key needs the scope
    query:read. For a job of delete-events --without-person, verify makes one call per request of the job, and needs no
    plan.

    \b
    Example:
      posthog-bulk verify leavers.journal.jsonl
    """
    from bulk.cli.job_session import CommandOutput, run_with_client, show_summary
    from bulk.cli.signals.explanations import explain_interruption, same_command_line
    from bulk.engine import verify_job
    from bulk.errors import NotFinished
    from bulk.jobs.next_run import run_line
    from bulk.plan.plan_file import load_plan
    from bulk.sanitize import plain
    from bulk.without_person.records import is_journal_without_person

    check_operator(operator, expect_unmatched)
    if is_journal_without_person(journal):
        if expect_unmatched is not None:
            raise click.UsageError("--expect-unmatched does not work with a job of --without-person: leave it out")
        return _verify_without_person(journal, settings, json=json)
    plan = _existing_plan(journal, plan)
    output = CommandOutput(json=json)
    with load_plan(plan) as loaded:

        async def work(client: "PostHogClient", stopper: "Stopper", display: "Display") -> "Report":
            with stopper.draining() as stop:
                report = await verify_job(
                    client,
                    loaded,
                    journal,
                    concurrency=concurrency,
                    retry_for_s=settings.retry_for_s,
                    on_progress=display,
                    stop=stop,
                    expect_unmatched=expect_unmatched,
                    operator=operator,
                )
            display.close()
            if stop.is_set():  # the verdict of a report takes every person as read
                raise NotFinished("the command was stopped", purpose="verify")
            show_summary(report, loaded.path, journal, output, run_line(loaded.path, journal))
            return report

        def explain() -> str:
            kept = f"Nothing was changed; what was read back so far is recorded in {plain(journal)}."
            return f"{kept} To continue:\n  {same_command_line()}"

        with explain_interruption(explain):
            return run_with_client(settings, work, json=json).exit_code


def _verify_without_person(journal: Path, settings: Settings, *, json: bool) -> int:
    """Read the states of the requests for events without a person, and show them."""
    from bulk.cli.commands.operations.without_person import show_without_person
    from bulk.cli.job_session import CommandOutput, run_with_client
    from bulk.cli.signals.explanations import explain_interruption, same_command_line
    from bulk.concurrency.outages import with_outage_wait
    from bulk.without_person.records import read_states
    from bulk.without_person.submission import verify_without_person

    read_states(journal)

    async def work(client: "PostHogClient", _: "Stopper", display: "Display") -> "WithoutPersonReport":
        return await verify_without_person(with_outage_wait(client, settings.retry_for_s, on_outage=display), journal)

    with explain_interruption(lambda: f"Nothing was changed. To continue:\n  {same_command_line()}"):
        report = run_with_client(settings, work, json=json)
    show_without_person(report, journal, CommandOutput(json=json))
    return report.exit_code


def _existing_plan(journal: Path, plan: Path | None) -> Path:
    """Return the plan of a journal, if both exist.

    Raises:
        JournalError: there is no journal.
        PlanError: there is no plan.
    """
    from bulk.errors import NO_SUCH_FILE, JournalError, PlanError
    from bulk.files.file_errors import fix_of_missing
    from bulk.jobs.destroyed_plan import refuse_destroyed
    from bulk.jobs.job_files import plan_of
    from bulk.journal.replay import refuse_other_file

    if not os.path.lexists(journal):
        raise JournalError(journal, NO_SUCH_FILE, fix_of_missing(journal))
    refuse_other_file(journal)
    plan = plan or plan_of(journal)
    refuse_destroyed(plan, journal, so="the persons cannot be read back any more")
    if not os.path.lexists(plan):
        raise PlanError(
            plan,
            NO_SUCH_FILE,
            "the plan lists the persons to read back: give it with --plan. status and report work without it",
        )
    return plan
