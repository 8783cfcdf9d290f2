"""On the command line no accident selects every person: exact sentence and exit code, and only reads (guarantee 32)."""

from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[..., Any]
PROJECT = "the selection is every person of the project: 60 persons; correct the conditions, or add --everyone"
UNKNOWN = "the server knows no person with the property 'plna', so every person meets a negative condition on it; "
REFUSED: dict[tuple[str, ...], tuple[int, str]] = {
    ("--where", "is_identified is_not true"): (2, "use --identified or --anonymous (ByActivity)"),
    ("--where", "created_at is_not_set"): (2, "use --created-before or --created-after (ByActivity)"),
    ("--where", "distinct_id is_not a"): (2, "use --distinct-ids (ByDistinctIds)"),
    ("--where", "uuid is_set"): (2, "use --uuids (ByPersonIds)"),
    ("--where", "last_seen_at is_not_set"): (2, "use --inactive-since (ByActivity)"),
    ("--properties", '[{"key": "id", "operator": "is_not_set", "value": "is_not_set"}]'): (2, "use --uuids"),
    ("--anonymous", "--where", "name is_set"): (2, "use --hogql (ByQuery)"),
    ("--where", "plna is_not free"): (3, UNKNOWN),
    ("--where", "plna is_not_set"): (3, UNKNOWN),
    ("--where", "plna not_regex x", "--where", "plan exact free"): (3, UNKNOWN),
    ("--where", "plan is_not gold"): (3, PROJECT),
    ("--where", "plan is_set"): (3, PROJECT),
    ("--created-after", "2001-01-01"): (3, PROJECT),
    ("--hogql", "SELECT id FROM persons"): (3, PROJECT),
}


@pytest.mark.parametrize("options", REFUSED)
@pytest.mark.parametrize(
    "command", [("delete", "--yes", "--expect-count", "60"), ("plan", "delete", "-o", "x.plan.jsonl")]
)
def test_a_selection_of_every_person_is_refused_without_everyone(
    run: Run, posthog: Any, command: tuple[str, ...], options: tuple[str, ...]
) -> None:
    code, words = REFUSED[options]
    result = run(*command, *options)
    assert result.code == code, result.err
    assert words in result.sentence
    assert not posthog.mutations
    if code == 2:
        assert not posthog.server.requests


def test_a_selection_of_every_person_is_planned_with_everyone(run: Run, posthog: Any) -> None:
    for number, options in enumerate(options for options, (code, _) in REFUSED.items() if code == 3):
        result = run("plan", "delete", *options, "--everyone", "-o", f"{number}.plan.jsonl")
        assert result.code == 0, result.err


def test_listing_persons_needs_no_everyone(run: Run, posthog: Any) -> None:
    assert len(run("persons", "--where", "plna is_not free").out.splitlines()) == 60
