"""What the commands that plan, run and verify have in common: client, signals, display, and the summary after."""

import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bulk.cli.approval import ask, can_ask
from bulk.cli.display.live_display import Display, open_display, write_line
from bulk.cli.options.connection_options import Running, Settings
from bulk.cli.signals import Stopper, run_until_signal
from bulk.errors import JournalDamaged, JournalError, Refused
from bulk.files.json_lines import encode_line
from bulk.operations import Operation, to_dict
from bulk.property_checks import equal

if TYPE_CHECKING:
    from asyncclient import PostHogClient
    from bulk.plan.plan_file import Plan
    from bulk.report.report import Report
    from bulk.selection.selections import Selection

T = TypeVar("T")


class Screen:
    """Where a command's words go: stdout, or stderr where stdout is for JSON lines.

    Args:
        json: whether it is.
    """

    def __init__(self, *, json: bool) -> None:
        self.json = json

    def say(self, text: str, *, end: bool = True) -> None:
        """Show people text that is plain already."""
        click.echo(text, nl=end, err=self.json)

    def tell(self, kind: str, **fields: Any) -> None:
        """Write an event of the command line's own where events are asked for."""
        if self.json:
            write_line(sys.stdout, encode_line({"event": kind, **fields}) + b"\n")


def with_client(
    settings: Settings,
    work: Callable[["PostHogClient", Stopper, Display], Awaitable[T]],
    *,
    json: bool = False,
) -> T:
    """Run work that needs the server, with signals handled and progress shown.

    Args:
        settings: for the client.
        work: gets the open client, the stopper and the display.
        json: whether events go to stdout.
    """
    client = settings.client()
    display = open_display(json=json)

    async def opened(stopper: Stopper) -> T:
        async with client:
            return await work(client, stopper, display)

    try:
        return run_until_signal(opened, notice=display.note, restore=display.restore)
    finally:
        display.close()


def make_plan_file(
    settings: Settings, operation: Operation, selection: "Selection", path: Path, *, json: bool, concurrency: int = 4
) -> "Plan":
    """Plan, with progress shown."""
    from bulk.plan.planner import make_plan

    async def work(client: "PostHogClient", _: Stopper, display: Display) -> "Plan":
        return await make_plan(client, operation, selection, path, on_progress=display, concurrency=concurrency)

    return with_client(settings, work, json=json)


def check_same_job(plan: "Plan", operation: Operation, selection: "Selection | None") -> None:
    """A plan that exists is used only for what it was made for.

    Args:
        plan: the plan that exists.
        operation: what the command line asks for now.
        selection: the persons that the command selects; None where it gives no selection.

    Raises:
        Refused: it was made for something else.
    """
    asked: list[tuple[str, Any, Any]] = [("operation", plan.header.operation, to_dict(operation))]
    if selection is not None:
        asked.append(("selection", plan.header.selection.get("details"), selection.details()))
    for name, planned, given in asked:
        if not equal(planned, json.loads(encode_line(given))):
            raise Refused(
                f"the plan that exists was made for another {name}: {plan.path}",
                "name another plan file, or give the options that it was made with",
            )


def is_approved(journal: Path) -> bool:
    """Whether the job of this journal was approved in an earlier run.

    Raises:
        FileTrouble: the journal is there and cannot be trusted.
    """
    from bulk.report.load import read_report

    if not os.path.lexists(journal):
        return False
    try:
        return read_report(journal).approved_at is not None
    except JournalDamaged:
        raise
    except JournalError:
        return False  # no job was opened in it yet, or opening it to write will say what is wrong


def approve_or_ask(plan: "Plan", journal: Path, *, approve: str | None, how: str) -> str | None:
    """The approval of a plan: the one given, the one typed at the terminal, or None if the journal has one.

    Args:
        plan: the plan to run.
        journal: its journal, which remembers an approval.
        approve: the digest given, if any.
        how: the option to give where there is no terminal to ask at.

    Raises:
        Refused: it is not approved and there is no terminal to ask at, or the user does not agree.
    """
    if approve is not None or is_approved(journal):
        return approve
    if not can_ask():
        raise Refused(f"the plan has {plan.count} targets and is not approved", how)
    ask(plan, say=lambda text: click.echo(text, nl=False, err=True))
    return plan.digest


def run_plan(
    settings: Settings,
    running: Running,
    plan: "Plan",
    journal: Path,
    screen: Screen,
    *,
    approve: str | None,
    expect_count: int | None,
) -> int:
    """Run a plan, show the summary, and return the exit code."""
    from bulk.engine import run_job

    async def work(client: "PostHogClient", stopper: Stopper, display: Display) -> "Report":
        with stopper.draining() as stop:
            report = await run_job(
                client,
                plan,
                journal,
                approve=approve,
                concurrency=running.concurrency,
                batch_size=running.batch_size,
                wait_s=running.wait_s,
                max_targets=running.max_targets,
                expect_count=expect_count,
                on_progress=display,
                stop=stop,
            )
        display.close()
        summarise(report, plan.path, journal, screen)
        return report

    return with_client(settings, work, json=running.json).exit_code


def summarise(report: "Report", plan: Path, journal: Path, screen: Screen) -> None:
    """Show what came of a run."""
    from bulk.cli.display.messages import counts
    from bulk.report.rendering.document import AXIS_TITLES
    from bulk.sanitize import file_word, plain

    screen.say(plain(report.verdict, limit=None))
    for axis in report.axes:
        line = counts(AXIS_TITLES[axis.axis], {state.state: state.count for state in axis.states})
        if line:
            screen.say(f"  {line}")
    for failure in report.failures:
        screen.say(
            f"  {AXIS_TITLES[failure.axis]}: {failure.count:,} {plain(failure.state)} ({plain(failure.reason)}),"
            f" targets {plain(failure.targets, limit=60)}"
        )
    screen.say(
        f"Plan {plain(plan)}, journal {plain(journal)}; for details: posthog-bulk report {file_word(str(journal))}"
    )
    screen.tell("report", exit_code=report.exit_code, verdict=report.verdict, plan=str(plan), journal=str(journal))
