"""Pages by offset and limit, or by number: the links to their neighbours (contract 6.1, 6.9).

The links are the request's own URL with two numbers replaced, quirks included.
"""

import re

from asyncclient.testing.http.parsed_request import ParsedRequest

_OFFSET = re.compile(r"([&?]offset=)(\d+)")
_LIMIT = re.compile(r"([&?]limit=)(\d+)")
_PAGE = re.compile(r"([&?]page=)(\d+)")


def next_link(call: ParsedRequest, path: str, *, offset: int, limit: int) -> str:
    """The URL of the following page."""
    return _link(call, path, offset + limit, limit)


def previous_link(call: ParsedRequest, path: str, *, offset: int, limit: int) -> str | None:
    """The URL of the page before; at offset = limit it is this very page, before that None."""
    return None if offset - limit < 0 else _link(call, path, offset - limit, limit)


def page_link(call: ParsedRequest, path: str, *, page: int) -> str:
    """The URL of a numbered page (contract 6.9)."""
    return _replaced(call.url(path), _PAGE, "page", page)


def _link(call: ParsedRequest, path: str, offset: int, limit: int) -> str:
    # An offset of 0 is not written, so the one in the URL stays.
    url = call.url(path)
    if offset:
        url = _replaced(url, _OFFSET, "offset", offset)
    return _replaced(url, _LIMIT, "limit", limit)


def _replaced(url: str, pattern: re.Pattern[str], name: str, value: int) -> str:
    if pattern.search(url):
        return pattern.sub(rf"\g<1>{value}", url)
    return f"{url}{'&' if '?' in url else '?'}{name}={value}"
