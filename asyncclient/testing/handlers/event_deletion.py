"""Handlers for deleting events and recordings of a person, and for their status (contract 6.6, 6.7, 6.11)."""

from typing import cast

import msgspec

from asyncclient.testing.handlers.handler_context import HandlerContext
from asyncclient.testing.handlers.persons.listing import page_path
from asyncclient.testing.http import envelope
from asyncclient.testing.http.envelope import Response
from asyncclient.testing.http.paging import next_link, previous_link
from asyncclient.testing.http.parsed_request import ParsedRequest
from asyncclient.testing.tables.event_deletions import Requested, Status
from asyncclient.testing.tables.person import iso
from asyncclient.testing.tables.uuids import parse_uuid

_STATUSES = ("pending", "completed", "all")
_DEFAULT_LIMIT = 100


class _Item(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    person_uuid: str
    created_at: str
    status: str
    delete_verified_at: str | None


def delete_events(context: HandlerContext) -> Response:
    """Queue the deletion of a person's events."""
    key = context.person()
    effective = context.fault_of_kind("swallow") is None
    context.mutations.request_event_deletion([key], effective=effective)
    context.applied = effective
    return _accepted(context)


def delete_recordings(context: HandlerContext) -> Response:
    """Start the deletion of a person's recordings, again with every call."""
    key = context.person()
    if context.fault_of_kind("swallow") is None:
        context.mutations.request_recording_deletion([key])
        context.applied = True
    return _accepted(context)


def deletion_status(context: HandlerContext) -> Response:
    """Return requested event deletions, the newest first."""
    request = context.request
    status = request.parameters.get("status", "all")
    if status not in _STATUSES:
        raise envelope.invalid(f'"{status}" is not a valid choice.', code="invalid_choice", attr="status")
    limit = _number(request, "limit", _DEFAULT_LIMIT, min_value=1)
    offset = _number(request, "offset", 0, min_value=0)
    count, rows = _rows(context, cast(Status, status), offset, limit)
    path = page_path(request, context.options)
    return envelope.ok(
        {
            "count": count,
            "next": next_link(request, path, offset=offset, limit=limit) if offset + limit < count else None,
            "previous": previous_link(request, path, offset=offset, limit=limit),
            "results": [_item(context, row) for row in rows],
        }
    )


def _rows(context: HandlerContext, status: Status, offset: int, limit: int) -> tuple[int, list[Requested]]:
    deletions = context.mutations.deletions
    uuid_text = context.request.parameters.get("person_uuid")
    if uuid_text is None:
        return deletions.count(status), deletions.page(status, offset, limit)
    raw = parse_uuid(uuid_text)
    if raw is None:
        raise envelope.invalid("Must be a valid UUID.", attr="person_uuid")
    key = context.mutations.table.key(raw)
    rows = [] if key is None else deletions.of(key, status)
    return len(rows), rows[offset : offset + limit]


def _item(context: HandlerContext, row: Requested) -> _Item:
    return _Item(
        person_uuid=context.mutations.table.text(row.key),
        created_at=iso(row.created_us),
        status="pending" if row.verified_us is None else "completed",
        delete_verified_at=None if row.verified_us is None else iso(row.verified_us),
    )


def _number(request: ParsedRequest, name: str, default: int, *, min_value: int) -> int:
    text = request.parameters.get(name)
    if text is None:
        return default
    try:
        number = int(text)
    except ValueError:
        raise envelope.invalid("A valid integer is required.", attr=name) from None
    if number < min_value:
        detail = f"Ensure this value is greater than or equal to {min_value}."
        raise envelope.invalid(detail, code="min_value", attr=name)
    return number


def _accepted(context: HandlerContext) -> Response:
    return envelope.empty(200 if context.options.success_status == "documented" else 202)
