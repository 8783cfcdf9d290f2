"""What commands print at a narrow terminal: no line is broken by the terminal, except for command lines to copy."""

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from terminal_screen import TerminalScreen

from bulk.cli.main import main

Run = Callable[..., Any]
WIDTHS = (80, 60, 40)
COMMANDS: list[tuple[str, ...]] = [
    ("show", "x.plan.jsonl"),
    ("show", "x.plan.jsonl", "--target", "1"),
    ("show", "x.plan.jsonl", "--target", "0-2"),
    ("show", "x.plan.jsonl", "--line", "4"),
    ("plan", "delete", "--distinct-ids", "leavers.txt", "-o", "y.plan.jsonl"),
    ("persons", "--distinct-ids", "leavers.txt", "-o", "all.jsonl"),
    ("status", "x.journal.jsonl"),
    ("jobs",),
    ("report", "x.journal.jsonl"),
    ("verify", "x.journal.jsonl"),
    ("delete", "--distinct-ids", "leavers.txt", "--yes", "--expect-count", "3"),
    ("run", "a-plan-that-is-nowhere-to-be-found-in-this-folder.plan.jsonl"),
]


@pytest.fixture(autouse=True)
def job(run: Run, posthog: Any) -> None:
    Path("leavers.txt").write_text("user-1\nuser-2\nuser-3\nnobody\nundefined\n\nuser-1\n")
    job = ("--distinct-ids", "leavers.txt", "--yes", "--expect-count", "3", "--plan", "x.plan.jsonl")
    assert run("delete", "--delete-events", *job).code == 0
    posthog.server.faults.clear()


def at_terminal(columns: int, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> TerminalScreen:
    """Run a command whose stdout and stderr are a terminal in memory."""
    screen = TerminalScreen(columns)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, screen)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    main(list(arguments))
    return screen


@pytest.mark.quick_cases(3)
@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: " ".join(arguments[:2]))
def test_no_line_is_broken_by_the_terminal(
    columns: int, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = at_terminal(columns, arguments, monkeypatch)
    assert screen.text
    assert [line for line in screen.broken if "posthog-bulk " not in line] == []


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("columns", WIDTHS)
def test_no_line_is_broken_by_a_terminal_that_cannot_move_its_cursor(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    job = ("--everyone", "--yes", "--expect-count", "57", "--plan", "y.plan.jsonl")
    screen = at_terminal(columns, ("delete", *job), monkeypatch)
    assert "Run 1 in project 1" in screen.text
    assert [line for line in screen.broken if "posthog-bulk " not in line] == []


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize(
    "arguments",
    [
        ("delete",),
        ("delete", "--emails", "leavers.txt", "--email-keys", "email,,Email"),
        ("run", "x.plan.jsonl", "--concurrency", "0"),
    ],
    ids=str,
)
def test_a_usage_error_is_broken_between_words_and_the_command_for_help_is_in_one_line(
    columns: int, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = at_terminal(columns, arguments, monkeypatch)
    assert screen.broken == []
    assert screen.text.endswith(f"For help: posthog-bulk {arguments[0]} --help")


@pytest.mark.parametrize("columns", WIDTHS)
def test_an_error_with_a_command_is_broken_around_the_command(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = at_terminal(columns, ("shred", "x.journal.jsonl", "--yes"), monkeypatch)
    assert screen.broken == []
    (line,) = [line for line in screen.text.splitlines() if "posthog-bulk verify" in line]
    assert "posthog-bulk verify x.journal.jsonl" in line
    assert "--unfinished" in screen.text


def test_a_usage_error_that_fits_stays_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = at_terminal(300, ("delete", "--emails", "leavers.txt", "--email-keys", ""), monkeypatch)
    assert "\n" not in screen.text
