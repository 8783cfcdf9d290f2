"""Paging by page numbers over a log that grows at its front, as a machine fed with pages. Pure.

Entries that come meanwhile push others to later pages, so some come twice and none is missed. The end is a `next`
of null; of a `next` nothing but its page number is looked at, and only to notice a loop (promise 26).
"""

from collections import OrderedDict
from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

from asyncclient.activity import Activity
from asyncclient.errors import ListingError

MOST_REMEMBERED = 20_000
"""Entries, the latest: as many may come at the front while a page is read, and none is yielded twice."""
MOST_PAGES_WITHOUT_ENTRIES = 1_000


class PageNumberPager:
    """One listing. Request `page` until it is None; `feed` it each page."""

    def __init__(self) -> None:
        self.page: int | None = 1
        self._seen: OrderedDict[str | int, None] = OrderedDict()
        self._entries = 0
        self._total: int | None = None
        self._without = 0

    def feed(self, results: Sequence[Activity], next_url: str | None, total: int | None) -> list[Activity]:
        """Take the page that was asked for.

        Returns:
            The entries to yield.

        Raises:
            ListingError: the server leads in circles.
        """
        asked = self.page
        assert asked is not None, "the listing is over"
        if next_url is not None and (following := next_page(next_url)) <= asked:
            raise ListingError(f"the server's next page is {following}, not after {asked}: a loop")
        self._entries += len(results)
        self._total = total
        fresh = [each for each in results if self._is_new(each.id)]
        self._without = 0 if fresh else self._without + 1
        if self._without > MOST_PAGES_WITHOUT_ENTRIES:
            raise ListingError(f"{MOST_PAGES_WITHOUT_ENTRIES} pages brought no new entry")
        self.page = None if next_url is None else asked + 1
        return fresh

    def is_past_the_end(self, status: int) -> bool:
        """Whether an error for the page that was asked for means no more than that it does not exist.

        Servers answer 404 or 500 there (contract 6.9). It is believed when as many entries came as there are; else
        it is an error like any other, although `next` promised that page.
        """
        return status in (404, 500) and self._total is not None and 0 < self._total <= self._entries

    def _is_new(self, id: str | int | None) -> bool:  # noqa: A002
        if id is None:
            return True
        if id in self._seen:
            return False
        self._seen[id] = None
        if len(self._seen) > MOST_REMEMBERED:
            self._seen.popitem(last=False)
        return True


def next_page(url: str) -> int:
    """The page's number in a `next` URL.

    Raises:
        ListingError: it has none.
    """
    try:
        pages = parse_qs(urlsplit(url).query).get("page", [])
    except ValueError:
        pages = []
    if len(pages) != 1 or not (pages[0].isascii() and pages[0].isdigit() and len(pages[0]) < 16):
        raise ListingError("the server's link to the next page has no page number")
    return int(pages[0])
