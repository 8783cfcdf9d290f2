"""Messages about a setting, a cohort or IDs that do not fit name the option that helps."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
OPERATION_OPTIONS = ("delete", "--where", "plan exact free", "--yes", "--expect-count", "1")


@pytest.mark.usefixtures("posthog")
def test_a_cohort_that_does_not_exist_is_named(run: Run) -> None:
    for arguments in (("delete", "--cohort", "99", "--yes", "--expect-count", "1"), ("persons", "--cohort", "99")):
        result = run(*arguments)
        assert result.code == 2
        assert result.sentence == "posthog-bulk: no cohort 99 in project 1: check the number and the project"


@pytest.mark.usefixtures("posthog")
def test_distinct_ids_given_as_uuids_lead_to_the_right_option(run: Run) -> None:
    Path("ids").write_text("user-1\nuser-2\n")
    result = run("delete", "--uuids", "ids", "--yes", "--expect-count", "1")
    assert result.code == 3
    assert (
        "none of the 2 input lines can be used (lines 1-2: not a UUID); for distinct IDs, use --distinct-ids"
        in result.sentence
    )


@pytest.mark.usefixtures("posthog")
@pytest.mark.parametrize(
    ("name", "option"), [("POSTHOG_PROJECT_ID", "--project-id"), ("POSTHOG_PERSONAL_API_KEY", "--key-file")]
)
def test_a_missing_setting_is_named_with_its_option(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, option: str
) -> None:
    monkeypatch.delenv(name)
    result = run(*OPERATION_OPTIONS)
    assert result.code == 2
    assert name in result.sentence
    assert f"or give {option}" in result.sentence
