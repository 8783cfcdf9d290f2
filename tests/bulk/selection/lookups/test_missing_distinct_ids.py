"""Persons that a response showed without distinct IDs are read again, if they are still the same persons."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from virtual_time import run_virtual

from asyncclient import PersonRef
from bulk.concurrency.stop_gate import StopGate
from bulk.posthog.person_reads import PersonReads, Present
from bulk.selection.lookups.missing_distinct_ids import add_missing_distinct_ids
from bulk.selection.selected_person import selected

CREATED = datetime(2026, 1, 1, tzinfo=UTC)
UNKNOWN = PersonRef(uuid=UUID(int=1), created_at=CREATED, distinct_ids=())


class Reader:
    """Shows the person with a distinct ID, and with a creation time that differs by so much."""

    def __init__(self, later: timedelta) -> None:
        self._created_at = CREATED + later

    async def fetch_by_uuid(self, targets: Mapping[UUID, str | None]) -> PersonReads[UUID]:
        return PersonReads(
            {
                uuid: Present(PersonRef(uuid=uuid, created_at=self._created_at, distinct_ids=("user-1",)))
                for uuid in targets
            },
            asked_at=0.0,
        )


@pytest.mark.parametrize(
    ("later", "distinct_ids"),
    [(timedelta(), ("user-1",)), (timedelta(microseconds=456), ("user-1",)), (timedelta(seconds=1), ())],
    ids=["as listed", "more precise than listed", "re-created"],
)
def test_the_second_read_gives_distinct_ids_to_the_same_person_only(
    later: timedelta, distinct_ids: tuple[str, ...]
) -> None:
    async def main() -> None:
        reader: Any = Reader(later)
        (person,) = await add_missing_distinct_ids([selected(UNKNOWN)], reader, StopGate())
        assert tuple(person.ref.distinct_ids) == distinct_ids

    run_virtual(main())
