"""`posthog-bulk run`: run or resume a plan."""

from pathlib import Path

import click

from bulk.cli.options.connection_options import (
    FILE,
    JOURNAL_HELP,
    Expected,
    RunOptions,
    expect_options,
    run_options,
    settings_options,
)
from bulk.cli.options.help_layout import command as help_command
from bulk.cli.options.help_layout import option
from bulk.cli.options.protect_option import build_protect, protect_option
from bulk.cli.options.record_options import approver_option, check_operator, confirming_operator_option
from bulk.cli.options.settings import Settings


@help_command("run")
@click.argument("plan", type=FILE)
@option("--journal", type=FILE, metavar="FILE", help=JOURNAL_HELP)
@option("--approve", metavar="DIGEST", help="Approve the plan with this digest, or with its first 12 digits")
@approver_option
@confirming_operator_option
@expect_options
@protect_option
@run_options
@settings_options
def command(
    plan: Path,
    journal: Path | None,
    approve: str | None,
    approver: str | None,
    operator: str | None,
    expected: Expected,
    protect: tuple[str, ...],
    run_options: RunOptions,
    settings: Settings,
) -> int:
    """Run PLAN. To resume it, run the same command line again, any number of times.

    The first run needs your approval: at a terminal you type the number of persons, elsewhere you give --approve.

    \b
    Example:
      posthog-bulk run leavers.plan.jsonl --approve 15db78339468
    """
    from bulk.cli.approval import approve_or_ask
    from bulk.cli.job_paths import check_job_files
    from bulk.cli.job_session import CommandOutput, run_plan, write_plan_event
    from bulk.cli.signals.explanations import explain_interruption, not_started, same_command_line
    from bulk.execution import preflight
    from bulk.jobs.destroyed_plan import refuse_destroyed
    from bulk.jobs.job_files import journal_of
    from bulk.plan.plan_file import load_plan, short_digest

    check_operator(operator, expected.expect_unmatched)
    output = CommandOutput(json=run_options.json)
    protected = build_protect(protect)
    journal = journal or journal_of(plan)
    check_job_files(plan, journal)
    refuse_destroyed(plan, journal, so="the job cannot be run any more")
    with explain_interruption(lambda: not_started(plan, same_command_line())), load_plan(plan) as loaded:
        write_plan_event(loaded, output)
        preflight.check_caps(
            loaded,
            max_targets=run_options.max_targets,
            expect_count=expected.expect_count,
            expect_lines=expected.expect_lines,
            expect_unmatched=expected.expect_unmatched,
        )
        approve = approve_or_ask(
            loaded,
            journal,
            approve=approve,
            how=f"review it, then run the same command with --approve {short_digest(loaded.digest)}",
            expect_unmatched=expected.expect_unmatched,
        )
        return run_plan(
            settings,
            run_options,
            loaded,
            journal,
            output,
            approve=approve,
            expected=expected,
            operator=operator,
            protect=protected,
            approver=approver,
            resume_line=same_command_line(),
        )
