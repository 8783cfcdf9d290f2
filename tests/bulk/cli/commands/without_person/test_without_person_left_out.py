"""`delete-events --without-person`: what one response does not show decides nothing (guarantee 11)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from changed_responses import Body, rewrite

from asyncclient.testing import Fault

Run = Callable[..., Any]
LINE = ("delete-events", "--without-person", "--distinct-ids", "ghosts", "--rate-limits", "off", "--yes")


@pytest.fixture
def haunted(serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """A server with events of two distinct IDs that have no person, and of one that has."""
    served = serve(3, scopes=None)
    for name, value in served.env.items():
        monkeypatch.setenv(name, value)
    served.server.world.add_person(["ada"])
    for distinct_id in ("ghost-1", "ghost-2", "ada"):
        served.server.world.add_event(distinct_id, timestamp=1_700_000_000.0)
    Path("ghosts").write_text("ghost-1\nghost-2\n")
    return served


def change_first(served: Any, action: str, times: int, change: Callable[[Body], Body]) -> None:
    """Change the first responses to a call."""
    left = [times]

    def changed(name: str, body: Body) -> Body | None:
        if name != action or not left[0]:
            return None
        left[0] -= 1
        return change(body)

    rewrite(served.server, changed)


def submissions(served: Any) -> int:
    return int(served.server.request_counts.get("create_deletion", 0))


@pytest.mark.parametrize(("times", "code", "sent"), [(1, 75, 1), (2, 3, 0)])
def test_that_no_event_is_counted_once_does_not_mean_that_there_is_none(
    haunted: Any, run: Run, times: int, code: int, sent: int
) -> None:
    change_first(haunted, "preview_deletion", times, lambda body: {**body, "count": 0})
    result = run(*LINE, "--expect-count", 2)
    assert (result.code, submissions(haunted)) == (code, sent)


@pytest.mark.parametrize("left_out", ["all", "one"])
def test_a_person_that_one_response_leaves_out_is_found_and_nothing_is_sent(
    haunted: Any, run: Run, left_out: str
) -> None:
    Path("ghosts").write_text("ghost-1\nada\nuser-1\n")
    dropped = {"ada", "user-1"} if left_out == "all" else {"ada"}
    change_first(
        haunted,
        "batch_by_distinct_ids",
        1,
        lambda body: {"results": {key: each for key, each in body["results"].items() if key not in dropped}},
    )
    result = run(*LINE, "--expect-count", 3)
    assert (result.code, submissions(haunted)) == (3, 0)
    assert "2 distinct IDs have a person, in lines 2-3" in result.err


def test_a_request_that_a_list_leaves_out_is_submitted_under_its_id_and_stays_one(haunted: Any, run: Run) -> None:
    """The response to the submission was lost, and the list that verify reads does not show it."""
    haunted.server.faults.add(Fault("reset_after", action="create_deletion"))
    assert run(*LINE, "--expect-count", 2, "--retry-for", 0).code == 75
    haunted.server.faults.clear()
    (journal,) = Path().glob("*.journal.jsonl")
    change_first(haunted, "list_deletions", 1, lambda body: {**body, "results": []})
    shown = run("verify", journal)
    assert (shown.code, "outcome is not known" in shown.out) == (75, True)
    again = run(*LINE, "--expect-count", 2)
    assert (again.code, "waits for PostHog's approval" in again.out) == (75, True)
    assert len(haunted.server.world.mutations.data_deletions.newest_first()) == 1
