"""`posthog-bulk plan`: write a file that lists the persons an operation will affect. Only reads from the server."""

from pathlib import Path

import click

from bulk.cli.options.connection_options import FILE, json_option, settings_options
from bulk.cli.options.help_layout import WholeNumber, option
from bulk.cli.options.help_layout import command as help_command
from bulk.cli.options.operation_options import KINDS, OperationArguments, any_operation_options
from bulk.cli.options.protect_option import build_protect, protect_option
from bulk.cli.options.record_options import record_options
from bulk.cli.options.selection_options import SelectionArguments, build_selection, selection_options
from bulk.cli.options.settings import Settings
from bulk.requests.job_record import JobRecord


@help_command("plan")
@click.argument("operation", type=click.Choice(KINDS), metavar="OPERATION")
@any_operation_options
@option("-o", "--output", type=FILE, required=True, metavar="PLAN", help="Plan file to write; it must not exist yet")
@option("--concurrency", type=WholeNumber(1, 64), default=4, metavar="N", help="Requests in parallel")
@option(
    "--batch-size",
    type=WholeNumber(1, 1000),
    default=250,
    metavar="N",
    help="Persons per bulk request, only for the estimate",
)
@json_option
@selection_options
@protect_option
@record_options
@settings_options
def command(
    operation: str,
    operation_arguments: OperationArguments,
    selection_arguments: SelectionArguments,
    output: Path,
    concurrency: int,
    batch_size: int,
    json: bool,
    protect: tuple[str, ...],
    record: JobRecord,
    settings: Settings,
) -> int:
    """Write a plan: a file that lists the persons OPERATION will affect. Show its review.

    The review says how many requests and how much time a run takes and which input lines match no person; for unset
    and update also how many of the persons have each property.

    This only reads from the server. A run of the plan affects the persons in it and no others. Keep the file
    private: it holds the IDs of these persons.

    \b
    OPERATION is one of:
      delete [--delete-events] [--delete-recordings]
      unset KEY... [--route ROUTE]
      update KEY=TEXT... [--route ROUTE], with KEY:=JSON for numbers, booleans and lists
      delete-events
      delete-recordings

    \b
    Example:
      posthog-bulk plan delete --delete-events --distinct-ids leavers.txt -o leavers.plan.jsonl
      posthog-bulk plan delete --emails leavers.csv --column Email --email-match ignore-case -o emails.plan.jsonl
    """
    from bulk.cli.display.plan.plan_review import format_review, run_command_line
    from bulk.cli.interruption import explained, nothing_kept
    from bulk.cli.job_paths import check_new_plan
    from bulk.cli.job_session import CommandOutput, make_plan_file, write_plan_event
    from bulk.cli.options.operation_options import build_operation

    check_new_plan(output)
    built = build_operation(operation, operation_arguments)
    selection = build_selection(selection_arguments, writes=True)
    protected = build_protect(protect)
    shown = CommandOutput(json=json)
    with explained(nothing_kept):
        plan = make_plan_file(
            settings,
            built,
            selection,
            output,
            json=json,
            concurrency=concurrency,
            protect=protected,
            record=record,
        )
    with plan:
        rates = settings.rates()
        shown.print(format_review(plan, rate_limits=rates, batch_size=batch_size, width=shown.width))
        shown.print_command(f"\nTo run this plan:\n  {run_command_line(plan)}")
        write_plan_event(plan, shown)
    return 0
