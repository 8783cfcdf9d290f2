"""Persons that were re-created are found by UUID and by distinct ID, and never taken for the planned ones."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from virtual_time import run_virtual

from asyncclient import PersonRef
from bulk.concurrency.stop_gate import StopGate
from bulk.plan.plan_lines import Target
from bulk.posthog.person_reads import ABSENT, PersonReads, Present, ReadResult, Unread, UnreadReason
from bulk.verification.reappeared import distinct_id_of, find_reappeared

PLANNED = datetime(2026, 12, 4, tzinfo=UTC)
LATER = PLANNED + timedelta(days=3)


def uuid(number: int) -> UUID:
    return UUID(int=number + 1)


def target(number: int, distinct_id: str | None) -> Target:
    return Target(number=number, uuid=uuid(number), created_at=PLANNED, distinct_id=distinct_id)


def present(number: int, created_at: datetime) -> Present:
    return Present(PersonRef(uuid=uuid(number), created_at=created_at, distinct_ids=("any",)))


class Reader:
    """Returns fixed results, and ABSENT for everybody else."""

    def __init__(self, by_uuid: dict[UUID, ReadResult], owners: dict[str, ReadResult]) -> None:
        self._by_uuid, self._owners = by_uuid, owners
        self.asked: list[str] = []

    async def fetch_by_uuid(self, targets: dict[UUID, str | None]) -> PersonReads[UUID]:
        return PersonReads({each: self._by_uuid.get(each, ABSENT) for each in targets}, 0.0)

    async def fetch_by_distinct_id(self, distinct_ids: Sequence[str]) -> PersonReads[str]:
        self.asked += distinct_ids
        return PersonReads({each: self._owners.get(each, ABSENT) for each in distinct_ids}, 0.0)


class Planned:
    """The targets of a plan."""

    def __init__(self, *targets: Target) -> None:
        self._targets = targets

    def targets(self, start: int, stop: int) -> Sequence[Target]:
        return self._targets[start:stop]


def find(plan: Any, reader: Any, numbers: Sequence[int]) -> tuple[list[UUID], int]:
    async def main() -> tuple[list[UUID], int]:
        return await find_reappeared(plan, numbers, reader, StopGate())

    return run_virtual(main())


def test_only_persons_that_are_not_the_planned_ones_are_found() -> None:
    plan = Planned(target(0, "a"), target(1, "b"), target(2, None), target(3, "d"))
    reader = Reader(
        {uuid(0): present(0, PLANNED), uuid(2): present(2, LATER), uuid(3): ABSENT},
        {"a": present(0, PLANNED), "b": present(9, LATER)},
    )
    assert find(plan, reader, [0, 1, 2, 3]) == ([uuid(9), uuid(2)], 0)
    assert reader.asked == ["a", "b", "d"]


def test_a_person_that_has_uuid_and_distinct_id_is_found_once() -> None:
    reader = Reader({uuid(0): present(0, LATER)}, {"a": present(0, LATER)})
    assert find(Planned(target(0, "a")), reader, [0]) == ([uuid(0)], 0)


@pytest.mark.parametrize("why", UnreadReason)
def test_targets_that_could_not_be_read_are_counted(why: UnreadReason) -> None:
    reader = Reader({uuid(0): Unread(why)}, {"b": Unread(why)})
    assert find(Planned(target(0, "a"), target(1, "b"), target(2, "c")), reader, [0, 1, 2]) == ([], 2)


@pytest.mark.parametrize(("distinct_id", "found"), [("user-1", "user-1"), ("undefined", None), (None, None)])
def test_an_id_that_many_persons_share_finds_nobody(distinct_id: str | None, found: str | None) -> None:
    assert distinct_id_of(target(0, distinct_id)) == found
