"""Requests that delete persons, their events and their recordings (contract 6.4 to 6.7). Pure."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from asyncclient._protocol.endpoints.arguments import Format, bounded_list, deletion_flags, seconds, text
from asyncclient._protocol.endpoints.calls import persons_call
from asyncclient._protocol.endpoints.properties import property_object
from asyncclient._protocol.http import Expectation, Request
from asyncclient._protocol.ids import person_id, person_uuids
from asyncclient._protocol.limits.rate_limits import Bucket
from asyncclient._protocol.responses.expectations import CHANGED, EmptyBody, Json, json_model
from asyncclient.errors import InvalidArgument
from asyncclient.models import BulkDeleteSummary

T = TypeVar("T")

MAX_BULK_IDS = 1000
"""The server refuses more (contract 6.5)."""


def delete_person(
    person: object,
    *,
    delete_events: bool,
    delete_recordings: bool,
    keep_person: bool,
    format: Format | None = None,  # noqa: A002
) -> Request[None]:
    """Build DELETE persons/:id; a false flag is left out, because its presence alone means true (contract 6.4)."""
    query = tuple((name, "true") for name, on in deletion_flags(delete_events, delete_recordings, keep_person) if on)
    return _deletes("destroy", "DELETE", f"{person_id(person)}/", ":id/", EmptyBody(), query=query, format=format)


def delete_events(
    person: object,
    properties: Mapping[str, Any] | None = None,
    *,
    format: Format | None = None,  # noqa: A002
) -> Request[None]:
    """Build POST persons/:id/delete_events (contract 6.6)."""
    path = f"{person_id(person)}/delete_events/"
    body = _documented_body(properties)
    return _deletes("delete_events", "POST", path, ":id/delete_events/", EmptyBody(), body=body, format=format)


def delete_recordings(
    person: object,
    properties: Mapping[str, Any] | None = None,
    *,
    format: Format | None = None,  # noqa: A002
) -> Request[None]:
    """Build POST persons/:id/delete_recordings (contract 6.7)."""
    path = f"{person_id(person)}/delete_recordings/"
    body = _documented_body(properties)
    return _deletes("delete_recordings", "POST", path, ":id/delete_recordings/", EmptyBody(), body=body, format=format)


def bulk_delete(
    *,
    ids: Sequence[UUID | str] | None,
    distinct_ids: Sequence[str] | None,
    delete_events: bool,
    delete_recordings: bool,
    keep_person: bool,
    timeout_s: float | None,
    must_summarise: bool = False,
) -> Request[BulkDeleteSummary]:
    """Build POST persons/bulk_delete, with the flags as JSON booleans in the body (contract 6.5).

    Arguments:
        must_summarise: whether the server is known to send a summary, so that an empty body is not a success.
    """
    if (ids is None) == (distinct_ids is None):
        raise InvalidArgument("bulk_delete takes either ids or distinct_ids")
    if timeout_s is not None:
        seconds(timeout_s, "timeout_s")
    if ids is not None:
        body: dict[str, Any] = {"ids": person_uuids(bounded_list(ids, "ids", MAX_BULK_IDS))}
    else:
        named = bounded_list(distinct_ids or (), "distinct_ids", MAX_BULK_IDS)
        body = {"distinct_ids": [text(each, "distinct_ids") for each in named]}
    body |= dict(deletion_flags(delete_events, delete_recordings, keep_person))
    expects = _summary(delete_events, delete_recordings, must_summarise)
    return _deletes(
        "bulk_delete",
        "POST",
        "bulk_delete/",
        "bulk_delete/",
        expects,
        body=msgspec.json.encode(body),
        timeout_s=timeout_s,
    )


@cache
def _summary(events: bool, recordings: bool, must_summarise: bool) -> Json[BulkDeleteSummary]:
    """Return the expected summary: it has the fields of the requested deletions, or is missing on an older server."""
    queued = (("events_queued_for_deletion", events), ("recordings_queued_for_deletion", recordings))
    return json_model(
        BulkDeleteSummary,
        required=("persons_found", *(name for name, requested in queued if requested)),
        statuses=CHANGED,
        blank=None if must_summarise else BulkDeleteSummary,
    )


def _documented_body(properties: Mapping[str, Any] | None) -> bytes | None:
    """Return the documented body, which the server does not read."""
    return None if properties is None else msgspec.json.encode({"properties": property_object(properties, min_count=0)})


def _deletes(
    action: str,
    method: str,
    path: str,
    route: str,
    expects: Expectation[T],
    *,
    query: tuple[tuple[str, str], ...] = (),
    body: bytes | None = None,
    format: Format | None = None,  # noqa: A002
    timeout_s: float | None = None,
) -> Request[T]:
    return persons_call(
        action,
        method,
        path,
        expects,
        route=route,
        query=query,
        body=body,
        format=format,
        bucket=Bucket.DELETES,
        mutating=True,
        timeout_s=timeout_s,
    )
