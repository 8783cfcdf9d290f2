"""Deleting what belongs to a person, and asking how far it is (contract 6.6, 6.7, 6.11)."""

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
from asyncclient.testing.tables.uuids import parse

_STATUSES = ("pending", "completed", "all")
_DEFAULT_LIMIT = 100


class _Item(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    person_uuid: str
    created_at: str
    status: str
    delete_verified_at: str | None


def delete_events(job: HandlerContext) -> Response:
    """Queue deletion of a person's events."""
    key = job.person()
    effective = job.struck_by("swallow") is None
    job.mutations.ask_for_events([key], effective=effective)
    job.applied = effective
    return _accepted(job)


def delete_recordings(job: HandlerContext) -> Response:
    """Start deletion of a person's recordings, once more with every call."""
    key = job.person()
    if job.struck_by("swallow") is None:
        job.mutations.ask_for_recordings([key])
        job.applied = True
    return _accepted(job)


def deletion_status(job: HandlerContext) -> Response:
    """Requested event deletions, newest first."""
    call = job.call
    status = call.parameters.get("status", "all")
    if status not in _STATUSES:
        raise envelope.invalid(f'"{status}" is not a valid choice.', code="invalid_choice", attr="status")
    limit = _number(call, "limit", _DEFAULT_LIMIT, least=1)
    offset = _number(call, "offset", 0, least=0)
    count, rows = _rows(job, cast(Status, status), offset, limit)
    path = page_path(call, job.options)
    return envelope.ok(
        {
            "count": count,
            "next": next_link(call, path, offset=offset, limit=limit) if offset + limit < count else None,
            "previous": previous_link(call, path, offset=offset, limit=limit),
            "results": [_item(job, row) for row in rows],
        }
    )


def _rows(job: HandlerContext, status: Status, offset: int, limit: int) -> tuple[int, list[Requested]]:
    deletions = job.mutations.deletions
    wanted = job.call.parameters.get("person_uuid")
    if wanted is None:
        return deletions.count(status), deletions.page(status, offset, limit)
    raw = parse(wanted)
    if raw is None:
        raise envelope.invalid("Must be a valid UUID.", attr="person_uuid")
    key = job.mutations.table.key(raw)
    rows = [] if key is None else deletions.of(key, status)
    return len(rows), rows[offset : offset + limit]


def _item(job: HandlerContext, row: Requested) -> _Item:
    return _Item(
        person_uuid=job.mutations.table.text(row.key),
        created_at=iso(row.created_us),
        status="pending" if row.verified_us is None else "completed",
        delete_verified_at=None if row.verified_us is None else iso(row.verified_us),
    )


def _number(call: ParsedRequest, name: str, default: int, *, least: int) -> int:
    text = call.parameters.get(name)
    if text is None:
        return default
    try:
        number = int(text)
    except ValueError:
        raise envelope.invalid("A valid integer is required.", attr=name) from None
    if number < least:
        detail = f"Ensure this value is greater than or equal to {least}."
        raise envelope.invalid(detail, code="min_value", attr=name)
    return number


def _accepted(job: HandlerContext) -> Response:
    return envelope.empty(200 if job.options.success_status == "documented" else 202)
