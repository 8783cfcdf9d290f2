"""Requests for the history of persons: activity, timeline, properties at a time (contract 6.9 to 6.11). Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from asyncclient._protocol.endpoints.arguments import MAX_ROWS, Format, check_integer, text
from asyncclient._protocol.endpoints.calls import persons_call
from asyncclient._protocol.endpoints.properties import json_objects
from asyncclient._protocol.http import Request
from asyncclient._protocol.ids import MAX_ROW_ID, person_id
from asyncclient._protocol.responses.expectations import json_model
from asyncclient.activity import ActivityPage
from asyncclient.errors import InvalidArgument, shown
from asyncclient.filters import PropertyFilter
from asyncclient.models import PersonEmails
from asyncclient.timeline import PropertiesTimeline

_ACTIVITY = json_model(ActivityPage, required=("results",))
_DOCUMENTED_ACTIVITY = json_model(ActivityPage, required=("results",), blank=ActivityPage)
_TIMELINE = json_model(PropertiesTimeline, required=("points",), blank=PropertiesTimeline)
_EMAILS = json_model(PersonEmails, required=("results",))
_AT_TIME = json_model(dict[str, Any], required=("properties",))


def person_activity(
    person: object,
    *,
    limit: int,
    page: int,
    format: Format | None = None,  # noqa: A002
    may_be_blank: bool = False,
) -> Request[ActivityPage]:
    """Build GET persons/:id/activity (contract 6.9).

    Arguments:
        may_be_blank: whether an empty body counts as a page without entries, since the documentation promises no body.
    """
    return persons_call(
        "activity",
        "GET",
        f"{person_id(person)}/activity/",
        _DOCUMENTED_ACTIVITY if may_be_blank else _ACTIVITY,
        route=":id/activity/",
        query=_page_number_query(limit, page),
        format=format,
    )


def all_activity(*, limit: int, page: int) -> Request[ActivityPage]:
    """Build GET persons/activity (contract 6.11)."""
    return persons_call("activity", "GET", "activity/", _ACTIVITY, query=_page_number_query(limit, page))


def properties_timeline(
    person: object,
    *,
    events: Sequence[Mapping[str, Any]] = (),
    actions: Sequence[Mapping[str, Any]] = (),
    properties: Sequence[PropertyFilter | Mapping[str, Any]] = (),
    display: str | None = None,
    date_from: str | None = None,
    date_to: str | None = None,
    interval: str | None = None,
    breakdown: str | None = None,
    breakdown_type: str | None = None,
    format: Format | None = None,  # noqa: A002
) -> Request[PropertiesTimeline]:
    """Build GET persons/:id/properties_timeline (contract 6.10)."""
    filters: object = properties
    if isinstance(properties, list | tuple):
        filters = [each.to_wire() if isinstance(each, PropertyFilter) else each for each in properties]
    query = [
        (name, msgspec.json.encode(found).decode())
        for name, value in (("events", events), ("actions", actions), ("properties", filters))
        if (found := json_objects(value, name))
    ]
    query += [
        (name, text(value, name))
        for name, value in (
            ("display", display),
            ("date_from", date_from),
            ("date_to", date_to),
            ("interval", interval),
            ("breakdown", breakdown),
            ("breakdown_type", breakdown_type),
        )
        if value is not None
    ]
    return persons_call(
        "properties_timeline",
        "GET",
        f"{person_id(person)}/properties_timeline/",
        _TIMELINE,
        route=":id/properties_timeline/",
        query=tuple(query),
        format=format,
    )


def properties_at_time(
    timestamp: str, *, distinct_id: str | None, person: object | None, include_set_once: bool = False
) -> Request[dict[str, Any]]:
    """Build GET persons/properties_at_time (contract 6.11)."""
    if (distinct_id is None) == (person is None):
        raise InvalidArgument("properties_at_time takes either distinct_id or person_id")
    who = ("person_id", person_id(person)) if distinct_id is None else ("distinct_id", text(distinct_id, "distinct_id"))
    if not isinstance(include_set_once, bool):
        raise InvalidArgument(f"include_set_once {shown(include_set_once)} is neither True nor False")
    flags = (("include_set_once", "true"),) if include_set_once else ()
    query = (("timestamp", text(timestamp, "timestamp")), who, *flags)
    return persons_call("properties_at_time", "GET", "properties_at_time/", _AT_TIME, query=query)


def person_emails(person: object) -> Request[PersonEmails]:
    """Build GET persons/:id/emails (contract 6.11)."""
    return persons_call("emails", "GET", f"{person_id(person)}/emails/", _EMAILS, route=":id/emails/")


def _page_number_query(limit: int, page: int) -> tuple[tuple[str, str], ...]:
    check_integer(limit, "limit", 1, MAX_ROWS)
    check_integer(page, "page", 1, MAX_ROW_ID)
    return ("limit", str(limit)), ("page", str(page))
