"""What each selection that is refused leads to: the exact sentence, the exit code, and at most reads."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
IDS = ("--distinct-ids", "in")
FREE = ("--where", "plan exact free")


EVERYONE = "correct the conditions, or add --everyone (everyone=True) if the selection may be every person."
SPELLING = "correct the property's name, or add --everyone (everyone=True) if the selection may be every person."
FIELD = "is a field of persons, and filters see properties only: use"
COLUMN = "as in SELECT id AS person_id FROM persons WHERE ..."


# options, sentence, exit code; 2 sends nothing, unless it is the server that refuses
REFUSED: dict[str, tuple[tuple[str, ...], str, int]] = {
    "is_identified as a property": (
        ("--where", "is_identified is_not true"),
        f"is_identified {FIELD} --identified or --anonymous (ByActivity)",
        2,
    ),
    "created_at as a property": (
        ("--where", "created_at is_not_set"),
        f"created_at {FIELD} --created-before or --created-after (ByActivity)",
        2,
    ),
    "last_seen_at as a property": (
        ("--where", "last_seen_at is_not_set"),
        f"last_seen_at {FIELD} --inactive-since (ByActivity)",
        2,
    ),
    "uuid as a property": (("--where", "uuid is_set"), f"uuid {FIELD} --uuids (ByPersonIds)", 2),
    "id as a property in JSON": (
        ("--properties", '[{"key": "id", "operator": "is_not", "value": 1}]'),
        f"id {FIELD} --uuids (ByPersonIds)",
        2,
    ),
    "distinct_ids as a property": (
        ("--where", "distinct_ids icontains a"),
        f"distinct_ids {FIELD} --distinct-ids (ByDistinctIds)",
        2,
    ),
    "name as a property": (
        ("--anonymous", "--where", "name exact Jane"),
        f"name {FIELD} --hogql (ByQuery), as in \"SELECT id FROM persons WHERE properties.name = 'Jane'\"",
        2,
    ),
    "a filter of events": (
        ("--properties", '[{"key": "plan", "value": "free", "type": "event"}]'),
        "filter 1 has an unknown type: the types are person, cohort",
        2,
    ),
    "a filter that is no list": (
        ("--properties", '{"key": "plan"}'),
        (
            "the property filters are not a JSON array: write them as in "
            '[{"key": "plan", "value": "free", "operator": "exact", "type": "person"}]'
        ),
        2,
    ),
    "a negative condition on a misspelt property": (
        ("--where", "plna is_not free"),
        "the server knows no person with the property 'plna', so every person meets a negative condition on it; "
        + SPELLING,
        3,
    ),
    "a negative condition that all meet": (
        ("--where", "plan is_not gold"),
        f"the selection is every person of the project: 60 persons; {EVERYONE}",
        3,
    ),
    "a positive condition that all meet": (
        ("--where", "plan is_set"),
        f"the selection is every person of the project: 60 persons; {EVERYONE}",
        3,
    ),
    "a moment that all were created after": (
        ("--created-after", "2001-01-01"),
        f"the selection is every person of the project: 60 persons; {EVERYONE}",
        3,
    ),
    "a query of all persons": (
        ("--hogql", "SELECT id FROM persons"),
        f"the selection is every person of the project: 60 persons; {EVERYONE}",
        3,
    ),
    "a date in words": (
        ("--created-before", "soon"),
        "--created-before is not a date: write it as 2026-01-31, or with a time as 2026-01-31T12:00:00Z",
        2,
    ),
    "a week": (
        ("--created-after", "2026-W05-1"),
        "--created-after is not a date: write it as 2026-01-31, or with a time as 2026-01-31T12:00:00Z",
        2,
    ),
    "days without a unit": (
        ("--inactive-since", "90"),
        (
            "--inactive-since is neither a date nor a number of days from 1d: write 90d, 2026-01-31, or with a time as "
            "2026-01-31T12:00:00Z"
        ),
        2,
    ),
    "moments in the wrong order": (
        ("--created-before", "2020-01-01", "--created-after", "2021-01-01"),
        "created_before (--created-before) must be later than created_after (--created-after): exchange them",
        2,
    ),
    "identified and anonymous": (
        ("--identified", "--anonymous"),
        "--identified and --anonymous exclude each other: give one of them. For help: posthog-bulk delete --help",
        2,
    ),
    "an activity and a file": (
        (*IDS, "--anonymous"),
        "--distinct-ids and --anonymous cannot be combined: give one of them. For help: posthog-bulk delete --help",
        2,
    ),
    "an open parenthesis": (
        ("--hogql", "SELECT id FROM persons WHERE (1 = 1"),
        "a parenthesis in the query (--hogql) is not closed: close it",
        2,
    ),
    "two queries": (
        ("--hogql", "SELECT id FROM persons; SELECT id FROM persons"),
        "there is text after a semicolon in the query (--hogql): give one SELECT",
        2,
    ),
    "a statement that is no SELECT": (
        ("--hogql", "DROP TABLE persons"),
        "the query is not a SELECT: write a SELECT of one column, person_id or distinct_id",
        2,
    ),
    **{
        f"{word}, which is neither a file nor a query": (
            ("--hogql", word),
            (
                f"{word} is neither a file nor a query (--hogql); name a file that exists, or give a query, as in "
                "'SELECT id AS person_id FROM persons WHERE ...'."
            ),
            74,
        )
        for word in ("none.sql", "none/none.sql", "SELECT")
    },
    "two files of protected persons": (
        (*IDS, "--protect", "staff", "--protect", "in"),
        "protect takes one file, so that its line numbers are clear: put all lines into one file",
        2,
    ),
    "an empty protection": (
        (*IDS, "--protect", ""),
        (
            "--protect is empty: give a file, or a condition such as 'email ends_with @example.com'. "
            "For help: posthog-bulk delete --help"
        ),
        2,
    ),
    "a protection by a misspelt property": (
        (*IDS, "--protect", "contry exact DE"),
        (
            "no person has the property 'contry', so a condition of --protect on it protects nobody; correct the "
            "property's name. Did you mean country?"
        ),
        3,
    ),
    "only protected persons": (
        (*FREE, "--protect", "plan is_set"),
        "every selected person is protected; select other persons, or correct the protection list.",
        3,
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_selection_that_is_refused_says_why_and_sends_at_most_reads(run: Run, people: Any, case: str) -> None:
    options, sentence, code = REFUSED[case]
    result = run("delete", *options, "--yes", "--expect-count", 1)
    assert (result.sentence, result.code) == (f"posthog-bulk: {sentence}", code)
    assert people.mutations == []
    assert code == 3 or people.server.requests == []
    assert list(Path().glob("*.jsonl")) == []


REFUSED_BY_SERVER: dict[str, tuple[tuple[str, ...], str, int]] = {
    "two columns": (
        ("--hogql", "SELECT id, created_at FROM persons"),
        f"the columns of the query are 'id', 'created_at': select one column, person_id or distinct_id, {COLUMN}",
        2,
    ),
    "a column of another name": (
        ("--hogql", "SELECT id AS who FROM persons"),
        f"the column of the query is named 'who': name it person_id or distinct_id, {COLUMN}",
        2,
    ),
    "UUIDs as distinct IDs": (
        ("--hogql", "SELECT id AS distinct_id FROM persons"),
        (
            "the column distinct_id of the query holds UUIDs, and no person has one of them as a distinct ID; "
            "if they are "
            "person IDs, name the column person_id, as in SELECT person_id FROM events."
        ),
        3,
    ),
    "a table that does not exist": (
        ("--hogql", "SELECT id FROM people"),
        (
            "the server does not accept the query (--hogql): Unknown table `people`; correct the query, which "
            "you can try "
            "in PostHog's SQL editor"
        ),
        2,
    ),
    "a regular expression that is none": (
        ("--where", "plan regex (?<n>a)"),
        "the server does not accept the condition plan regex: Invalid regex!; correct it",
        2,
    ),
    "dates in words": (
        ("--anonymous", "--where", "plan is_date_before soon", "--where", "plan is_set"),
        "the server does not accept the conditions plan is_date_before, plan is_set: This is not a date; correct them",
        2,
    ),
    "a protection by a regular expression that is none": (
        (*FREE, "--protect", "plan regex ("),
        "the server does not accept the condition plan regex: Invalid regex!; correct it",
        2,
    ),
    "activity in time to come": (
        ("--inactive-since", "2099-01-01"),
        "inactive_since (--inactive-since) is in the future: give a date in the past",
        2,
    ),
}


@pytest.mark.parametrize("case", REFUSED_BY_SERVER)
def test_a_query_that_cannot_be_used_says_why_and_sends_only_reads(run: Run, people: Any, case: str) -> None:
    options, sentence, code = REFUSED_BY_SERVER[case]
    result = run("delete", *options, "--yes", "--expect-count", 1)
    assert (result.sentence, result.code) == (f"posthog-bulk: {sentence}", code)
    assert people.mutations == []
    assert list(Path().glob("*.jsonl")) == []


def test_a_key_that_must_not_query_is_told_which_scope_it_lacks(run: Run, people: Any) -> None:
    people.server.reconfigure(scopes=("person:write", "project:read"))
    result = run("delete", "--anonymous", "--yes", "--expect-count", 1)
    assert result.code == 77
    assert "API key missing required scope 'query:read'" in result.sentence
    assert people.mutations == []
