"""`posthog-bulk verify`: read back what a job did, days or weeks later."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bulk.cli.job_paths import plan_of
from bulk.cli.options.connection_options import FILE, Settings, json_option, settings_options

if TYPE_CHECKING:
    from asyncclient import PostHogClient
    from bulk.cli.display.live_display import Display
    from bulk.cli.signals import Stopper
    from bulk.report.report import Report


@click.command("verify")
@click.argument("journal", type=FILE)
@click.option("--plan", type=FILE, metavar="FILE", help="Plan; by default NAME.plan.jsonl for NAME.journal.jsonl")
@click.option(
    "--concurrency", type=click.IntRange(1, 256), default=8, show_default=True, metavar="N", help="Reads in parallel"
)
@json_option
@settings_options
def command(journal: Path, plan: Path | None, concurrency: int, json: bool, settings: Settings) -> int:
    """Read back whether the persons of JOURNAL are still as requested: gone, properties set or removed, events purged.

    Changes nothing. Ends with 75 while the server has not purged events yet, which takes days.

    \b
    Example:
      posthog-bulk verify leavers.journal.jsonl
    """
    from bulk.cli.job_session import Screen, summarise, with_client
    from bulk.engine import verify_job
    from bulk.errors import JournalError, PlanError
    from bulk.plan.plan_file import load_plan

    if not os.path.lexists(journal):
        raise JournalError(journal, "does not exist", "give the journal of the job to verify")
    plan = plan or plan_of(journal)
    if not os.path.lexists(plan):
        raise PlanError(
            plan,
            "does not exist, and only the plan lists the persons to read back",
            "give it with --plan; status and report work without it",
        )
    screen = Screen(json=json)
    with load_plan(plan) as loaded:

        async def work(client: "PostHogClient", stopper: "Stopper", display: "Display") -> "Report":
            with stopper.draining() as stop:
                report = await verify_job(
                    client, loaded, journal, concurrency=concurrency, on_progress=display, stop=stop
                )
            display.close()
            summarise(report, loaded.path, journal, screen)
            if any(state.state == "queued" for axis in report.axes for state in axis.states):
                screen.say(
                    "The events are not purged yet. The server does that days later: run the same command again then."
                )
            return report

        return with_client(settings, work, json=json).exit_code
