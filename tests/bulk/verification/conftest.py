"""A job log without files: its plan is made up, and its records stay in memory."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from bulk.journal.job_log import JobLog
from bulk.journal.records import FORMAT, AttemptEnded, Intent, JobOpened, Record, RunStarted
from bulk.journal.target_states import TargetStates
from bulk.number_ranges import format_ranges
from bulk.operations import Operation, to_dict
from bulk.plan.plan_file import Target
from bulk.states import Axis

OPENED = 1_795_000_000.0
CREATED = datetime(2026, 1, 1, tzinfo=UTC)


class MadeUpPlan:
    """A plan whose person with the number N has the UUID N + 1."""

    def __init__(self, count: int) -> None:
        self._targets = [
            Target(number=number, uuid=UUID(int=number + 1), created_at=CREATED, distinct_id=f"user-{number}")
            for number in range(count)
        ]

    def targets(self, start: int, stop: int) -> list[Target]:
        return self._targets[start:stop]


class MemoryLog(JobLog):
    """A job log whose time a test sets.

    Attributes:
        records: every record that was written.
    """

    def __init__(self, operation: Operation, count: int) -> None:
        self.time = OPENED
        self.records: list[Record] = []
        writer: Any = self
        plan: Any = MadeUpPlan(count)
        super().__init__(plan, operation, TargetStates(), writer, now=lambda: self.time)
        self.record(
            JobOpened(
                format=FORMAT,
                job="j",
                host="https://eu.posthog.com",
                project=1,
                operation=to_dict(operation),
                selection={},
                plan_digest="sha256:0",
                count=count,
                planned_at="",
                at=self.time,
            )
        )
        self.start_run()

    def append(self, record: Record) -> None:
        self.records.append(record)

    def start_run(self) -> None:
        self.record(
            RunStarted(at=self.time, purpose="run", version="1", concurrency=1, batch_size=250, wait_s=1.0, rates="off")
        )

    def send(self, numbers: list[int], *axes: Axis, outcome: str = "ok") -> None:
        """Record an attempt for targets, accepted unless another outcome is given."""
        attempt = self.target_states.next_attempt
        self.record(
            Intent(
                attempt=attempt,
                route="bulk_delete",
                bucket="deletes",
                axes=tuple(axis.value for axis in axes),
                targets=format_ranges(numbers),
                at=self.time,
                server_at=self.time,
            )
        )
        self.record(AttemptEnded(attempt=attempt, at=self.time, outcome=outcome))


@pytest.fixture
def open_job() -> Callable[..., MemoryLog]:
    """Return a function that opens a job over so many targets: `open_job(operation, count=1)`."""

    def opened(operation: Operation, count: int = 1) -> MemoryLog:
        return MemoryLog(operation, count)

    return opened
