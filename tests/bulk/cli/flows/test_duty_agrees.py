"""The verdict of a job is the same in words, in JSON and as exit code, in every state, whichever command shows it."""

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bulk.journal.records import (
    FORMAT,
    Approved,
    Change,
    FilesShredded,
    JobOpened,
    Record,
    RunEnded,
    RunStarted,
    StatesChanged,
    UnmatchedExpected,
    Verified,
)
from bulk.journal.replay import framing
from bulk.operations import axes_of
from bulk.plan.plan_file import load_plan
from bulk.selection.inputs.coverage import InputCoverage
from bulk.states import Axis
from bulk.targets.reasons import STATUSES, AxisStatus, Reason

Run = Callable[..., Any]

FRIDAY = 1_796_385_600.0
JOURNAL = "x.journal.jsonl"
OPERATIONS: dict[str, dict[str, Any]] = {
    "delete": {"kind": "delete"},
    "erasure": {"kind": "delete", "delete_events": True, "delete_recordings": True},
    "delete-events": {"kind": "delete-events"},
    "delete-recordings": {"kind": "delete-recordings"},
    "unset": {"kind": "unset", "keys": ["plan"], "route": "auto"},
    "update": {"kind": "update", "keys": ["plan"], "route": "auto"},
}
DONE = {
    Axis.PERSON: "deleted_confirmed",
    Axis.EVENTS: "purged",
    Axis.RECORDINGS: "deleted",
    Axis.PROPERTIES: "changed_confirmed",
}
CODES = {"complete": 0, "waiting": 75, "needs_attention": 1}
WORDS = {"complete": "Complete: ", "waiting": "Waiting for ", "needs_attention": "Needs attention: "}
TITLES = {"complete": "COMPLETE", "waiting": "WAITING", "needs_attention": "NEEDS ATTENTION"}


def write_journal(operation: str, *records: Record, coverage: InputCoverage | None = None) -> None:
    """Write the journal of a job of ten persons that is done, and then these records."""
    fields = OPERATIONS[operation]
    opened = JobOpened(
        format=FORMAT,
        job="0011223344556677",
        host="https://eu.posthog.com",
        project=1,
        operation=fields,
        selection={"kind": "filter", "filters": [], "email": False, "everyone": True},
        plan_digest="sha256:" + "0" * 64,
        count=10,
        planned_at="2026-12-04T11:00:00+00:00",
        at=FRIDAY,
        coverage=coverage,
    )
    started = RunStarted(at=FRIDAY, purpose="run", version="1", concurrency=1, batch_size=2, wait_s=1.0, rates="off")
    done = tuple(Change(axis.value, DONE[axis], "0-9") for axis in sorted(axes_of(fields), key=str))
    finished = StatesChanged(at=FRIDAY, source="person_reads", changes=done)
    approved = Approved(at=FRIDAY, digest=opened.plan_digest, how="digest")
    lines: list[Record] = [opened, approved, started, finished, *records, RunEnded(at=FRIDAY, reason="finished")]
    frame = framing()
    seed = frame.seed(opened)
    Path(JOURNAL).write_bytes(b"".join(frame.encode(record, n, seed) for n, record in enumerate(lines)))
    Path(JOURNAL).chmod(0o600)


def flat(text: str) -> str:
    return " ".join(text.split())


def check_agreement(run: Run) -> dict[str, Any]:
    """Return the duty that `report`, `status` and `jobs` show for the journal, after checking that it is one."""
    report = run("report", JOURNAL, "--json")
    shown = json.loads(report.out)
    duty: dict[str, Any] = shown["duty"]
    sentence, code = duty["sentence"], CODES[duty["state"]]
    assert sentence.startswith(WORDS[duty["state"]])
    assert (shown["verdict"], shown["exit_code"], report.code) == (sentence, code, code)
    text = run("report", JOURNAL)
    assert (text.code, TITLES[duty["state"]] in text.out.splitlines()[:4]) == (code, True)
    assert sentence.removeprefix(WORDS[duty["state"]]).lower() in flat(text.out).lower()
    status = run("status", JOURNAL, "--json")
    line = json.loads(status.out.splitlines()[-1])
    assert (line["verdict"], line["exit_code"], line["duty"], status.code) == (sentence, code, duty, code)
    assert sentence in flat(status.err)
    (job,) = map(json.loads, run("jobs", "--json").out.splitlines())
    assert (job["verdict"], job["exit_code"], job["duty"]) == (sentence, code, duty["state"])
    return duty


def cases() -> Iterator[Any]:
    """Each status of each axis; those of persons with an erasure, and by default with a third of the others in turn."""
    whole = os.environ.get("POSTHOG_BULK_SLOW") == "1"
    for shift, (operation, fields) in enumerate(OPERATIONS.items()):
        for axis in sorted(axes_of(fields) | {Axis.PERSON}, key=str):
            for at, status in enumerate(STATUSES[axis]):
                every = axis is not Axis.PERSON or operation == "erasure" or whole
                if status.state.name != "NOT_REQUESTED" and (every or (at + shift) % 3 == 0):
                    yield pytest.param(operation, axis, status, id=f"{operation}-{axis.value}-{_name(status)}")


def _name(status: AxisStatus) -> str:
    return status.state.name.lower() + (f"-{status.reason.value}" if status.reason else "")


@pytest.mark.quick_cases(12)
@pytest.mark.parametrize(("operation", "axis", "status"), [*cases()])
def test_every_state_of_every_operation(run: Run, operation: str, axis: Axis, status: AxisStatus) -> None:
    reason = None if status.reason is None else status.reason.value
    if status.reason is Reason.REJECTED:
        reason = "rejected:bad_request:400"
    change = Change(axis.value, status.state.name.lower(), "3,7", reason)
    write_journal(operation, StatesChanged(at=FRIDAY, source="engine", changes=(change,)))
    check_agreement(run)


@pytest.mark.parametrize(
    ("verified", "coverage", "state"),
    [
        (Verified(at=FRIDAY, persons=10), None, "complete"),
        (Verified(at=FRIDAY, persons=10, unread="1-2"), None, "waiting"),
        (Verified(at=FRIDAY, persons=10, listed="1-2"), None, "needs_attention"),
        (Verified(at=FRIDAY, persons=10, returned="1-2"), None, "needs_attention"),
        (Verified(at=FRIDAY, persons=10), InputCoverage(lines=12, unmatched=2), "needs_attention"),
    ],
    ids=["complete", "unread", "still listed", "re-created", "lines not covered"],
)
def test_what_a_verification_found_decides_the_state(
    run: Run, verified: Verified, coverage: InputCoverage | None, state: str
) -> None:
    write_journal("erasure", verified, coverage=coverage)
    assert check_agreement(run)["state"] == state


@pytest.mark.parametrize(
    ("lines", "coverage", "state"),
    [
        (2, InputCoverage(lines=12, unmatched=2), "complete"),
        (2, InputCoverage(lines=14, unmatched=2, repeated=2, repeated_unmatched=2), "complete"),
        (2, InputCoverage(lines=13, unmatched=2, repeated=1), "needs_attention"),
        (2, InputCoverage(lines=13, unmatched=2, refused=1), "needs_attention"),
        (2, InputCoverage(lines=13, unmatched=2, unread=1), "needs_attention"),
        (2, InputCoverage(lines=13, unmatched=2, protected=1), "needs_attention"),
        (1, InputCoverage(lines=12, unmatched=2), "needs_attention"),
    ],
)
@pytest.mark.parametrize("is_shredded", [False, True])
def test_lines_that_are_expected_to_match_no_person(
    run: Run, lines: int, coverage: InputCoverage, state: str, is_shredded: bool
) -> None:
    expected = UnmatchedExpected(at=FRIDAY, lines=lines, operator="Ann")
    destroyed = [FilesShredded(at=FRIDAY, files=("plan",), done=True)] * is_shredded
    write_journal("erasure", Verified(at=FRIDAY, persons=10), expected, *destroyed, coverage=coverage)
    duty = check_agreement(run)
    assert duty["state"] == state
    said = f"{lines + coverage.repeated_unmatched} input lines matched no person, as expected."
    assert duty["sentence"].endswith(said) == (state == "complete")


@pytest.mark.parametrize(
    ("axis", "state", "code"),
    [
        ("events", "purged", 0),
        ("events", "queued", 1),
        ("recordings", "requested", 1),
        ("person", "accepted", 1),
        ("person", "not_started", 1),
        ("person", "recreated", 1),
    ],
)
def test_a_job_whose_plan_is_destroyed_waits_for_nothing(run: Run, axis: str, state: str, code: int) -> None:
    changes = (Change(axis, state, "3,7"),)
    destroyed = FilesShredded(at=FRIDAY, files=("plan",), done=True)
    write_journal("erasure", StatesChanged(at=FRIDAY, source="engine", changes=changes), destroyed)
    duty = check_agreement(run)
    assert (CODES[duty["state"]], duty["waiting_for"], duty["verify_from"]) == (code, [], None)
    assert not any(word in cause["action"] for cause in duty["causes"] for word in ("PLAN", "verify JOURNAL"))


def _purge(posthog: Any) -> None:
    posthog.server.run_event_deletion()


def _recreate(posthog: Any) -> None:
    world = posthog.server.world
    world.recreate(world.add_person(["user-2"]) if world.uuid_of("user-2") is None else world.uuid_of("user-2"))


def _change(posthog: Any) -> None:
    world = posthog.server.world
    world.set_properties(world.uuid_of("user-2"), {"plan": "other"})


IDS = ("--distinct-ids", "ids", "--yes", "--expect-count", "3", "--plan", "x.plan.jsonl")


@pytest.mark.quick_cases(5)
@pytest.mark.parametrize(
    ("command", "meanwhile", "state"),
    [
        (("delete",), None, "complete"),
        (("delete",), _recreate, "needs_attention"),
        (("delete", "--delete-events"), None, "waiting"),
        (("delete", "--delete-events", "--delete-recordings"), _purge, "complete"),
        (("delete", "--delete-events"), _recreate, "needs_attention"),
        (("delete-events",), None, "waiting"),
        (("delete-events",), _purge, "complete"),
        (("delete-recordings",), None, "complete"),
        (("unset", "plan"), None, "complete"),
        (("unset", "plan"), _change, "needs_attention"),
        (("update", "plan=vip"), None, "complete"),
        (("update", "plan=vip"), _change, "needs_attention"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else getattr(value, "__name__", str(value)),
)
def test_verify_agrees_with_the_other_commands(
    run: Run, posthog: Any, command: tuple[str, ...], meanwhile: Callable[[Any], None] | None, state: str
) -> None:
    Path("ids").write_text("user-1\nuser-2\nuser-3\n")
    ran = run(*command, *IDS)
    assert ran.code == 0
    assert len(re.findall(r"^(?:Complete: |Waiting for )", ran.out, re.MULTILINE)) == 1
    if meanwhile is not None:
        meanwhile(posthog)
    verified = run("verify", JOURNAL, "--json")
    line = json.loads(verified.out.splitlines()[-1])
    duty = check_agreement(run)
    assert duty["state"] == state
    assert (line["verdict"], line["exit_code"], line["duty"]) == (duty["sentence"], CODES[state], duty)
    assert verified.code == CODES[state]
    assert duty["sentence"] in flat(verified.err)


def test_input_lines_without_a_person_need_attention_although_every_person_is_gone(run: Run, posthog: Any) -> None:
    Path("ids").write_text("user-1\nuser-2\nuser-3\nnobody\n")
    result = run("delete", *IDS)
    assert result.code == 0
    assert "Needs attention: 1 of 4 input lines is not covered (1 matched no person)." in result.out
    assert result.out.splitlines()[-1].startswith("- Check these lines")
    assert run("verify", JOURNAL).code == 1
    assert check_agreement(run)["state"] == "needs_attention"


def test_every_action_has_the_names_of_the_files_and_runs(run: Run, posthog: Any) -> None:
    Path("ids").write_text("user-1\nuser-2\nuser-3\n")
    assert run("delete", *IDS).code == 0
    _recreate(posthog)
    shown = run("verify", JOURNAL).out.splitlines()
    (action,) = (line for line in shown if line.startswith("- Person 1 of the plan: "))
    words = action.partition(": posthog-bulk ")[2].split()
    assert words == ["plan", "--from", JOURNAL, "--reappeared", "-o", "NEW_PLAN"]
    made = run(*words)
    assert (made.code, Path("NEW_PLAN").exists()) == (0, True)
    with load_plan(Path("NEW_PLAN")) as plan:
        assert [target.distinct_id for target in plan.iter()] == ["user-2"]


@pytest.mark.parametrize("has_same_uuid", [True, False], ids=["same UUID", "same distinct ID"])
def test_after_the_offered_plan_was_run_a_job_with_re_created_persons_is_complete(
    run: Run, posthog: Any, has_same_uuid: bool
) -> None:
    Path("ids").write_text("user-1\nuser-2\nuser-3\n")
    world = posthog.server.world
    uuid = world.uuid_of("user-2")
    assert run("delete", *IDS).code == 0
    if has_same_uuid:
        world.recreate(uuid)
    else:
        world.add_person(["user-2"])
    assert run("verify", JOURNAL).code == 1
    assert run("plan", "--from", JOURNAL, "--reappeared", "-o", "again.plan.jsonl").code == 0
    digest = json.loads(Path("again.plan.jsonl").read_text().splitlines()[-1])["digest"]
    assert run("run", "again.plan.jsonl", "--approve", digest).code == 0
    verified = run("verify", JOURNAL)
    assert verified.code == 0, verified.out
    assert "Complete: 3 persons gone" in verified.out


def test_a_job_without_its_files_or_without_re_created_persons_is_not_planned_again(run: Run, posthog: Any) -> None:
    line = ("plan", "--from", JOURNAL, "--reappeared", "-o", "new")
    missing = run(*line)
    assert (missing.code, "no such file: x.journal.jsonl" in missing.err) == (74, True), missing.err
    Path("ids").write_text("user-1\nuser-2\nuser-3\n")
    assert run("delete", *IDS).code == 0
    none = run(*line)
    assert (none.code, "names no person that was re-created" in none.err) == (3, True), none.err
    Path("x.plan.jsonl").rename("moved.plan.jsonl")
    moved = run(*line)
    assert (moved.code, "give it with --plan" in moved.err) == (74, True), moved.err
    assert run(*line, "--plan", "moved.plan.jsonl").code == 3
    assert not Path("new").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--from", JOURNAL, "-o", "new"), "add --reappeared"),
        (("--reappeared", "-o", "new"), "--reappeared only works with --from JOURNAL"),
        (("delete", "--from", JOURNAL, "--reappeared", "-o", "new"), "leave out delete"),
        (("--from", JOURNAL, "--reappeared", "--email", "a@b", "-o", "new"), "leave out --email"),
        (("-o", "new"), "Missing argument 'OPERATION'"),
    ],
)
def test_options_that_do_not_fit_are_refused(run: Run, arguments: tuple[str, ...], message: str) -> None:
    result = run("plan", *arguments)
    assert (result.code, message in result.err) == (2, True), result.err


@pytest.mark.parametrize("command", ["verify", "status", "report"])
def test_a_job_whose_plan_was_not_run_yet_says_how_to_run_it(command: str, run: Run, posthog: Any) -> None:
    planned = run("plan", "delete", "--everyone", "-o", "x.plan.jsonl")
    assert planned.code == 0, planned.err
    result = run(command, "x.journal.jsonl")
    assert result.code == 74
    fix = "its plan was not run yet; run it first: `posthog-bulk run x.plan.jsonl`"
    assert f"no such file: x.journal.jsonl; {fix}" in " ".join(result.err.split())


def test_recordings_that_nobody_had_are_said_in_words(run: Run, posthog: Any) -> None:
    made = run("delete-recordings", "--everyone", "--yes", "--expect-count", "60", "--plan", "x.plan.jsonl")
    assert made.code == 0, made.err
    shown = run("verify", "x.journal.jsonl").out
    assert "Recordings: PostHog showed no recordings before the deletion and shows none now" in " ".join(shown.split())
    assert "no_recordings" not in shown
