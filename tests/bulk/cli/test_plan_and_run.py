"""The five operations in one go and by plan: what they do, say and leave behind, and how each is resumed."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bulk.cli import job_session
from bulk.plan.plan_file import load_plan

Run = Callable[..., Any]

PEOPLE = 30
IDS = ("--distinct-ids", "ids")
GO = ("--yes", "--expect-count", PEOPLE)
UPDATE = ("update", "plan=vip", "seats:=3", 'tags:=["a",null]', "x:=null")
KINDS = {
    "delete": ("delete", "--delete-events"),
    "unset": ("unset", "email", "plan"),
    "update": UPDATE,
    "delete-events": ("delete-events",),
    "delete-recordings": ("delete-recordings",),
}


@pytest.fixture(autouse=True)
def ids(posthog: Any) -> None:
    Path("ids").write_text("".join(f"user-{number}\n" for number in range(PEOPLE)))


def selected(posthog: Any) -> list[Any]:
    world = posthog.server.world
    return [world.uuid_of(f"user-{number}") for number in range(PEOPLE)]


def properties(posthog: Any) -> dict[int, dict[str, Any]]:
    """The properties of all persons, by the number in the distinct ID."""
    world = posthog.server.world
    return {number: dict(world.person(world.uuid_of(f"user-{number}")).properties) for number in range(60)}


def resume_command(out: str) -> list[str]:
    """The words of the command line that a command prints for resuming."""
    (line,) = re.findall("^If interrupted, resume with: (.*)$", out, re.MULTILINE)
    return shlex.split(line)


def check_done(posthog: Any, kind: str, before: dict[int, dict[str, Any]]) -> None:
    """Check that the server has the requested changes and no others."""
    world = posthog.server.world
    if kind == "delete":
        assert world.count() == 60 - PEOPLE
        return
    for number in range(PEOPLE):
        if kind == "unset":
            before[number].pop("email", None)
            before[number].pop("plan", None)
        elif kind == "update":
            before[number].update({"plan": "vip", "seats": 3, "tags": ["a", None], "x": None})
    assert properties(posthog) == before
    queued = [number for number in range(60) if world.deletion_rows(world.uuid_of(f"user-{number}"))]
    assert queued == (list(range(PEOPLE)) if kind == "delete-events" else [])


def recordings_asked_for(posthog: Any) -> set[str]:
    bodies = [request.body for request in posthog.mutations if request.body.get("delete_recordings")]
    return {uuid for body in bodies for uuid in body["ids"]}


VERDICTS = {
    "delete": "Waiting for PostHog to purge the events of 30 persons, expected Sunday ",
    "unset": "Complete: 30 persons as requested (confirmed by reading back).",
    "update": "Complete: 30 persons as requested (confirmed by reading back).",
    "delete-events": "Waiting for PostHog to purge the events of 30 persons, expected Sunday ",
    "delete-recordings": "Waiting for a verification that PostHog has deleted the recordings of 30 persons; verify ",
}


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize("kind", KINDS)
def test_each_operation_runs_in_one_command_and_prints_the_line_that_resumes_it(
    run: Run, posthog: Any, kind: str
) -> None:
    before = properties(posthog)
    result = run(*KINDS[kind], *IDS, *GO)
    assert result.code == 0, result.err
    states = [line for line in result.out.splitlines() if line.startswith(("Complete", "Waiting", "Needs", "Done"))]
    assert [line[: len(VERDICTS[kind])] for line in states] == [VERDICTS[kind]]
    targets = {str(uuid) for uuid in (selected(posthog) if kind != "delete" else [])}
    check_done(posthog, kind, before)
    assert recordings_asked_for(posthog) == (targets if kind == "delete-recordings" else set())
    assert resume_command(result.out) == ["posthog-bulk", *map(str, (*KINDS[kind], *IDS, *GO))]
    (plan,) = Path().glob("*.plan.jsonl")
    assert re.fullmatch(rf"{kind}-1-\d{{8}}T\d{{6}}Z\.plan\.jsonl", plan.name)
    sent = len(posthog.mutations)
    again = run(*KINDS[kind], *IDS, *GO, "--plan", plan)
    assert again.code == 0, again.err
    assert f"Using the existing plan {plan}" in again.out
    assert len(posthog.mutations) == sent
    assert len(list(Path().glob("*.jsonl"))) == 2


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("kind", KINDS)
def test_each_operation_runs_by_plan_run_status_report_and_verify(run: Run, posthog: Any, kind: str) -> None:
    before = properties(posthog)
    planned = run("plan", *KINDS[kind], *IDS, "-o", "x.plan.jsonl")
    assert planned.code == 0, planned.err
    assert not posthog.mutations
    with load_plan("x.plan.jsonl") as plan:
        assert (plan.header.operation["kind"], plan.count) == (kind, PEOPLE)
    line = planned.out.splitlines()[-1].split()
    assert run(*line[1:]).code == 0
    check_done(posthog, kind, before)
    sent = len(posthog.mutations)
    waiting = kind in ("delete", "delete-events")
    verified = run("verify", "x.journal.jsonl")
    assert verified.code == (75 if waiting else 0)
    assert verified.out.startswith("Waiting for PostHog to purge the events of " if waiting else "Complete: ")
    posthog.server.run_event_deletion()
    assert run("verify", "x.journal.jsonl").code == 0
    assert len(posthog.mutations) == sent
    operation = re.search("^Operation +(.*)$", planned.out, re.MULTILINE)
    assert operation is not None
    for command in ("status", "report"):
        said = run(command, "x.journal.jsonl")
        assert said.code == 0
        assert operation[1] in said.out
        assert re.search(r"\bcomplete\b", said.out, re.IGNORECASE)
    assert b"vip" not in Path("x.journal.jsonl").read_bytes()


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize(
    ("operation", "route", "actions"),
    [
        (("unset", "email", "plan"), "rest", {"delete_property": PEOPLE + 1}),
        (("unset", "email", "plan"), "capture", {"capture": 2}),
        (("unset", "email", "plan"), "auto", {"delete_property": PEOPLE + 1}),
        (("update", "plan=vip"), "rest", {"update": PEOPLE}),
        (("update", "plan=vip"), "capture", {"capture": 2}),
    ],
)
def test_the_requested_route_is_taken(
    run: Run, posthog: Any, operation: tuple[str, ...], route: str, actions: dict[str, int]
) -> None:
    result = run(*operation, *IDS, *GO, "--route", route)
    assert result.code == 0, result.err
    counts = posthog.server.request_counts
    assert {name: counts[name] for name in ("delete_property", "update", "capture") if counts.get(name)} == actions
    assert "Route: REST (" in result.err or "Route: capture (as requested)" in result.err


def test_keys_that_look_like_options_follow_two_dashes(run: Run, posthog: Any) -> None:
    world = posthog.server.world
    world.add_person(["odd"], {"-x": 1, "$set": 2, "a=b": 3})
    Path("ids").write_text("odd\n")
    result = run("unset", *IDS, "--yes", "--expect-count", 1, "--", "-x", "$set", "a=b")
    assert result.code == 0, result.err
    assert world.person(world.uuid_of("odd")).properties == {}
    assert resume_command(result.out)[-4:] == ["--", "-x", "$set", "a=b"]


def test_a_review_of_an_update_shows_each_value_sanitized(run: Run, posthog: Any) -> None:
    result = run("plan", "update", "na\x1bme=Ada \u202e", "n:=[1,true]", f"long={'x' * 5000}", *IDS, "-o", "x")
    assert result.code == 0
    values = re.search("^Values +(.*)\n +(.*)\n +(.*)\n", result.out, re.MULTILINE)
    assert values is not None
    assert values.group(1, 2) == ('na\\x1bme = "Ada \\u202e"', "n = [1, true]")
    assert values[3].startswith('long = "xxx')
    assert max(map(len, result.out.splitlines())) < 1100
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", result.out + result.err)


@pytest.mark.slow
def test_a_review_says_what_is_not_covered(
    run: Run, posthog: Any, serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = run("plan", "unset", "nick", "--everyone", "-o", "none")
    assert (out.code, "has any of the properties" in out.sentence) == (3, True)
    posthog.server.world.add_person(["null"], {"nick": None})
    out = run("plan", "unset", "nick", "--everyone", "-o", "one").out
    assert "A query found the persons that have the properties (1 person has them)." in out
    assert "Not covered: changes of the last minutes." in out
    out = run("plan", "unset", "plan", "--where", "plan exact free", "-o", "two").out
    assert "were counted by listing the persons and checking each (a query does not apply the filters)" in out
    served = serve(5, scopes=("person:write", "project:read"))
    for name, value in served.env.items():
        monkeypatch.setenv(name, value)
    out = run("plan", "unset", "email", "--everyone", "-o", "x.plan.jsonl").out
    assert "checking each (the key lacks the scope query:read)." in out
    assert "Not covered: properties that this key cannot read." in out
    assert run("unset", "email", "--plan", "x.plan.jsonl", "--yes", "--expect-count", 5).code == 0
    assert "the key lacks the scope query:read" in " ".join(run("report", "x.journal.jsonl").out.split())


@pytest.mark.parametrize(
    ("planned", "asked"),
    [
        (("unset", "a"), ("unset", "b")),
        (("unset", "a"), ("unset", "a", "--route", "rest")),
        (("update", "n:=1"), ("update", "n:=true")),
        (("update", "n:=1"), ("update", "n=1")),
        (("update", "n:=null"), ("update", "n:=false")),
        (("delete-events",), ("delete-recordings",)),
        (("delete-events",), ("delete", "--delete-events")),
    ],
)
def test_an_existing_plan_is_not_used_for_another_operation(
    run: Run, posthog: Any, planned: tuple[str, ...], asked: tuple[str, ...]
) -> None:
    assert run("plan", *planned, *IDS, "-o", "x.plan.jsonl").code == 0
    result = run(*asked, *IDS, *GO, "--plan", "x.plan.jsonl")
    assert (result.code, "another operation" in result.sentence) == (3, True)
    assert not posthog.mutations


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--journal", "folder"), "folder cannot be opened: it is a directory"),
        (
            ("--journal", "none/x.journal.jsonl", "--plan", "x"),
            "none/x.journal.jsonl cannot be created: its folder does ",
        ),
        (("--plan", "none/x.plan.jsonl"), "none/x.plan.jsonl cannot be created: its folder does not exist"),
    ],
)
def test_a_journal_that_cannot_be_written_is_refused_before_planning(
    run: Run, posthog: Any, options: tuple[str, ...], problem: str
) -> None:
    Path("folder").mkdir()
    result = run("update", "plan=vip", *IDS, *GO, *options)
    assert result.code == 74
    assert problem in result.sentence
    assert posthog.server.requests == []
    assert list(Path().glob("*.plan.jsonl")) == []


def test_a_plan_in_a_missing_folder_is_refused_before_planning(run: Run, posthog: Any) -> None:
    result = run("plan", "delete", *IDS, "-o", "none/x.plan.jsonl")
    assert result.code == 74
    assert "none/x.plan.jsonl cannot be created: its folder does not exist" in result.sentence
    assert posthog.server.requests == []


def test_a_process_that_finds_a_new_plan_of_another_uses_that(
    run: Run, posthog: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan_for_real = job_session.make_plan_file

    def after_another_process(*args: Any, **options: Any) -> Any:
        plan_for_real(*args, **options).close()
        return plan_for_real(*args, **options)

    monkeypatch.setattr(job_session, "make_plan_file", after_another_process)
    result = run("update", "plan=vip", *IDS, *GO, "--plan", "x.plan.jsonl")
    assert (result.code, "Using the existing plan x.plan.jsonl" in result.out) == (0, True)
    monkeypatch.setattr(job_session, "make_plan_file", after_another_process)
    result = run("update", "plan=vip", *IDS, *GO, "--plan", "no/such/folder.plan.jsonl")
    assert result.code == 74


def test_the_same_values_in_another_order_are_the_same_job(run: Run, posthog: Any) -> None:
    assert run("plan", "update", "a:=1", 'b:={"x":1,"y":[2.0]}', *IDS, "-o", "x.plan.jsonl").code == 0
    result = run("update", 'b:={"y":[2],"x":1.0}', "a:=1", *IDS, *GO, "--plan", "x.plan.jsonl")
    assert result.code == 0, result.err


@pytest.mark.slow
def test_waiting_for_a_change_to_be_applied_is_shown(run: Run, posthog: Any) -> None:
    posthog.server.reconfigure(capture_lag_s=2.5)
    result = run("update", "plan=vip", *IDS, *GO)
    assert result.code == 0, result.err
    line = r"\d changes accepted but not yet visible; checking again in \d s \(at [0-9:]+\), for up to 1\d min"
    assert re.search(line, result.err)
