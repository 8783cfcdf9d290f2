"""Handlers for the values of a property, and the cohorts and e-mails of a person (contract 6.11)."""

import json
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

from asyncclient.testing.handlers.handler_context import HandlerContext
from asyncclient.testing.http import envelope
from asyncclient.testing.http.envelope import Response
from asyncclient.testing.queries.operators import text_of
from asyncclient.testing.tables.seeding import MISSING
from asyncclient.testing.tables.uuids import parse_uuid

# The most persons that are counted, and the most values that are returned.
_MAX_PERSONS = 100_000
_MAX_VALUES = 20


def values(context: HandlerContext) -> Response:
    """Return the most common values of a property in the listing."""
    query = context.request.parameters
    key = query.get("key", "")
    found = _values(context, key, query.get("value")) if key and not key.startswith("$virt") else []
    if context.options.values_form == "array":
        return envelope.ok(found)
    return envelope.ok({"results": found, "refreshing": False})


def cohorts(context: HandlerContext) -> Response:
    """Return the cohorts that a person is in."""
    text = context.request.parameters.get("person_id")
    if text is None:
        # This is an unhandled error in the server.
        raise envelope.server_error()
    key = _person(context, text)
    if key is None:
        raise envelope.not_found()
    mutations = context.mutations
    return envelope.ok(
        {
            "results": [
                {"id": cohort_id, "name": mutations.cohort_names[cohort_id], "count": len(members)}
                for cohort_id, members in mutations.cohorts.items()
                if key in members and not context.options.selects_another_project
            ]
        }
    )


def emails(context: HandlerContext) -> Response:
    """Return the e-mails that workflows sent to a person, the newest first."""
    sent = context.mutations.emails.get(context.person(), [])
    return envelope.ok({"results": sent[::-1], "next": None, "previous": None, "count": len(sent)})


def _person(context: HandlerContext, text: str) -> int | None:
    raw = parse_uuid(text)
    if raw is not None:
        return context.mutations.store.key_of_uuid(raw)
    try:
        return context.mutations.store.key_of_pk(int(text))
    except ValueError:
        return None


def _values(context: HandlerContext, key: str, part: str | None) -> list[dict[str, Any]]:
    wanted = None if part is None else part.casefold()
    listing, counts = context.mutations.listing, Counter[str]()
    for person in islice(listing.rows, _MAX_PERSONS):
        value = listing.value(person, key)
        text = _text(value)
        if text and (wanted is None or wanted in text.casefold()):
            counts[text] += 1
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:_MAX_VALUES]
    return [{"name": name, "count": count} for text, count in ranked for name in _names(text)]


def _text(value: Any) -> str | None:
    """Return a value as the database column has it: strings bare, objects and lists as JSON."""
    if value is MISSING:
        return None
    return json.dumps(value) if isinstance(value, (dict, list)) else text_of(value)


def _names(text: str) -> Iterator[str]:
    """Yield the returned names of a value: the items of a list one by one, anything else as it is."""
    if not text.startswith("["):
        yield text
        return
    try:
        items = json.loads(text)
    except ValueError:
        yield text
        return
    for item in items:
        yield from _names(_text(item) or "")
