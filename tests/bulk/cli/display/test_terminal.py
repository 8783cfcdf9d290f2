"""Text for a terminal is broken between words and keeps its columns; command lines to copy are not broken."""

import io
import sys

import pytest

from bulk.cli.display.terminal import fit, text_width, write_state
from bulk.cli.job_session import CommandOutput
from bulk.cli.main import _readable
from bulk.cli.streams.output import OutputThread
from bulk.cli.streams.text import TextOutput
from bulk.report.duty import DutyState
from bulk.report.rendering.document import Table
from bulk.report.rendering.text import table_lines


class TerminalStream(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def forty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        ("State  finished: 400 of 400 persons deleted", ["State  finished: 400 of 400 persons", "       deleted"]),
        ("a sentence without columns that is too long", ["a sentence without columns that is too", "  long"]),
        ("    an indented line that is also too long", ["    an indented line that is also too", "      long"]),
        (f"Digest  {'0' * 36} (short)", ["Digest", f"  {'0' * 36}", "  (short)"]),
        ("State  finished", ["State  finished"]),
    ],
)
def test_a_broken_row_continues_in_its_second_column(line: str, lines: list[str]) -> None:
    assert fit(line, TerminalStream()) == "\n".join(lines)
    assert fit(line, io.StringIO()) == line


def test_a_row_with_a_command_line_is_not_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = TerminalStream()
    monkeypatch.setattr(sys, "stdout", terminal)
    output = CommandOutput(json=False)
    output.print_row("Next  posthog-bulk verify a-name-that-is-quite-long.journal.jsonl")
    output.print_row("State  not finished, 2 of 8 persons deleted")
    output.print_row("       To verify: posthog-bulk verify another-name-that-is-long.journal.jsonl")
    assert terminal.getvalue() == (
        "Next  posthog-bulk verify a-name-that-is-quite-long.journal.jsonl\n"
        "State  not finished, 2 of 8 persons\n       deleted\n"
        "       To verify:\n  posthog-bulk verify another-name-that-is-long.journal.jsonl\n"
    )


def test_a_command_line_in_a_message_is_not_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", TerminalStream())
    command = "  posthog-bulk update mark=40 --distinct-ids many.txt --route rest --yes"
    message = f"posthog-bulk: interrupted by SIGINT. Nothing was changed. To start again:\n{command}"
    assert _readable(message).splitlines()[-1] == command


def shown(text: str, state: DutyState) -> str:
    """What a terminal gets for the line of a state."""
    written = bytearray()

    def sink(data: bytes) -> int:
        written.extend(data)
        return len(data)

    output = OutputThread(sink)
    stream = TextOutput(output, TerminalStream(), has_results=True)
    write_state(stream, text, state)
    stream.drain()
    output.close()
    return written.decode()


@pytest.mark.parametrize(
    ("state", "colour"),
    [(DutyState.COMPLETE, "\x1b[32m"), (DutyState.WAITING, "\x1b[33m"), (DutyState.NEEDS_ATTENTION, "\x1b[31m")],
)
def test_the_state_of_a_job_has_its_colour(monkeypatch: pytest.MonkeyPatch, state: DutyState, colour: str) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert shown("One sentence.", state) == f"{colour}One sentence.\x1b[0m\n"
    row = "State  One sentence that is long enough to break."
    broken = "One sentence that is long enough\n       to break."
    assert shown(row, state) == f"State  {colour}{broken}\x1b[0m\n"
    assert shown("\x1b[5mOne", state) == f"{colour}\\x1b[5mOne\x1b[0m\n"


@pytest.mark.parametrize(("variable", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_the_state_of_a_job_has_no_colour_that_is_unwanted(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert shown("State  One.", DutyState.NEEDS_ATTENTION) == "State  One.\n"


def test_the_state_of_a_job_has_no_colour_in_a_file() -> None:
    stream = io.StringIO()
    write_state(stream, "State  One.", DutyState.COMPLETE)
    assert stream.getvalue() == "State  One.\n"


def test_text_in_a_file_has_each_row_of_a_table_on_one_line() -> None:
    meaning = "the server accepted the deletion, and reading back confirms it " * 9
    table = Table(headings=("State", "Meaning"), rows=(("deleted", meaning.strip()),))
    assert len(table_lines(table, width=text_width(io.StringIO()))) == 2
