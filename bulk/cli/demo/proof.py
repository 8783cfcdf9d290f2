"""What the demo's world knows of the job, counted without the engine: the server's own records against the plan.

Reads the local server's world; believes neither journal nor report, except for what was in flight at the kill.
"""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

if TYPE_CHECKING:
    from asyncclient.testing import LocalPostHog


class Check(msgspec.Struct, frozen=True):
    """One thing that must hold, and whether it does."""

    claim: str
    holds: bool


def everyone(server: "LocalPostHog") -> frozenset[UUID]:
    """All persons that the server holds now."""
    return frozenset(UUID(str(uuid)) for uuid in server.world.iter_uuids())


def prove(
    server: "LocalPostHog", *, before: frozenset[UUID], targets: frozenset[UUID], in_flight: frozenset[UUID]
) -> list[Check]:
    """Compare the server's world with what was planned.

    Args:
        server: after the job.
        before: everyone at the start.
        targets: the plan's persons.
        in_flight: persons whose requests were unanswered when the process was killed.
    """
    after = everyone(server)
    left, others = targets & after, before - targets
    rows = sum(1 for uuid in targets if server.world.deletion_rows(uuid))
    queued, deleted = _sent(server)
    twice = {uuid for sent in (queued, deleted) for uuid, times in sent.items() if times > 1}
    return [
        Check(f"{len(targets) - len(left):,} of {len(targets):,} selected persons are gone", not left),
        Check(f"{len(others & after):,} of {len(others):,} other persons are still there", others <= after),
        Check(f"{rows:,} of {len(targets):,} have a row for the deletion of their events", rows == len(targets)),
        Check("no deleted person's events were left behind", not server.world.events_orphaned()),
        Check(f"nobody else was ever sent ({len(deleted):,} persons were)", set(queued) | set(deleted) <= targets),
        Check(
            f"{len(twice):,} were sent twice in a stage, all of them among the {len(in_flight):,} in flight at "
            "the kill",
            twice <= in_flight,
        ),
    ]


def _sent(server: "LocalPostHog") -> tuple[Counter[UUID], Counter[UUID]]:
    """How often each person was sent, to queue events and to be deleted."""
    queued: Counter[UUID] = Counter()
    deleted: Counter[UUID] = Counter()
    for request in server.requests:
        if request.action == "bulk_delete" and isinstance(request.body, dict):
            stage = queued if request.body.get("keep_person") else deleted
            stage.update(_uuids(request.body.get("ids", ())))
    return queued, deleted


def _uuids(texts: Iterable[str]) -> list[UUID]:
    return [UUID(text) for text in texts]
