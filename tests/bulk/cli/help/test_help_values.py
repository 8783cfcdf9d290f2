"""The help of a command lists the values that its options take."""

from collections.abc import Callable
from typing import Any, get_args

import pytest

from asyncclient.filters import OPERATORS
from asyncclient.testing.faults import FaultKind
from asyncclient.testing.options import Era

Run = Callable[..., Any]


def words(shown: str) -> set[str]:
    return set(shown.replace(",", " ").replace("|", " ").replace("[", " ").replace("]", " ").split())


@pytest.mark.parametrize("command", ["persons", "plan", "delete"])
def test_the_help_lists_the_operators_of_where(run: Run, command: str) -> None:
    assert set(OPERATORS) <= words(run(command, "--help").out)


def test_the_help_of_the_server_lists_the_kinds_of_faults_and_the_eras(run: Run) -> None:
    shown = run("server", "--help").out
    assert {*get_args(FaultKind), *get_args(Era)} <= words(shown)
    assert "server.env" in shown


def test_the_help_says_which_options_can_be_combined_and_shows_a_filter(run: Run) -> None:
    shown = " ".join(run("delete", "--help").out.split())
    assert "Conditions can be combined with each other, but not with a file; a person has to meet all of them" in shown
    assert '[{"key": "plan", "value": "free", "operator": "exact"}]' in shown
    assert "only for the estimate" in " ".join(run("plan", "--help").out.split())


@pytest.mark.parametrize("command", ["persons", "run"])
def test_the_help_says_that_without_waiting_out_an_outage_a_read_is_still_retried(run: Run, command: str) -> None:
    shown = " ".join(run(command, "--help").out.split())
    assert "With 0, do not wait; only reads are retried, a few times within seconds" in shown
