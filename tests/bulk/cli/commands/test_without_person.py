"""`delete-events --without-person`: checked, approved, submitted once, followed to the end."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asyncclient.testing import Fault

Run = Callable[..., Any]

GHOSTS, PER_GHOST = 30, 4
LINE = ("delete-events", "--without-person", "--distinct-ids", "ghosts.txt", "--rate-limits", "off")
APPROVED = (*LINE, "--yes", "--expect-count", GHOSTS)
ACTIONS = ("list_deletions", "preview_deletion", "create_deletion", "get_deletion")


@pytest.fixture
def chunks_of_ten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten distinct IDs per request."""
    monkeypatch.setattr("bulk.personless.chunks.in_chunks.__kwdefaults__", {"max_bytes": 11 + 10 * len('"ghost-00", ')})


@pytest.fixture
def haunted(serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """A server with events of 30 distinct IDs without a person, of others, and of persons."""
    return haunt(serve(8, scopes=None), monkeypatch)


def haunt(served: Any, monkeypatch: pytest.MonkeyPatch, *, ghosts: int = GHOSTS, each: int = PER_GHOST) -> Any:
    for name, value in served.env.items():
        monkeypatch.setenv(name, value)
    world = served.server.world
    for number in range(ghosts):
        for at in range(each):
            world.add_event(f"ghost-{number:02}", timestamp=1_700_000_000.0 + at)
    world.add_person(["ada"])
    for distinct_id in ("other-ghost", "ada"):
        world.add_event(distinct_id, timestamp=1_700_000_000.0)
    Path("ghosts.txt").write_text("".join(f"ghost-{number:02}\n" for number in range(ghosts)))
    return served


def left(served: Any, ghosts: int = GHOSTS) -> int:
    return sum(len(served.server.world.personless_events(f"ghost-{number:02}")) for number in range(ghosts))


def bystanders(served: Any) -> tuple[int, int]:
    world = served.server.world
    return len(world.personless_events("other-ghost")), len(world.events(world.uuid_of("ada")))


def requests(served: Any, action: str) -> list[Any]:
    return [each for each in served.server.requests if each.action == action]


def submissions(served: Any) -> list[Any]:
    return served.server.world._mutations.data_deletions.newest_first() if False else deletions(served)


def deletions(served: Any) -> list[Any]:
    """The requests that the server has, by submission ID."""
    return sorted({each.body["submission_id"] for each in requests(served, "create_deletion") if each.status == 201})


def decide_all(served: Any, *, approved: bool = True) -> None:
    for request in journal_requests():
        served.server.world.decide_deletion(request, approved=approved)


def journal_path() -> Path:
    (path,) = Path().glob("*.journal.jsonl")
    return path


def plan_path() -> Path:
    (path,) = Path().glob("*.plan.jsonl")
    return path


def journal_requests() -> list[str]:
    records = [json.loads(line) for line in journal_path().read_text().splitlines()]
    return list(dict.fromkeys(each["request"] for each in records if each["type"] == "submission_state"))


def told(result: Any) -> Any:
    lines = [json.loads(line) for line in result.out.splitlines()]
    (shown,) = [line for line in lines if line["event"] == "events_without_person"]
    return shown["report"]


@pytest.mark.usefixtures("chunks_of_ten")
def test_exactly_the_events_of_the_ids_are_gone_after_the_weekend(haunted: Any, run: Run) -> None:
    first = run(*APPROVED, "--json")
    assert first.code == 75, first.err
    assert (told(first)["ids"], told(first)["events"]) == (GHOSTS, GHOSTS * PER_GHOST)
    assert [(each["ids"], each["events"], each["state"]) for each in told(first)["requests"]] == [(10, 40, "pending")] * 3
    assert len(deletions(haunted)) == 3
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
        assert "completed: PostHog found none of the events left" in shown.out
    for layout in ("md", "html", "json"):
        assert run("report", journal_path(), "--format", layout).code == 0
    listed = run("jobs", "--json")
    assert told(listed)["job"] == told(done)["job"]
    assert len(haunted.server.requests) == count
    repeated = run(*APPROVED)
    assert repeated.code == 0
    assert len(requests(haunted, "create_deletion")) == 3
    assert "ghost-" not in journal_path().read_text()


def test_an_id_with_a_person_refuses_the_job_and_is_named_by_its_line(haunted: Any, run: Run) -> None:
    with Path("ghosts.txt").open("a") as file:
        file.write("\nada\n")
    result = run(*LINE, "--yes", "--expect-count", GHOSTS + 1)
    assert result.code == 3
    assert "1 distinct ID has a person, in line 32; nothing was sent" in result.err
    assert "ada" not in result.err
    assert not requests(haunted, "create_deletion")
    assert not list(Path().glob("*.jsonl"))


@pytest.mark.usefixtures("chunks_of_ten")
def test_an_id_that_gets_a_person_before_a_resume_refuses_it(haunted: Any, run: Run) -> None:
    haunted.server.faults.add(Fault("status", status=403, action="create_deletion", times=1, after=1))
    assert run(*APPROVED).code == 77
    haunted.server.world.add_person(["ghost-29"])
    result = run(*APPROVED)
    assert result.code == 3
    assert "in line 30" in result.err
    assert len(deletions(haunted)) == 1


@pytest.mark.parametrize("options", [{"data_deletion": False, "scopes": None}, {"scopes": ("person:read", "project:read")}])
def test_a_missing_flag_or_scope_is_said_before_anything_else(
    serve: Callable[..., Any], run: Run, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    served = haunt(serve(1, **options), monkeypatch)
    result = run(*APPROVED)
    assert result.code == 77
    assert "data_deletion_request:read" in result.err
    assert [each.action for each in served.server.requests] == ["list_deletions"]


def test_a_key_that_may_not_preview_is_refused_before_persons_are_read(
    serve: Callable[..., Any], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = haunt(serve(1, scopes=("*",)), monkeypatch)
    result = run(*APPROVED)
    assert result.code == 77
    assert "use a key with all access" in result.err
    assert [each.action for each in served.server.requests] == ["list_deletions", "preview_deletion"]


@pytest.mark.usefixtures("chunks_of_ten")
@pytest.mark.parametrize("code", ["409", "400"])
def test_five_active_requests_end_the_run_and_the_same_line_resumes(
    serve: Callable[..., Any], run: Run, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    served = haunt(serve(1, scopes=None, deletion_conflict=code), monkeypatch, ghosts=60)
    line = (*LINE, "--yes", "--expect-count", 60)
    full = run(*line)
    assert full.code == 75
    assert "5 data deletion requests of the project are active" in full.err
    assert len(deletions(served)) == 5
    status = run("status", journal_path())
    assert (status.code, "1 of 6 requests not submitted yet" in status.out) == (75, True)
    decide_all(served)
    served.server.run_event_deletion()
    assert run(*line).code == 75
    assert len(deletions(served)) == 6
    decide_last = journal_requests()[-1]
    served.server.world.decide_deletion(decide_last, approved=True)
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


@pytest.mark.usefixtures("chunks_of_ten")
@pytest.mark.parametrize("kind", ["reset_before", "reset_after"])
def test_a_lost_response_submits_nothing_twice(haunted: Any, run: Run, kind: Any) -> None:
    haunted.server.faults.add(Fault(kind, action="create_deletion", times=40, after=1))
    assert run(*APPROVED, "--retry-for", "0").code == 75
    assert "ghost-" not in journal_path().read_text()
    haunted.server.faults.clear()
    assert run("verify", journal_path()).code == 75
    assert run(*APPROVED).code == 75
    assert len(deletions(haunted)) == 3


@pytest.mark.usefixtures("chunks_of_ten")
def test_a_run_stopped_at_any_request_submits_nothing_twice(haunted: Any, run: Run) -> None:
    seen = 0
    for action, times in (("list_deletions", 1), ("preview_deletion", 3), ("create_deletion", 3), ("get_deletion", 3)):
        for nth in range(times):
            before = len(requests(haunted, "create_deletion"))
            haunted.server.faults.add(Fault("status", status=403, action=action, times=1, after=nth))
            code = run(*APPROVED).code
            haunted.server.faults.clear()
            assert code in (75, 77)
            seen += len(requests(haunted, "create_deletion")) - before
    assert run(*APPROVED).code == 75
    assert seen >= 3
    assert len(deletions(haunted)) == 3


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


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (LINE, 3, "--yes --expect-count 30"),
        ((*LINE, "--yes"), 2, "--expect-count N"),
        ((*LINE, "--yes", "--expect-count", 29), 3, "30 distinct IDs, not 29"),
        ((*APPROVED, "--where", "plan exact free"), 2, "--where does not work with --without-person"),
        ((*APPROVED, "--protect", "distinct_ids:x"), 2, "--protect does not work with --without-person"),
        (("delete-events", "--without-person"), 2, "give --distinct-ids FILE"),
    ],
)
def test_what_is_refused_submits_nothing(
    haunted: Any, run: Run, arguments: tuple[Any, ...], code: int, said: str
) -> None:
    result = run(*arguments)
    assert (result.code, said in result.err) == (code, True), result.err
    assert not requests(haunted, "create_deletion")
    assert not list(Path().glob("*.jsonl"))


def test_ids_without_events_are_refused(haunted: Any, run: Run) -> None:
    Path("ghosts.txt").write_text("nobody\n")
    result = run(*LINE, "--yes", "--expect-count", 1)
    assert (result.code, "no event has one of these distinct IDs" in result.err) == (3, True)


def test_a_changed_plan_is_refused(haunted: Any, run: Run) -> None:
    run(*APPROVED)
    plan = plan_path()
    plan.write_text(plan.read_text().replace("ghost-07", "ghost-08"))
    result = run(*APPROVED)
    assert (result.code, "was changed after it was created" in result.err) == (74, True)


KILLS = [(action, number) for action, count in (("create_deletion", 3), ("get_deletion", 3)) for number in range(count)]


@pytest.mark.slow
def test_killed_at_every_request_nothing_is_submitted_twice(
    serve: Callable[..., Any], spawn: Callable[..., Any], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    ghosts, each = 500, 40
    served = haunt(serve(4, scopes=None), monkeypatch, ghosts=ghosts, each=each)
    line = [str(word) for word in (*LINE, "--yes", "--expect-count", ghosts)]
    for action in ("list_deletions", "preview_deletion", "batch_by_distinct_ids", "create_deletion", "get_deletion"):
        for late in ("before", "after"):
            count = len(requests(served, action))
            served.server.faults.add(Fault(f"hang_{late}" if False else "delay", delay_s=30.0, action=action, times=1))
            process = spawn(*line)
            served.until(lambda action=action, count=count: len(requests(served, action)) > count)  # type: ignore[misc]
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            served.server.faults.clear()
    assert run(*line).code == 75
    assert len(deletions(served)) == 1
    decide_all(served)
    served.server.run_event_deletion()
    assert run("verify", journal_path()).code == 0
    assert (left(served, ghosts), bystanders(served)) == (0, (1, 1))
