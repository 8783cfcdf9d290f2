"""`posthog-bulk run`: run a plan, or resume it."""

from pathlib import Path

import click

from bulk.cli.job_paths import check_apart, journal_of
from bulk.cli.options.connection_options import (
    FILE,
    Running,
    Settings,
    expect_count_option,
    running_options,
    settings_options,
)


@click.command("run")
@click.argument("plan", type=FILE)
@click.option("--journal", type=FILE, metavar="FILE", help="Journal; by default NAME.journal.jsonl for NAME.plan.jsonl")
@click.option("--approve", metavar="DIGEST", help="The plan's digest, or its first 12 digits")
@expect_count_option
@running_options
@settings_options
def command(
    plan: Path,
    journal: Path | None,
    approve: str | None,
    expect_count: int | None,
    running: Running,
    settings: Settings,
) -> int:
    """Run PLAN, or resume it: run the same command line again, any number of times.

    The first run must be approved: at a terminal by typing the number of persons, elsewhere with --approve.

    \b
    Example:
      posthog-bulk run leavers.plan.jsonl --approve 15db78339468
    """
    from bulk.cli.job_session import Screen, approve_or_ask, run_plan
    from bulk.execution import preflight
    from bulk.plan.plan_file import load_plan, short_digest

    screen = Screen(json=running.json)
    journal = journal or journal_of(plan)
    check_apart(plan, journal)
    with load_plan(plan) as loaded:
        preflight.check_caps(loaded, max_targets=running.max_targets, expect_count=expect_count)
        approve = approve_or_ask(
            loaded,
            journal,
            approve=approve,
            how=f"review it, then give --approve {short_digest(loaded.digest)}",
        )
        return run_plan(settings, running, loaded, journal, screen, approve=approve, expect_count=expect_count)
