"""The activity log, of one person and of all (contract 6.9)."""

from typing import Any

from asyncclient.testing.handlers.handler_context import HandlerContext
from asyncclient.testing.handlers.persons.listing import page_path
from asyncclient.testing.http import envelope
from asyncclient.testing.http.envelope import Response
from asyncclient.testing.http.paging import page_link
from asyncclient.testing.http.parsed_request import ParsedRequest
from asyncclient.testing.options import ServerOptions
from asyncclient.testing.tables.activities import Activity
from asyncclient.testing.tables.person import iso
from asyncclient.testing.tables.uuids import derived, spell

_DEFAULT_LIMIT = 10


def activity(job: HandlerContext) -> Response:
    """One page of what was done with a person, newest first; nothing once the person is deleted."""
    return _page(job, job.mutations.store.pk(job.person()))


def all_activity(job: HandlerContext) -> Response:
    """One page of what was done with any person, deleted ones included, newest first."""
    return _page(job, None)


def _page(job: HandlerContext, pk: int | None) -> Response:
    limit = _number(job.call, "limit", _DEFAULT_LIMIT)
    page = _number(job.call, "page", 1)
    entries = list(job.mutations.activities.newest(pk))
    start = (page - 1) * limit
    # The first page may be empty, any other must have something on it.
    if page > 1 and start >= len(entries):
        raise envelope.not_found("Invalid page.")
    path = page_path(job.call, job.options)
    more = start + limit < len(entries)
    return envelope.ok(
        {
            "results": [_item(entry, job.options) for entry in entries[start : start + limit]],
            "next": page_link(job.call, path, page=page + 1) if more else None,
            "previous": page_link(job.call, path, page=page - 1) if page > 1 else None,
            "total_count": len(entries),
        }
    )


def _item(entry: Activity, options: ServerOptions) -> dict[str, Any]:
    first_name, email = entry.by or (options.user_first_name, options.user_email)
    return {
        "id": spell(derived(options.project_id, f"activity:{entry.number}")),
        "user": {"first_name": first_name, "email": email},
        "activity": entry.activity,
        "scope": "Person",
        "item_id": str(entry.pk),
        "detail": {
            "id": None,
            "changes": list(entry.changes) or None,
            "merge": None,
            "trigger": None,
            "name": None if entry.name is None else spell(entry.name),
            "short_id": None,
            "type": None,
        },
        "created_at": iso(entry.at_us),
    }


def _number(call: ParsedRequest, name: str, default: int) -> int:
    """A number of the query; what is not one, or is none that pages have, is an unhandled error in the server."""
    try:
        number = int(call.parameters.get(name, default))
    except ValueError:
        raise envelope.server_error() from None
    if number < 1:
        raise envelope.server_error()
    return number
