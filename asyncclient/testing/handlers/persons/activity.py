"""Handlers for the activity log, of one person and of all persons (contract 6.9)."""

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
from asyncclient.testing.tables.uuids import derive_uuid, format_uuid

_DEFAULT_LIMIT = 10


def activity(context: HandlerContext) -> Response:
    """Return one page of a person's activity log, the newest entry first; 404 once the person is deleted."""
    return _page(context, context.mutations.store.pk(context.person()))


def all_activity(context: HandlerContext) -> Response:
    """Return one page of the activity log of all persons, deleted ones included, the newest entry first."""
    return _page(context, None)


def _page(context: HandlerContext, pk: int | None) -> Response:
    limit = _number(context.request, "limit", _DEFAULT_LIMIT)
    page = _number(context.request, "page", 1)
    entries = list(context.mutations.activities.newest(pk))
    start = (page - 1) * limit
    # The first page may be empty, any other page must not.
    if page > 1 and start >= len(entries):
        raise envelope.not_found("Invalid page.")
    path = page_path(context.request, context.options)
    more = start + limit < len(entries)
    return envelope.ok(
        {
            "results": [_item(entry, context.options) for entry in entries[start : start + limit]],
            "next": page_link(context.request, path, page=page + 1) if more else None,
            "previous": page_link(context.request, path, page=page - 1) if page > 1 else None,
            "total_count": len(entries),
        }
    )


def _item(entry: Activity, options: ServerOptions) -> dict[str, Any]:
    first_name, email = entry.actor or (options.user_first_name, options.user_email)
    return {
        "id": format_uuid(derive_uuid(options.project_id, f"activity:{entry.number}")),
        "user": {"first_name": first_name, "email": email},
        "activity": entry.activity,
        "scope": "Person",
        "item_id": str(entry.pk),
        "detail": {
            "id": None,
            "changes": list(entry.changes) or None,
            "merge": None,
            "trigger": None,
            "name": None if entry.name is None else format_uuid(entry.name),
            "short_id": None,
            "type": None,
        },
        "created_at": iso(entry.at_us),
    }


def _number(request: ParsedRequest, name: str, default: int) -> int:
    """Return a positive number of the query; anything else is an unhandled error in the server, so a 500."""
    try:
        number = int(request.parameters.get(name, default))
    except ValueError:
        raise envelope.server_error() from None
    if number < 1:
        raise envelope.server_error()
    return number
