"""Offset paging over rows that shift, as a machine fed with pages (promise 15). Pure: it neither sends nor decodes.

Rows come newest first, then by id (contract 6.1). The mark is the last creation time that was yielded, with the
uuids yielded at that instant; only what lies after it is yielded. Every request overlaps the last one, and a page
counts only when it is anchored: it starts at offset 0, or its first row is at or before the mark, so nothing can
lie unseen between the two. An unanchored page is dropped and the next request steps back, doubling, then bisects.
The end is believed on an anchored page only.
"""

from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import Generic, Protocol, TypeVar
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import msgspec

from asyncclient.errors import ListingError

LARGEST_PAGE = 10_000
MARK_OVER = 8
"""The mark is the median creation time of so many last rows: rows are ordered by the view's time but show the
store's, which is older for a person that was merged, and one such row must not hide all that follow."""
MOST_STEPS_WITHOUT_ROWS = 2_000
LARGEST_CALM_OVERLAP = 256


class Row(Protocol):
    """What the machine needs of a row."""

    @property
    def uuid(self) -> UUID: ...
    @property
    def created_at(self) -> datetime: ...


RowT = TypeVar("RowT", bound=Row)


class Ask(msgspec.Struct, frozen=True):
    """The page to request next."""

    offset: int
    limit: int


class Paging(Generic[RowT]):
    """One listing. Ask `ask` for the next request until it is None; `feed` it each page.

    Arguments:
        page_size: rows a page.
        offset: where to start; rows before it are of no interest.
    """

    def __init__(self, page_size: int) -> None:
        self._size = page_size
        self._limit = page_size
        self._overlap = 1
        self._mark: datetime | None = None
        self._latest: deque[tuple[int, datetime]] = deque(maxlen=MARK_OVER)
        self._at_mark: dict[int, datetime] = {}
        self._anchored_at = 0
        self._unanchored_at: int | None = None
        self._step = 1
        self._without_rows = 0
        self.stepped_back = 0
        self.ask: Ask | None = Ask(0, page_size)

    def feed(self, rows: Sequence[RowT], next_url: str | None) -> list[RowT]:
        """Take the page that `ask` asked for.

        Arguments:
            rows: what it holds.
            next_url: its `next`, as the server gave it.

        Returns:
            The rows to yield.

        Raises:
            ListingError: the server leads in circles, or rows shift faster than they can be read.
        """
        asked = self.ask
        assert asked is not None, "the listing is over"
        following = None if next_url is None else next_offset(next_url)
        if following is not None and following <= asked.offset:
            raise ListingError(f"the server's next page starts at {following}, not after {asked.offset}: a loop")
        fresh = self._fresh(rows)
        self._count_steps(fresh)
        if not self._is_anchored(asked.offset, rows):
            self._step_back(asked)
            return []
        if not fresh and following is not None and self._unanchored_at is not None:
            self._go_between(asked, following)
            return []
        self._take(fresh)
        self._go_on(asked, following)
        return fresh

    def _fresh(self, rows: Sequence[RowT]) -> list[RowT]:
        """The rows after the mark, each once."""
        numbers = [row.uuid.int for row in rows]  # a UUID hashes and compares in Python, its number in C
        if len(set(numbers)) < len(numbers):
            unique = dict(zip(numbers, rows, strict=True))
            numbers, rows = list(unique), list(unique.values())
        mark, seen = self._mark, self._at_mark
        if mark is None:
            return list(rows)
        # what stands behind a row that was yielded last is fresh whatever time it shows, and so is what stands
        # behind a fresh row
        latest = {number for number, _ in self._latest}
        known = max(map(numbers.index, latest.intersection(numbers)), default=len(rows))
        fresh: list[RowT] = []
        for number, row in zip(numbers[:known], rows[:known], strict=True):
            if number not in seen and (fresh or row.created_at <= mark):
                fresh.append(row)
        behind = zip(numbers[known + 1 :], rows[known + 1 :], strict=True)
        return [*fresh, *(row for number, row in behind if number not in seen)]

    def _is_anchored(self, offset: int, rows: Sequence[RowT]) -> bool:
        if offset == 0 or self._mark is None:
            return offset == 0
        if not rows:
            return False
        first = rows[0]
        return first.created_at > self._mark or first.uuid.int in self._at_mark

    def _take(self, fresh: Sequence[RowT]) -> None:
        if not fresh:
            return
        self._latest.extend((row.uuid.int, row.created_at) for row in fresh[-MARK_OVER:])
        times = sorted(at for _, at in self._latest)
        mark = self._mark = times[len(times) // 2]
        at_mark = {number: at for number, at in self._at_mark.items() if at <= mark}
        at_mark.update((row.uuid.int, row.created_at) for row in fresh if row.created_at <= mark)
        at_mark.update(self._latest)
        self._at_mark = at_mark

    def _go_on(self, asked: Ask, following: int | None) -> None:
        """After an anchored page: overlap with it, or believe its end."""
        if following is None:
            self.ask = None
            return
        if self._unanchored_at is None:
            self._overlap = max(1, self._overlap // 2)
        self._anchored_at = asked.offset
        self._unanchored_at = None
        self._step = 1
        self._limit = self._size
        self.ask = Ask(max(asked.offset + 1, following - self._overlap), self._limit)

    def _step_back(self, asked: Ask) -> None:
        """After an unanchored page: rows went missing before it, or are unreadable."""
        self.stepped_back += 1
        self._unanchored_at = asked.offset
        if self._anchored_at >= asked.offset:  # what was anchored there is no more
            self._anchored_at = 0
        self._step = max(self._step * 2, self._overlap * 2)
        self._overlap = min(self._step, LARGEST_CALM_OVERLAP, self._size - 1 or 1)
        back = max(0, asked.offset - self._step)
        if back <= self._anchored_at:
            # one page from the anchor to beyond what could not be anchored
            self._grow(asked.offset - self._anchored_at + 1)
            back = self._anchored_at
        self.ask = Ask(back, self._limit)

    def _go_between(self, asked: Ask, following: int) -> None:
        """Anchored, but all of it was seen: the mark lies between here and the page that was not anchored."""
        assert self._unanchored_at is not None
        self._anchored_at = asked.offset
        gap = self._unanchored_at - asked.offset
        if gap > self._limit:
            self.ask = Ask(asked.offset + gap // 2, self._limit)
        elif following > self._unanchored_at:
            self._grow(self._limit)
            self.ask = Ask(asked.offset, self._limit)
        else:
            self.ask = Ask(max(asked.offset + 1, following - self._overlap), self._limit)

    def _grow(self, needed: int) -> None:
        if needed < self._limit:
            return
        if self._limit >= LARGEST_PAGE:
            return
        self._limit = min(LARGEST_PAGE, self._limit * 2)

    def _count_steps(self, fresh: Sequence[RowT]) -> None:
        self._without_rows = 0 if fresh else self._without_rows + 1
        if self._without_rows > MOST_STEPS_WITHOUT_ROWS:
            raise ListingError(
                f"{MOST_STEPS_WITHOUT_ROWS} pages brought no new row: rows shift faster than they can be read, "
                "or very many in a row cannot be read"
            )


def next_offset(url: str) -> int:
    """The offset in a `next` URL; nothing else of it is used (promise 26).

    Raises:
        ListingError: it has none.
    """
    try:
        offsets = parse_qs(urlsplit(url).query).get("offset", [])
    except ValueError:
        offsets = []
    if len(offsets) != 1 or not (offsets[0].isascii() and offsets[0].isdigit() and len(offsets[0]) < 16):
        raise ListingError("the server's link to the next page has no offset")
    return int(offsets[0])
