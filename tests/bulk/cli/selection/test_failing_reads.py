"""What each failing read leads to: what cannot be read is named, and the rest is planned."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from changed_responses import limit_rows, rewrite

from asyncclient.testing import Fault
from tests.bulk.cli.selection.review import CONFIRM_ONE, input_check

Run = Callable[..., Any]
IDS = ("--distinct-ids", "in")


ORPHANS = (
    "Distinct IDs that match no person may still have events that belong to no person; the job does not delete those."
)


def fail_for(people: Any, distinct_id: str, status: int) -> None:
    """Let every response that has the person fail."""
    uuid = str(people.server.world.uuid_of(distinct_id))
    rewrite(people.server, lambda _, body: {} if uuid in json.dumps(body) else None, status=status)


def break_row(people: Any, distinct_id: str, field: str, value: object) -> None:
    """Let a field of the person's row have a value that the API does not document."""
    uuid = str(people.server.world.uuid_of(distinct_id))

    def broken(action: str, body: dict[str, Any]) -> dict[str, Any] | None:
        for row in body["results"] if action == "list" else ():
            if row["uuid"] == uuid:
                row[field] = value
        return body if action == "list" else None

    rewrite(people.server, broken)


ROW = "Rows of the listing that could not be read, by place 1"
ROWS_LATER = "The persons of rows that could not be read are not included; list again later, or select them by ID."
# what the server does, options, persons in the plan, rows and sentences of the input check
UNREADABLE: dict[str, tuple[Callable[[Any], object], tuple[str, ...], int, list[str]]] = {
    "a line whose person ends each read with 500": (
        lambda people: fail_for(people, "user-2", 500),
        IDS,
        1,
        [
            "Lines read 3",
            "Lines that matched no person 1 3",
            "Lines whose person could not be read 1 2",
            ORPHANS,
            CONFIRM_ONE,
        ],
    ),
    "a listing whose pages take too long": (
        lambda people: limit_rows(people.server, 100),
        ("--where", "plan is_set", "--everyone"),
        60,
        ["Persons listed 60"],
    ),
    **{
        f"a row whose {field} is {value!r}": (
            lambda people, field=field, value=value: break_row(people, "user-9", field, value),
            ("--where", "plan is_set", "--everyone"),
            59,
            ["Persons listed 59", f"{ROW} 51", ROWS_LATER],
        )
        for field, value in (("created_at", None), ("distinct_ids", None), ("uuid", "no"))
    },
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_cannot_be_read_is_named_and_the_rest_is_planned(run: Run, people: Any, case: str) -> None:
    fails, options, count, rows = UNREADABLE[case]
    fails(people)
    result = run("plan", "delete", *options, "-o", "x.plan.jsonl", "--retry-for", "0")
    assert result.code == 0, result.err
    assert re.search(rf"^Persons +{count}$", result.out, re.MULTILINE)
    assert input_check(result.out) == rows
    exported = run("persons", *(each for each in options if each != "--everyone"), "--retry-for", "0")
    assert len(exported.out.splitlines()) == count
    assert exported.code == 0 if count == 60 else 1


def test_an_export_that_breaks_off_says_after_how_many_persons(run: Run, people: Any) -> None:
    people.server.faults.add(Fault("status", status=500, action="list", after=0))
    result = run("persons", "--retry-for", "0")
    assert (result.code, result.out) == (75, "")
    assert run("persons", "--count", "--retry-for", "0").code == 75


NO_OTHER = ", and no other person matches the selection"
BY_QUERY = "SELECT distinct_id FROM person_distinct_ids WHERE distinct_id = 'user-2'"
# the command before its plan, the file that it reads, and how its error starts and ends around the status
OF_ONE_PERSON: dict[str, tuple[tuple[str, ...], str, str, str]] = {
    "distinct IDs": (("delete", "--distinct-ids", "one"), "user-2", "1 selected person", NO_OTHER),
    "UUIDs": (("delete", "--uuids", "one"), "{uuid}", "1 selected person", NO_OTHER),
    "emails": (("delete", "--emails", "one"), "user2@example.com", "1 selected person", NO_OTHER),
    "a query": (("delete", "--hogql", BY_QUERY), "", "1 selected person", NO_OTHER),
    "protected": (("delete", "--everyone", "--protect", "one"), "user-2", "1 line of the protection list", ""),
}


@pytest.mark.parametrize("source", OF_ONE_PERSON)
def test_the_error_about_persons_that_could_not_be_read_has_the_status(run: Run, people: Any, source: str) -> None:
    options, content, start, end = OF_ONE_PERSON[source]
    Path("one").write_text(content.format(uuid=people.server.world.uuid_of("user-2")))
    fail_for(people, "user-2", 500)
    result = run("plan", *options, "-o", "x.plan.jsonl", "--retry-for", "0")
    could = "could not be looked up" if source == "protected" else "could not be read"
    assert result.code == 75
    assert result.sentence == (
        f"posthog-bulk: planning interrupted: {start} {could} (the server responded with 500){end}; run the same "
        "command again."
    )
