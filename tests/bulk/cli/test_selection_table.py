"""What each way to select, each coverage and each failing read leads to: exact review or sentence, and exit code."""

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from changed_responses import limit_rows, rewrite

from asyncclient.testing import Fault

Run = Callable[..., Any]
IDS = ("--distinct-ids", "in")
FREE = ("--where", "plan exact free")
AS_OF = "The query describes the project as of NOW."
LAGS = "Not covered: persons, properties and events of the last minutes, which queries do not show yet."
EVERYONE = "correct the conditions, or add --everyone (everyone=True) if the selection may be every person."
SPELLING = "correct the property's name, or add --everyone (everyone=True) if the selection may be every person."
FIELD = "is a field of persons, and filters see properties only: use"
COLUMN = "as in SELECT id AS person_id FROM persons WHERE ..."
ORPHANS = (
    "Distinct IDs that match no person may still have events that belong to no person; the job does not delete those."
)


@pytest.fixture
def people(serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    served = serve(60, seeded_events=True)
    for name, value in served.env.items():
        monkeypatch.setenv(name, value)
    Path("in").write_text("user-1\nuser-2\nnobody\n")
    Path("staff").write_text("user-1\nnobody\n")
    Path("active.sql").write_text("-- all\nSELECT person_id FROM events\nWHERE person_id IS NOT NULL; -- end\n")
    return served


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
    "a query in a file that is not there": (("--hogql", "none.sql"), "no such file: none.sql; check the name.", 74),
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


def known(people: Any, test: Callable[[Any, list[Any]], int]) -> int:
    """The number of persons of whom the server's own records say so."""
    world = people.server.world
    return sum(test(world.person(uuid), world.events(uuid)) for uuid in world.iter_uuids())


def is_free(person: Any, _: object = None) -> bool:
    return bool(person.properties["plan"] == "free")


# operation and options, the persons that the plan has, rows and sentences of the input check
PLANNED: dict[str, tuple[tuple[str, ...], Callable[[Any, list[Any]], bool], list[str]]] = {
    "anonymous persons": (
        ("delete", "--anonymous"),
        lambda p, _: not p.is_identified,
        ["Persons listed {0}", AS_OF, LAGS],
    ),
    "identified persons with a filter": (
        ("delete", "--identified", *FREE),
        lambda p, _: p.is_identified and is_free(p),
        ["Persons listed {identified}", AS_OF, LAGS],
    ),
    "a query in a file, with a comment after its semicolon": (
        ("delete", "--hogql", "active.sql"),
        lambda _, events: len(events) > 0,
        ["Persons listed {0}", AS_OF, LAGS],
    ),
    "a query of distinct IDs and an activity": (
        ("delete", "--hogql", "SELECT distinct_id FROM person_distinct_ids", "--anonymous"),
        lambda p, _: not p.is_identified,
        ["Persons listed {ids}", AS_OF, LAGS],
    ),
    "filters as the API documents them": (
        ("delete", "--properties", '[{"key": "plan", "value": "free", "operator": "exact", "type": "person"}]'),
        is_free,
        ["Persons listed {0}"],
    ),
    "everyone on request": (("delete", "--where", "plan is_set", "--everyone"), lambda *_: True, ["Persons listed 60"]),
    "a protection list": (
        ("delete", *IDS, "--protect", "staff"),
        lambda p, _: "user-2" in p.distinct_ids,
        [
            "Lines read 3",
            "Lines that matched no person 1 3",
            "Protected persons that were left out, by line of the protection list 1 1",
            "Lines whose person is protected 1 1",
            "Lines of the protection list that match no person 1 2",
            "Warning: 1 line of the protection list matches no person and protects nobody: 2.",
            ORPHANS,
        ],
    ),
    "a protection that no person meets": (
        ("delete", *FREE, "--protect", "country exact Atlantis"),
        is_free,
        [
            "Persons listed {0}",
            "Protected persons that were left out 0",
            "Warning: --protect protects nobody, because it matches no person of the project.",
            "Warning: no person meets a condition of --protect (country exact), so it protects nobody.",
        ],
    ),
    "unset of a misspelt property": (
        ("unset", "emial", *IDS),
        lambda p, _: not {"user-1", "user-2"}.isdisjoint(p.distinct_ids),
        [
            "Lines read 3",
            "Lines that matched no person 1 3",
            "Persons that have emial 0",
            "Warning: no person of the plan has the property emial; did you mean email?",
        ],
    ),
    "update of a property in another case": (
        ("update", "Plan=pro", *FREE),
        is_free,
        [
            "Persons listed {0}",
            "Persons that have Plan 0",
            "Warning: no person of the plan has the property Plan; did you mean plan?",
        ],
    ),
    "update of a property that all have": (
        ("update", "plan=pro", *FREE),
        is_free,
        ["Persons listed {0}", "Persons that have plan {0}"],
    ),
}


@pytest.mark.parametrize("case", PLANNED)
def test_a_selection_leads_to_its_review(run: Run, people: Any, case: str) -> None:
    options, test, rows = PLANNED[case]
    count = known(people, test)
    identified, ids = known(people, lambda p, _: p.is_identified), known(people, lambda p, _: len(p.distinct_ids))
    numbers = {"identified": identified, "ids": ids}
    result = run("plan", *options, "-o", "x.plan.jsonl")
    assert result.code == 0, result.err
    assert re.search(rf"^Persons +{count}$", result.out, re.MULTILINE)
    assert input_check(result.out) == [row.format(count, **numbers) for row in rows]
    assert people.mutations == []
    as_json = json.loads(run("show", "x.plan.jsonl", "--json").out)
    assert (as_json["count"], as_json["digest"] in result.out) == (count, True)
    targets = [
        json.loads(line)
        for line in run("show", "x.plan.jsonl", "--target", f"0-{count - 1}", "--json").out.splitlines()
    ]
    assert len(targets) == count


def input_check(out: str) -> list[str]:
    """The input check of a review: rows with single spaces between the cells, then sentences; times are NOW."""
    lines = out.partition("Input check\n")[2].splitlines()
    end = next((i for i, line in enumerate(lines) if not line.startswith("  ")), len(lines))
    found = [re.sub(" {2,}", " ", line.strip()) for line in lines[1:end] if not set(line) <= {"-", " "}]
    return [re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "NOW", line) for line in found]


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
        ["Lines read 3", "Lines that matched no person 1 3", "Lines whose person could not be read 1 2", ORPHANS],
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


# change of the input after the plan was made, sentence
CHANGED: dict[str, tuple[bytes, str]] = {
    "added": (b"user-1\nuser-2\nnobody\nuser-3\n", "1 line added (3 then, 4 now)"),
    "removed": (b"user-1\nnobody\n", "1 line removed (3 then, 2 now)"),
    "both": (b"user-1\nuser-3\nnobody\n", "1 line added and 1 line removed (3 then, 3 now)"),
    "order": (b"user-2\nuser-1\nnobody\n", "the same 3 lines in another order or format"),
    "format": (gzip.compress(b"user-1\nuser-2\nnobody\n", mtime=0), "the same 3 lines in another order or format"),
}


@pytest.mark.parametrize("case", CHANGED)
def test_a_reused_plan_says_how_its_input_has_changed(run: Run, people: Any, case: str) -> None:
    data, change = CHANGED[case]
    line = ("delete", *IDS, "--plan", "x.plan.jsonl", "--yes", "--expect-count", 2)
    assert run("plan", "delete", *IDS, "-o", "x.plan.jsonl").code == 0
    Path("in").write_bytes(data)
    result = run(*line)
    assert (result.code, result.sentence) == (
        3,
        (
            f"posthog-bulk: in changed since the plan was made: {change} (x.plan.jsonl); run that plan for the "
            "persons that it lists, or name another plan file for those of the changed input."
        ),
    )
    assert people.mutations == []


# arguments after the plan, exit code, text on stdout or sentence
SHOWN: dict[str, tuple[tuple[str, ...], int, str]] = {
    "a line without a person": (("--line", "3"), 0, "Line 3 matched no person.\n"),
    "a line that repeats another": (
        ("--line", "4"),
        0,
        "Line 4 repeats line 3: that line is not covered.\nLine 3 matched no person.\n",
    ),
    "a refused line": (("--line", "5"), 0, "Line 5 is refused: blank.\n"),
    "a line that is not there": (
        ("--line", "9"),
        2,
        (
            "x.plan.jsonl has nothing about line 9: its input has 5 lines, without a header and without line "
            "ends within a "
            "cell. For help: posthog-bulk show --help"
        ),
    ),
    "a person that is not there": (
        ("--target", "7"),
        2,
        "x.plan.jsonl has no person 7: it has 2 persons, numbered from 0. For help: posthog-bulk show --help",
    ),
}


@pytest.mark.parametrize("case", SHOWN)
def test_show_says_what_became_of_a_line(run: Run, people: Any, case: str) -> None:
    options, code, text = SHOWN[case]
    Path("in").write_text("user-1\nuser-2\nnobody\nnobody\n\n")
    assert run("plan", "delete", *IDS, "-o", "x.plan.jsonl").code == 0
    before = len(people.server.requests)
    result = run("show", "x.plan.jsonl", *options)
    assert result.code == code
    assert (result.out if code == 0 else result.sentence.removeprefix("posthog-bulk: ")) == text
    assert len(people.server.requests) == before


def test_an_export_that_breaks_off_says_after_how_many_persons(run: Run, people: Any) -> None:
    people.server.faults.add(Fault("status", status=500, action="list", after=0))
    result = run("persons", "--retry-for", "0")
    assert (result.code, result.out) == (75, "")
    assert run("persons", "--count", "--retry-for", "0").code == 75


def test_persons_are_counted(run: Run, people: Any) -> None:
    assert run("persons", "--count", *FREE).out == f"{known(people, is_free)}\n"
