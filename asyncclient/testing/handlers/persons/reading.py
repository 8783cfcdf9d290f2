"""Reading persons from the store: retrieve and the two batch reads (contract 6.2, 6.11)."""

from collections.abc import Callable
from typing import Any

from asyncclient.testing.handlers.handler_context import HandlerContext
from asyncclient.testing.handlers.persons.person_bodies import batched, single
from asyncclient.testing.http import envelope
from asyncclient.testing.http.envelope import Response
from asyncclient.testing.tables.uuids import parse

# Anything beyond is left out without a word.
_MOST = 200


def retrieve(job: HandlerContext) -> Response:
    """One person."""
    return envelope.ok(single(job.person(), job.mutations, job.options, job.hidden_properties))


def batch_by_distinct_ids(job: HandlerContext) -> Response:
    """Persons by distinct id; misses are left out."""
    return _batch(job, "distinct_ids", job.mutations.store.key_of_distinct_id)


def batch_by_uuids(job: HandlerContext) -> Response:
    """Persons by UUID; misses are left out, a malformed UUID is a 400."""

    def key_of(text: str) -> int | None:
        raw = parse(text)
        if raw is None:
            raise envelope.invalid("Must be a valid UUID.")
        return job.mutations.store.key_of_uuid(raw)

    return _batch(job, "uuids", key_of)


def _batch(job: HandlerContext, field: str, key_of: Callable[[str], int | None]) -> Response:
    data = job.call.data
    # A body that is no object, like a list that is none, asks for no person (contract 6.11).
    wanted = data.get(field) if isinstance(data, dict) else None
    results: dict[str, Any] = {}
    if isinstance(wanted, list):
        found = {text: key for text in map(str, wanted[:_MOST]) if (key := key_of(text)) is not None}
        job.fail_if_heavy(found.values())
        for text, key in found.items():
            name = job.mutations.table.text(key) if field == "uuids" else text
            results[name] = batched(key, job.mutations, job.options, job.hidden_properties)
    return envelope.ok({"results": results})
