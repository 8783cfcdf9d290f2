"""Reads a page of a listing row by row, so that one row that cannot be read does not fail the others. Pure.

A server may send a row with `NaN`, half of a surrogate pair or a null in place of a time, and the whole page then fails
to decode. The standard library's parser accepts such JSON, and finds where each row begins and ends.
"""

import json
import re
from collections.abc import Callable
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec

from asyncclient._protocol.http import Response
from asyncclient._protocol.responses.expectations import Json, UnexpectedResponse, decode_body
from asyncclient.models import Page, PersonRef, RawPerson, UnreadableRow

T = TypeVar("T")

_REF = msgspec.json.Decoder(PersonRef)
_PARSER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\n\r]*")


class PageRows(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """The success of a call that lists, with the rows that cannot be read in their places.

    Arguments:
        whole: decodes the body at once.
        row: decodes one row.
        offset: rows before the page.
        uuid_key: the field of a row that holds the UUID of its person.
    """

    whole: Json[Any]
    row: Callable[[bytes], T]
    offset: int
    uuid_key: str = "uuid"

    def read(self, response: Response) -> Page[T | UnreadableRow]:
        """Return the page.

        Raises:
            UnexpectedResponse: the response is not a success of this call, whatever its rows are.
        """
        try:
            return self.whole.read(response)  # type: ignore[no-any-return]
        except UnexpectedResponse:
            self.whole.check_head(response)
            page = split_page(response.body)
            if page is None:
                raise
        rows = [self._decode(raw, parsed, place) for place, (raw, parsed) in enumerate(page.results, self.offset + 1)]
        return Page(results=rows, next=page.next)

    def _decode(self, raw: bytes, parsed: object, place: int) -> T | UnreadableRow:
        try:
            return self.row(raw)
        except UnexpectedResponse:
            return UnreadableRow(place=place, uuid=_uuid(parsed, self.uuid_key), raw=msgspec.Raw(raw))


def readable_rows(page: "Page[T | UnreadableRow]", on_unreadable: Callable[[UnreadableRow], None]) -> "Page[T]":
    """Return a page without the rows that cannot be read, each of which is passed on."""
    rows: list[T] = []
    for row in page.results:
        if isinstance(row, UnreadableRow):
            on_unreadable(row)
        else:
            rows.append(row)
    return msgspec.structs.replace(page, results=rows)  # type: ignore[arg-type]


def row_decoder(decoder: "msgspec.json.Decoder[T]") -> Callable[[bytes], T]:
    """Return a function that decodes one row, and raises UnexpectedResponse if it cannot be read."""
    return lambda raw: decode_body(decoder, raw)


def raw_row(raw: bytes | msgspec.Raw) -> RawPerson:
    """Return a row as the server sent it, with its identifiers.

    Raises:
        UnexpectedResponse: the row cannot be read.
    """
    return RawPerson(decode_body(_REF, raw), raw if isinstance(raw, msgspec.Raw) else msgspec.Raw(raw))


class RawPage(Json[Any], frozen=True, kw_only=True):
    """A page of a listing whose rows stay as the server sent them."""

    def read(self, response: Response) -> Page[RawPerson]:
        """Return the page.

        Raises:
            UnexpectedResponse: the response is not a success of this call, or a row cannot be read.
        """
        page: Page[msgspec.Raw] = super().read(response)
        return Page(results=[raw_row(raw) for raw in page.results], next=page.next)


def split_page(body: bytes) -> Page[tuple[bytes, Any]] | None:
    """Return the rows of a page, each as sent and as parsed; None if the body is not a page of a listing."""
    try:
        text = body.decode("utf-8", "surrogatepass")
        return _split(text)
    except (ValueError, IndexError, RecursionError):
        return None


def _split(text: str) -> Page[tuple[bytes, Any]]:
    rows: list[tuple[bytes, Any]] | None = None
    next_url: Any = None
    at = _after(text, "{", 0)
    while True:
        key, at = _PARSER.raw_decode(text, _skip(text, at))
        at = _skip(text, _after(text, ":", at))
        if key == "results":
            rows, at = _rows(text, at)
        else:
            value, at = _PARSER.raw_decode(text, at)
            next_url = value if key == "next" else next_url
        at = _skip(text, at)
        if text[at] == "}":
            break
        at = _after(text, ",", at)
    if rows is None or not isinstance(next_url, str | None) or _skip(text, at + 1) != len(text):
        raise ValueError
    return Page(results=rows, next=next_url)


def _rows(text: str, at: int) -> tuple[list[tuple[bytes, Any]], int]:
    """Return the rows of an array, and where it ends."""
    rows: list[tuple[bytes, Any]] = []
    at = _skip(text, _after(text, "[", at))
    while text[at] != "]":
        parsed, end = _PARSER.raw_decode(text, at)
        rows.append((text[at:end].encode("utf-8", "surrogatepass"), parsed))
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return rows, at + 1


def _skip(text: str, at: int) -> int:
    """Return the position after white space."""
    space = _SPACE.match(text, at)
    return at if space is None else space.end()


def _after(text: str, sign: str, at: int) -> int:
    """Return the position after a sign and the white space before it.

    Raises:
        ValueError: it is not there.
    """
    at = _skip(text, at)
    if text[at] != sign:
        raise ValueError
    return at + 1


def _uuid(parsed: object, key: str) -> UUID | None:
    """Return the UUID in a row that cannot be read; None if it has none."""
    try:
        return UUID(parsed[key]) if isinstance(parsed, dict) else None
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
