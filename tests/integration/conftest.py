"""A local server, a client on it, and a job over some of its persons."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import pytest
from virtual_time import SyncedAtOnce, called_at_once

from asyncclient import Limits, PostHogClient, RateLimits, RetryPolicy
from asyncclient.testing import LocalPostHog, RecordedRequest, ServerOptions
from bulk import ByPersonIds, DeletePersons, Plan, Report, make_plan, run_job
from bulk.execution import batch_policy
from bulk.journal.records import Intent, Record
from bulk.journal.replay import framing
from bulk.journal.storage import Journal
from bulk.journal.writer import JournalWriter
from bulk.number_ranges import expand
from bulk.posthog.person_reader import CONFIRM_AFTER_S
from bulk.verification import completion_poller

DELETING = {"bulk_delete", "destroy", "delete_events", "delete_recordings"}
CHANGING = {"update", "update_property", "delete_property", "capture"}
WAITS_S = completion_poller.WAITS_S
BACKOFF_BASE_S = batch_policy.BACKOFF_BASE_S
EVERYTHING = DeletePersons(delete_events=True, delete_recordings=True)


T = TypeVar("T")


class Arena:
    """A local server, a client on it, and the job of a test."""

    def __init__(
        self, server: LocalPostHog, client: PostHogClient, folder: Path, plans: ExitStack, **clocks: Any
    ) -> None:
        self.server = server
        self._plans = plans
        self._clocks = clocks
        self.client = client
        self.folder = folder
        self.journal = folder / "job.journal.jsonl"
        self.everybody = list(server.world.iter_uuids())

    def another_client(self, limits: RateLimits) -> PostHogClient:
        """Return a client like that of another process: it knows of no earlier request."""
        return client_of(self.server, limits=limits, **self._clocks)

    async def plan(
        self,
        uuids: Sequence[UUID] | None = None,
        operation: Any = EVERYTHING,
        selection: Any = None,
        name: str = "job",
    ) -> Plan:
        """Plan an operation for these persons, or for all."""
        chosen = ByPersonIds(list(self.everybody if uuids is None else uuids)) if selection is None else selection
        plan = await make_plan(self.client, operation, chosen, self.folder / f"{name}.plan.jsonl")
        return self._plans.enter_context(plan)

    async def run(self, plan: Plan, **options: Any) -> Report:
        """Run the plan, approved."""
        return await run_job(self.client, plan, self.journal, approve=plan.digest, **options)

    def remove_files(self) -> None:
        """Remove the files of the job, so that another one can have its name."""
        for path in (self.folder / "job.plan.jsonl", self.journal, self.folder / "job.receipts"):
            path.unlink()

    def sent(self) -> list[RecordedRequest]:
        """Return the requests that may have changed something."""
        return [
            request
            for request in self.server.requests
            if request.action in DELETING | CHANGING and request.method != "GET"
        ]

    def records(self) -> list[Record]:
        """Return the records of the journal."""
        found: list[Record] = []
        Journal.read(self.journal, framing(), found.append)
        return found

    def times_intended(self, axis: str) -> dict[int, int]:
        """Return how many intents each target has for an axis."""
        times: dict[int, int] = {}
        for record in self.records():
            if isinstance(record, Intent) and axis in record.axes:
                for number in expand(record.targets):
                    times[number] = times.get(number, 0) + 1
        return times

    def of(self, kind: type[T]) -> list[T]:
        """Return the records of one kind."""
        return [record for record in self.records() if isinstance(record, kind)]

    def addressed(self) -> list[UUID | None]:
        """Return the person of each change: the one in the URL, or the current owner of the event's distinct ID."""
        found: list[UUID | None] = []
        for request in self.sent():
            if request.action == "capture":
                found += [self.server.world.uuid_of(event["distinct_id"]) for event in request.body["batch"]]
            else:
                found.append(UUID(request.path.split("/persons/")[1].split("/")[0]))
        return found

    def properties(self) -> dict[UUID, dict[str, Any]]:
        """Return the current properties of all persons."""
        people = {uuid: self.server.world.person(uuid) for uuid in self.server.world.iter_uuids()}
        return {uuid: dict(person.properties) for uuid, person in people.items() if person is not None}

    def left(self, uuids: Sequence[UUID] | None = None) -> list[UUID]:
        """Return which of these persons still exist."""
        return [uuid for uuid in (self.everybody if uuids is None else uuids) if self.server.world.person(uuid)]


def client_of(server: LocalPostHog, *, limits: RateLimits, **options: Any) -> PostHogClient:
    """Return a client on the server whose retries do not wait."""
    return PostHogClient(
        host=server.url,
        project_id=server.project_id,
        personal_api_key=server.personal_api_key,
        limits=Limits(limits, **({"clock": options["clock"]} if "clock" in options else {})),
        retry=RetryPolicy(base_s=0.01),
        uniform=lambda low, high: low,
        **options,
    )


OpenArena = Callable[..., Any]


@pytest.fixture
def plans() -> Iterator[ExitStack]:
    """Close the plans of a test after it: each holds a file open."""
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def arena(tmp_path: Path, plans: ExitStack) -> OpenArena:
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
            yield Arena(server, client, tmp_path, plans)

    return opened


def states(report: Report, axis: str) -> dict[str, int]:
    """Return the number of targets by state on an axis."""
    return {state.state: state.count for each in report.axes if each.axis == axis for state in each.states}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the waits of backoff and polling: the tests check what happens, not when."""
    monkeypatch.setattr("bulk.execution.batch_policy.BACKOFF_BASE_S", 0.0)
    monkeypatch.setattr("bulk.verification.completion_poller.WAITS_S", (0.0,))
    monkeypatch.setattr("bulk.posthog.person_reader.CONFIRM_AFTER_S", 0.0)


@pytest.fixture
def axis() -> Callable[[Report, str], dict[str, int]]:
    """Return the number of targets by state on an axis of a report."""
    return states


EPOCH = 1_795_000_000.0


def loop_time() -> float:
    """Return the seconds of the running loop."""
    return asyncio.get_running_loop().time()


def wall_time() -> float:
    """Return the seconds since the epoch by the running loop."""
    return EPOCH + loop_time()


@pytest.fixture
def virtual(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, plans: ExitStack) -> OpenArena:
    """Open an arena whose server, client and engine use a loop in virtual time, with their real waits."""

    monkeypatch.setattr("bulk.execution.batch_policy.BACKOFF_BASE_S", BACKOFF_BASE_S)
    monkeypatch.setattr("bulk.verification.completion_poller.WAITS_S", WAITS_S)
    monkeypatch.setattr("bulk.journal.writer.SyncThread", SyncedAtOnce)
    monkeypatch.setattr("anyio.to_thread.run_sync", called_at_once)
    monkeypatch.setattr("bulk.posthog.person_reader.CONFIRM_AFTER_S", CONFIRM_AFTER_S)

    @asynccontextmanager
    async def opened(*, persons: int = 600, limits: RateLimits | None = None, **options: Any) -> AsyncIterator[Arena]:
        settings = ServerOptions(**{"era": "summary", **options})
        server = LocalPostHog(persons=persons, seed=3, options=settings, clock=wall_time)
        rates = limits or RateLimits.off()
        clocks = {"clock": loop_time, "wall": wall_time}
        async with server, client_of(server, limits=rates, **clocks) as client:
            yield Arena(server, client, tmp_path, plans, **clocks)

    return opened


@pytest.fixture
def open_arena(virtual: OpenArena) -> OpenArena:
    """Open an arena in virtual time whose waits are as long as they may be."""

    @asynccontextmanager
    async def opened(**options: Any) -> AsyncIterator[Any]:
        async with virtual(**options) as a:
            a.client._core.shared.uniform = lambda low, high: high
            yield a

    return opened


@pytest.fixture
def synced_bytes(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Return how many bytes of the journal the last sync put on disk."""
    synced = [0]

    def sync(fd: int) -> None:
        size = os.fstat(fd).st_size
        os.fsync(fd)
        synced[0] = size

    assert JournalWriter.__init__.__kwdefaults__ is not None
    monkeypatch.setitem(JournalWriter.__init__.__kwdefaults__, "fdatasync", sync)
    return lambda: synced[0]
