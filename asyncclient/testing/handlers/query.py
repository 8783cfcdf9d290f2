"""Handler of the query endpoint: runs the HogQL that the local server evaluates (contract 12)."""

from datetime import datetime
from typing import Any

from asyncclient.testing.handlers.handler_context import HandlerContext
from asyncclient.testing.http import envelope
from asyncclient.testing.http.envelope import Response
from asyncclient.testing.tables.uuids import format_uuid

_TYPES: dict[type, str] = {
    bytes: "UUID",
    str: "String",
    bool: "Bool",
    int: "Int64",
    list: "Array(String)",
    datetime: "DateTime64(6, 'UTC')",
}


def query(context: HandlerContext) -> Response:
    """Return the rows of a HogQL query, read from the listing, which lags behind the store, and from the events."""
    # The parser takes a while to import, and few who start a server send queries.
    from asyncclient.testing.queries.hogql.selecting import run_query
    from asyncclient.testing.queries.hogql.syntax import BadQuery

    requested = context.fields().get("query")
    if not isinstance(requested, dict):
        raise envelope.invalid("This field is required.", code="required", attr="query")
    text, values = requested.get("query"), requested.get("values") or {}
    if requested.get("kind") != "HogQLQuery" or not isinstance(text, str) or not isinstance(values, dict):
        raise envelope.invalid("Only a HogQLQuery is taken here.", attr="query")
    try:
        found = run_query(text, values, context.mutations)
    except BadQuery as bad:
        raise envelope.invalid(str(bad)) from None
    first = found.rows[0] if found.rows else (None,) * len(found.names)
    return envelope.ok(
        {
            "results": [list(map(_shown, row)) for row in found.rows],
            "columns": found.names,
            "types": [
                [name, _TYPES.get(type(value), "Nullable(String)")]
                for name, value in zip(found.names, first, strict=True)
            ],
            "hasMore": found.has_more,
            "limit": found.limit,
            "offset": 0,
            "error": None,
            "hogql": text,
            "is_cached": context.fields().get("refresh") != "force_blocking",
        }
    )


def _shown(value: Any) -> Any:
    if isinstance(value, bytes):
        return format_uuid(value)
    return value.isoformat() if isinstance(value, datetime) else value
