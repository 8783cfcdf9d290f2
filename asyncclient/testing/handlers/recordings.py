"""Handlers for session recordings: those of a person, and deleting them by ID (contract 6.7)."""

import re
from contextlib import suppress
from typing import Any

from asyncclient.testing.handlers.handler_context import HandlerContext
from asyncclient.testing.http import envelope
from asyncclient.testing.http.envelope import Response
from asyncclient.testing.state.recording_table import Recording
from asyncclient.testing.tables.person import as_us, iso
from asyncclient.testing.tables.uuids import parse_uuid

_DEFAULT_LIMIT = 50
_DEFAULT_FROM = "-3d"
_DURATION_S = 60
_DAY_US = 86_400_000_000
_RELATIVE = re.compile(r"-(\d{1,4})d", re.ASCII)


def list_recordings(context: HandlerContext) -> Response:
    """Return the recordings of a person that are not deleted, the newest first; by default those of three days."""
    query, mutations = context.request.parameters, context.mutations
    raw = parse_uuid(query.get("person_uuid", ""))
    key = None if raw is None else mutations.store.key_of_uuid(raw)
    found = [] if key is None else mutations.recordings.of(mutations.store.distinct_ids(key))
    since_us = _time_us(context, query.get("date_from") or _DEFAULT_FROM)
    until_us = _time_us(context, query["date_to"]) if query.get("date_to") else mutations.now_us()
    shown = [each for each in found if each.marked_us is None and since_us <= each.started_us <= until_us]
    shown.sort(key=lambda each: (-each.started_us, each.session_id))
    limit, offset = (_number(context, name, default) for name, default in (("limit", _DEFAULT_LIMIT), ("offset", 0)))
    page = shown[offset : offset + limit]
    return envelope.ok({"results": list(map(_body, page)), "has_next": offset + limit < len(shown), "version": 4})


def bulk_delete_recordings(context: HandlerContext) -> Response:
    """Delete recordings by their IDs at once; those that are missing or deleted do not count."""
    ids, most = context.fields().get("session_recording_ids"), context.options.recordings_per_deletion
    if not isinstance(ids, list) or not ids:
        raise envelope.invalid("session_recording_ids must be provided as a non-empty array")
    if len(ids) > most:
        raise envelope.invalid(f"Cannot process more than {most} recordings at once")
    table, deleted = context.mutations.recordings, 0
    if context.fault_of_kind("swallow") is None:
        deleted = table.mark([each for each in ids if isinstance(each, str)], context.mutations.now_us())
        context.applied = True
    return envelope.ok({"success": True, "deleted_count": deleted, "total_requested": len(ids)})


def _body(one: Recording) -> dict[str, Any]:
    return {
        "id": one.session_id,
        "distinct_id": one.distinct_ids[0],
        "viewed": False,
        "recording_duration": _DURATION_S,
        "start_time": iso(one.started_us),
        "end_time": iso(one.started_us + _DURATION_S * 1_000_000),
    }


def _time_us(context: HandlerContext, text: str) -> int:
    if text == "all":
        return 0
    if relative := _RELATIVE.fullmatch(text):
        return context.mutations.now_us() - int(relative[1]) * _DAY_US
    with suppress(ValueError):
        return as_us(text)
    raise envelope.invalid("The date is neither ISO 8601 nor relative.")


def _number(context: HandlerContext, name: str, default: int) -> int:
    with suppress(ValueError):
        return int(context.request.parameters.get(name, default))
    raise envelope.invalid("A valid integer is required.", attr=name)
