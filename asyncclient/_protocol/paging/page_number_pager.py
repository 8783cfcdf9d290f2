"""PageNumberPager: reads a log with numbered pages, which grows at its front. Pure.

New entries push others to later pages, so some come twice and none is missed. The log ends where `next` is null. Only
the page number in `next` is used, and only to detect a loop (guarantee 26).
"""

from collections import OrderedDict
from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

from asyncclient.activity import Activity
from asyncclient.errors import ListingError

MAX_REMEMBERED = 20_000
"""The latest entries that are remembered: this many may be added while a page is read, and none is yielded twice."""
MAX_PAGES_WITHOUT_ENTRIES = 1_000


class PageNumberPager:
    """Reads one log: request the page that `page` names and feed it, until `page` is None."""

    def __init__(self) -> None:
        self.page: int | None = 1
        self._seen: OrderedDict[str | int, None] = OrderedDict()
        self._entries = 0
        self._total: int | None = None
        self._pages_without_entries = 0

    def feed(self, results: Sequence[Activity], next_url: str | None, total: int | None) -> list[Activity]:
        """Take the requested page and choose the next one.

        Arguments:
            results: the entries on the page.
            next_url: `next` of the page, as the server sent it.
            total: `total_count` of the page.

        Returns:
            The new entries of the page, to be yielded.

        Raises:
            ListingError: the `next` links form a loop, or too many pages have no new entry.
        """
        requested = self.page
        assert requested is not None, "the listing is over"
        if next_url is not None and (next_number := next_page(next_url)) <= requested:
            raise ListingError(f"the server's next page is {next_number}, not after {requested}: a loop")
        self._entries += len(results)
        self._total = total
        new = [each for each in results if self._is_new(each.id)]
        self._pages_without_entries = 0 if new else self._pages_without_entries + 1
        if self._pages_without_entries > MAX_PAGES_WITHOUT_ENTRIES:
            raise ListingError(f"{MAX_PAGES_WITHOUT_ENTRIES} consecutive pages had no new entry")
        self.page = None if next_url is None else requested + 1
        return new

    def is_past_the_end(self, status: int) -> bool:
        """Return whether an error for the requested page means that the log has ended.

        Servers respond with 404 or 500 past the end (contract 6.9). That is the end only if all entries have come;
        otherwise it is an error, because `next` announced the page.
        """
        return status in (404, 500) and self._total is not None and 0 < self._total <= self._entries

    def _is_new(self, id: str | int | None) -> bool:  # noqa: A002
        if id is None:
            return True
        if id in self._seen:
            return False
        self._seen[id] = None
        if len(self._seen) > MAX_REMEMBERED:
            self._seen.popitem(last=False)
        return True


def next_page(url: str) -> int:
    """Return the page number in a `next` URL.

    Raises:
        ListingError: the URL has no page number.
    """
    try:
        pages = parse_qs(urlsplit(url).query).get("page", [])
    except ValueError:
        pages = []
    if len(pages) != 1 or not (pages[0].isascii() and pages[0].isdigit() and len(pages[0]) < 16):
        raise ListingError("the server's link to the next page has no page number")
    return int(pages[0])
