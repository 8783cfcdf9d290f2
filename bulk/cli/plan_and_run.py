"""The commands that plan, confirm, run and verify in one go: one for each operation, the same but for what is done."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from bulk.cli.options.connection_options import (
    FILE,
    Running,
    Settings,
    expect_count_option,
    running_options,
    settings_options,
)
from bulk.cli.options.operation_options import Asked, operation, operation_options
from bulk.cli.options.selection_options import EMPTY, Chosen, selection, selection_options

_EXAMPLES = {
    "delete": "--delete-events --distinct-ids leavers.txt",
    "unset": "email name --where 'plan exact free'",
    "update": "plan=vip seats:=3 --distinct-ids vips.txt",
    "delete-events": "--distinct-ids quiet.txt",
    "delete-recordings": "--distinct-ids unseen.txt",
}


def one_go(kind: str, does: str) -> click.Command:
    """Return the command of an operation.

    Args:
        kind: of the operation, which is the command's name.
        does: the first words of its help.
    """

    def body(**given: Any) -> int:
        return _run(kind, **given)

    body.__doc__ = (
        f"{does} Plan, ask for approval, run and read back in one command.\n\n"
        "To resume, run the same command line with its --plan; without one, it is printed first. Without a terminal, "
        f"give --yes --expect-count N.\n\n\b\nExample:\n  posthog-bulk {kind} {_EXAMPLES[kind]}"
    )
    decorators: tuple[Callable[[Any], Any], ...] = (
        operation_options(kind),
        selection_options,
        click.option("--plan", type=FILE, metavar="FILE", help="Plan file; one that exists is used as it is"),
        click.option(
            "--journal", type=FILE, metavar="FILE", help="Journal; by default NAME.journal.jsonl for NAME.plan.jsonl"
        ),
        click.option("--yes", is_flag=True, help="Do not ask; needs --expect-count"),
        expect_count_option,
        running_options,
        settings_options,
    )
    decorated: Any = body
    for decorator in reversed(decorators):
        decorated = decorator(decorated)
    return click.command(kind)(decorated)


def _run(
    kind: str,
    *,
    asked: Asked,
    chosen: Chosen,
    plan: Path | None,
    journal: Path | None,
    yes: bool,
    expect_count: int | None,
    running: Running,
    settings: Settings,
) -> int:
    from bulk.cli.display.plan_review import resume_line, review
    from bulk.cli.job_paths import check_apart, job_files
    from bulk.cli.job_session import Screen, approve_or_ask, check_same_job, make_plan_file, run_plan
    from bulk.errors import FileTrouble
    from bulk.execution import preflight
    from bulk.plan.plan_file import load_plan
    from bulk.sanitize import plain

    if yes and expect_count is None:
        raise click.UsageError("--yes needs --expect-count N, the number of persons that you expect")
    screen = Screen(json=running.json)
    todo = operation(kind, asked)
    whom = selection(chosen, writes=True) if chosen.given else None
    files = job_files(plan, journal, operation=kind, project=settings.project(os.environ), now=datetime.now(UTC))
    check_apart(files.plan, files.journal)
    exists = os.path.lexists(files.plan)
    if whom is None and not exists:
        raise click.UsageError(EMPTY)
    if files.made_up:
        screen.say(f"If interrupted, resume with: {resume_line(click.get_current_context().obj, files.plan)}")
    loaded = None
    if whom is not None and not exists:
        try:
            loaded = make_plan_file(settings, todo, whom, files.plan, json=running.json)
        except FileTrouble:
            if not os.path.lexists(files.plan):
                raise  # otherwise another process made the plan meanwhile
    if loaded is None:
        loaded = load_plan(files.plan)
        check_same_job(loaded, todo, whom)
        screen.say(f"Using the plan that exists: {plain(files.plan)}")
    with loaded:
        screen.tell("plan", path=str(files.plan), count=loaded.count, digest=loaded.digest)
        preflight.check_caps(loaded, max_targets=running.max_targets, expect_count=expect_count)
        screen.say(review(loaded, rate_limits=settings.rates(), batch_size=running.batch_size))
        approve = approve_or_ask(
            loaded,
            files.journal,
            approve=loaded.digest if yes else None,
            how=f"without a terminal give --yes --expect-count {loaded.count}",
        )
        return run_plan(settings, running, loaded, files.journal, screen, approve=approve, expect_count=expect_count)
