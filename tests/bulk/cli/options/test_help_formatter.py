"""The help of every command fits the terminal; long command lines continue after a backslash, to be copied."""

import shlex

import pytest
from click.testing import CliRunner

from bulk.cli.main import COMMANDS, posthog_bulk
from bulk.cli.options.help_formatter import HelpFormatter

WIDTHS = (120, 80, 60, 40)


@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_no_line_of_the_help_is_wider_than_the_terminal(
    command: str, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    result = CliRunner().invoke(posthog_bulk, [command, "--help"] if command else ["--help"])
    assert result.exit_code == 0
    wide = [line for line in result.output.splitlines() if len(line) > columns]
    assert [line for line in wide if columns >= 60 or not is_one_argument(line)] == []


def is_one_argument(line: str) -> bool:
    """Return whether a line of a command line is a word that cannot be broken, or an option with such a value."""
    words = line.removesuffix("\\").split()
    return len(words) == 1 or (len(words) == 2 and words[0].startswith("-"))


@pytest.mark.parametrize("width", [78, 58, 38])
def test_a_long_command_line_goes_on_after_a_backslash_and_reads_the_same(width: int) -> None:
    line = "posthog-bulk persons --where 'plan exact free' --identified --email-match ignore-case -o free.persons.jsonl"
    formatter = HelpFormatter(width=width)
    formatter.write_text(f"\b\nExample:\n  {line}")
    title, *lines = formatter.getvalue().splitlines()
    assert title == "Example:"
    assert len(lines) > 1
    assert max(map(len, lines)) <= width
    assert shlex.split("\n".join(lines).replace("\\\n", " ")) == shlex.split(line)
    assert not any(part.endswith((" -o \\", "match \\", "where \\")) for part in lines)


def test_a_command_line_that_just_fits_stays_as_it_is() -> None:
    line = "  posthog-bulk plan delete --distinct-ids leavers.txt"
    formatter = HelpFormatter(width=len(line))
    formatter.write_text(f"\b\n{line}")
    assert formatter.getvalue() == f"{line}\n"


def test_a_description_starts_on_the_next_line_where_there_is_no_room_beside_the_option() -> None:
    formatter = HelpFormatter(width=40)
    formatter.write_dl([("--an-option NAME", "What the option does, in words"), ("-h", "Help")])
    assert formatter.getvalue() == ("--an-option NAME\n    What the option does, in words\n-h\n    Help\n")
    beside = HelpFormatter(width=80)
    beside.write_dl([("--an-option NAME", "What the option does, in words"), ("-h", "Help")])
    assert beside.getvalue() == "--an-option NAME  What the option does, in words\n-h                Help\n"


@pytest.mark.parametrize("width", range(50, 80))
def test_no_option_is_broken_inside_its_name(width: int) -> None:
    text = "An older server does not know --distinct-ids and does not read it; give --main-distinct-id there"
    formatter = HelpFormatter(width=width)
    formatter.write_text(text)
    formatter.write_dl([("--yes", text)])
    assert formatter.getvalue().split().count("--distinct-ids") == 2
    assert formatter.getvalue().split().count("--main-distinct-id") == 2
