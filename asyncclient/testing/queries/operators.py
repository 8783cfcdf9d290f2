"""The operators of property filters, as tests of one value (contract 6.1). Pure.

A value is MISSING if the person does not have the property.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from asyncclient.testing.tables.seeding import MISSING

Test = Callable[[Any], bool]

_RELATIVE = re.compile(r"-(\d{1,5})([hdwmy])", re.ASCII)
_HOURS = {"h": 1, "d": 24, "w": 7 * 24, "m": 30 * 24, "y": 365 * 24}


class BadFilter(Exception):
    """The server does not accept a filter; the text is the detail of the response."""


def compile_operator(operator: str, value: Any, now: Callable[[], datetime]) -> tuple[Test, bool]:
    """Return the test for an operator and its value, and whether it depends on the time.

    Raises:
        BadFilter: the operator or the value is not valid.
    """
    if operator in _DATES:
        return _date_test(operator, value, now)
    for table in (_POSITIVE, _NEGATED):
        if operator in table:
            test = table[operator](value)
            return (test if table is _POSITIVE else _negated(test)), False
    raise BadFilter(f"Operator {operator} is not supported.")


def text_of(value: Any) -> str | None:
    """Return a property value as the text that filters compare; None if it is missing or null."""
    if value is MISSING or value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [text for text in map(text_of, values) if text is not None]


def _negated(test: Test) -> Test:
    return lambda found: not test(found)


def _exact(value: Any) -> Test:
    wanted = frozenset(_texts(value))
    return lambda found: text_of(found) in wanted


def _matching(matches: Callable[[str, str], bool]) -> Callable[[Any], Test]:
    def build(value: Any) -> Test:
        wanted = [text.casefold() for text in _texts(value)]

        def test(found: Any) -> bool:
            text = text_of(found)
            if text is None:
                return False
            folded = text.casefold()
            return any(matches(folded, want) for want in wanted)

        return test

    return build


def _regex(value: Any) -> Test:
    try:
        patterns = [re.compile(text) for text in _texts(value)]
    except re.error as error:
        raise BadFilter("Invalid regex!") from error

    def test(found: Any) -> bool:
        text = text_of(found)
        return text is not None and any(pattern.search(text) for pattern in patterns)

    return test


def _ordered(holds: Callable[[Any, Any], bool]) -> Callable[[Any], Test]:
    def build(value: Any) -> Test:
        if isinstance(value, list):
            value = value[0] if len(value) == 1 else None
        wanted_text = text_of(value)
        if wanted_text is None:
            raise BadFilter("A comparison needs one value.")
        wanted_number = _number(value)

        def test(found: Any) -> bool:
            if found is MISSING or found is None:
                return False
            if wanted_number is not None:
                number = _number(found)
                return number is not None and holds(number, wanted_number)
            return holds(text_of(found), wanted_text)

        return test

    return build


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _is_set(_value: Any) -> Test:
    return lambda found: found is not MISSING and found is not None


def _moment(value: Any) -> datetime | None:
    number = _number(value)
    if number is not None:
        seconds = number / 1000 if number > 1e11 else number
        try:
            return datetime.fromtimestamp(seconds, UTC)
        except (OverflowError, OSError, ValueError):
            return None
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _date_test(operator: str, value: Any, now: Callable[[], datetime]) -> tuple[Test, bool]:
    text = text_of(value[0] if isinstance(value, list) and value else value) or ""
    relative = _RELATIVE.fullmatch(text)
    fixed = None if relative else _moment(text)
    if relative is None and fixed is None:
        raise BadFilter("This is not a date.")
    age = timedelta(hours=int(relative[1]) * _HOURS[relative[2]]) if relative else timedelta()
    holds = _DATES[operator]
    whole_days = relative is None and len(text) <= len("2026-01-31")

    def test(found: Any) -> bool:
        moment = None if found is MISSING or found is None else _moment(found)
        if moment is None:
            return False
        return holds(moment, now() - age if fixed is None else fixed, whole_days)

    return test, relative is not None


def _same(moment: datetime, wanted: datetime, whole_days: bool) -> bool:
    return moment.date() == wanted.date() if whole_days else moment == wanted


def _before(moment: datetime, wanted: datetime, _whole_days: bool) -> bool:
    return moment < wanted


def _after(moment: datetime, wanted: datetime, whole_days: bool) -> bool:
    return moment.date() > wanted.date() if whole_days else moment > wanted


_DATES = {"is_date_exact": _same, "is_date_before": _before, "is_date_after": _after}

_icontains = _matching(lambda text, want: want in text)
_starts = _matching(str.startswith)
_ends = _matching(str.endswith)

_POSITIVE: dict[str, Callable[[Any], Test]] = {
    "exact": _exact,
    "in": _exact,
    "icontains": _icontains,
    "starts_with": _starts,
    "ends_with": _ends,
    "regex": _regex,
    "gt": _ordered(lambda left, right: left > right),
    "gte": _ordered(lambda left, right: left >= right),
    "lt": _ordered(lambda left, right: left < right),
    "lte": _ordered(lambda left, right: left <= right),
    "is_set": _is_set,
}

# Each of these also matches if the property is missing.
_NEGATED: dict[str, Callable[[Any], Test]] = {
    "is_not": _exact,
    "not_in": _exact,
    "not_icontains": _icontains,
    "not_starts_with": _starts,
    "not_ends_with": _ends,
    "not_regex": _regex,
    "is_not_set": _is_set,
}
