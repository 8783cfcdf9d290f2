"""A listing of persons that shifts between requests."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from asyncclient import PersonRef
from asyncclient._protocol.paging.offset_pager import OffsetPager, PageRequest

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def person(second: int, number: int) -> PersonRef:
    return PersonRef(uuid=UUID(int=number + 1), created_at=EPOCH + timedelta(seconds=second))


class Listing:
    """Rows newest first, then by ID; some cannot be read and are dropped from pages (contract 6.1)."""

    def __init__(self, rows: list[PersonRef], unreadable: set[UUID] | None = None) -> None:
        self.rows = rows
        self.unreadable = unreadable or set()
        self.requests: list[tuple[int, int]] = []
        self.sort()

    def sort(self) -> None:
        self.rows.sort(key=lambda row: (-row.created_at.timestamp(), row.uuid))

    def page(self, offset: int, limit: int) -> tuple[list[PersonRef], str | None]:
        self.requests.append((offset, limit))
        rows = self.rows[offset : offset + limit]
        offset = f"http://elsewhere/?offset={offset + limit}&limit={limit}" if len(rows) == limit else None
        return [row for row in rows if row.uuid not in self.unreadable], offset


def read_all(
    listing: Listing,
    page_size: int,
    between: Callable[[], None] = lambda: None,
    too_long: Callable[[PageRequest], bool] = lambda _: False,
) -> list[UUID]:
    pager: OffsetPager[PersonRef] = OffsetPager(page_size)
    got: list[UUID] = []
    while (request := pager.request) is not None:
        if pager.can_shrink and too_long(request):
            pager.shrink()
            assert pager.request.limit < request.limit
            continue
        got += [row.uuid for row in pager.feed(*listing.page(request.offset, request.limit))]
        between()
    return got
