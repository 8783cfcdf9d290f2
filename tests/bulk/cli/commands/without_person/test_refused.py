"""`delete-events --without-person` that is refused: why, and nothing is submitted."""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from asyncclient.testing import Fault
from bulk.posthog.person_reader import PersonReader
from bulk.posthog.person_reads import Unread, UnreadReason
from tests.bulk.cli.commands.without_person.ghosts import APPROVED, GHOSTS, LINE, deletions, haunt, plan_path, requests

Run = Callable[..., Any]


def test_an_id_with_a_person_refuses_the_job_and_is_named_by_its_line(haunted: Any, run: Run) -> None:
    with Path("ghosts.txt").open("a") as file:
        file.write("\nada\n")
    result = run(*LINE, "--yes", "--expect-count", GHOSTS + 1)
    assert result.code == 3
    assert "1 distinct ID has a person, in line 32; nothing was sent" in result.err
    assert "ada" not in result.err
    assert not requests(haunted, "create_deletion")
    assert not list(Path().glob("*.jsonl"))


def test_a_plan_that_was_not_submitted_names_the_command_that_submits_it(haunted: Any, run: Run) -> None:
    haunted.server.faults.add(Fault("status", status=403, action="create_deletion"))
    assert run(*APPROVED, "--plan", "g.plan.jsonl").code == 77
    Path("g.journal.jsonl").unlink()
    for command in ("status", "verify", "report"):
        result = run(command, "g.journal.jsonl")
        assert result.code == 74
        assert "repeat the command delete-events --without-person that wrote it" in result.sentence


@pytest.mark.usefixtures("chunks_of_ten")
def test_an_id_that_gets_a_person_before_a_resume_refuses_it(haunted: Any, run: Run) -> None:
    haunted.server.faults.add(Fault("status", status=403, action="create_deletion", times=1, after=1))
    assert run(*APPROVED).code == 77
    haunted.server.world.add_person(["ghost-29"])
    result = run(*APPROVED)
    assert result.code == 3
    assert "in line 30" in result.err
    assert len(deletions(haunted)) == 1


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ({"data_deletion": False, "scopes": None}, "."),
        (
            {"scopes": ("person:read", "project:read")},
            "; add the missing scope to the key in PostHog, then run the same command again",
        ),
    ],
)
def test_a_missing_flag_or_scope_is_said_before_anything_else(
    serve: Callable[..., Any], run: Run, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], advice: str
) -> None:
    served = haunt(serve(1, **options), monkeypatch)
    result = run(*APPROVED)
    assert result.code == 77
    assert ".) " not in result.err
    assert result.sentence.endswith(
        "). Deleting events without a person needs PostHog's data deletion requests: ask PostHog's support to switch "
        "them on for the organization, and give the key the scopes data_deletion_request:read and "
        f"data_deletion_request:write{advice}"
    )
    assert [each.action for each in served.server.requests] == ["list_deletions"]


def test_a_key_that_may_not_preview_is_refused_before_persons_are_read(
    serve: Callable[..., Any], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = haunt(serve(1, scopes=("*",)), monkeypatch)
    result = run(*APPROVED)
    assert result.code == 77
    assert "older key without scopes" in result.err
    assert [each.action for each in served.server.requests] == ["list_deletions", "preview_deletion"]


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


def test_ids_of_which_it_cannot_be_read_whether_they_have_a_person_are_named_by_line(
    haunted: Any, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    unread = Unread(UnreadReason.TIMED_OUT)

    async def read_nothing(_: PersonReader, ids: Sequence[str]) -> Any:
        return SimpleNamespace(results=dict.fromkeys(ids, unread))

    monkeypatch.setattr(PersonReader, "fetch_by_distinct_id", read_nothing)
    result = run(*APPROVED)
    assert (result.code, deletions(haunted), list(Path().glob("*.jsonl"))) == (75, [], [])
    words = "the server did not say whether 30 distinct IDs have a person (lines 1-30); nothing was sent"
    assert f"check interrupted: {words}; run the same command again." in result.sentence


def test_the_status_of_reads_that_fail_is_named(haunted: Any, run: Run) -> None:
    haunted.server.faults.add(Fault("status", status=500, action="batch_by_distinct_ids"))
    result = run(*APPROVED, "--retry-for", "0")
    assert result.code == 75
    assert "30 distinct IDs have a person (lines 1-30; the server responded with 500 error); nothing was sent" in (
        result.sentence
    )
