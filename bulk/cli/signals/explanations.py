"""Says what is kept, and which command line continues, when a signal ends a command."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from bulk.cli.exit_codes import Interrupted
from bulk.sanitize import plain, shell_word


@contextmanager
def explain_interruption(explain: Callable[[], str]) -> Iterator[None]:
    """Add an explanation to an interruption of the block, unless it has one already.

    Arguments:
        explain: returns what is kept and how to continue, in full sentences; empty if the user has read that.
    """
    try:
        yield
    except Interrupted as end:
        if end.explanation is not None:
            raise
        raise Interrupted(end.signal_number, explain()) from None


def same_command_line() -> str:
    """Return the command line of this process, as a shell takes it."""
    return " ".join(shell_word(word) for word in ("posthog-bulk", *click.get_current_context().obj))


def nothing_kept() -> str:
    """Return the explanation of an interruption that leaves everything as it was before the command."""
    return f"Nothing was changed, and no new file is left behind. To start again:\n  {same_command_line()}"


def not_started(plan: Path, resume_line: str) -> str:
    """Return what an interruption before the first change leaves, and how to continue.

    Arguments:
        plan: the plan file, which is removed if it is new and was not approved.
        resume_line: the command line that continues.
    """
    if not os.path.lexists(plan):
        return nothing_kept()
    return f"Nothing was changed; the plan is kept: {plain(plan)}. To continue:\n  {resume_line}"


def describe_interruption(end: Interrupted) -> str:
    """Return the message of an interruption for people; empty if the user has read everything already."""
    if end.explanation == "":
        return ""
    name = signal.Signals(end.signal_number).name
    return f"interrupted by {name}." + (f" {end.explanation}" if end.explanation else "")
