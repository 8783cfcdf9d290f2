"""`posthog-bulk plan`: write a file that lists the persons an operation will affect. Only reads from the server."""

import os
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bulk.cli.options.connection_options import FILE, json_option, planning_options, settings_options
from bulk.cli.options.help_layout import HelpCommand, option
from bulk.cli.options.help_layout import command as help_command
from bulk.cli.options.operation_options import KINDS, OperationArguments, any_operation_options
from bulk.cli.options.protect_option import build_protect, protect_option
from bulk.cli.options.reappeared_options import ReappearedArguments, reappeared_options
from bulk.cli.options.record_options import record_options
from bulk.cli.options.selection_options import SelectionArguments, build_selection, selection_options
from bulk.cli.options.settings import Settings
from bulk.requests.job_record import JobRecord

if TYPE_CHECKING:
    from asyncclient import PostHogClient
    from bulk.cli.display.live_display import Display
    from bulk.cli.signals.event_loop import Stopper
    from bulk.plan.plan_file import Plan
    from bulk.selection.conditions.protection import Protect

_NO_OPERATION = f"Missing argument 'OPERATION'. Choose from: {', '.join(KINDS)}"


class _PlanCommand(HelpCommand):
    """The command, which names a missing operation before a missing file."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the command line."""
        try:
            return super().parse_args(ctx, args)
        except click.MissingParameter as error:
            if not isinstance(ctx.params.get("operation"), str) and not isinstance(
                ctx.params.get("from_journal"), Path
            ):
                raise click.UsageError(_NO_OPERATION, ctx) from None
            raise error


@help_command("plan", cls=_PlanCommand)
@click.argument("operation", type=click.Choice(KINDS), metavar="[OPERATION]", required=False)
@any_operation_options
@option("-o", "--output", type=FILE, required=True, metavar="PLAN", help="Plan file to write; it must not exist yet")
@planning_options
@json_option
@selection_options
@protect_option
@record_options
@reappeared_options
@settings_options
def command(
    operation: str | None,
    operation_arguments: OperationArguments,
    selection_arguments: SelectionArguments,
    output: Path,
    concurrency: int,
    batch_size: int,
    json: bool,
    protect: tuple[str, ...],
    record: JobRecord,
    reappeared_arguments: ReappearedArguments,
    settings: Settings,
) -> int:
    """Write a plan: a file that lists the persons OPERATION will affect. Show its review.

    The review says how many requests and how much time a run takes, and which input lines match no person. For unset
    and update, it also says how many of the persons have each property.

    This only reads from the server. A run of the plan affects the persons in it and no others. Keep the file
    private: it holds the IDs of these persons.

    With --from JOURNAL --reappeared, the plan repeats the operation of that job for re-created persons. These have the
    UUID or a distinct ID of a person of the job, and later events created them. Run verify first to find them.

    \b
    OPERATION is one of:
      delete [--delete-events] [--delete-recordings]
      unset KEY... [--route ROUTE] [--keep-before FILE]
      update KEY=TEXT... [--once] [--route ROUTE] [--keep-before FILE]
          (KEY:=JSON for numbers, booleans and lists)
      update --values FILE [--id-column KIND:COLUMN] [--types KEY=TYPE,...]
          (for values per person)
      delete-events
      delete-recordings

    \b
    Example:
      posthog-bulk plan delete --delete-events --distinct-ids leavers.txt -o leavers.plan.jsonl
      posthog-bulk plan delete --emails leavers.csv --column Email --email-match ignore-case -o emails.plan.jsonl
      posthog-bulk plan update --values seats.csv --types seats=number -o seats.plan.jsonl
      posthog-bulk plan --from leavers.journal.jsonl --reappeared -o again.plan.jsonl
    """
    from bulk.cli.display.plan.plan_review import format_review, run_command_line
    from bulk.cli.job_paths import check_new_plan
    from bulk.cli.job_session import CommandOutput, write_plan_event
    from bulk.cli.signals.explanations import explain_interruption, nothing_kept

    options_given = operation_arguments != OperationArguments()
    others = [*filter(None, [operation]), *selection_arguments.given, *["the options of an operation"] * options_given]
    reappeared_arguments.check(others=others)
    check_new_plan(output)
    if reappeared_arguments.is_given:
        make = partial(_make_reappeared_plan, settings, reappeared_arguments)
    elif operation is None:
        raise click.UsageError(_NO_OPERATION)
    else:
        make = partial(_make_selected_plan, settings, operation, operation_arguments, selection_arguments)
    with explain_interruption(nothing_kept):
        plan = make(output, json=json, concurrency=concurrency, protect=build_protect(protect), record=record)
    shown = CommandOutput(json=json)
    with plan:
        rates = settings.rates()
        shown.print(format_review(plan, rate_limits=rates, batch_size=batch_size, width=shown.width))
        shown.print_command(f"\nTo run this plan:\n  {run_command_line(plan)}")
        write_plan_event(plan, shown)
    return 0


def _make_selected_plan(
    settings: Settings,
    operation: str,
    operation_arguments: OperationArguments,
    selection_arguments: SelectionArguments,
    path: Path,
    *,
    json: bool,
    concurrency: int,
    protect: "Sequence[Protect]",
    record: JobRecord,
) -> "Plan":
    """Make the plan of an operation on the selected persons, with progress shown."""
    from bulk.cli.job_session import make_plan_file
    from bulk.cli.options.operation_options import build_operation, build_rows

    selected_by, allow_shared_ids = selection_arguments.given, selection_arguments.allow_shared_ids
    rows = build_rows(operation, operation_arguments, selected_by=selected_by, allow_shared_ids=allow_shared_ids)
    return make_plan_file(
        settings,
        build_operation(operation, operation_arguments, rows),
        rows or build_selection(selection_arguments, writes=True),
        path,
        json=json,
        concurrency=concurrency,
        protect=protect,
        record=record,
    )


def _make_reappeared_plan(
    settings: Settings,
    arguments: ReappearedArguments,
    path: Path,
    *,
    json: bool,
    concurrency: int,
    protect: "Sequence[Protect]",
    record: JobRecord,
) -> "Plan":
    """Make the plan, with progress shown; say how many of its persons are older than the job.

    Arguments:
        settings: for the client.
        arguments: with the journal of the job.
        path: the plan file.
        json: whether events go to stdout.
        concurrency: requests at once.
        protect: persons that the plan must not contain.
        record: who orders the new job and why; an empty one for that of the job.
    """
    from bulk.cli.job_session import run_with_client
    from bulk.engine import plan_reappeared
    from bulk.errors import NO_SUCH_FILE, JournalError, PlanError
    from bulk.files.file_errors import fix_of_missing
    from bulk.formatting import count_of
    from bulk.jobs.destroyed_plan import refuse_destroyed
    from bulk.jobs.job_files import plan_of
    from bulk.journal.replay import refuse_other_file
    from bulk.plan.plan_file import load_plan

    journal = arguments.from_journal or Path()
    if not os.path.lexists(journal):
        raise JournalError(journal, NO_SUCH_FILE, fix_of_missing(journal))
    refuse_other_file(journal)
    plan = arguments.from_plan or plan_of(journal)
    refuse_destroyed(plan, journal, so="the distinct IDs of its persons are gone")
    if not os.path.lexists(plan):
        raise PlanError(plan, NO_SUCH_FILE, "the plan of the job has the distinct IDs: give it with --plan")
    with load_plan(plan) as loaded:

        async def work(client: "PostHogClient", _: "Stopper", display: "Display") -> "Plan":
            return await plan_reappeared(
                client,
                loaded,
                journal,
                path,
                on_progress=display,
                concurrency=concurrency,
                retry_for_s=settings.retry_for_s,
                protect=protect,
                record=record,
            )

        made = run_with_client(settings, work, json=json)
        planned_at = datetime.fromisoformat(loaded.header.created_at)
    if older := sum(target.created_at < planned_at for target in made.iter()):
        click.echo(
            f"posthog-bulk: {count_of(older, 'person')} of this plan existed before the job was planned, or has older "
            "events: look at each before you run it, because it may be somebody else",
            err=True,
        )
    return made
