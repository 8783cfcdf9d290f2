"""Text for a terminal is broken between words and keeps its columns; command lines to copy are not broken."""

import io
import sys

import pytest

from bulk.cli.display.terminal import fit
from bulk.cli.job_session import CommandOutput


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
    assert terminal.getvalue() == (
        "Next  posthog-bulk verify a-name-that-is-quite-long.journal.jsonl\n"
        "State  not finished, 2 of 8 persons\n       deleted\n"
    )
