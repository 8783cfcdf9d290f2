"""The approval of a plan: given as a digest, recorded in its journal, or typed at the terminal."""

import os
import select
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from bulk.cli.display.terminal import fit, is_in_foreground, write_alert
from bulk.cli.job_session import show_long_reads
from bulk.cli.signals.raising import LOOK_EVERY_S, raise_if_due
from bulk.cli.streams.input import STANDARD_INPUT
from bulk.errors import JournalEmpty, Refused
from bulk.files.file_errors import as_file_trouble
from bulk.formatting import count_of, parse_count
from bulk.operations import describe as describe_operation
from bulk.plan.plan_file import Plan
from bulk.sanitize import file_word, plain
from bulk.selection.input_findings import by_kind
from bulk.selection.inputs.coverage import coverage_of


def can_prompt() -> bool:
    """Return whether a user can reply: stdin and stderr are a terminal, and this process is in its foreground."""
    return sys.stdin.isatty() and sys.stderr.isatty() and is_in_foreground(sys.stdin)


WARNING = "THIS CANNOT BE UNDONE."


def ask_for_approval(
    plan: Plan,
    *,
    say: Callable[[str], None],
    warn: Callable[[str], None] | None = None,
    read: Callable[[], str] | None = None,
    expect_unmatched: int | None = None,
) -> None:
    """Show what the plan does and ask for its number of persons.

    Arguments:
        plan: the plan to approve.
        say: shows text without a newline.
        warn: shows the warning, where nothing can be undone, so that it stands out; None for `say`.
        read: returns the line that the user types, empty at the end of input; by default from the terminal.
        expect_unmatched: how many input lines the user expects to match no person.

    Raises:
        Refused: the user typed another number, or nothing.
    """
    header = plan.header
    about = (
        f"About to {_with_count(plain(describe_operation(header.operation)), plan.count)} in project "
        f"{header.project_id} ({plain(header.project_name)}) on {plain(header.host)}."
    )
    uncovered = coverage_of(by_kind(plan.findings), expect_unmatched=expect_unmatched).sentence()
    line = _ask(
        about,
        "Type the number of persons to continue: ",
        note=f"Note: {uncovered}." if uncovered else "",
        undo=_undo(header.operation),
        say=say,
        warn=warn or say,
        read=read_terminal if read is None else read,
    )
    typed = parse_count(line)
    if typed != plan.count:
        given = "no number was typed" if typed is None else f"{typed} was typed"
        raise Refused(
            f"not approved: {given}, but the plan has {count_of(plan.count, 'person')}; nothing was sent",
            "run the same command again to be asked again",
        )


def _undo(operation: dict[str, Any]) -> str:
    """Return how an operation that keeps a before-image is undone; nothing for any other."""
    file = operation.get("keep_before")
    if not isinstance(file, str):
        return ""
    here = Path.cwd()
    path = Path(file)
    shown = path.relative_to(here) if path.is_relative_to(here) else path  # a short line, which no terminal breaks
    return f"To undo it: posthog-bulk revert {plain(file_word(str(shown)))} -o revert.plan.jsonl"


def ask_at_terminal(about: str, question: str) -> str:
    """Show what is about to happen and that it cannot be undone, and return what the user types, without spaces around.

    Arguments:
        about: what is about to happen, in a sentence.
        question: what to type.
    """
    return _ask(about, question, say=_say, warn=_warn, read=read_terminal).strip()


def _ask(
    about: str,
    question: str,
    *,
    note: str = "",
    undo: str = "",
    say: Callable[[str], None],
    warn: Callable[[str], None],
    read: Callable[[], str],
) -> str:
    """Show the question with a warning, or with how to undo the change, and return the line that the user types."""
    say(f"{about}\n\n  ")
    if undo:
        say(undo)
    else:
        warn(WARNING)
    if note:
        say(f"\n\n{note}")
    say(f"\n\n{question}")
    try:
        line = read()
    except BaseException:  # a signal
        say("\n")
        raise
    if not line:
        say("\n")
    return line


def _say(text: str) -> None:
    click.echo(fit(text, sys.stderr), nl=False, err=True)


def _warn(text: str) -> None:
    write_alert(sys.stderr, text)


def accepts_changed_input(change: str, *, unattended: bool) -> bool:
    """Show that the input of a plan has changed, and return whether the user continues with the plan as it is.

    Arguments:
        change: in words.
        unattended: whether the command asks for nothing, so that the answer is no.
    """
    if unattended or not can_prompt():
        return False
    say = partial(click.echo, nl=False, err=True)
    say(f"{plain(change, limit=None)}.\nThe plan stays as it is: it lists the persons selected before the change. ")
    say("Type yes to continue with it: ")
    line = read_terminal()
    if not line:
        say("\n")
    return line.strip().lower() == "yes"


def _with_count(operation: str, count: int) -> str:
    """Return the words of an operation with the number of persons in them: "delete 30 persons and their events"."""
    before, persons, after = operation.rpartition("persons")
    return f"{before}{count_of(count, 'person')}{after}" if persons else f"{operation}: {count_of(count, 'person')}"


def read_terminal() -> str:
    """Read a line from the terminal; a signal is handled while it waits, and its handler may raise: no lock is held."""
    descriptor, typed = sys.stdin.fileno(), b""
    with as_file_trouble(STANDARD_INPUT, "cannot be read"):
        while b"\n" not in typed:
            raise_if_due()
            if not select.select([descriptor], [], [], LOOK_EVERY_S)[0]:
                continue
            if not (some := os.read(descriptor, 4096)):  # a terminal gives one line at a time
                break
            typed += some
    line, newline, _ = typed.partition(b"\n")
    return (line + newline).decode(errors="replace")


def is_approved(journal: Path) -> bool:
    """Return whether an earlier run recorded an approval in this journal.

    Raises:
        FileTrouble: the journal exists and cannot be used: it is damaged, has another format, or is no journal.
    """
    from bulk.report.load import read_report

    if not os.path.lexists(journal):
        return False
    try:
        with show_long_reads() as on_read:
            return read_report(journal, on_read=on_read).approved_at is not None
    except JournalEmpty:
        return False  # its process was killed before it recorded the job


def approve_or_ask(
    plan: Plan, journal: Path, *, approve: str | None, how: str, expect_unmatched: int | None = None
) -> str | None:
    """Return the approval of a plan: as given, as typed at the terminal, or None if the journal has one.

    Arguments:
        plan: the plan to run.
        journal: its journal, which records an approval.
        approve: the digest given, if any.
        how: what to do without a terminal, for the message.
        expect_unmatched: how many input lines the user expects to match no person.

    Raises:
        Refused: the plan is not approved, and there is no terminal or the user does not agree.
    """
    if approve is not None or is_approved(journal):
        return approve
    if not can_prompt():
        raise Refused(f"the plan of {count_of(plan.count, 'person')} is not approved", how)
    ask_for_approval(plan, say=_say, warn=_warn, expect_unmatched=expect_unmatched)
    return plan.digest
