"""Requests to the query endpoint (contract 12). Arguments are sent as values, never in the query text. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from asyncclient._protocol.endpoints.arguments import MAX_ROWS, bounded_list, check_integer, seconds, text
from asyncclient._protocol.endpoints.properties import plain_json, property_key
from asyncclient._protocol.http import Request
from asyncclient._protocol.limits.rate_limits import Bucket
from asyncclient._protocol.responses.expectations import UnexpectedResponse, decode_body, json_model
from asyncclient.errors import InvalidArgument
from asyncclient.models import QueryResult

MAX_KEYS = 100


class _QueryStatus(msgspec.Struct, frozen=True):
    complete: Any = None
    error: Any = None
    error_message: Any = None


class _QueryOutcome(msgspec.Struct, frozen=True):
    """The fields that show whether the rows in a response body are a valid result."""

    error: Any = None
    is_cached: Any = None
    query_status: _QueryStatus | None = None


_OUTCOME = msgspec.json.Decoder(_QueryOutcome)


def _objection(body: bytes) -> UnexpectedResponse | None:
    outcome = decode_body(_OUTCOME, body)
    status = outcome.query_status or _QueryStatus()
    if outcome.error or status.error:
        return UnexpectedResponse("the query failed", outcome.error or status.error_message)
    if status.complete is False:
        return UnexpectedResponse("the query is still running, so its rows are not complete")
    if outcome.is_cached:
        return UnexpectedResponse("the response is from the server's cache")
    return None


_RESULT = json_model(QueryResult, objection=_objection)


def hogql(
    query: object, values: Mapping[str, Any] | None = None, *, timeout_s: float | None = None
) -> Request[QueryResult]:
    """Build POST query; the server computes the result now and does not take it from its cache."""
    if timeout_s is not None:
        seconds(timeout_s, "timeout_s")
    hogql_query: dict[str, Any] = {"kind": "HogQLQuery", "query": text(query, "query")}
    if values is not None:
        if not isinstance(values, Mapping):
            raise InvalidArgument(f"values must be a mapping of names to values, not a {type(values).__name__}")
        hogql_query["values"] = plain_json(values, "values")
    return Request(
        action="query",
        method="POST",
        path="query/",
        route="POST query/",
        bucket=Bucket.OTHERS,
        expects=_RESULT,
        body=msgspec.json.encode({"query": hogql_query, "refresh": "force_blocking"}),
        timeout_s=timeout_s,
    )


def persons_having(
    keys: Sequence[str], *, after: str, limit: int, timeout_s: float | None = None
) -> Request[QueryResult]:
    """Build POST query for the persons that have any of the keys, in the order of their UUIDs as text.

    ClickHouse orders UUIDs by their second half first, so both sides of the comparison are text. The column has no
    alias, because an alias named like a column would replace the column in the conditions too.

    Arguments:
        keys: property keys, 1 to 100.
        after: the last UUID of the previous page, as text; empty for the first page.
        limit: rows, 1 to 10,000.
        timeout_s: seconds for the call; None means the client's timeout.
    """
    check_integer(limit, "page_size", 1, MAX_ROWS)
    named = {f"k{at}": property_key(key) for at, key in enumerate(bounded_list(keys, "keys", MAX_KEYS))}
    having = " OR ".join(f"JSONHas(properties, {{{name}}})" for name in named)
    return hogql(
        f"SELECT toString(id) FROM persons WHERE ({having}) AND toString(id) > {{after}} "  # noqa: S608
        f"ORDER BY toString(id) LIMIT {limit}",
        {**named, "after": after},
        timeout_s=timeout_s,
    )


def column_page(
    query: object,
    values: Mapping[str, Any] | None,
    *,
    after: str,
    last: str,
    limit: int,
    timeout_s: float | None = None,
) -> Request[QueryResult]:
    """Build POST query for one page of a column.

    Arguments:
        query: HogQL without a LIMIT that orders by the column and compares it with a placeholder.
        values: the values of its other placeholders.
        after: the name of that placeholder.
        last: the last value of the previous page; empty for the first page.
        limit: rows, 1 to 10,000.
        timeout_s: seconds for the call; None means the client's timeout.
    """
    check_integer(limit, "page_size", 1, MAX_ROWS)
    others = {} if values is None else values
    if not isinstance(others, Mapping):
        raise InvalidArgument(f"values must be a mapping of names to values, not a {type(values).__name__}")
    if text(after, "after") in others:
        raise InvalidArgument("values has the name of the placeholder that pages the query")
    return hogql(f"{text(query, 'query')} LIMIT {limit}", {**others, after: last}, timeout_s=timeout_s)
