"""Whole numbers on the command line: counts may have commas between thousands, and nothing else may have any."""

from collections.abc import Callable
from typing import Any

import click
import pytest

from bulk.cli.main import COMMANDS, posthog_bulk
from bulk.cli.options.help_layout import WholeNumber
from bulk.formatting import parse_count
from tests.bulk.cli.options.test_connection_options import OPERATION_OPTIONS

Run = Callable[..., Any]

COUNTS = {
    "--batch-size",
    "--concurrency",
    "--expect-count",
    "--expect-lines",
    "--expect-unmatched",
    "--max-targets",
    "--without-person",
    "--persons",
}
"""The options that take a number of things; all others take a number that names one thing."""


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("0", 0),
        ("12", 12),
        ("1,000", 1000),
        ("12,345,678", 12_345_678),
        (" 5 ", 5),
        ("1,2", None),
        ("1,00", None),
        ("1234,567", None),
        ("1,0000", None),
        (",100", None),
        ("100,", None),
        ("1,,000", None),
        ("1_000", None),
        ("+5", None),
        ("-5", None),
        ("1.0", None),
        ("٣", None),
        ("", None),
    ],
)
def test_commas_of_a_count_stand_between_thousands(text: str, count: int | None) -> None:
    assert parse_count(text) == count


def test_only_options_that_count_something_accept_commas() -> None:
    context = click.Context(posthog_bulk)
    options = {
        (name, param.type.is_count)
        for command in COMMANDS
        if (found := posthog_bulk.get_command(context, command)) is not None
        for param in found.params
        if isinstance(param.type, WholeNumber)
        for name in param.opts
    }
    assert {name for name, is_count in options if is_count} == COUNTS
    assert {name for name, is_count in options if not is_count} == {"--cohort", "--line", "--port", "--project-id"}


@pytest.mark.parametrize("cohort", ["1,2", "1,000", "1_2", "+12", "12,", "１２"])
def test_a_cohort_is_never_read_as_another_one(run: Run, posthog: Any, cohort: str) -> None:
    result = run("delete", "--cohort", cohort, "--yes", "--expect-count", "1")
    assert result.code == 2
    assert f"'--cohort': {cohort!r} is not a whole number" in result.sentence
    assert not posthog.server.requests


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("show", "x.plan.jsonl", "--line", "3,4"), "'--line': '3,4' is not a whole number"),
        (("server", "--port", "80,10"), "'--port': '80,10' is not a whole number"),
        (("server", "--project-id", "1,000"), "'--project-id': '1,000' is not a whole number"),
        ((*OPERATION_OPTIONS[:-1], "1,2"), "'--expect-count': '1,2' is not a whole number"),
    ],
)
def test_a_number_with_other_commas_is_refused(run: Run, arguments: tuple[str, ...], named: str) -> None:
    result = run(*arguments)
    assert result.code == 2
    assert named in result.sentence


def test_a_project_id_with_a_comma_is_refused(run: Run, posthog: Any) -> None:
    result = run(*OPERATION_OPTIONS, "--project-id", "1,2")
    assert result.code == 2
    assert not posthog.server.requests
