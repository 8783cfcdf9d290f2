"""OffsetPager: reads a listing whose rows shift between requests, page by page (guarantee 15, contract 6.1).

Rows keep their order, but they come and go, so an offset names another row from one request to the next. Some rows
cannot be read and are left out of their page. The time of a row does not determine its place: a merged person shows
the time of an older one. So the persons on a page are the only evidence of its place:

- A page is a run of consecutive rows. It is anchored if it starts at offset 0, or if its first persons are known,
  that is, were on an anchored page before.
- Every unread person comes after every known one. So no unread person is hidden before an anchored page, and once
  its new persons are yielded, every unread person comes after the whole page.
- Only an anchored page yields, and only on an anchored page is the end of the listing accepted.

Hence no choice of the next offset can make a listing incomplete; the choices below only affect the number of requests.
Each request overlaps the previous page. If a page does not start with known persons, the pager steps back, doubling the
step, down to offset 0. If it starts with known persons and has no new one, the pager jumps ahead, doubling the step. In
between it bisects. A block of rows that cannot be read is crossed by one page that reaches from a known person to the
first new one.

Known persons can be among the unread ones, because merges may move rows back, one or several together. Therefore one
known person is not enough at the start of a page: it takes more than half of the overlap, or 16 if the page does not
overlap the last one. A page that overlaps it also holds more than half of the last persons before the unread ones.

A page that takes too long is replaced by a smaller one, and pages grow again. That changes only how many rows a request
asks for and overlaps, so it cannot make a listing incomplete either. Pure: nothing is sent here.
"""

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import msgspec

from asyncclient._protocol.paging.page_size import PageSize
from asyncclient._protocol.paging.person_id_set import PersonIdSet
from asyncclient.errors import ListingError

MAX_PAGE = 10_000
MIN_OVERLAP = 3
"""Rows that a request shares with the last page while no row shifts: one may vanish without an extra request."""
MAX_OVERLAP = 256
MIN_KNOWN_ELSEWHERE = 16
"""Known persons that a page must start with if it does not overlap the last one."""
MIN_SEARCHED = 64
"""Rows per request while the pager searches the first unread person: room for those 16 and for new persons."""
MAX_JUMP = 1_000_000
MAX_PAGES_WITHOUT_PERSONS = 200
"""Stepping back over a million rows and crossing the largest gap takes about forty pages."""


class Row(Protocol):
    """The part of a row that the pager needs."""

    @property
    def uuid(self) -> UUID: ...


RowT = TypeVar("RowT", bound=Row)


class PageRequest(msgspec.Struct, frozen=True):
    """The page to request next: `limit` rows, starting at row `offset`."""

    offset: int
    limit: int


class OffsetPager(Generic[RowT]):
    """Reads one listing: request the page that `request` names and feed it, until `request` is None.

    Arguments:
        page_size: rows per request. Some requests ask for more, to overlap the last page or to cross rows that cannot
            be read, and those after a page that took too long ask for fewer.
    """

    def __init__(self, page_size: int) -> None:
        self._size = PageSize(page_size)
        self._known = PersonIdSet()
        self._overlap = MIN_OVERLAP
        self._limit = page_size
        self._max_limit = MAX_PAGE  # more rows took too long
        self._start_search()
        self._anchored_at = 0
        self._last: Sequence[int] = ()  # the persons on the last page that had new ones
        self._pages_without_persons = 0
        self._is_next = True  # the requested page overlaps the last anchored one
        self.request: PageRequest | None = PageRequest(0, page_size)

    def feed(self, rows: Sequence[RowT], next_url: str | None) -> list[RowT]:
        """Take the requested page and choose the next request.

        Arguments:
            rows: the rows on the page.
            next_url: `next` of the page, as the server sent it.

        Returns:
            The new persons of the page, to be yielded.

        Raises:
            ListingError: the listing cannot be read completely, or its `next` links form a loop.
        """
        request = self.request
        assert request is not None, "the listing is over"
        end = None if next_url is None else _end_of_page(request, next_url)
        numbers = [row.uuid.int for row in rows]  # integers hash and compare faster than UUIDs
        if not self._is_anchored(request, numbers, is_last=end is None):
            self._count_page(request, 0)
            self._step_back(request)
            return []
        new = self._known.add_all(numbers)
        if new:
            self._last = numbers
            if end is None and len(rows) >= request.limit:  # a full page always has a next one (contract 6.1)
                end = request.offset + request.limit
        if end is None:
            self.request = None
        else:
            self._count_page(request, len(new) if request.offset else 0)
            if new:
                self._continue(request, end)
            else:
                self._search_ahead(request, end, len(rows))
        return list(rows) if len(new) == len(rows) else [rows[index] for index in new]

    @property
    def can_shrink(self) -> bool:
        """Whether a smaller page can replace the requested one."""
        return self.request is not None and self.request.limit > self._least()

    def shrink(self) -> None:
        """Replace the requested page, which took too long, by a smaller one; only if `can_shrink`."""
        request = self.request
        assert request is not None, "the listing is over"
        self._size.shrink(request.limit, least=self._least())
        self._max_limit = max(self._size.rows, request.limit // 2)
        end = request.offset + self._overlap
        if self._is_next or not request.offset:
            self._overlap = min(self._overlap, max(MIN_OVERLAP, self._size.rows // 2))
        self._limit = self._size.rows
        offset = end - self._overlap if request.offset else 0
        self._request_page(offset, is_next=self._is_next)

    def _least(self) -> int:
        """Return how many rows the requested page needs at least, to hold known persons and a new one."""
        assert self.request is not None
        return MIN_OVERLAP + 1 if self._is_next or not self.request.offset else self._min_known() + 1

    def _is_anchored(self, request: PageRequest, numbers: Sequence[int], *, is_last: bool) -> bool:
        if request.offset == 0:
            return True
        if not self._starts_known(numbers, self._min_known()):
            return False
        if not self._is_next or (not is_last and self._starts_known(numbers, len(numbers))):
            return True
        last = set(self._last[-self._overlap :]).intersection(numbers)
        return len(last) >= self._min_known() or self._starts_known(numbers, MIN_KNOWN_ELSEWHERE)

    def _starts_known(self, numbers: Sequence[int], count: int) -> bool:
        return len(numbers) >= count and all(number in self._known for number in numbers[:count])

    def _min_known(self) -> int:
        half = self._overlap // 2 + 1
        return half if self._is_next else max(half, MIN_KNOWN_ELSEWHERE)

    def _start_search(self) -> None:
        self._unanchored_at: int | None = None
        self._known_until: int | None = None  # the end of the page at _anchored_at, if no person on it was new
        self._step = 0

    def _continue(self, request: PageRequest, end: int) -> None:
        """Choose the request after a page with new persons: overlap it, by fewer rows the longer no row shifts."""
        if self._unanchored_at is None:
            self._overlap = max(MIN_OVERLAP, self._overlap * 3 // 4)
        self._start_search()
        self._size.grow()
        self._max_limit = MAX_PAGE
        self._anchored_at = request.offset
        self._limit = self._usual_limit()
        self._request_page(end - self._overlap, is_next=True)

    def _step_back(self, request: PageRequest) -> None:
        """Choose the request after a page that does not start with known persons: rows vanished or are unreadable."""
        if self._unanchored_at is None and self._known_until is None:
            self._overlap = min(MAX_OVERLAP, self._overlap * 2)
        self._unanchored_at = request.offset
        self._limit = self._search_limit()
        if self._anchored_at >= request.offset:  # the persons at the start of that page have moved since
            self._anchored_at = 0
            self._known_until = None
        self._step = max(self._step * 2, self._overlap, MIN_SEARCHED // 2)
        earlier = request.offset - self._step
        if self._known_until is None and earlier > self._anchored_at:
            self._request_page(earlier)
        else:
            self._close_in(self._unanchored_at)

    def _search_ahead(self, request: PageRequest, end: int, rows: int) -> None:
        """Choose the request after an anchored page without new persons: they come further on."""
        self._anchored_at = request.offset
        self._known_until = end
        self._limit = self._search_limit()
        unanchored_at = self._unanchored_at
        if unanchored_at is not None and request.offset + rows - self._min_known() < unanchored_at:
            self._close_in(unanchored_at)
            return
        if unanchored_at is not None:  # known persons are there now: rows were inserted before them
            self._unanchored_at, self._step = None, 0
        self._request_page(end - self._overlap + self._step, is_next=self._step == 0)
        self._step = min(MAX_JUMP, max(self._step * 2, self._limit))

    def _close_in(self, unanchored_at: int) -> None:
        """Request a page between the last anchored and the first unanchored one, or one that spans both."""
        anchored_at, end = self._anchored_at, self._known_until
        gap = unanchored_at - anchored_at
        if end is None:
            self._request_page(anchored_at if gap < self._limit else anchored_at + gap // 2)
        elif end <= unanchored_at:
            self._request_page(max(min(end - self._overlap, unanchored_at - 1), anchored_at + gap // 2))
        elif self._limit < self._max_limit:
            self._limit = min(self._max_limit, self._limit * 2)
            self._request_page(anchored_at)
        elif gap > 1:
            self._limit = self._search_limit()
            self._request_page(anchored_at + gap // 2)
        elif self._max_limit < MAX_PAGE and not self._is_next:  # small pages may hold too few known persons otherwise
            self._request_page(end - self._overlap, is_next=True)
        else:
            raise ListingError(
                f"the listing is incomplete: about {self._limit:,} consecutive rows cannot be read, after row "
                f"{anchored_at:,}. The server lists persons for some minutes after they are deleted; try again later"
            )

    def _search_limit(self) -> int:
        """Return the rows per request of a search: room for known persons and new ones."""
        wanted = max(self._limit, self._usual_limit(), MIN_SEARCHED)
        return max(min(self._max_limit, wanted), self._overlap // 2 + 2, MIN_KNOWN_ELSEWHERE + 1)

    def _usual_limit(self) -> int:
        return min(MAX_PAGE, max(self._size.rows, self._overlap + max(1, self._overlap // 2)))

    def _request_page(self, offset: int, *, is_next: bool = False) -> None:
        self._is_next = is_next
        self.request = PageRequest(max(0, offset), self._limit)

    def _count_page(self, request: PageRequest, persons: int) -> None:
        self._pages_without_persons = 0 if persons else self._pages_without_persons + 1
        if self._pages_without_persons > MAX_PAGES_WITHOUT_PERSONS:
            raise ListingError(
                f"the listing is incomplete: {MAX_PAGES_WITHOUT_PERSONS} consecutive pages had no new person, "
                f"the last one from row {request.offset:,} on. Persons are created or deleted faster than pages can "
                "be read, or the server sends the same page again; try again later"
            )


def _end_of_page(request: PageRequest, next_url: str) -> int:
    """Return the offset after the last row of a page: as requested, or earlier if the server sends fewer rows."""
    offset = next_offset(next_url)
    if offset <= request.offset:
        raise ListingError(f"the server's next page starts at {offset}, not after {request.offset}: a loop")
    return min(offset, request.offset + request.limit)


def next_offset(url: str) -> int:
    """Return the offset in a `next` URL; no other part of the URL is used (guarantee 26).

    Raises:
        ListingError: the URL has no offset.
    """
    try:
        offsets = parse_qs(urlsplit(url).query).get("offset", [])
    except ValueError:
        offsets = []
    if len(offsets) != 1 or not (offsets[0].isascii() and offsets[0].isdigit() and len(offsets[0]) < 16):
        raise ListingError("the server's link to the next page has no offset")
    return int(offsets[0])
