"""Turns the cells of a CSV file into values of properties: text, numbers, booleans and JSON. Pure."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

from bulk.errors import InputError

CellType = Literal["text", "number", "boolean", "json"]
"""How the cells of a column are read."""

CELL_TYPES: tuple[CellType, ...] = get_args(CellType)

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", re.ASCII)
_BOOLEANS = {"true": True, "false": False}


class NotOfItsType(ValueError):
    """A cell does not hold a value of the type of its column."""


def parse_cell(text: str, cell_type: CellType) -> Any:
    """Return the value of a cell that is not empty.

    Raises:
        NotOfItsType: it is not of this type; the message does not show it.
    """
    return _PARSERS[cell_type](text)


def checked_types(types: Mapping[str, str]) -> dict[str, CellType]:
    """Return the types of columns.

    Raises:
        InputError: a type is unknown.
    """
    found: dict[str, CellType] = {}
    for key, name in types.items():
        if name not in CELL_TYPES:
            raise InputError(f"the column {key!r} has the unknown type {name!r}: use one of {', '.join(CELL_TYPES)}")
        found[key] = name
    return found


def parse_json(text: str) -> Any:
    """Return the value of a JSON text, read strictly: without NaN and Infinity, and without a key that is repeated.

    Raises:
        NotOfItsType: it is not JSON.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_without_repeated_keys)
    except (ValueError, RecursionError):  # the message may hold the text
        raise NotOfItsType from None


def _number(text: str) -> Any:
    bare = text.strip()
    if not _NUMBER.fullmatch(bare):
        raise NotOfItsType
    return parse_json(bare)


def _boolean(text: str) -> bool:
    value = _BOOLEANS.get(text.strip().lower())
    if value is None:
        raise NotOfItsType
    return value


def _refuse_constant(_: str) -> Any:
    raise NotOfItsType


def _without_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise NotOfItsType
    return found


_PARSERS: dict[CellType, Callable[[str], Any]] = {
    "text": str,
    "number": _number,
    "boolean": _boolean,
    "json": parse_json,
}
