"""Reads of persons: paths, verbs and query names (contract 6.1, 6.2, 6.11). Pure."""

from collections.abc import Sequence
from typing import Literal, get_args
from uuid import UUID

import msgspec

from asyncclient._protocol.endpoints.arguments import Format, page_of_rows, seconds, some, text
from asyncclient._protocol.endpoints.calls import persons_call
from asyncclient._protocol.endpoints.properties import property_key
from asyncclient._protocol.http import Request
from asyncclient._protocol.ids import person_id, person_uuid
from asyncclient._protocol.responses.expectations import Csv, Json, NoPerson, Probe, json_of
from asyncclient.errors import InvalidArgument, shown
from asyncclient.filters import PropertyFilter
from asyncclient.models import (
    BatchResults,
    Cohorts,
    DeletionRow,
    Page,
    Person,
    PropertyValue,
    StoredPerson,
)

DeletionStatus = Literal["pending", "completed", "all"]
"""Which requests to delete events are listed."""

STATUSES: tuple[DeletionStatus, ...] = get_args(DeletionStatus)
MOST_BATCH_IDS = 200
"""More are cut off silently by the batch reads (contract 6.11)."""


class ValuesObject(msgspec.Struct, frozen=True):
    """What `values` answers on newer servers; on older ones it is the bare list."""

    results: list[PropertyValue]
    refreshing: bool = False


Values = ValuesObject | list[PropertyValue]

_VALUES: Json[Values] = Json(decoder=msgspec.json.Decoder(Values))
_PERSONS = json_of(Page[Person])
_PERSON = json_of(Person, required=("distinct_ids", "properties"))
_BATCH: Json[BatchResults[Person]] = Json(decoder=msgspec.json.Decoder(BatchResults[StoredPerson]))
_ANY_BATCH = json_of(BatchResults[msgspec.Raw])
_ROWS = json_of(Page[DeletionRow])
_COHORTS = json_of(Cohorts)


def list_persons(
    *,
    distinct_id: str | None = None,
    email: str | None = None,
    search: str | None = None,
    properties: Sequence[PropertyFilter] = (),
    limit: int = 100,
    offset: int = 0,
    include_total: bool = False,
    format: Format | None = None,  # noqa: A002
) -> Request[Page[Person]]:
    """GET persons (contract 6.1)."""
    query = [*_filters(distinct_id, email, search, properties), *page_of_rows(limit, offset)]
    if include_total:
        query.append(("include_total", "true"))
    return persons_call("list", "GET", "", _PERSONS, query=tuple(query), format=format, tells_prefix=True)


def export_persons(
    *,
    distinct_id: str | None = None,
    email: str | None = None,
    search: str | None = None,
    properties: Sequence[PropertyFilter] = (),
    timeout_s: float | None = None,
) -> Request[str]:
    """GET persons as CSV, whole: the server pays no heed to limit and offset there (contract 6.1)."""
    if timeout_s is not None:
        seconds(timeout_s, "timeout_s")
    query = tuple(_filters(distinct_id, email, search, properties))
    return persons_call("export", "GET", "", Csv(), query=query, format="csv", streamed=True, timeout_s=timeout_s)


def get_person(person: object, *, format: Format | None = None) -> Request[Person]:  # noqa: A002
    """GET persons/:id (contract 6.2)."""
    return persons_call(
        "retrieve", "GET", f"{person_id(person)}/", _PERSON, route=":id/", format=format, tells_prefix=True
    )


def get_nobody() -> Request[None]:
    """GET persons/:id of the nil UUID, which no person has; every server has the route (contract 6.2)."""
    return persons_call("retrieve", "GET", f"{UUID(int=0)}/", NoPerson(), route=":id/", tells_prefix=True)


def batch_by_distinct_ids(distinct_ids: Sequence[str]) -> Request[BatchResults[Person]]:
    """POST persons/batch_by_distinct_ids: reads only (contract 6.11)."""
    named = [text(each, "distinct_ids") for each in some(distinct_ids, "distinct_ids", MOST_BATCH_IDS)]
    body = msgspec.json.encode({"distinct_ids": named})
    return persons_call("batch_by_distinct_ids", "POST", "batch_by_distinct_ids/", _BATCH, body=body)


def batch_by_uuids(uuids: Sequence[UUID | str]) -> Request[BatchResults[Person]]:
    """POST persons/batch_by_uuids: reads only (contract 6.11)."""
    named = [person_uuid(each) for each in some(uuids, "uuids", MOST_BATCH_IDS, least=0)]
    body = msgspec.json.encode({"uuids": named})
    return persons_call("batch_by_uuids", "POST", "batch_by_uuids/", _BATCH, body=body)


def deletion_status(
    *, status: DeletionStatus | None, person: object, limit: int, offset: int
) -> Request[Page[DeletionRow]]:
    """GET persons/deletion_status (contract 6.11)."""
    if status is not None and status not in STATUSES:
        raise InvalidArgument(f"status {shown(status)} is none of {', '.join(STATUSES)}")
    query = [*page_of_rows(limit, offset)]
    if status is not None:
        query.append(("status", status))
    if person is not None:
        query.append(("person_uuid", str(person_uuid(person))))
    return persons_call("deletion_status", "GET", "deletion_status/", _ROWS, query=tuple(query))


def probe(route: str) -> Request[bool]:
    """GET a route that only takes POST, to learn whether the server knows it."""
    return persons_call("probe", "GET", route, Probe(), route=route.replace(str(UUID(int=0)), ":id"))


def probe_batch() -> Request[bool]:
    """POST batch_by_uuids without UUIDs: its answer shows the route."""
    return batch_by_uuids([]).expecting(Probe(shown_by=_ANY_BATCH))


def probe_deletion_status() -> Request[bool]:
    """GET deletion_status: a page of it shows the route."""
    return deletion_status(status=None, person=None, limit=1, offset=0).expecting(Probe(shown_by=_ROWS))


def values(key: str, value: str | None) -> Request[Values]:
    """GET persons/values (contract 6.11)."""
    query = [("key", property_key(key))]
    if value is not None:
        query.append(("value", text(value, "value")))
    return persons_call("values", "GET", "values/", _VALUES, query=tuple(query))


def cohorts(person: object) -> Request[Cohorts]:
    """GET persons/cohorts (contract 6.11)."""
    return persons_call("cohorts", "GET", "cohorts/", _COHORTS, query=(("person_id", person_id(person)),))


def _filters(
    distinct_id: str | None, email: str | None, search: str | None, properties: Sequence[PropertyFilter]
) -> list[tuple[str, str]]:
    query = [
        (name, text(value, name))
        for name, value in (("distinct_id", distinct_id), ("email", email), ("search", search))
        if value is not None
    ]
    if conditions := filters_of(properties):
        query.append(("properties", msgspec.json.encode([each.to_wire() for each in conditions]).decode()))
    return query


def filters_of(properties: object) -> Sequence[PropertyFilter]:
    """The conditions that are given as a list.

    Raises:
        InvalidArgument: it is no list, or something else is in it.
    """
    if isinstance(properties, str | bytes) or not isinstance(properties, Sequence):
        raise InvalidArgument(f"properties takes a list of PropertyFilter, not a {type(properties).__name__}")
    for each in properties:
        if not isinstance(each, PropertyFilter):
            raise InvalidArgument(
                f"properties takes a list of PropertyFilter, and there is a {type(each).__name__} in it"
            )
    return properties
