"""Decides whether the text of an input line can be used, and why not. Pure.

A refused line is identified by its number and a fixed reason, never by its content.
"""

import re
from collections.abc import Callable, Sequence
from enum import Enum
from itertools import count
from uuid import UUID

import msgspec

from bulk.selection.placeholder_ids import is_placeholder

DISTINCT_ID_MAX = 400
"""Maximum length of a distinct ID in PostHog's persons store, in characters."""
EMAIL_MAX = 320
"""Maximum length of an email address, in characters: 64, an @, and 255."""

_UUID = re.compile(
    r"(?:urn:uuid:)?(?P<open>\{)?"
    r"(?:[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?(open)\})",
    re.IGNORECASE | re.ASCII,
)
_CANONICAL_UUID = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_UUIDS = msgspec.json.Decoder(list[UUID])
_TEXTS = msgspec.json.Decoder(list[str])
_CONTROL = re.compile("[\x00-\x1f\x7f]")
_CONTROL_IN_A_CELL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_UNDECODED = re.compile("[\udc80-\udcff]")


class Reason(Enum):
    """The reason why a line is refused."""

    BLANK = "blank"
    NUL = "NUL byte"
    TAB = "contains a tab"
    CONTROL = "control character"
    NOT_UTF8 = "not UTF-8"
    TOO_LONG = "too long"
    PLACEHOLDER = "placeholder ID"
    NOT_A_UUID = "not a UUID"
    NOT_AN_EMAIL = "not an email"
    NOT_A_PERSON = "not a person of an export"
    NO_ID = "no distinct_id, email or uuid"
    SEVERAL_IDS = "more than one of distinct_id, email and uuid"
    BAD_REFERENCE = "reference is too long or has a character that cannot be shown"
    NO_ROW_ID = "no ID"
    NO_VALUE = "no value to set"
    NOT_OF_ITS_TYPE = "a value is not of the type of its column"
    NOT_STORABLE = "a value that the server cannot store"
    NOT_AN_OBJECT = "not a JSON object, or one with NaN, Infinity or a repeated key"
    CELLS = "more or fewer cells than the header"
    NOT_A_DATE = "received is not a date such as 2026-11-29"


class Kind(Enum):
    """What the lines of an input hold."""

    DISTINCT_ID = "distinct IDs"
    ANY_DISTINCT_ID = "distinct IDs, including placeholder IDs"
    PERSON_ID = "person UUIDs"
    EMAIL = "emails"
    REQUEST = "requests"


class Line(msgspec.Struct, frozen=True, gc=False):
    """One usable value and the number of the line that it starts on, counted from 1."""

    number: int
    value: str

    @property
    def key(self) -> str:
        """The value, by which repeated lines are recognized."""
        return self.value


class RefusedLine(msgspec.Struct, frozen=True, gc=False):
    """A line that cannot be used, and the reason."""

    number: int
    reason: Reason

    @property
    def words(self) -> str:
        """The reason in words; where it is known, with the column."""
        return self.reason.value


def line_check(kind: Kind) -> Callable[..., Line | RefusedLine]:
    """Return the function `check(number, text, is_cell=False)` that checks the lines of a kind.

    The text of a line that is too long is None. A cell may contain tabs and line ends: the format of its file says
    that they belong to the value.
    """
    rule = _RULES[kind]

    def check(number: int, text: str | None, is_cell: bool = False) -> Line | RefusedLine:
        if text is None or not (text.isascii() and text.isprintable() and text.strip()):  # most lines need no more
            reason = _unreadable(text, is_cell=is_cell)
            if reason is not None or text is None:
                return RefusedLine(number, reason or Reason.TOO_LONG)
        result = rule(text)
        return RefusedLine(number, result) if isinstance(result, Reason) else Line(number, result)

    return check


def block_check(kind: Kind) -> Callable[[int, Sequence[bytes | None]], list[Line | RefusedLine]]:
    """Return the function that checks consecutive lines of a kind.

    Its arguments are the number of the first one, and the bytes of each; None for a line that is too long.
    """
    check = line_check(kind)

    def check_all(first: int, lines: Sequence[bytes | None]) -> list[Line | RefusedLine]:
        uuids = _canonical_uuids(lines) if kind is Kind.PERSON_ID else None
        if uuids is not None:
            return list(map(Line, count(first), uuids))
        return [
            check(number, None if data is None else data.decode("utf-8", "surrogateescape"))
            for number, data in enumerate(lines, first)
        ]

    return check_all


def check_whole_line(number: int, text: str | None) -> Line | RefusedLine:
    """Return a line of any content, which may be a record of CSV; refused if it is blank or no text.

    Arguments:
        number: of the line.
        text: of the line; None if it is too long.
    """
    reason = _unreadable(text, is_cell=True)
    return RefusedLine(number, reason or Reason.TOO_LONG) if reason or text is None else Line(number, text)


def is_undecoded(value: object) -> bool:
    """Return whether a value is a text with bytes that are not UTF-8, as decoding with surrogateescape left them."""
    return isinstance(value, str) and _UNDECODED.search(value) is not None


def looks_like_uuid(text: str) -> bool:
    """Return whether a text is a UUID in one of its usual forms, with or without spaces around it."""
    return _UUID.fullmatch(text.strip()) is not None


def _unreadable(text: str | None, *, is_cell: bool) -> Reason | None:
    if text is None:
        return Reason.TOO_LONG
    if text.isascii() and text.isprintable() and not text.isspace():
        return None if text else Reason.BLANK
    if "\0" in text:
        return Reason.NUL
    if _SURROGATE.search(text):
        return Reason.NOT_UTF8
    if not text.strip():
        return Reason.BLANK
    if _CONTROL_IN_A_CELL.search(text):
        return Reason.CONTROL
    if is_cell or not _CONTROL.search(text):
        return None
    return Reason.CONTROL if _CONTROL.search(text.replace("\t", "")) else Reason.TAB


def _distinct_id(text: str) -> str | Reason:
    return Reason.PLACEHOLDER if is_placeholder(text) else _any_distinct_id(text)


def _any_distinct_id(text: str) -> str | Reason:
    return Reason.TOO_LONG if len(text) > DISTINCT_ID_MAX else text


def _person_id(text: str) -> str | Reason:
    bare = text.strip()
    if _CANONICAL_UUID.fullmatch(bare):
        return bare
    return str(UUID(bare)) if looks_like_uuid(bare) else Reason.NOT_A_UUID


def _canonical_uuids(lines: Sequence[bytes | None]) -> list[str] | None:
    """Return the texts of lines if all are UUIDs as they are usually written, which is much faster than one by one."""
    body = b'["%b"]' % b'","'.join(line or b"" for line in lines)
    try:
        uuids = _UUIDS.decode(body)
    except (msgspec.MsgspecError, ValueError):
        return None
    # a line that holds the separator would be more than one
    return _TEXTS.decode(body) if len(uuids) == len(lines) and msgspec.json.encode(uuids) == body else None


def _email(text: str) -> str | Reason:
    if "@" not in text.strip().strip("@"):
        return Reason.NOT_AN_EMAIL
    return Reason.TOO_LONG if len(text) > EMAIL_MAX else text


_RULES: dict[Kind, Callable[[str], str | Reason]] = {
    Kind.DISTINCT_ID: _distinct_id,
    Kind.ANY_DISTINCT_ID: _any_distinct_id,
    Kind.PERSON_ID: _person_id,
    Kind.EMAIL: _email,
}
