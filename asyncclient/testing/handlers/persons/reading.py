"""Handlers that read persons from the store: retrieve and the two batch reads (contract 6.2, 6.11)."""

from collections.abc import Callable
from typing import Any

from asyncclient.testing.handlers.handler_context import HandlerContext
from asyncclient.testing.handlers.persons.person_bodies import batch_person, single_person
from asyncclient.testing.http import envelope
from asyncclient.testing.http.envelope import Response
from asyncclient.testing.tables.uuids import parse_uuid

# Further IDs are dropped silently.
_MAX_IDS = 200


def retrieve(context: HandlerContext) -> Response:
    """Return one person."""
    return envelope.ok(single_person(context.person(), context.mutations, context.options, context.hidden_properties))


def batch_by_distinct_ids(context: HandlerContext) -> Response:
    """Return persons by distinct ID; IDs without a person are left out."""
    return _batch(context, "distinct_ids", context.mutations.store.key_of_distinct_id)


def batch_by_uuids(context: HandlerContext) -> Response:
    """Return persons by UUID; UUIDs without a person are left out, and a malformed UUID is a 400."""

    def key_of(text: str) -> int | None:
        raw = parse_uuid(text)
        if raw is None:
            raise envelope.invalid("Must be a valid UUID.")
        return context.mutations.store.key_of_uuid(raw)

    return _batch(context, "uuids", key_of)


def _batch(context: HandlerContext, field: str, key_of: Callable[[str], int | None]) -> Response:
    data = context.request.data
    # A body that is not an object, or has no list, names no person (contract 6.11).
    requested = data.get(field) if isinstance(data, dict) else None
    results: dict[str, Any] = {}
    if isinstance(requested, list):
        found = {text: key for text in map(str, requested[:_MAX_IDS]) if (key := key_of(text)) is not None}
        context.fail_if_heavy(found.values())
        for text, key in found.items():
            name = context.mutations.table.text(key) if field == "uuids" else text
            results[name] = batch_person(key, context.mutations, context.options, context.hidden_properties)
    return envelope.ok({"results": results})
