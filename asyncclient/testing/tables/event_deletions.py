"""The table of requested event deletions, which deletion_status lists (contract 6.11, 8).

Rows are kept in plain arrays, by person key.
"""

from array import array
from bisect import insort
from collections.abc import Callable
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

Status = Literal["pending", "completed", "all"]

_NONE = 0


class DeletionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One requested event deletion as a test sees it."""

    person_uuid: UUID
    created_at: datetime
    status: Literal["pending", "completed"]
    delete_verified_at: datetime | None


class Requested(msgspec.Struct, frozen=True):
    """One requested event deletion, which is pending until it is verified."""

    key: int
    created_us: int
    verified_us: int | None


class EventDeletions:
    """The requested event deletions, in order of time and by person."""

    def __init__(self) -> None:
        self._keys = array("I")
        self._created_us = array("q")
        self._verified_us = array("q")
        # Rows are numbered from 1; each points to the previous row of the same person.
        self._before = array("I")
        self._last = array("I")
        # Oldest first, because almost every row is added at the end.
        self._by_status: dict[Status, array[int]] = {status: array("I") for status in ("all", "pending", "completed")}

    def __len__(self) -> int:
        return len(self._keys)

    def request(self, key: int, now_us: int, *, once_ever: bool) -> bool:
        """Request the deletion of a person's events.

        A request is ignored while an earlier one is pending, which keeps its time (contract 6.6); with `once_ever` also
        after the earlier one was completed, as on older servers (contract 8).

        Returns:
            False if the request was ignored.
        """
        rows = self._of(key)
        if rows and (once_ever or any(not self._verified_us[row - 1] for row in rows)):
            return False
        self.add(key, now_us, None)
        return True

    def add(self, key: int, created_us: int, verified_us: int | None) -> None:
        """Add a row, whatever rows there are."""
        if key >= len(self._last):
            self._last.extend(array("I", bytes(4 * (max(key + 1, len(self._last) * 2) - len(self._last)))))
        self._keys.append(key)
        self._created_us.append(created_us)
        self._verified_us.append(verified_us or _NONE)
        self._before.append(self._last[key])
        row = len(self._keys)
        self._last[key] = row
        self._place(row, "all")
        self._place(row, "completed" if verified_us else "pending")

    def complete(self, now_us: int, *, up_to_us: int, delete: Callable[[int, int], object]) -> int:
        """Complete every pending row that was created at or before a time, and return their number.

        `delete` is called with the person's key and the row's time for each. Younger rows stay pending until the job
        runs again (contract 8).
        """
        due = [row for row in self._by_status["pending"] if self._created_us[row - 1] <= up_to_us]
        for row in due:
            delete(self._keys[row - 1], self._created_us[row - 1])
            self._verified_us[row - 1] = max(now_us, 1)
            self._place(row, "completed")
        left = (row for row in self._by_status["pending"] if not self._verified_us[row - 1])
        self._by_status["pending"] = array("I", left)
        return len(due)

    def has(self, key: int) -> bool:
        """Return whether the person has any row."""
        return key < len(self._last) and self._last[key] != _NONE

    def of(self, key: int, status: Status = "all") -> list[Requested]:
        """Return the rows of one person, the newest first."""
        rows = [self._requested(row) for row in sorted(self._of(key), key=self._age, reverse=True)]
        return [row for row in rows if status == "all" or (row.verified_us is None) == (status == "pending")]

    def count(self, status: Status) -> int:
        """Return the number of rows with this status."""
        return len(self._by_status[status])

    def page(self, status: Status, offset: int, limit: int) -> list[Requested]:
        """Return rows with this status, the newest first."""
        rows = self._by_status[status]
        end = max(0, len(rows) - offset)
        return [self._requested(row) for row in reversed(rows[max(0, end - limit) : end])]

    def _of(self, key: int) -> list[int]:
        rows = []
        row = self._last[key] if key < len(self._last) else _NONE
        while row:
            rows.append(row)
            row = self._before[row - 1]
        return rows

    def _requested(self, row: int) -> Requested:
        verified_us = self._verified_us[row - 1] or None
        return Requested(self._keys[row - 1], self._created_us[row - 1], verified_us)

    def _place(self, row: int, status: Status) -> None:
        rows = self._by_status[status]
        if not rows or self._age(rows[-1]) < self._age(row):
            rows.append(row)
        else:
            insort(rows, row, key=self._age)

    def _age(self, row: int) -> tuple[int, int]:
        return self._created_us[row - 1], row
