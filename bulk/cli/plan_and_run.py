"""Builds the five plan-and-run commands: each plans an operation, asks for approval, runs and reads back."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from bulk.cli.options.help_layout import command, option
from bulk.cli.options.operation_options import OperationArguments, build_operation, build_rows, operation_options
from bulk.cli.options.protect_option import build_protect, protect_option
from bulk.cli.options.record_options import record_options
from bulk.cli.options.selection_options import (
    NOTHING_SELECTED,
    SelectionArguments,
    build_selection,
    selection_options,
)
from bulk.cli.options.settings import Settings
from bulk.requests.job_record import JobRecord

if TYPE_CHECKING:
    from bulk.cli.job_paths import JobPaths
    from bulk.cli.job_session import CommandOutput
    from bulk.operations import Operation
    from bulk.plan.plan_file import Plan
    from bulk.selection.conditions.protection import Protect
    from bulk.selection.selections import Selection

_PLAN_HELP = (
    "Plan file to write; if it exists, it is used unchanged (default: that of the unfinished job, or a new file in the "
    "current folder)"
)
_EXAMPLES = {
    "delete": "--delete-events --distinct-ids leavers.txt",
    "unset": "email name --where 'plan exact free'",
    "update": "plan=vip seats:=3 --distinct-ids vips.txt\n"
    "  posthog-bulk update --values seats.csv --id-column email:mail --types seats=number --keep-before before.jsonl",
    "delete-events": "--distinct-ids quiet.txt\n"
    "  posthog-bulk delete-events --without-person --distinct-ids ghosts.txt",
    "delete-recordings": "--distinct-ids unseen.txt",
}

_WITHOUT_PERSON = option(
    "--without-person",
    is_flag=True,
    help="Delete the events of distinct IDs that have no person, by requests that PostHog approves and carries out at "
    "the weekend. --expect-count then counts distinct IDs. An ID that has a person is refused",
)


def operation_command(kind: str, summary: str) -> click.Command:
    """Return the command of an operation.

    Arguments:
        kind: the operation, which is the name of the command.
        summary: the first sentence of its help.
    """

    def body(*, without_person: bool = False, **given: Any) -> int:
        if without_person:
            from bulk.cli.commands.operations.without_person import delete_without_person

            return delete_without_person(**given)
        return _plan_and_run(kind, **given)

    body.__doc__ = (
        f"{summary} Plan, ask for approval, run, and read the results back.\n\n"
        "At a terminal, you approve by typing the number of persons. Elsewhere, give --yes --expect-count N.\n\n"
        "To resume, run the same command line again in the same folder: the command looks there for the "
        "unfinished job with the same operation, selection, project and host. It does not repeat a finished job, and "
        "does not resume a job whose input has changed: to start a new job, name a new file with --plan.\n\n"
        f"\b\nExample:\n  posthog-bulk {kind} {_EXAMPLES[kind]}"
    )
    decorators: tuple[Callable[[Any], Any], ...] = (
        operation_options(kind),
        *([_WITHOUT_PERSON] if kind == "delete-events" else []),
        option("--plan", type=FILE, metavar="FILE", help=_PLAN_HELP),
        option("--journal", type=FILE, metavar="FILE", help=JOURNAL_HELP),
        option("--yes", is_flag=True, help="Do not ask for approval; requires --expect-count"),
        expect_options,
        selection_options,
        protect_option,
        record_options,
        run_options,
        settings_options,
    )
    decorated: Any = body
    for decorator in reversed(decorators):
        decorated = decorator(decorated)
    built: click.Command = command(kind)(decorated)
    return built


def _plan_and_run(
    kind: str,
    *,
    operation_arguments: OperationArguments,
    selection_arguments: SelectionArguments,
    plan: Path | None,
    journal: Path | None,
    yes: bool,
    expected: Expected,
    protect: tuple[str, ...],
    record: JobRecord,
    run_options: RunOptions,
    settings: Settings,
) -> int:
    from bulk.cli.job_session import CommandOutput, run_plan, write_plan_event
    from bulk.cli.job_to_resume import mark_unreported
    from bulk.cli.signals.explanations import explain_interruption, not_started, nothing_kept, same_command_line
    from bulk.errors import PlanError

    if yes and expected.expect_count is None:
        raise click.UsageError("--yes requires --expect-count N, the number of persons that you expect")
    output = CommandOutput(json=run_options.json)
    operation, selection = _build_job(kind, operation_arguments, selection_arguments)
    protected = build_protect(protect)
    with explain_interruption(nothing_kept):
        paths, loaded, is_new = _open_or_make_plan(
            plan, journal, operation, selection, protected, record, settings, output, yes=yes
        )
    with explain_interruption(lambda: not_started(paths.plan, same_command_line())), loaded:
        write_plan_event(loaded, output)
        with _discarded_unless_approved(loaded, paths.journal) if is_new else nullcontext():
            approve = _review(loaded, paths.journal, output, run_options, settings, yes=yes, expected=expected)
        if not loaded.is_in_place:
            raise PlanError(paths.plan, "was removed or replaced while it was reviewed", "run the same command again")
        resume_line = _resume_line(paths, selection)
        if paths.is_generated:
            output.print_command(f"If interrupted, resume with: {resume_line}")
        with mark_unreported(paths) if paths.is_generated else nullcontext():
            return run_plan(
                settings,
                run_options,
                loaded,
                paths.journal,
                output,
                approve=approve,
                expected=expected,
                operator=record.operator,
                resume_line=resume_line,
                protect=() if is_new else protected,  # a plan made just now has none of them
                approver=record.approver,
            )


def _resume_line(paths: "JobPaths", selection: "Selection | None") -> str:
    """Return the command line that resumes the job; the same one, unless it reads a stream, which comes only once."""
    from bulk.cli.signals.explanations import same_command_line
    from bulk.jobs.next_run import run_line

    reads_stream = selection is not None and selection.summary().get("input") == "stream"
    return run_line(paths.plan, paths.journal) if reads_stream else same_command_line()


def _build_job(
    kind: str, operation_arguments: OperationArguments, selection_arguments: SelectionArguments
) -> tuple["Operation", "Selection | None"]:
    """Return the operation, and the selection unless none is given; raises UsageError."""
    rows = build_rows(
        kind,
        operation_arguments,
        selected_by=selection_arguments.given,
        allow_shared_ids=selection_arguments.allow_shared_ids,
    )
    operation = build_operation(kind, operation_arguments, rows)
    selection: Selection | None = rows
    if rows is None and selection_arguments.given:
        selection = build_selection(selection_arguments, writes=True)
    return operation, selection


@contextmanager
def _discarded_unless_approved(plan: "Plan", journal: Path) -> Iterator[None]:
    """Remove a plan that was made just now if the block ends with an exception."""
    try:
        yield
    except BaseException:
        if not os.path.lexists(journal):
            plan.discard()
        raise


def _review(
    plan: "Plan",
    journal: Path,
    output: "CommandOutput",
    run_options: RunOptions,
    settings: Settings,
    *,
    yes: bool,
    expected: Expected,
) -> str | None:
    """Show a plan, check its numbers, and return its approval; None if the journal has one.

    Raises:
        Refused: the plan has other numbers than allowed or expected, or is not approved.
    """
    from bulk.cli.approval import approve_or_ask
    from bulk.cli.display.plan.plan_review import format_review
    from bulk.execution import preflight

    review = format_review(
        plan,
        rate_limits=settings.rates(),
        batch_size=run_options.batch_size,
        width=output.width,
        expect_unmatched=expected.expect_unmatched,
        today=datetime.now(UTC).date(),
    )
    output.print(review + "\n")
    preflight.check_caps(
        plan,
        max_targets=run_options.max_targets,
        expect_count=expected.expect_count,
        expect_lines=expected.expect_lines,
        expect_unmatched=expected.expect_unmatched,
    )
    return approve_or_ask(
        plan,
        journal,
        approve=plan.digest if yes else None,
        how=f"review it, then run the same command with --yes --expect-count {plan.count}",
        expect_unmatched=expected.expect_unmatched,
    )


def _open_or_make_plan(
    plan: Path | None,
    journal: Path | None,
    operation: "Operation",
    selection: "Selection | None",
    protect: "Sequence[Protect]",
    record: JobRecord,
    settings: Settings,
    output: "CommandOutput",
    *,
    yes: bool,
) -> tuple["JobPaths", "Plan", bool]:
    """Return the files of the job, its plan, and whether this command has made the plan.

    Raises:
        UsageError: neither a selection nor an existing plan is given.
        Refused: the existing plan is for something else, or the job that the command would resume is finished.
    """
    from bulk.cli.job_paths import check_job_files, check_places, choose_job_paths
    from bulk.cli.job_session import make_plan_file
    from bulk.cli.job_to_resume import find_job_files, refuse_second_job
    from bulk.errors import FileTrouble
    from bulk.operations import to_dict

    paths = choose_job_paths(
        plan,
        journal,
        operation=str(to_dict(operation)["kind"]),
        project=settings.project(os.environ),
        now=datetime.now(UTC),
    )
    check_job_files(paths.plan, paths.journal)
    check_places(paths)
    files = None
    if paths.is_generated and selection is not None:
        files = find_job_files(operation, selection, paths, settings, output, unattended=yes)
        paths, selection = files.paths, files.selection
    if not os.path.lexists(paths.plan):
        if selection is None:
            raise click.UsageError(NOTHING_SELECTED)
        try:
            made = make_plan_file(
                settings, operation, selection, paths.plan, json=output.json, protect=protect, record=record
            )
            if files is not None:
                refuse_second_job(made, files)
            return paths, made, True
        except FileTrouble:
            if not os.path.lexists(paths.plan):
                raise  # otherwise another process has just made the plan
    resumes = files is not None and files.is_found
    loaded = _load_matching(paths.plan, None if resumes else (operation, selection), record, output, yes=yes)
    return paths, loaded, False


def _load_matching(
    path: Path,
    expected: "tuple[Operation, Selection | None] | None",
    record: JobRecord,
    output: "CommandOutput",
    *,
    yes: bool,
) -> "Plan":
    """Load an existing plan.

    Arguments:
        path: of the plan.
        expected: what it must have been made for; None if that is checked already.
        record: what it must say about who ordered the job and why.
        output: where the user reads that an existing plan is used.
        yes: whether to refuse a changed input without asking.

    Raises:
        Refused: the plan is for something else.
    """
    from bulk.cli.approval import accepts_changed_input
    from bulk.plan.plan_file import load_plan
    from bulk.plan.plan_match import ChangedInput, check_plan_matches, check_record_matches
    from bulk.sanitize import plain

    loaded = load_plan(path)
    try:
        check_record_matches(loaded, record)
        if expected is not None:
            try:
                check_plan_matches(loaded, *expected)
            except ChangedInput as error:
                if not accepts_changed_input(error.problem, unattended=yes):
                    raise
            output.print(f"Using the existing plan {plain(path)}")
    except BaseException:
        loaded.close()
        raise
    return loaded
