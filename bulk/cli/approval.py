"""Asks the person at the terminal to approve a plan, by typing how many persons it is for."""

import os
import sys
from collections.abc import Callable

from bulk.cli.streams.input import standard_input
from bulk.errors import Refused
from bulk.operations import describe as describe_operation
from bulk.plan.plan_file import Plan
from bulk.report.rendering.document import figure
from bulk.sanitize import plain


def can_ask() -> bool:
    """Whether somebody sits there: never ask a pipe or a log, and not from the background of a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty() and _is_in_front(sys.stdin.fileno())


def ask(plan: Plan, *, say: Callable[[str], None], read: Callable[[], str] | None = None) -> None:
    """Show what is about to happen and let the count be typed.

    Args:
        plan: what is to be approved.
        say: shows text without ending the line.
        read: returns one line, empty at the end of input.

    Raises:
        Refused: another count was typed, or none.
    """
    header = plan.header
    say(
        f"Project {plain(header.project_name)} ({header.project_id}) on {plain(header.host)}: "
        f"{plain(describe_operation(header.operation))}, {figure(plan.count)} in all. This cannot be undone.\n"
        "Type the number of persons to continue: "
    )
    line = (_typed if read is None else read)()
    if not line:
        say("\n")
    typed = line.strip().replace(",", "").replace("_", "")
    if typed != str(plan.count):
        raise Refused(
            "not approved: the number typed is not the number of persons in the plan",
            "nothing was sent; run the same command again to be asked again",
        )


def _typed() -> str:
    """A line from the terminal; read in a thread, so that signals are handled while it waits."""
    return standard_input(sys.stdin).readline().decode(errors="replace")


def _is_in_front(terminal: int) -> bool:
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:  # a terminal without job control
        return True
