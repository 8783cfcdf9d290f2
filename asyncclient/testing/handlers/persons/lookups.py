"""Two look-ups beside persons: the values that a property has, and the cohorts somebody is in (contract 6.11)."""

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
from asyncclient.testing.tables.uuids import parse

# So many persons are looked at, and so many values told.
_SAMPLE = 100_000
_MOST = 20


def values(job: HandlerContext) -> Response:
    """The most frequent values of a property, as the listing knows them."""
    query = job.call.parameters
    key = query.get("key", "")
    found = _values(job, key, query.get("value")) if key and not key.startswith("$virt") else []
    if job.options.values_form == "array":
        return envelope.ok(found)
    return envelope.ok({"results": found, "refreshing": False})


def cohorts(job: HandlerContext) -> Response:
    """The cohorts that a person is in."""
    text = job.call.parameters.get("person_id")
    if text is None:
        # An unhandled error in the server.
        raise envelope.server_error()
    key = _person(job, text)
    if key is None:
        raise envelope.not_found()
    mutations = job.mutations
    return envelope.ok(
        {
            "results": [
                {"id": cohort_id, "name": mutations.cohort_names[cohort_id], "count": len(members)}
                for cohort_id, members in mutations.cohorts.items()
                if key in members
            ]
        }
    )


def _person(job: HandlerContext, text: str) -> int | None:
    raw = parse(text)
    if raw is not None:
        return job.mutations.store.key_of_uuid(raw)
    try:
        return job.mutations.store.key_of_pk(int(text))
    except ValueError:
        return None


def _values(job: HandlerContext, key: str, part: str | None) -> list[dict[str, Any]]:
    wanted = None if part is None else part.casefold()
    listing, counts = job.mutations.listing, Counter[str]()
    for person in islice(listing.rows, _SAMPLE):
        value = listing.value(person, key)
        text = _text(value)
        if text and (wanted is None or wanted in text.casefold()):
            counts[text] += 1
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:_MOST]
    return [{"name": name, "count": count} for text, count in ranked for name in _names(text)]


def _text(value: Any) -> str | None:
    """A value as the column holds it: texts bare, objects and lists as JSON."""
    if value is MISSING:
        return None
    return json.dumps(value) if isinstance(value, (dict, list)) else text_of(value)


def _names(text: str) -> Iterator[str]:
    """What is told of a value: the items of a list one by one, anything else as it is."""
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
