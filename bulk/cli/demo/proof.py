"""Checks the demo's job against the records of the local server, without the engine.

Uses neither journal nor report, except for which persons were in flight at the kill.
"""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

if TYPE_CHECKING:
    from asyncclient.testing import LocalPostHog


class Check(msgspec.Struct, frozen=True):
    """A claim about the job, and whether it holds."""

    claim: str
    holds: bool


def all_uuids(server: "LocalPostHog") -> frozenset[UUID]:
    """Return the UUIDs of all persons on the server."""
    return frozenset(UUID(str(uuid)) for uuid in server.world.iter_uuids())


def check_server_records(
    server: "LocalPostHog", *, before: frozenset[UUID], targets: frozenset[UUID], in_flight: frozenset[UUID]
) -> list[Check]:
    """Return the checks of the server's records against the plan.

    Arguments:
        server: the server after the job.
        before: the persons before the job.
        targets: the persons in the plan.
        in_flight: the persons whose requests had no response when the process was killed.
    """
    after = all_uuids(server)
    left, others = targets & after, before - targets
    rows = sum(1 for uuid in targets if server.world.deletion_rows(uuid))
    queued, deleted = _sent_uuids(server)
    twice = {uuid for sent in (queued, deleted) for uuid, times in sent.items() if times > 1}
    return [
        Check(f"{len(targets) - len(left):,} of {len(targets):,} selected persons are gone", not left),
        Check(f"{len(others & after):,} of {len(others):,} other persons are still there", others <= after),
        Check(
            f"{rows:,} of {len(targets):,} selected persons have the deletion of their events queued",
            rows == len(targets),
        ),
        Check("the events of each deleted person are queued or purged", not server.world.events_orphaned()),
        Check(
            f"only selected persons were in a request ({len(deleted):,} of them)", set(queued) | set(deleted) <= targets
        ),
        Check(_sent_twice(twice, in_flight), twice <= in_flight),
    ]


def _sent_twice(twice: set[UUID], in_flight: frozenset[UUID]) -> str:
    if not twice:
        return "each request for a person was sent once"
    return f"requests were repeated for {len(twice):,} persons, all among the {len(in_flight):,} in flight at the kill"


def _sent_uuids(server: "LocalPostHog") -> tuple[Counter[UUID], Counter[UUID]]:
    """Return how many requests contained each person, for queueing its events and for deleting it."""
    queued: Counter[UUID] = Counter()
    deleted: Counter[UUID] = Counter()
    for request in server.requests:
        if request.action == "bulk_delete" and isinstance(request.body, dict):
            stage = queued if request.body.get("keep_person") else deleted
            stage.update(_uuids(request.body.get("ids", ())))
    return queued, deleted


def _uuids(texts: Iterable[str]) -> list[UUID]:
    return [UUID(text) for text in texts]
