"""Options for connecting and running: values that are refused, and the rate limits that apply."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bulk.cli.options.settings import KEY, PROJECT_ID, Settings

Run = Callable[..., Any]

OPERATION_OPTIONS = ("delete", "--where", "plan exact free", "--yes", "--expect-count", "1")


@pytest.mark.parametrize("option", ["--host", "--project-id"])
def test_an_option_that_an_unset_variable_leaves_empty_is_refused(run: Run, posthog: Any, option: str) -> None:
    result = run(*OPERATION_OPTIONS, option, "")
    assert result.code == 2
    assert f"{option} is empty" in result.sentence
    assert not posthog.server.requests


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1", "-inf", "soon"])
def test_a_wait_that_is_not_a_number_of_seconds_is_refused(run: Run, posthog: Any, seconds: str) -> None:
    result = run(*OPERATION_OPTIONS, "--wait", seconds)
    assert result.code == 2
    assert "--wait" in result.sentence
    assert not posthog.server.requests


@pytest.mark.parametrize(
    ("key", "given", "kept_to"),
    [
        ("phx_x", "posthog", "posthog"),
        ("pha_x", "posthog", "user"),
        ("pha_x", "480/min,4800/h,240/min", "posthog"),
        ("phx_x", "user", "user"),
        ("phx_x", "1/m,2/h,3/m,4/h", "1/min,2/hour,3/min,4/hour"),
        ("", "posthog", "posthog"),
    ],
)
def test_the_rate_limits_are_those_of_the_kind_of_key_unless_others_are_given(
    key: str, given: str, kept_to: str
) -> None:
    assert Settings(rate_limits=given).rates({KEY: key, PROJECT_ID: "1"}) == kept_to


def test_no_resume_line_is_printed_if_no_person_is_selected(run: Run, posthog: Any) -> None:
    result = run("delete", "--yes", "--expect-count", "1")
    assert (result.code, result.out) == (2, "")


def test_verify_without_the_plan_says_what_it_needs(run: Run, posthog: Any) -> None:
    everyone = ("delete", "--everyone", "--yes", "--expect-count", "60", "--plan", "x.plan.jsonl")
    assert run(*everyone).code == 0
    Path("x.plan.jsonl").unlink()
    result = run("verify", "x.journal.jsonl")
    assert result.code == 74
    assert "give it with --plan" in result.sentence
    assert run("status", "x.journal.jsonl").code == 0
