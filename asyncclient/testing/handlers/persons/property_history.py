"""Handlers for past properties of a person: the timeline, and a single time (contract 6.10, 6.11).

The creation of the person and each later change of its properties count as one event.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from asyncclient.testing.handlers.handler_context import HandlerContext
from asyncclient.testing.handlers.persons.person_bodies import single_person
from asyncclient.testing.http import envelope
from asyncclient.testing.http.envelope import Response
from asyncclient.testing.tables.person import Record, as_datetime, as_us, iso
from asyncclient.testing.tables.uuids import parse_uuid

_RELATIVE = re.compile(r"-(\d{1,4})([hdwmy])", re.ASCII)
_HOURS = {"h": 1, "d": 24, "w": 7 * 24, "m": 30 * 24, "y": 365 * 24}
_DAY = timedelta(days=1)
_WHO = "{} '{}'"


def properties_timeline(context: HandlerContext) -> Response:
    """Return how the properties of a person changed over time."""
    key = context.person()
    record, query = context.mutations.store.record(key), context.request.parameters
    crucial = _crucial(query)
    start_us, end_us = _span(context, record)
    points: list[dict[str, Any]] = []
    moments = [change.at_us for change in context.mutations.history.of(key) if change.at_us > record.created_us]
    for at_us in (record.created_us, *reversed(moments)):
        if not start_us <= at_us <= end_us:
            continue
        properties = context.mutations.history.properties(key, record.properties, at_us)
        if points and all(_same(points[-1]["properties"], properties, name) for name in crucial):
            points[-1]["relevant_event_count"] += 1
        else:
            points.append({"timestamp": iso(at_us), "properties": properties, "relevant_event_count": 1})
    body: dict[str, Any] = {"points": points, "crucial_property_keys": crucial}
    if context.options.timeline_dates:
        body["effective_date_from"] = as_datetime(start_us).isoformat()
        body["effective_date_to"] = as_datetime(end_us).isoformat()
    return envelope.ok(body)


def properties_at_time(context: HandlerContext) -> Response:
    """Return a person with the properties it had at a time. Errors have their own form (contract 4)."""
    query = context.request.parameters
    distinct_id, person_id = query.get("distinct_id"), query.get("person_id")
    if distinct_id and person_id:
        return _error(400, "Cannot provide both distinct_id and person_id - choose one")
    who = distinct_id or person_id
    if not who:
        return _error(400, "Must provide either distinct_id or person_id parameter")
    if not query.get("timestamp"):
        return _error(400, "timestamp parameter is required (ISO format: 2023-06-15T14:30:00Z)")
    moment = _instant(query["timestamp"])
    if moment is None:
        return _error(400, "Invalid timestamp format. Use ISO format like 2023-06-15T14:30:00Z")
    kind = "distinct_id" if distinct_id else "person_id"
    raw = None if distinct_id else parse_uuid(who)
    if not distinct_id and raw is None:
        return _error(500, f"Failed to retrieve person properties for {_WHO.format(kind, who)}")
    store = context.mutations.store
    key = store.key_of_distinct_id(who) if raw is None else store.key_of_uuid(raw)
    record = None if key is None else store.record(key)
    if key is None or record is None or not record.distinct_ids:
        return _error(404, f"Person with {_WHO.format(kind, who)} not found")
    at_us = as_us(moment)
    before = at_us < record.created_us
    properties = {} if before else context.mutations.history.properties(key, record.properties, at_us)
    return envelope.ok(
        {
            **msgspec.to_builtins(single_person(key, context.mutations, context.options)),
            "properties": properties,
            "point_in_time_metadata": {
                "queried_timestamp": moment.isoformat(),
                "include_set_once": query.get("include_set_once", "").lower() == "true",
                "distinct_id_used": distinct_id,
                "person_id_used": person_id,
                "query_mode": kind,
                "distinct_ids_queried": record.distinct_ids,
                "distinct_ids_count": len(record.distinct_ids),
            },
        }
    )


def _error(status: int, text: str) -> Response:
    return envelope.ok({"error": text}, status)


def _instant(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _crucial(query: dict[str, str]) -> list[str]:
    """Return the keys of the person properties that filters, events and breakdown of the query use."""
    filters = list(_objects(query, "properties"))
    for name in ("events", "actions"):
        for entity in _objects(query, name):
            inner = entity.get("properties")
            filters += [each for each in inner if isinstance(each, dict)] if isinstance(inner, list) else []
    keys = {str(each["key"]) for each in filters if each.get("type") == "person" and each.get("key")}
    if query.get("breakdown") and query.get("breakdown_type", "person") == "person":
        keys.add(query["breakdown"])
    return sorted(keys)


def _objects(query: dict[str, str], name: str) -> list[dict[str, Any]]:
    text = query.get(name)
    if not text:
        return []
    try:
        return msgspec.json.decode(text, type=list[dict[str, Any]])
    except msgspec.MsgspecError:
        if name == "properties":
            raise envelope.invalid("Properties are unparsable!") from None
        raise envelope.server_error() from None


def _span(context: HandlerContext, record: Record) -> tuple[int, int]:
    query, now = context.request.parameters, as_datetime(context.mutations.now_us())
    start = query.get("date_from") or "-7d"
    first = as_datetime(record.created_us) if start == "all" else _bound(start, now)[0]
    return as_us(first), as_us(_bound(query["date_to"], now)[1] if query.get("date_to") else _bound("-0d", now)[1])


def _bound(text: str, now: datetime) -> tuple[datetime, datetime]:
    """Return the first and the last instant of a date: a whole day for a date, now for an invalid one."""
    relative = _RELATIVE.fullmatch(text)
    moment = now - timedelta(hours=int(relative[1]) * _HOURS[relative[2]]) if relative else _instant(text) or now
    if len(text) > len("2026-01-31") or (relative is not None and relative[2] == "h"):
        return moment, moment
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return day, day + _DAY - timedelta(microseconds=1)


def _same(one: dict[str, Any], other: dict[str, Any], name: str) -> bool:
    return (name in one) == (name in other) and one.get(name) == other.get(name)
