"""Counts the recordings of persons by their distinct IDs, marked as deleted or not (contract 6.7). Reads only.

A person whose recordings could not be read is left out of the result, and nothing follows from that.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum

import msgspec

from asyncclient import (
    BadRequest,
    ListingError,
    MethodNotAllowed,
    NotFound,
    PermissionDenied,
    PostHogClient,
    RouteNotFound,
    UnprocessableEntity,
)
from bulk.concurrency.stop_gate import StopGate
from bulk.posthog.attempt_result import TRANSIENT_ERRORS

MAX_IDS = 1000
"""Distinct IDs per query."""
MAX_TEXT = 100_000
"""Characters of distinct IDs per query, because ClickHouse bounds the text of a query."""
MAX_FAILED = 3
"""Queries that fail one after another before no further one is sent."""


class RecordingCount(msgspec.Struct, frozen=True):
    """The recordings of a person that the server shows.

    Arguments:
        kept: recordings that are not marked as deleted.
        marked: recordings that are.
    """

    kept: int = 0
    marked: int = 0

    @property
    def shown(self) -> int:
        """All of them."""
        return self.kept + self.marked


class NotReadable(Enum):
    """Why recordings cannot be read; the value is for people."""

    NO_SCOPE = "the key lacks the scope query:read"
    NO_MARKS = "the server does not show whether recordings are deleted"


class RecordingReader:
    """Counts recordings by queries. After a refusal, or failures in a row, it asks no more.

    Attributes:
        not_readable: why the server shows none; None while it does.
    """

    def __init__(self, client: PostHogClient, gate: StopGate) -> None:
        self.not_readable: NotReadable | None = None
        self._recordings = client.session_recordings
        self._gate = gate
        self._failed = 0

    async def count(self, distinct_ids: Mapping[int, Sequence[str]]) -> dict[int, RecordingCount]:
        """Return the number of recordings per person, without the persons that could not be read.

        Arguments:
            distinct_ids: those of each person, by a number of the caller's.
        """
        found = {number: [0, 0] for number, ids in distinct_ids.items() if ids}
        for numbers_by_id in _groups(distinct_ids):
            if self.not_readable is None and self._failed < MAX_FAILED and await self._add(numbers_by_id, found):
                continue
            for numbers in numbers_by_id.values():
                for number in numbers:
                    found.pop(number, None)
        return {number: RecordingCount(*counts) for number, counts in found.items()}

    async def _add(self, numbers_by_id: Mapping[str, Sequence[int]], found: dict[int, list[int]]) -> bool:
        """Add the recordings of distinct IDs to the counts of their persons; return whether they could be read."""
        pages = self._recordings.iter_marks(list(numbers_by_id))
        try:
            while True:
                with self._gate.cancel_on_stop():
                    page = await anext(pages, None)
                if page is None:
                    break
                for mark in page:
                    for number in {n for each in mark.distinct_ids for n in numbers_by_id.get(each, ())}:
                        if number in found:
                            found[number][mark.is_deleted] += 1
        except PermissionDenied:
            self.not_readable = NotReadable.NO_SCOPE
        except (BadRequest, MethodNotAllowed, NotFound, RouteNotFound, UnprocessableEntity):
            self.not_readable = NotReadable.NO_MARKS
        except (ListingError, *TRANSIENT_ERRORS):
            self._failed += 1
        else:
            self._failed = 0
            return True
        return False


def _groups(distinct_ids: Mapping[int, Sequence[str]]) -> Iterator[dict[str, list[int]]]:
    """Yield the distinct IDs of a few persons at a time, with the numbers of the persons that have them."""
    group: dict[str, list[int]] = {}
    length = 0
    for number, ids in distinct_ids.items():
        for distinct_id in ids:
            if group and (len(group) >= MAX_IDS or length + len(distinct_id) > MAX_TEXT):
                yield group
                group, length = {}, 0
            group.setdefault(distinct_id, []).append(number)
            length += len(distinct_id)
    if group:
        yield group
