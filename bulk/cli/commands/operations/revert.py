"""`posthog-bulk revert`: plan to undo a job that kept a before-image. Only reads from the server."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bulk.cli.options.connection_options import FILE, json_option, planning_options, settings_options
from bulk.cli.options.help_layout import command as help_command
from bulk.cli.options.help_layout import option
from bulk.cli.options.settings import Settings

if TYPE_CHECKING:
    from asyncclient import PostHogClient
    from bulk.cli.display.live_display import Display
    from bulk.cli.signals.event_loop import Stopper
    from bulk.operations import RouteChoice
    from bulk.plan.plan_file import Plan


@help_command("revert")
@click.argument("before_image", metavar="FILE", type=FILE)
@option("-o", "--output", type=FILE, required=True, metavar="PLAN", help="Plan file to write; it must not exist yet")
@option(
    "--route",
    type=click.Choice(["rest", "capture", "auto"]),
    default="auto",
    help="How to change properties, as for update",
)
@option(
    "--keep-before",
    type=FILE,
    metavar="FILE",
    help="Keep in this new file what each person has before the revert, so that the revert can be reverted",
)
@planning_options
@json_option
@settings_options
def command(
    before_image: Path,
    output: Path,
    route: "RouteChoice",
    keep_before: Path | None,
    concurrency: int,
    batch_size: int,
    json: bool,
    settings: Settings,
) -> int:
    """Write a plan that gives persons back what they had before an update or unset. Show its review.

    FILE is the before-image that --keep-before wrote. The plan has the persons that still have the values that the job
    set. Persons that others have changed since then stay as they are; the review names them by their numbers in the
    plan of the reverted job. Deleted and merged persons do not come back. Properties that a person did not have before
    are removed again.

    This only reads from the server. To bring the values back, run the plan.

    \b
    Example:
      posthog-bulk revert before.jsonl -o revert.plan.jsonl
    """
    from bulk.cli.display.plan.plan_review import format_review, run_command_line
    from bulk.cli.job_paths import check_new_plan
    from bulk.cli.job_session import CommandOutput, run_with_client, write_plan_event
    from bulk.cli.signals.explanations import explain_interruption, nothing_kept
    from bulk.undo.revert import plan_revert

    check_new_plan(output)

    async def work(client: "PostHogClient", _: "Stopper", display: "Display") -> "Plan":
        return await plan_revert(
            client,
            before_image,
            output,
            route=route,
            keep_before=None if keep_before is None else str(keep_before),
            on_progress=display,
            concurrency=concurrency,
            retry_for_s=settings.retry_for_s,
        )

    shown = CommandOutput(json=json)
    with explain_interruption(nothing_kept):
        plan = run_with_client(settings, work, json=json)
    with plan:
        rates = settings.rates()
        shown.print(format_review(plan, rate_limits=rates, batch_size=batch_size, width=shown.width))
        shown.print_command(f"\nTo run this plan:\n  {run_command_line(plan)}")
        write_plan_event(plan, shown)
    return 0
