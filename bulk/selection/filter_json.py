"""Property filters written as PostHog's own JSON array, checked before they are sent. Pure."""

import json
from typing import Any

from asyncclient import OPERATORS, PropertyFilter
from bulk.errors import InputError
from bulk.selection.filter_expression import WITHOUT_VALUE

_FIELDS = {"key", "value", "operator", "type"}
_TYPES = ("person", "cohort")
_CALLED = "the properties"


def parse_properties(text: str) -> list[PropertyFilter]:
    """Return the filters in a JSON array of objects with key, value, operator and type (contract 6.1).

    Args:
        text: JSON. A missing operator is `exact`, a missing type `person`.

    Raises:
        InputError: it is no such array; the sentence names the entry by its number and none of its values.
    """
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError):
        raise InputError(f"{_CALLED} are not valid JSON") from None
    if not isinstance(entries, list):
        raise InputError(f"{_CALLED} are not a JSON array: write [{{...}}, {{...}}]")
    if not entries:
        raise InputError(f"{_CALLED} are an empty array, which selects everyone: name a condition")
    return [_filter(number, entry) for number, entry in enumerate(entries, 1)]


def _filter(number: int, entry: Any) -> PropertyFilter:
    called = f"entry {number} of {_CALLED}"
    if not isinstance(entry, dict):
        raise InputError(f"{called} is not an object with key, value, operator and type")
    if extra := sorted(set(entry) - _FIELDS):
        raise InputError(f"{called} has the unknown field {extra[0]!r}: known are {', '.join(sorted(_FIELDS))}")
    key, kind = entry.get("key"), entry.get("type", "person")
    if kind not in _TYPES:
        raise InputError(f"{called} has an unknown type: known are {', '.join(_TYPES)}")
    if not isinstance(key, str) or not key:
        raise InputError(f"{called} has no key")
    if kind == "cohort":
        return _cohort(called, entry)
    operator = entry.get("operator", "exact")
    if operator not in OPERATORS:
        raise InputError(f"{called} has an unknown operator: known are {', '.join(OPERATORS)}")
    if operator in WITHOUT_VALUE:
        return PropertyFilter(key, operator=operator)
    if not _is_value(value := entry.get("value")):
        raise InputError(f"{called} has no value that is text, a number, a boolean or a list of those")
    return PropertyFilter(key, value, operator=operator)


def _cohort(called: str, entry: dict[str, Any]) -> PropertyFilter:
    value, operator = entry.get("value"), entry.get("operator")
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InputError(f"{called} is for a cohort and its value is not the cohort's number")
    if operator not in (None, "exact", "in"):
        raise InputError(f"{called} is for a cohort: its operator can only be in")
    return PropertyFilter("id", value, type="cohort")


def _is_value(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(one, str | int | float) for one in value)
    return isinstance(value, str | int | float)
