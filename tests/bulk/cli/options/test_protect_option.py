"""--protect: what is left out of a plan, what the review says, and which plan is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
FREE = ("--where", "plan exact free")


@pytest.fixture
def people(posthog: Any) -> list[Any]:
    world = posthog.server.world
    return [p for uuid in world.iter_uuids() if (p := world.person(uuid)).properties["plan"] == "free"]


def test_the_review_counts_protected_persons_and_names_their_lines(run: Run, posthog: Any, people: list[Any]) -> None:
    Path("staff.txt").write_text(f"nobody\n{people[0].distinct_ids[0]}\n{people[3].uuid}\n")
    result = run("plan", "delete", *FREE, "--protect", "staff.txt", "-o", "x.plan.jsonl")
    assert result.code == 0, result.err
    rows = [" ".join(line.split()) for line in result.out.splitlines()]
    assert f"Persons {len(people) - 2}" in rows
    assert "Protected persons that were left out, by line of the protection list 2 2-3" in rows
    assert "Lines of the protection list that match no person 1 1" in rows


def test_an_old_plan_with_a_protected_person_is_refused_by_run_and_by_the_command(
    run: Run, posthog: Any, people: list[Any]
) -> None:
    line = ("delete", *FREE, "--plan", "x.plan.jsonl", "--yes", "--expect-count", str(len(people)))
    assert run("plan", "delete", *FREE, "-o", "x.plan.jsonl").code == 0
    Path("staff.txt").write_text(f"{people[0].distinct_ids[0]}\n")
    for command in (line, ("run", "x.plan.jsonl", "--approve", digest())):
        result = run(*command, "--protect", "staff.txt", "--protect", "country exact XX")
        assert result.code == 3, result.err
        found = "contains 1 person (line 1 of the protection list) that must not be in a plan: number 41; make"
        assert found in result.sentence
        assert not posthog.mutations
        assert not Path("x.journal.jsonl").exists()
    assert run(*line).code == 0


def test_a_plan_made_with_the_list_runs_with_it(run: Run, posthog: Any, people: list[Any]) -> None:
    protect = ("--protect", "country exact DE")
    germans = [person for person in people if person.properties["country"] == "DE"]
    count = str(len(people) - len(germans))
    assert run("delete", *FREE, *protect, "--yes", "--expect-count", count).code == 0
    assert all(posthog.server.world.person(person.uuid) is not None for person in germans)


def test_a_run_names_the_lines_that_match_no_person(run: Run, posthog: Any, people: list[Any]) -> None:
    assert run("plan", "delete", *FREE, "-o", "x.plan.jsonl").code == 0
    Path("staff.txt").write_text("user-no\n")
    protect = ("--protect", "staff.txt", "--protect", "plan exact staff")
    result = run("run", "x.plan.jsonl", "--approve", digest(), *protect)
    assert result.code == 0, result.err
    assert "1 line of the protection list matches no person and protects nobody: 1." in result.err
    assert "no person meets a condition of --protect (plan exact), so it protects nobody." in result.err


def test_a_condition_on_a_misspelt_property_is_refused_with_the_closest_name(run: Run, posthog: Any) -> None:
    result = run("plan", "delete", *FREE, "--protect", "contry exact DE", "-o", "x.plan.jsonl")
    assert result.code == 3
    assert result.sentence == (
        "posthog-bulk: no person has the property 'contry', so a condition of --protect on it protects nobody; correct "
        "the property's name. Did you mean country?"
    )
    assert not Path("x.plan.jsonl").exists()


@pytest.mark.parametrize(
    ("protect", "code", "words"),
    [
        (("none.txt",), 74, "no such file: none.txt"),
        (("plan exactly free",), 2, "did you mean exact?"),
        (("is_identified exact true",), 2, "use --identified or --anonymous"),
        (("a.txt", "b.txt"), 2, "protect takes one file"),
        (("",), 2, "--protect is empty: give a file, or a condition"),
        ((" ",), 2, "--protect is empty: give a file, or a condition"),
    ],
)
def test_a_protection_that_cannot_be_is_refused_without_a_request(
    run: Run, posthog: Any, protect: tuple[str, ...], code: int, words: str
) -> None:
    for name in ("a.txt", "b.txt"):
        Path(name).write_text("user-1\n")
    options = [part for each in protect for part in ("--protect", each)]
    result = run("delete", *FREE, *options, "--yes", "--expect-count", "1")
    assert (result.code, result.out) == (code, "")
    assert words in result.sentence
    assert not posthog.server.requests


def digest() -> str:
    from bulk.plan.plan_file import load_plan

    with load_plan(Path("x.plan.jsonl")) as plan:
        return plan.digest
