"""Builds the five plan-and-run commands: each plans an operation, asks for approval, runs and reads back."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from bulk.cli.options.connection_options import (
    FILE,
    JOURNAL_HELP,
    RunOptions,
    Settings,
    expect_count_option,
    run_options,
    settings_options,
)
from bulk.cli.options.help_layout import command, option
from bulk.cli.options.operation_options import OperationArguments, build_operation, operation_options
from bulk.cli.options.selection_options import (
    NOTHING_SELECTED,
    SelectionArguments,
    build_selection,
    selection_options,
)

_EXAMPLES = {
    "delete": "--delete-events --distinct-ids leavers.txt",
    "unset": "email name --where 'plan exact free'",
    "update": "plan=vip seats:=3 --distinct-ids vips.txt",
    "delete-events": "--distinct-ids quiet.txt",
    "delete-recordings": "--distinct-ids unseen.txt",
}


def operation_command(kind: str, summary: str) -> click.Command:
    """Return the command of an operation.

    Args:
        kind: the operation, which is the name of the command.
        summary: the first sentence of its help.
    """

    def body(**given: Any) -> int:
        return _plan_and_run(kind, **given)

    body.__doc__ = (
        f"{summary} Plan, ask for approval, run, and read the results back.\n\n"
        "At a terminal, you approve by typing the number of persons. Elsewhere, give --yes --expect-count N.\n\n"
        "To resume, run the same command line again with its --plan. Without --plan, the command names the files "
        f"itself and prints the line that resumes it.\n\n\b\nExample:\n  posthog-bulk {kind} {_EXAMPLES[kind]}"
    )
    decorators: tuple[Callable[[Any], Any], ...] = (
        operation_options(kind),
        option("--plan", type=FILE, metavar="FILE", help="Plan file to write, or to use as it is if it exists already"),
        option("--journal", type=FILE, metavar="FILE", help=JOURNAL_HELP),
        option("--yes", is_flag=True, help="Do not ask for approval; requires --expect-count"),
        expect_count_option,
        selection_options,
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
    expect_count: int | None,
    run_options: RunOptions,
    settings: Settings,
) -> int:
    from bulk.cli.display.plan_review import format_review, resume_command_line
    from bulk.cli.job_paths import check_different, choose_job_paths
    from bulk.cli.job_session import CommandOutput, approve_or_ask, check_same_job, make_plan_file, run_plan
    from bulk.errors import FileTrouble
    from bulk.execution import preflight
    from bulk.plan.plan_file import load_plan
    from bulk.sanitize import file_word, plain

    if yes and expect_count is None:
        raise click.UsageError("--yes requires --expect-count N, the number of persons that you expect")
    output = CommandOutput(json=run_options.json)
    operation = build_operation(kind, operation_arguments)
    selection = build_selection(selection_arguments, writes=True) if selection_arguments.given else None
    paths = choose_job_paths(plan, journal, operation=kind, project=settings.project(os.environ), now=datetime.now(UTC))
    check_different(paths.plan, paths.journal)
    exists = os.path.lexists(paths.plan)
    if selection is None and not exists:
        raise click.UsageError(NOTHING_SELECTED)
    loaded = None
    if selection is not None and not exists:
        try:
            loaded = make_plan_file(settings, operation, selection, paths.plan, json=run_options.json)
        except FileTrouble:
            if not os.path.lexists(paths.plan):
                raise  # otherwise another process has just made the plan
    if loaded is None:
        loaded = load_plan(paths.plan)
        check_same_job(loaded, operation, selection)
        output.print(f"Using the existing plan {plain(paths.plan)}")
    with loaded:
        output.write_event("plan", path=str(paths.plan), count=loaded.count, digest=loaded.digest)
        output.print(format_review(loaded, rate_limits=settings.rates(), batch_size=run_options.batch_size))
        preflight.check_caps(loaded, max_targets=run_options.max_targets, expect_count=expect_count)
        options = f"--plan {file_word(str(paths.plan))} " * paths.is_generated + "--yes --expect-count"
        approve = approve_or_ask(
            loaded,
            paths.journal,
            approve=loaded.digest if yes else None,
            how=f"review it, then run the same command with {options} {loaded.count}",
        )
        if paths.is_generated:
            line = resume_command_line(click.get_current_context().obj, paths.plan)
            output.print(f"If interrupted, resume with: {line}")
        return run_plan(
            settings, run_options, loaded, paths.journal, output, approve=approve, expect_count=expect_count
        )
