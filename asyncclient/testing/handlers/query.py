"""The query endpoint, as far as it is needed to find persons by the properties they have (contract 12)."""

from itertools import islice

from asyncclient.testing.handlers.handler_context import HandlerContext
from asyncclient.testing.http import envelope
from asyncclient.testing.http.envelope import Response
from asyncclient.testing.queries.hogql import BadQuery, Query, parsed
from asyncclient.testing.state.mutations import Mutations
from asyncclient.testing.tables.seeding import MISSING


def query(job: HandlerContext) -> Response:
    """Answer a HogQL query for uuids; read from the listing, so it trails the store like that."""
    wanted = job.fields().get("query")
    if not isinstance(wanted, dict):
        raise envelope.invalid("This field is required.", code="required", attr="query")
    text, values = wanted.get("query"), wanted.get("values") or {}
    if wanted.get("kind") != "HogQLQuery" or not isinstance(text, str) or not isinstance(values, dict):
        raise envelope.invalid("Only a HogQLQuery is taken here.", attr="query")
    try:
        asked = parsed(text, values)
    except BadQuery as bad:
        raise envelope.invalid(str(bad)) from None
    keys = _having(job.mutations, asked, asked.limit + 1)
    return envelope.ok(
        {
            "results": [[job.mutations.table.text(key)] for key in keys[: asked.limit]],
            "columns": ["toString(id)" if asked.by_text else "id"],
            "types": [["id", "String" if asked.by_text else "UUID"]],
            "hasMore": len(keys) > asked.limit,
            "limit": asked.limit,
            "offset": 0,
            "error": None,
            "hogql": text,
            "is_cached": job.fields().get("refresh") != "force_blocking",
        }
    )


def _having(mutations: Mutations, asked: Query, most: int) -> list[int]:
    listing, value = mutations.listing, mutations.listing.value

    def has(key: int) -> bool:
        # A null counts as a value here, unlike for the listing's filter is_set (contract 12).
        return key in listing and any(value(key, name) is not MISSING for name in asked.keys)

    order = mutations.uuids_by_text if asked.by_text else mutations.uuids_by_clickhouse
    return list(islice(filter(has, order.beyond(asked.after)), most))
