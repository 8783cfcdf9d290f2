"""Links to neighbouring pages, by offset and limit or by number (contract 6.1, 6.9).

A link is the URL of the request with two numbers replaced, as on PostHog.
"""

import re

from asyncclient.testing.http.parsed_request import ParsedRequest

_OFFSET = re.compile(r"([&?]offset=)(\d+)")
_LIMIT = re.compile(r"([&?]limit=)(\d+)")
_PAGE = re.compile(r"([&?]page=)(\d+)")


def next_link(request: ParsedRequest, path: str, *, offset: int, limit: int) -> str:
    """Return the URL of the next page."""
    return _link(request, path, offset + limit, limit)


def previous_link(request: ParsedRequest, path: str, *, offset: int, limit: int) -> str | None:
    """Return the URL of the previous page; at offset = limit it is the same page, before that None."""
    return None if offset - limit < 0 else _link(request, path, offset - limit, limit)


def page_link(request: ParsedRequest, path: str, *, page: int) -> str:
    """Return the URL of a numbered page (contract 6.9)."""
    return _replaced(request.url(path), _PAGE, "page", page)


def _link(request: ParsedRequest, path: str, offset: int, limit: int) -> str:
    # An offset of 0 is left out, so the one in the URL stays.
    url = request.url(path)
    if offset:
        url = _replaced(url, _OFFSET, "offset", offset)
    return _replaced(url, _LIMIT, "limit", limit)


def _replaced(url: str, pattern: re.Pattern[str], name: str, value: int) -> str:
    if pattern.search(url):
        return pattern.sub(rf"\g<1>{value}", url)
    return f"{url}{'&' if '?' in url else '?'}{name}={value}"
