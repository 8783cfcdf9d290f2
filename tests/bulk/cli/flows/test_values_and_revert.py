"""Values per person and their revert, on the command line: what it reviews, sends, refuses and reverts."""

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bulk.plan.plan_file import load_plan

Run = Callable[..., Any]

PEOPLE = 12
GO = ("--yes", "--expect-count", PEOPLE)


@pytest.fixture(autouse=True)
def values(posthog: Any) -> None:
    rows = (f"user-{number},plan {number},{number}," for number in range(PEOPLE))
    Path("values.csv").write_text("user,plan,seats,email\n" + "\n".join(rows) + "\n")


ROWS = ("--values", "values.csv", "--id-column", "distinct_id:user", "--types", "seats=number")


def properties(posthog: Any) -> dict[int, dict[str, Any]]:
    world = posthog.server.world
    return {number: dict(world.person(world.uuid_of(f"user-{number}")).properties) for number in range(60)}


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("route", ["rest", "capture"])
def test_an_update_of_values_and_its_revert(run: Run, posthog: Any, route: str) -> None:
    before = properties(posthog)
    done = run("update", *ROWS, "--route", route, "--keep-before", "before.jsonl", *GO)
    assert done.code == 0, done.err
    assert "persons listed in values.csv (by distinct ID), each with its own values" in done.out
    assert "plan: set for 12 persons" in done.out
    assert "Before-image" in done.out
    assert "posthog-bulk revert" in done.out
    after = {**before, **{n: {**before[n], "plan": f"plan {n}", "seats": n} for n in range(PEOPLE)}}
    assert properties(posthog) == after
    again = run("update", *ROWS, "--route", route, "--keep-before", "before.jsonl", *GO)
    assert "finished" in again.err
    posthog.server.world.set_properties(posthog.server.world.uuid_of("user-4"), {"seats": 99})
    planned = run("revert", "before.jsonl", "-o", "revert.plan.jsonl")
    assert planned.code == 0, planned.err
    assert "because others changed them" in planned.out
    approve = planned.out.rpartition("--approve ")[2].split()[0]
    assert run("run", "revert.plan.jsonl", "--approve", approve).code == 0
    assert properties(posthog) == {**before, 4: {**after[4], "seats": 99}}
    left = "1 person left as it is, because others changed it since."
    for command in ("run", "status", "verify", "report"):
        words = ("revert.plan.jsonl", "--approve", approve) if command == "run" else ("revert.journal.jsonl",)
        report = run(command, *words)
        assert (report.code, left in " ".join(report.out.split())) == (0, True), report.out
    assert "Line numbers" not in report.out
    assert "Persons that others changed" in report.out


@pytest.mark.slow
def test_a_finished_job_overwrites_neither_its_revert_nor_what_others_changed(run: Run, posthog: Any) -> None:
    """`verify` shows both; the same line, with the names of its files or not, sends nothing."""
    line = ("update", *ROWS, "--keep-before", "before.jsonl", *GO, "--plan", "seats.plan.jsonl")
    assert run(*line).code == 0
    world = posthog.server.world
    world.set_properties(world.uuid_of("user-4"), {"plan": "other"})
    approve = run("revert", "before.jsonl", "-o", "back.plan.jsonl").out.rpartition("--approve ")[2].split()[0]
    assert run("run", "back.plan.jsonl", "--approve", approve).code == 0
    sent, kept = len(posthog.mutations), properties(posthog)
    verified = run("verify", "seats.journal.jsonl")
    assert verified.code == 1
    assert "12 persons: changed after this job, by others or by its revert" in " ".join(verified.out.split())
    assert "posthog-bulk run seats.plan.jsonl" not in verified.out
    again = run(*line)
    assert (again.code, len(posthog.mutations), properties(posthog)) == (1, sent, kept)
    assert "make a new plan of the same operation and approve it" in again.out
    unnamed = run(*line[:-2])
    assert (unnamed.code, len(posthog.mutations)) == (3, sent)
    assert "this job finished at" in unnamed.err
    anew = run("update", *ROWS, *GO, "--plan", "again.plan.jsonl")
    assert anew.code == 0, anew.err
    assert properties(posthog)[4]["plan"] == "plan 4"


@pytest.mark.parametrize("kept", [True, False])
def test_the_prompt_says_how_to_undo_what_can_be_undone(
    run: Run, monkeypatch: pytest.MonkeyPatch, *, kept: bool
) -> None:
    monkeypatch.setattr("bulk.cli.approval.can_prompt", lambda: True)
    monkeypatch.setattr("bulk.cli.approval.read_terminal", lambda: "0\n")
    keep = ("--keep-before", "be fore") if kept else ()
    asked = run("update", *ROWS, *keep, "--plan", "x.plan.jsonl")
    assert asked.code == 3
    assert ("To undo it: posthog-bulk revert 'be fore' -o revert.plan.jsonl" in asked.err) is kept
    assert ("THIS CANNOT BE UNDONE." in asked.err) is not kept


def test_the_review_of_every_change_says_whether_a_before_image_is_kept(run: Run) -> None:
    for words in (("update", "plan=x"), ("unset", "email")):
        plain = run("plan", *words, "--everyone", "-o", f"{words[0]}.plan.jsonl")
        kept = run("plan", *words, "--everyone", "--keep-before", f"{words[0]}.before", "-o", f"{words[0]}2.plan.jsonl")
        assert "to keep them, plan with --keep-before FILE" in plain.out
        assert "Before-image" in kept.out
        assert f"{words[0]}.before" in kept.out
        assert "are not kept" not in kept.out


def test_values_from_standard_input(run: Run, posthog: Any) -> None:
    text = "".join(json.dumps({"distinct_id": f"user-{n}", "tags": [n]}) + "\n" for n in range(PEOPLE))
    Path("rows.jsonl").write_text(text)
    done = run("update", "--values", "-", *GO, stdin=Path("rows.jsonl"))
    assert done.code == 0, done.err
    assert [properties(posthog)[n]["tags"] for n in range(PEOPLE)] == [[n] for n in range(PEOPLE)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("plan=x", "--values", "values.csv"), "either --values FILE or KEY=VALUE"),
        (("--values", "values.csv", "--everyone"), "leave out --everyone"),
        (("--values", "values.csv"), "has no column named 'distinct_id'"),
        (("--values", "values.csv", "--id-column", "user"), "write distinct_id, uuid or email"),
        ((*ROWS[:4], "--types", "seats"), "write KEY=TYPE"),
        ((*ROWS[:4], "--types", "seats=int"), "unknown type 'int'"),
        ((*ROWS[:4], "--types", "other=number"), "no column named 'other'"),
        ((*ROWS[:4], "--types", "a=number,a=json"), "twice"),
        ((*ROWS, "--once", "--route", "rest"), "needs --route capture"),
        ((*ROWS, "--once", "--empty-is", "unset"), "cannot be combined"),
        (("plan=x", "--types", "a=number", "--everyone"), "--types only works with --values"),
        (("--values", "missing.csv"), "no such file: missing.csv"),
    ],
)
def test_what_cannot_work_is_refused_before_any_request(
    run: Run, posthog: Any, arguments: tuple[str, ...], message: str
) -> None:
    refused = run("update", *arguments, *GO)
    assert refused.code in (2, 74)
    assert message in refused.sentence
    assert not posthog.server.requests


def test_two_rows_of_one_person_are_refused_by_their_lines(run: Run, posthog: Any) -> None:
    with Path("values.csv").open("a") as file:
        file.write("user-3,other,3,\n")
    refused = run("update", *ROWS, *GO)
    assert refused.code == 3
    assert "lines 5 and 14" in refused.sentence
    assert "user-3" not in refused.err
    assert not posthog.mutations
    assert not [*Path().glob("*.plan.jsonl")]


def test_other_operations_take_no_values(run: Run) -> None:
    for words in (("unset", "email"), ("delete",)):
        refused = run("plan", *words, "--values", "values.csv", "-o", "x.plan.jsonl")
        assert refused.code == 2
        assert "--values only works with update" in refused.sentence
    assert "--keep-before only works with" in run("plan", "delete", "--keep-before", "x", "-o", "x.plan.jsonl").sentence


def test_a_revert_needs_a_before_image(run: Run) -> None:
    assert run("revert", "missing", "-o", "r.plan.jsonl").code == 74
    refused = run("revert", "values.csv", "-o", "r.plan.jsonl")
    assert (refused.code, "not a before-image" in refused.sentence) == (74, True)


@pytest.mark.slow
@pytest.mark.parametrize("sent", [0, 5, 9])
def test_a_killed_update_is_resumed_and_reverted(
    run: Run, spawn: Callable[..., "subprocess.Popen[bytes]"], posthog: Any, sent: int
) -> None:
    """SIGKILL while calls are in flight: every change that arrived has an entry, and the way back is complete."""
    before = properties(posthog)
    line = ("update", *ROWS, "--route", "rest", "--keep-before", "before.jsonl", "--batch-size", 3, *GO)
    posthog.server.reconfigure(latency_s=0.1)
    process = spawn(*line, "--rate-limits", "off", "--concurrency", 2)
    posthog.until(lambda: len(posthog.mutations) > sent)
    process.send_signal(signal.SIGKILL)
    assert process.wait(30) == -signal.SIGKILL
    posthog.server.reconfigure(latency_s=0.0)
    kept = Path("before.jsonl").read_text()
    changed = [n for n in range(PEOPLE) if properties(posthog)[n] != before[n]]
    assert all(f'"distinct_id":"user-{n}"' in kept for n in changed)
    assert run(*line).code == 0
    assert run("revert", "before.jsonl", "-o", "revert.plan.jsonl").code == 0
    with load_plan(Path("revert.plan.jsonl")) as plan:
        assert (plan.count, run("run", plan.path, "--approve", plan.digest).code) == (PEOPLE, 0)
    assert properties(posthog) == before
