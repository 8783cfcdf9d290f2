"""Events of distinct IDs without a person, the command that deletes them, and what the server holds of both."""

from pathlib import Path
from typing import Any

import pytest

GHOSTS, PER_GHOST = 30, 4
LINE = ("delete-events", "--without-person", "--distinct-ids", "ghosts.txt", "--rate-limits", "off")
APPROVED = (*LINE, "--yes", "--expect-count", GHOSTS)


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


def deletions(served: Any) -> list[Any]:
    """The data deletion requests that the server has."""
    found: list[Any] = served.server.world.mutations.data_deletions.newest_first()
    assert len({tuple(each.variables["ids"]) for each in found}) == len(found)
    return found


def decide_all(served: Any, *, approved: bool = True) -> None:
    for request in deletions(served):
        if request.status == "pending":
            served.server.world.decide_deletion(request.id, approved=approved)


def journal_path() -> Path:
    (path,) = Path().glob("*.journal.jsonl")
    return path


def plan_path() -> Path:
    (path,) = Path().glob("*.plan.jsonl")
    return path
