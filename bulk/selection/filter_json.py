"""Parses property filters in PostHog's JSON format, and checks them before they are sent. Pure."""

import json
from typing import Any

from asyncclient import OPERATORS, PropertyFilter
from bulk.errors import InputError
from bulk.selection.filter_expression import WITHOUT_VALUE

_FIELDS = {"key", "value", "operator", "type"}
_TYPES = ("person", "cohort")
_EXAMPLE = 'write them as in [{"key": "plan", "value": "free", "operator": "exact", "type": "person"}]'


def parse_properties(text: str) -> list[PropertyFilter]:
    """Return the filters in a JSON array of objects with key, value, operator and type (contract 6.1).

    Arguments:
        text: JSON. A missing operator is `exact`, a missing type `person`.

    Raises:
        InputError: the text is not such an array; the message names the entry by its number and shows no value.
    """
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError):
        raise InputError("the property filters are not valid JSON: " + _EXAMPLE) from None
    if not isinstance(entries, list):
        raise InputError("the property filters are not a JSON array: " + _EXAMPLE)
    if not entries:
        raise InputError("the property filters are an empty array, which selects every person: add a filter")
    return [_filter(number, entry) for number, entry in enumerate(entries, 1)]


def _filter(number: int, entry: Any) -> PropertyFilter:
    name = f"filter {number}"
    if not isinstance(entry, dict):
        raise InputError(f"{name} is not an object with key, value, operator and type")
    if extra := sorted(set(entry) - _FIELDS):
        raise InputError(f"{name} has the unknown field {extra[0]!r}: the fields are {', '.join(sorted(_FIELDS))}")
    key, kind = entry.get("key"), entry.get("type", "person")
    if kind not in _TYPES:
        raise InputError(f"{name} has an unknown type: the types are {', '.join(_TYPES)}")
    if not isinstance(key, str) or not key:
        raise InputError(f"{name} has no key: add the name of a property")
    if kind == "cohort":
        return _cohort(name, entry)
    operator = entry.get("operator", "exact")
    if operator not in OPERATORS:
        raise InputError(f"{name} has an unknown operator: the operators are {', '.join(OPERATORS)}")
    if operator in WITHOUT_VALUE:
        return PropertyFilter(key, operator=operator)
    if not _is_value(value := entry.get("value")):
        raise InputError(f"{name} has no usable value: give text, a number, a boolean or a list of those")
    return PropertyFilter(key, value, operator=operator)


def _cohort(name: str, entry: dict[str, Any]) -> PropertyFilter:
    value, operator = entry.get("value"), entry.get("operator")
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InputError(f"{name} is for a cohort, but its value is not a cohort's number")
    if operator not in (None, "exact", "in"):
        raise InputError(f"{name} is for a cohort: give it the operator in, the only one for cohorts")
    return PropertyFilter("id", value, type="cohort")


def _is_value(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(one, str | int | float) for one in value)
    return isinstance(value, str | int | float)
