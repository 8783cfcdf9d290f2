"""`delete-events --without-person`: checked, approved, submitted once, followed to the end."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from asyncclient.testing import Fault
from bulk.cli.commands.operations import without_person_job
from bulk.cli.exit_codes import Interrupted
from bulk.cli.main import posthog_bulk
from bulk.without_person.chunks import digest_of
from tests.bulk.cli.commands.without_person.ghosts import (
    APPROVED,
    GHOSTS,
    LINE,
    PER_GHOST,
    bystanders,
    decide_all,
    deletions,
    haunt,
    journal_path,
    left,
    plan_path,
    requests,
)

Run = Callable[..., Any]


def told(result: Any) -> Any:
    lines = [json.loads(line) for line in result.out.splitlines()]
    (shown,) = [line for line in lines if line["event"] == "events_without_person"]
    return shown["report"]


@pytest.mark.slow
@pytest.mark.usefixtures("chunks_of_ten")
def test_exactly_the_events_of_the_ids_are_gone_after_the_weekend(haunted: Any, run: Run) -> None:
    first = run(*APPROVED, "--json")
    assert first.code == 75, first.err
    assert (told(first)["ids"], told(first)["events"]) == (GHOSTS, GHOSTS * PER_GHOST)
    assert [(each["ids"], each["events"], each["state"]) for each in told(first)["requests"]] == [
        (10, 40, "pending")
    ] * 3
    assert len(deletions(haunted)) == 3
    assert len(requests(haunted, "batch_by_distinct_ids")) == 2  # the second one confirms that nobody has them
    assert left(haunted) == GHOSTS * PER_GHOST

    waiting = run("verify", journal_path(), "--json")
    assert (waiting.code, told(waiting)["state"]) == (75, "waiting")
    decide_all(haunted)
    again = run(*APPROVED, "--json")
    assert (again.code, [each["state"] for each in told(again)["requests"]]) == (75, ["approved"] * 3)
    haunted.server.run_event_deletion()
    done = run("verify", journal_path(), "--json")
    assert (done.code, told(done)["state"]) == (0, "complete")
    assert (left(haunted), bystanders(haunted)) == (0, (1, 1))

    count = len(haunted.server.requests)
    for command in ("status", "report"):
        shown = run(command, journal_path())
        assert shown.code == 0
        assert "3 requests completed; PostHog found none of the events left" in shown.out
    for layout in ("md", "html", "json"):
        assert run("report", journal_path(), "--format", layout).code == 0
    listed = run("jobs", "--json")
    assert told(listed)["job"] == told(done)["job"]
    assert len(haunted.server.requests) == count
    repeated = run(*APPROVED)
    assert repeated.code == 0
    assert len(requests(haunted, "create_deletion")) == 3
    assert "ghost-" not in journal_path().read_text()


@pytest.mark.usefixtures("chunks_of_ten")
@pytest.mark.parametrize("code", ["409", "400"])
def test_five_active_requests_end_the_run_and_the_same_line_resumes(
    serve: Callable[..., Any], run: Run, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    served = haunt(serve(1, scopes=None, deletion_conflict=code), monkeypatch, ghosts=60)
    line = (*LINE, "--yes", "--expect-count", 60)
    full = run(*line)
    assert full.code == 75
    words = "1 of 6 requests not submitted yet, because PostHog takes no more than 5 active requests of a project"
    assert f"{words}; run the same command again when some of them are completed" in full.out
    assert "Request 5  10 distinct IDs, 40 events: waits for PostHog's approval" in full.out
    assert "Request 6  10 distinct IDs: not submitted" in full.out
    assert len(deletions(served)) == 5
    for command in ("status", "verify", "report"):
        shown = run(command, journal_path())
        assert (shown.code, words in " ".join(shown.out.split())) == (75, True)
        assert "outcome is not known" not in shown.out
    decide_all(served)
    served.server.run_event_deletion()
    last = run(*line)
    assert last.code == 75
    assert "5 of 6 requests completed; 1 waiting for PostHog's approval" in last.out
    assert f"Next       posthog-bulk verify {journal_path()}\n" in last.out
    assert "Next " not in full.out
    assert len(deletions(served)) == 6
    decide_all(served)
    served.server.run_event_deletion()
    assert run("verify", journal_path()).code == 0
    assert left(served, 60) == 0


@pytest.mark.usefixtures("chunks_of_ten")
def test_a_request_that_posthog_refuses_needs_attention(haunted: Any, run: Run) -> None:
    run(*APPROVED)
    decide_all(haunted, approved=False)
    result = run("verify", journal_path())
    assert result.code == 1
    assert "3 of 3 requests failed" in result.out
    refused = run("shred", journal_path(), "--yes")
    assert (refused.code, "is not complete" in refused.err) == (3, True)


@pytest.mark.slow
@pytest.mark.usefixtures("chunks_of_ten")
@pytest.mark.parametrize("kind", ["reset", "reset_after"])
def test_a_lost_response_submits_nothing_twice(haunted: Any, run: Run, kind: Any) -> None:
    haunted.server.faults.add(Fault(kind, action="create_deletion", after=1))
    assert run(*APPROVED, "--retry-for", "0").code == 75
    assert "submitted, and its outcome is not known" in run("status", journal_path()).out
    haunted.server.faults.clear()
    seen = told(run("verify", journal_path(), "--json"))["requests"]
    assert [each["state"] for each in seen] == [
        "pending",
        "pending" if kind == "reset_after" else "unclear",
        "not_submitted",
    ]
    assert run(*APPROVED).code == 75
    assert len(deletions(haunted)) == 3


def test_a_submission_id_with_another_query_stops_the_job(haunted: Any, run: Run) -> None:
    haunted.server.faults.add(Fault("status", status=403, when="after", action="create_deletion"))
    assert run(*APPROVED).code == 77
    haunted.server.faults.clear()
    (request,) = deletions(haunted)
    request.query += " AND 1 = 1"
    result = run(*APPROVED)
    assert result.code == 3
    assert "belongs to a request with another query" in result.err


def test_verify_says_that_it_waits_for_the_server(haunted: Any, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asyncclient._protocol.outage.BASE_S", 0.01)
    monkeypatch.setattr("asyncclient._protocol.outage.SHORTEST_WAIT_S", 0.01)
    assert run(*APPROVED).code == 75
    haunted.server.faults.add(Fault("refuse", times=5))
    waiting = run("verify", journal_path())
    assert waiting.code == 75
    assert "Server not reachable since" in waiting.err
    assert "Server reachable again after" in waiting.err


@pytest.mark.usefixtures("chunks_of_ten")
def test_the_plan_is_destroyed_and_the_journal_says_so(haunted: Any, run: Run) -> None:
    run(*APPROVED)
    decide_all(haunted)
    haunted.server.run_event_deletion()
    assert run("verify", journal_path()).code == 0
    plan = plan_path()
    assert run("show", plan).code == 74
    assert "is a plan for events without a person" in run("run", plan).err
    assert run("shred", journal_path(), "--yes").code == 0
    assert not plan.exists()
    assert "Plan destroyed" in run("status", journal_path()).out
    assert run("shred", journal_path(), "--yes").code == 0
    assert run("verify", journal_path()).code == 0


@pytest.mark.parametrize(("typed", "code"), [("30\n", 75), ("29\n", 3), ("", 3)])
def test_a_terminal_asks_for_the_number_of_ids(
    haunted: Any, run: Run, monkeypatch: pytest.MonkeyPatch, typed: str, code: int
) -> None:
    monkeypatch.setattr("bulk.cli.approval.can_prompt", lambda: True)
    monkeypatch.setattr("bulk.cli.approval.read_terminal", lambda: typed)
    result = run(*LINE)
    assert result.code == code
    assert "About to request the deletion of 120 events of 30 distinct IDs in project 1" in result.err
    assert "THIS CANNOT BE UNDONE." in result.err
    assert len(deletions(haunted)) == (code == 75)
    assert run(*LINE).code == code  # an approved job asks no second time


@pytest.mark.parametrize("is_first", [True, False])
def test_of_two_processes_that_see_each_others_plan_the_first_one_continues(
    haunted: Any, run: Run, monkeypatch: pytest.MonkeyPatch, is_first: bool
) -> None:
    write = without_person_job.write_plan
    left_over = Path("zzz.plan.jsonl" if is_first else "another.plan.jsonl")  # in one tick of the clock, names decide

    def both(path: Path, header: Any, chunks: Any) -> Any:
        if not is_first:
            write(left_over, header, chunks)
        made = write(path, header, chunks)
        if is_first:
            write(left_over, header, chunks)
        return made

    monkeypatch.setattr(without_person_job, "write_plan", both)
    result = run(*APPROVED)
    assert (result.code, str(left_over) in result.err) == (75, not is_first)
    assert len(deletions(haunted)) == is_first
    assert len(list(Path().glob("*.plan.jsonl"))) == 1 + is_first
    if not is_first:
        assert f"{left_over} is a plan for events without a person; no journal beside it" in run("jobs").out
        assert run("shred", left_over, "--yes", "--unfinished").code == 0
        assert not left_over.exists()


@pytest.mark.parametrize("is_same", [True, False])
def test_a_generated_name_that_another_process_has_just_taken_is_no_error_of_the_user(
    haunted: Any, run: Run, monkeypatch: pytest.MonkeyPatch, is_same: bool
) -> None:
    write = without_person_job.write_plan
    taken: list[Path] = []

    def take_first(path: Path, header: Any, chunks: Any) -> Any:
        if not taken:
            taken.append(path)
            ids = chunks if is_same else [("another",)]
            write(path, msgspec.structs.replace(header, job="other", ids_digest=digest_of(ids)), ids)
        return write(path, header, chunks)

    monkeypatch.setattr(without_person_job, "write_plan", take_first)
    result = run(*APPROVED)
    assert result.code == 75, result.err
    if is_same:
        assert f"another process has just planned the same job: {taken[0]}; run the same command again" in result.err
    assert len(deletions(haunted)) == (not is_same)
    assert run(*APPROVED).code == 75
    assert len(deletions(haunted)) == 1
    assert len(list(Path().glob("*.plan.jsonl"))) == 2 - is_same


@pytest.mark.parametrize("is_planned", [False, True])
@pytest.mark.parametrize("typed", [None, ""])
def test_what_ends_a_prompt_stands_on_its_own_line_and_says_what_is_kept(
    haunted: Any, run: Run, monkeypatch: pytest.MonkeyPatch, typed: str | None, is_planned: bool
) -> None:
    line = [str(word) for word in (*LINE, "--plan", "g.plan.jsonl")]
    if is_planned:
        haunted.server.faults.add(Fault("status", status=403, action="create_deletion"))
        assert run(*line, "--yes", "--expect-count", GHOSTS).code == 77
        haunted.server.faults.clear()
        Path("g.journal.jsonl").unlink()

    def read() -> str:
        if typed is None:
            raise Interrupted(signal.SIGINT)
        return typed

    monkeypatch.setattr("bulk.cli.approval.can_prompt", lambda: True)
    monkeypatch.setattr("bulk.cli.approval.read_terminal", read)
    kept = "Nothing was changed; the plan is kept: g.plan.jsonl. To continue:"
    if typed is None:
        with pytest.raises(Interrupted) as caught:
            posthog_bulk.main(line, standalone_mode=False, obj=tuple(line))
        said = kept if is_planned else "Nothing was changed, and no new file is left behind. To start again:"
        assert f"{said}\n  posthog-bulk {' '.join(line)}" == caught.value.explanation
    else:
        assert "to continue: \nposthog-bulk: not approved; nothing was sent" in run(*line).err
    assert Path("g.plan.jsonl").exists() == is_planned
    assert not deletions(haunted)


PROGRAM = """
import sys
from bulk.cli.main import main
from bulk.without_person import chunks
from bulk.posthog import person_reader
person_reader.CONFIRM_AFTER_S = 0.0
chunks.in_chunks.__kwdefaults__["max_bytes"] = int(sys.argv[1])
sys.exit(main(sys.argv[2:]))
"""
"""The command without the wait before the second read of persons, and with chunks of so many bytes."""

THOROUGH = os.environ.get("POSTHOG_BULK_SLOW") == "1"
ENDS = [(signal.SIGKILL, "stall_after"), (signal.SIGINT, "stall")]
if THOROUGH:
    ENDS += [(signal.SIGKILL, "stall"), (signal.SIGINT, "stall_after")]
"""How the process ends, and whether the server still does what it is asked for.

By default each way ends the process at every other request, so that together they end it at each.
"""


@pytest.mark.slow
@pytest.mark.parametrize(("end", "kind"), ENDS)
def test_ended_at_every_request_nothing_is_submitted_twice(
    serve: Callable[..., Any], run: Run, monkeypatch: pytest.MonkeyPatch, end: signal.Signals, kind: Any
) -> None:
    ghosts = 500
    served = haunt(serve(4, scopes=None), monkeypatch, ghosts=ghosts, each=40)
    size = 3_000  # three requests
    words = [str(word) for word in (*LINE, "--yes", "--expect-count", ghosts)]
    line = [sys.executable, "-c", PROGRAM, str(size), *words]
    step = 1 if THOROUGH else 2
    moments = {"list_deletions": 1, "preview_deletion": 3, "batch_by_distinct_ids": 6, "create_deletion": 3}
    for action, count in moments.items():
        every = range(1 if action == "create_deletion" else count)
        for nth in every[ENDS.index((end, kind)) % step if len(every) > 1 else 0 :: step]:
            before = len(requests(served, action))
            served.server.faults.add(Fault(kind, action=action, after=nth, times=1))
            with subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
                served.until(lambda a=action, n=before + nth: len(requests(served, a)) > n)  # type: ignore[misc]
                process.send_signal(end)
            assert process.returncode == -end
            served.server.faults.clear()
    for _ in range(2):  # each of the requests that are left is interrupted too
        served.server.faults.add(Fault(kind, action="create_deletion", after=1, times=1))
        before = len(requests(served, "create_deletion"))
        with subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            served.until(lambda n=before + 1: len(requests(served, "create_deletion")) > n)  # type: ignore[misc]
            process.send_signal(end)
        served.server.faults.clear()
    assert subprocess.run(line, capture_output=True, check=False).returncode == 75
    assert len(deletions(served)) == 3
    decide_all(served)
    served.server.run_event_deletion()
    assert run("verify", journal_path()).code == 0
    assert (left(served, ghosts), bystanders(served)) == (0, (1, 1))
