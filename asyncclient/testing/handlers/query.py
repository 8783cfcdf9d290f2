"""Handler of the query endpoint: finds persons by the properties they have (contract 12)."""

from itertools import islice

from asyncclient.testing.handlers.handler_context import HandlerContext
from asyncclient.testing.http import envelope
from asyncclient.testing.http.envelope import Response
from asyncclient.testing.queries.hogql import BadQuery, Query, parse_query
from asyncclient.testing.state.mutations import Mutations
from asyncclient.testing.tables.seeding import MISSING


def query(context: HandlerContext) -> Response:
    """Return the rows of a HogQL query for UUIDs, read from the listing, which lags behind the store."""
    requested = context.fields().get("query")
    if not isinstance(requested, dict):
        raise envelope.invalid("This field is required.", code="required", attr="query")
    text, values = requested.get("query"), requested.get("values") or {}
    if requested.get("kind") != "HogQLQuery" or not isinstance(text, str) or not isinstance(values, dict):
        raise envelope.invalid("Only a HogQLQuery is taken here.", attr="query")
    try:
        parsed = parse_query(text, values)
    except BadQuery as bad:
        raise envelope.invalid(str(bad)) from None
    keys = _having(context.mutations, parsed, parsed.limit + 1)
    return envelope.ok(
        {
            "results": [[context.mutations.table.text(key)] for key in keys[: parsed.limit]],
            "columns": ["toString(id)" if parsed.by_text else "id"],
            "types": [["id", "String" if parsed.by_text else "UUID"]],
            "hasMore": len(keys) > parsed.limit,
            "limit": parsed.limit,
            "offset": 0,
            "error": None,
            "hogql": text,
            "is_cached": context.fields().get("refresh") != "force_blocking",
        }
    )


def _having(mutations: Mutations, parsed: Query, max_keys: int) -> list[int]:
    listing, value = mutations.listing, mutations.listing.value

    def has(key: int) -> bool:
        # A null counts as a value here, unlike for the listing's filter is_set (contract 12).
        return key in listing and any(value(key, name) is not MISSING for name in parsed.keys)

    order = mutations.uuids_by_text if parsed.by_text else mutations.uuids_by_clickhouse
    return list(islice(filter(has, order.after(parsed.after)), max_keys))
