"""Handlers for requests that delete the events of a query (contract 13)."""

import json
from typing import Any, NoReturn
from uuid import UUID, uuid4

from asyncclient.testing.handlers.handler_context import HandlerContext
from asyncclient.testing.http import envelope
from asyncclient.testing.http.envelope import Response
from asyncclient.testing.state.data_deletions import MAX_ACTIVE, DeletionRequest
from asyncclient.testing.tables.person import iso
from asyncclient.testing.tables.uuids import parse_uuid

_MAX_BYTES = 100_000
_DEFAULT_LIMIT = 100


def preview_deletion(context: HandlerContext) -> Response:
    """Return how many events a query selects."""
    _check_flag(context)
    text, variables = _query(context)
    return envelope.ok({"count": _count(context, text, variables)})


def create_deletion(context: HandlerContext) -> Response:
    """Create a request, or return the one with the same submission ID."""
    _check_flag(context)
    text, variables = _query(context)
    given = context.fields().get("submission_id")
    raw = parse_uuid(given) if isinstance(given, str) else None
    if raw is None:
        raise envelope.invalid("Must be a valid UUID.", attr="submission_id")
    table, submission_id = context.mutations.data_deletions, UUID(bytes=raw)
    existing = table.of_submission(submission_id)
    if existing is not None:
        if (existing.query, existing.variables) != (text, variables):
            _conflict(context, "This submission ID belongs to a request with another query.")
        return envelope.ok(_body(existing))
    count = _count(context, text, variables)
    if table.active() >= MAX_ACTIVE:
        _conflict(context, f"There are {MAX_ACTIVE} active requests already.")
    request = DeletionRequest(
        id=uuid4(),
        submission_id=submission_id,
        query=text,
        variables=variables,
        status="pending",
        count=count,
        created_us=context.mutations.now_us(),
    )
    table.add(request)
    context.applied = True
    return envelope.ok(_body(request), 201)


def list_deletions(context: HandlerContext) -> Response:
    """Return the requests, the newest first."""
    _check_flag(context)
    found, parameters = context.mutations.data_deletions.newest_first(), context.request.parameters
    try:
        limit, offset = int(parameters.get("limit", _DEFAULT_LIMIT)), int(parameters.get("offset", 0))
    except ValueError:
        raise envelope.invalid("A valid integer is required.") from None
    results = list(map(_body, found[offset : offset + limit]))
    return envelope.ok({"count": len(found), "next": None, "previous": None, "results": results})


def get_deletion(context: HandlerContext) -> Response:
    """Return one request."""
    _check_flag(context)
    raw = parse_uuid(context.values["id"])
    request = None if raw is None else context.mutations.data_deletions.get(UUID(bytes=raw))
    if request is None:
        raise envelope.not_found()
    return envelope.ok(_body(request))


def _check_flag(context: HandlerContext) -> None:
    if not context.options.data_deletion:
        raise envelope.permission_denied("Self-service data deletion is not enabled for this organization.")


def _query(context: HandlerContext) -> tuple[str, dict[str, Any]]:
    fields = context.fields()
    text, variables = fields.get("query"), fields.get("variables") or {}
    if not isinstance(text, str) or not text:
        raise envelope.invalid("This field is required.", code="required", attr="query")
    if not isinstance(variables, dict):
        raise envelope.invalid("Expected a dictionary of items.", attr="variables")
    for name, size in (("query", len(text.encode())), ("variables", len(json.dumps(variables)))):
        if size > _MAX_BYTES:
            raise envelope.invalid(f"At most {_MAX_BYTES} bytes.", attr=name)
    return text, variables


def _count(context: HandlerContext, text: str, variables: dict[str, Any]) -> int:
    # the parser takes a while to import, and few who start a server send queries
    from asyncclient.testing.queries.hogql.event_uuids import event_uuids
    from asyncclient.testing.queries.hogql.syntax import BadQuery

    try:
        return len(event_uuids(text, variables, context.mutations))
    except BadQuery as bad:
        raise envelope.invalid(str(bad), attr="query") from None


def _conflict(context: HandlerContext, detail: str) -> NoReturn:
    if context.options.deletion_conflict == "400":
        raise envelope.invalid(detail)
    raise envelope.conflict(detail)


def _body(request: DeletionRequest) -> dict[str, Any]:
    return {
        "id": str(request.id),
        "submission_id": str(request.submission_id),
        "query": request.query,
        "variables": request.variables,
        "status": request.status,
        "count": request.count,
        "created_at": iso(request.created_us),
        "completed_at": None if request.completed_us is None else iso(request.completed_us),
    }
