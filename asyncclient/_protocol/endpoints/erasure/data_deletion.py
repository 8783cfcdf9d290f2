"""Requests that delete events by a query (contract 13). Pure."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from asyncclient._protocol.endpoints.arguments import offset_query, text
from asyncclient._protocol.endpoints.properties import plain_json
from asyncclient._protocol.http import Expectation, Request
from asyncclient._protocol.ids import person_id, person_uuid
from asyncclient._protocol.limits.rate_limits import Bucket
from asyncclient._protocol.responses.expectations import json_model
from asyncclient.erasure import DataDeletionRequest, EventCount
from asyncclient.errors import InvalidArgument
from asyncclient.models import Page

MAX_BYTES = 100_000
"""The most bytes of a query, and of its variables."""

T = TypeVar("T")

_COUNT = json_model(EventCount)
_ONE = json_model(DataDeletionRequest)
_CREATED = json_model(DataDeletionRequest, statuses=frozenset({200, 201}))
_PAGE = json_model(Page[DataDeletionRequest])


def preview_deletion(query: object, variables: Mapping[str, Any] | None) -> Request[EventCount]:
    """Build POST data_deletion_requests/preview, which changes nothing."""
    return _call("preview_deletion", "POST", "preview/", _COUNT, Bucket.PREVIEWS, body=_body(query, variables))


def create_deletion(
    query: object, variables: Mapping[str, Any] | None, submission_id: object
) -> Request[DataDeletionRequest]:
    """Build POST data_deletion_requests; repeated with the same submission ID, it creates nothing."""
    fields = {
        **_body(query, variables),
        "submission_id": _parsed(person_uuid, submission_id, "submission_id is not a UUID"),
    }
    return _call("create_deletion", "POST", "", _CREATED, Bucket.SUBMISSIONS, body=fields)


def list_deletions(*, limit: int, offset: int) -> Request[Page[DataDeletionRequest]]:
    """Build GET data_deletion_requests."""
    return _call("list_deletions", "GET", "", _PAGE, Bucket.DEFAULT, query=offset_query(limit, offset))


def get_deletion(request_id: object) -> Request[DataDeletionRequest]:
    """Build GET data_deletion_requests/:id."""
    path = f"{_parsed(person_id, request_id, 'id is neither a UUID nor a number')}/"
    return _call("get_deletion", "GET", path, _ONE, Bucket.DEFAULT, route=":id/")


def _call(
    action: str,
    method: str,
    path: str,
    expects: Expectation[T],
    bucket: Bucket,
    *,
    route: str | None = None,
    query: tuple[tuple[str, str], ...] = (),
    body: dict[str, Any] | None = None,
) -> Request[T]:
    creates = bucket is Bucket.SUBMISSIONS
    return Request(
        action=action,
        method=method,
        path=f"data_deletion_requests/{path}",
        route=f"{method} data_deletion_requests/{path if route is None else route}",
        bucket=bucket,
        expects=expects,
        query=query,
        body=None if body is None else msgspec.json.encode(body),
        mutating=creates,
        repeatable=creates,
    )


def _body(query: object, variables: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return query and variables, each no longer than the server accepts."""
    fields: dict[str, Any] = {"query": text(query, "query")}
    if variables is not None:
        if not isinstance(variables, Mapping):
            raise InvalidArgument(f"variables must be a mapping of names to values, not a {type(variables).__name__}")
        fields["variables"] = plain_json(variables, "variables")
    for name, value in fields.items():
        size = len(value.encode() if isinstance(value, str) else msgspec.json.encode(value))
        if size > MAX_BYTES:
            raise InvalidArgument(f"{name} has {size:,} bytes, and the server takes at most {MAX_BYTES:,}")
    return fields


def _parsed(parse: Callable[[object], object], value: object, problem: str) -> str:
    """Return an ID as text; the parsers of person IDs do the same for those of requests."""
    try:
        return str(parse(value))
    except InvalidArgument:
        raise InvalidArgument(problem) from None
