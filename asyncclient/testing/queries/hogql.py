"""The only HogQL query that the local server understands: UUIDs of persons with any of some properties (contract 12).

    SELECT toString(id) FROM persons
    WHERE (JSONHas(properties, {a}) OR JSONHas(properties, {b})) AND toString(id) > {after}
    ORDER BY toString(id) LIMIT 1000

toString and the comparison are optional, and the limit may be a placeholder. Pure.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from asyncclient.testing.tables.uuids import parse_uuid

MAX_ROWS = 50_000
_DEFAULT_ROWS = 100

_NAME = r"\{\s*(?:values\.)?\w+\s*\}"
_ID = r"(?:toString\(\s*id\s*\)|id)"
_HAS = rf"JSONHas\(\s*properties\s*,\s*{_NAME}\s*\)"
_ANY = rf"{_HAS}(?:\s+OR\s+{_HAS})*"
_QUERY = re.compile(
    rf"\s*SELECT\s+(?P<id>{_ID})(?:\s+AS\s+\w+)?\s+FROM\s+persons"
    rf"\s+WHERE\s+(?:\(\s*(?P<group>{_ANY})\s*\)|(?P<one>{_HAS}))"
    rf"(?:\s+AND\s+(?P<above>{_ID})\s*>\s*(?P<after>{_NAME}|'[^'\\]*'))?"
    rf"\s+ORDER\s+BY\s+(?P<order>{_ID})(?:\s+ASC)?"
    rf"(?:\s+LIMIT\s+(?P<limit>\d{{1,9}}|{_NAME}))?\s*;?\s*",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(_NAME)
_OFFSET = re.compile(r"\bOFFSET\b|\bLIMIT\s+\S+\s*,", re.IGNORECASE)


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A query for at most `limit` persons with any of these properties and a UUID after `after`.

    `by_text` orders UUIDs as text; otherwise they are in ClickHouse's order.
    """

    keys: tuple[str, ...]
    after: bytes | None
    limit: int
    by_text: bool


class BadQuery(Exception):
    """The query is not accepted; the text is the detail of the response."""


def parse_query(text: str, values: Mapping[str, Any]) -> Query:
    """Parse a query.

    Raises:
        BadQuery: the local server does not understand the query.
    """
    found = _QUERY.fullmatch(text)
    if found is None:
        # Personal keys may not use OFFSET; they page by comparing the UUID.
        if _OFFSET.search(text):
            raise BadQuery("OFFSET is not supported for queries with a personal API key.")
        raise BadQuery("This query is not understood by the local server.")
    by_text = "(" in found["order"]
    if found["above"] is not None and ("(" in found["above"]) is not by_text:
        raise BadQuery("The mark must be of what the query orders by.")
    names = _PLACEHOLDER.findall(found["group"] or found["one"])
    keys = tuple(_value(name, values) for name in names)
    if not all(isinstance(key, str) for key in keys):
        raise BadQuery("The name of a property must be a string.")
    return Query(
        keys=keys, after=_after_uuid(found["after"], values), limit=_limit(found["limit"], values), by_text=by_text
    )


def _value(name: str, values: Mapping[str, Any]) -> Any:
    bare = name.strip("{} ").removeprefix("values.").strip()
    if bare not in values:
        raise BadQuery(f"Placeholder {bare} is not in values.")
    return values[bare]


def _after_uuid(text: str | None, values: Mapping[str, Any]) -> bytes | None:
    if text is None:
        return None
    mark = text[1:-1] if text.startswith("'") else _value(text, values)
    if mark == "":
        return None
    raw = parse_uuid(mark) if isinstance(mark, str) else None
    if raw is None:
        raise BadQuery("The mark is not a UUID.")
    return raw


def _limit(text: str | None, values: Mapping[str, Any]) -> int:
    if text is None:
        return _DEFAULT_ROWS
    limit = int(text) if text.isdigit() else _value(text, values)
    if type(limit) is not int or limit < 0:
        raise BadQuery("LIMIT must be a number.")
    return min(limit, MAX_ROWS)
