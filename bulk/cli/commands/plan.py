"""`posthog-bulk plan`: write a file that lists the persons an operation will affect. Read-only."""

from pathlib import Path

import click

from bulk.cli.options.connection_options import FILE, Settings, settings_options
from bulk.cli.options.operation_options import KINDS, Asked, every_operation
from bulk.cli.options.selection_options import Chosen, selection, selection_options


@click.command("plan")
@click.argument("operation", type=click.Choice(KINDS), metavar="OPERATION")
@every_operation
@selection_options
@click.option("-o", "--output", type=FILE, required=True, metavar="PLAN", help="Plan file, which must not exist yet")
@click.option(
    "--concurrency", type=click.IntRange(1, 64), default=4, show_default=True, metavar="N", help="Requests in parallel"
)
@click.option(
    "--batch-size",
    type=click.IntRange(1, 1000),
    default=250,
    show_default=True,
    metavar="N",
    help="Persons per bulk request, for the estimate",
)
@settings_options
def command(
    operation: str,
    asked: Asked,
    chosen: Chosen,
    output: Path,
    concurrency: int,
    batch_size: int,
    settings: Settings,
) -> int:
    """Write a plan: a file that lists the persons OPERATION will affect. Show what running it would take.

    This only reads. The plan file holds the persons' IDs, and a run touches no other person.

    \b
    OPERATION is one of
      delete [--delete-events] [--delete-recordings]
      unset KEY... [--route ROUTE]
      update KEY=TEXT... [--route ROUTE], and KEY:=JSON for numbers, booleans and lists
      delete-events
      delete-recordings

    \b
    Example:
      posthog-bulk plan delete --delete-events --distinct-ids leavers.txt -o leavers.plan.jsonl
    """
    from bulk.cli.display.plan_review import review, run_line
    from bulk.cli.job_session import make_plan_file
    from bulk.cli.options import operation_options

    todo = operation_options.operation(operation, asked)
    whom = selection(chosen, writes=True)
    with make_plan_file(settings, todo, whom, output, json=False, concurrency=concurrency) as plan:
        click.echo(review(plan, rate_limits=settings.rates(), batch_size=batch_size))
        click.echo(f"\nTo run it:\n  {run_line(plan)}")
    return 0
