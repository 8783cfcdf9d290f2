"""What each way to select and each coverage leads to: the exact review and exit code."""

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.bulk.cli.selection.review import CONFIRM_ONE, input_check

Run = Callable[..., Any]
IDS = ("--distinct-ids", "in")
FREE = ("--where", "plan exact free")
AS_OF = "The query describes the project as of NOW."
LAGS = "Not covered: persons, properties and events of the last minutes, which queries do not show yet."


ORPHANS = (
    "Distinct IDs that match no person may still have events that belong to no person; the job does not delete those."
)


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
            CONFIRM_ONE,
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
            CONFIRM_ONE,
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


NO_CAUSE = ". It has no obvious typing error: PostHog has no such person, or has it under another ID"

# arguments after the plan, exit code, text on stdout or sentence
SHOWN: dict[str, tuple[tuple[str, ...], int, str]] = {
    "a line without a person": (("--line", "3"), 0, f"Line 3 matched no person{NO_CAUSE}.\n"),
    "a line that repeats another": (
        ("--line", "4"),
        0,
        f"Line 4 repeats line 3: that line is not covered.\nLine 3 matched no person{NO_CAUSE}.\n",
    ),
    "a blank line": (("--line", "5"), 0, "Line 5 is blank and was skipped.\n"),
    "a line that is not there": (
        ("--line", "9"),
        2,
        (
            "line 9 of the input of x.plan.jsonl is beyond the end: the 5 lines are lines 1 to 5. For help: "
            "posthog-bulk show --help"
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


def test_persons_are_counted(run: Run, people: Any) -> None:
    assert run("persons", "--count", *FREE).out == f"{known(people, is_free)}\n"
