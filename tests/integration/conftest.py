"""A local server, a client on it, and a job over some of its persons."""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from asyncclient import Limits, PostHogClient, RateLimits
from asyncclient.testing import LocalPostHog, RecordedRequest, ServerOptions
from bulk import ByPersonIds, DeletePersons, Plan, Report, make_plan, run_job
from bulk.journal.records import Intent, Record
from bulk.journal.storage import Journal
from bulk.journaling import framing
from bulk.ranges import expand

DELETING = {"bulk_delete", "destroy", "delete_events", "delete_recordings"}
EVERYTHING = DeletePersons(delete_events=True, delete_recordings=True)


class Arena:
    """What a test of the engine needs at hand."""

    def __init__(self, server: LocalPostHog, client: PostHogClient, folder: Path) -> None:
        self.server = server
        self.client = client
        self.folder = folder
        self.journal = folder / "job.journal.jsonl"
        self.everybody = list(server.world.iter_uuids())

    def another_client(self, limits: RateLimits) -> PostHogClient:
        """A client as another process would have it: it knows of no earlier request."""
        return client_of(self.server, limits=limits)

    async def plan(
        self, uuids: Sequence[UUID] | None = None, operation: DeletePersons = EVERYTHING, selection: Any = None
    ) -> Plan:
        """A plan for these persons, or for all."""
        chosen = ByPersonIds(list(self.everybody if uuids is None else uuids)) if selection is None else selection
        return await make_plan(self.client, operation, chosen, self.folder / "job.plan.jsonl")

    async def run(self, plan: Plan, **options: Any) -> Report:
        """Run the plan, approved."""
        return await run_job(self.client, plan, self.journal, approve=plan.digest, **options)

    def sent(self) -> list[RecordedRequest]:
        """The requests that may have changed something."""
        return [request for request in self.server.requests if request.action in DELETING and request.method != "GET"]

    def records(self) -> list[Record]:
        """What the journal says."""
        found: list[Record] = []
        Journal.read(self.journal, framing(), found.append)
        return found

    def times_intended(self, axis: str) -> dict[int, int]:
        """How often each target was sent for an axis."""
        times: dict[int, int] = {}
        for record in self.records():
            if isinstance(record, Intent) and axis in record.axes:
                for number in expand(record.targets):
                    times[number] = times.get(number, 0) + 1
        return times

    def left(self, uuids: Sequence[UUID] | None = None) -> list[UUID]:
        """Who of these is still there."""
        return [uuid for uuid in (self.everybody if uuids is None else uuids) if self.server.world.person(uuid)]


def client_of(server: LocalPostHog, *, limits: RateLimits) -> PostHogClient:
    """A client on the server, whose retries do not wait."""
    return PostHogClient(
        host=server.url,
        project_id=server.project_id,
        personal_api_key=server.personal_api_key,
        limits=Limits(limits),
        uniform=lambda low, high: low,
    )


OpenArena = Callable[..., Any]


@pytest.fixture
def arena(tmp_path: Path) -> OpenArena:
    """Open an arena: `async with arena(persons=..., limits=..., **server_options) as a`."""

    @asynccontextmanager
    async def opened(
        *,
        persons: int = 600,
        limits: RateLimits | None = None,
        clock: Callable[[], float] = time.time,
        **options: Any,
    ) -> AsyncIterator[Arena]:
        settings = ServerOptions(**{"era": "summary", **options})
        server = LocalPostHog(persons=persons, seed=3, options=settings, clock=clock)
        async with server, client_of(server, limits=limits or RateLimits.off()) as client:
            yield Arena(server, client, tmp_path)

    return opened


def states(report: Report, axis: str) -> dict[str, int]:
    """Targets by state on an axis."""
    return {state.state: state.count for each in report.axes if each.axis == axis for state in each.states}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Backoff and polling without their waits: what is tested is what happens, not when."""
    monkeypatch.setattr("bulk.executor.BACKOFF_BASE_S", 0.0)
    monkeypatch.setattr("bulk.confirmer.WAITS_S", (0.0,))


@pytest.fixture
def axis() -> Callable[[Report, str], dict[str, int]]:
    """Targets by state on an axis of a report."""
    return states
