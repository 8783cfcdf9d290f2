"""The query endpoint (contract 12). What callers give travels as values, never in the query's text. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from asyncclient._protocol.endpoints.arguments import MOST_ROWS, seconds, some, text, whole
from asyncclient._protocol.endpoints.properties import plain_json, property_key
from asyncclient._protocol.http import Request
from asyncclient._protocol.limits.rate_limits import Bucket
from asyncclient._protocol.responses.expectations import Unexpected, decoded, json_of
from asyncclient.errors import InvalidArgument
from asyncclient.models import QueryResult

MOST_KEYS = 100


class _QueryStatus(msgspec.Struct, frozen=True):
    complete: Any = None
    error: Any = None
    error_message: Any = None


class _Verdict(msgspec.Struct, frozen=True):
    """What makes a body of the query endpoint no answer, whatever rows it holds."""

    error: Any = None
    is_cached: Any = None
    query_status: _QueryStatus | None = None


_VERDICT = msgspec.json.Decoder(_Verdict)


def _objection(body: bytes) -> Unexpected | None:
    verdict = decoded(_VERDICT, body)
    status = verdict.query_status or _QueryStatus()
    if verdict.error or status.error:
        return Unexpected("the query failed", verdict.error or status.error_message)
    if status.complete is False:
        return Unexpected("the query is still running, and its rows are not complete")
    if verdict.is_cached:
        return Unexpected("the answer is an old one from the server's cache")
    return None


_RESULT = json_of(QueryResult, objection=_objection)


def hogql(
    query: object, values: Mapping[str, Any] | None = None, *, timeout_s: float | None = None
) -> Request[QueryResult]:
    """POST query: computed now, not taken from a cache."""
    if timeout_s is not None:
        seconds(timeout_s, "timeout_s")
    asked: dict[str, Any] = {"kind": "HogQLQuery", "query": text(query, "query")}
    if values is not None:
        if not isinstance(values, Mapping):
            raise InvalidArgument(f"values takes a mapping of names to values, not a {type(values).__name__}")
        asked["values"] = plain_json(values, "values")
    return Request(
        action="query",
        method="POST",
        path="query/",
        route="POST query/",
        bucket=Bucket.OTHERS,
        expects=_RESULT,
        body=msgspec.json.encode({"query": asked, "refresh": "force_blocking"}),
        timeout_s=timeout_s,
    )


def persons_having(
    keys: Sequence[str], *, after: str, limit: int, timeout_s: float | None = None
) -> Request[QueryResult]:
    """POST query: persons that have any of the keys, by the text of their UUIDs.

    ClickHouse orders UUIDs by their second half first, so both sides of the comparison are texts. The column has no
    alias: one named as a column would stand for it in the conditions too.

    Arguments:
        after: the text of the last UUID seen, empty for the first page.
    """
    whole(limit, "page_size", 1, MOST_ROWS)
    named = {f"k{at}": property_key(key) for at, key in enumerate(some(keys, "keys", MOST_KEYS))}
    having = " OR ".join(f"JSONHas(properties, {{{name}}})" for name in named)
    return hogql(
        f"SELECT toString(id) FROM persons WHERE ({having}) AND toString(id) > {{after}} "  # noqa: S608
        f"ORDER BY toString(id) LIMIT {limit}",
        {**named, "after": after},
        timeout_s=timeout_s,
    )
