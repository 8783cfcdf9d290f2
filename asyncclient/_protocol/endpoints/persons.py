"""Requests that read persons (contract 6.1, 6.2, 6.11). Pure."""

from collections.abc import Sequence
from typing import Any, Literal, get_args
from uuid import UUID

import msgspec

from asyncclient._protocol.endpoints.arguments import Format, bounded_list, offset_query, seconds, text
from asyncclient._protocol.endpoints.calls import persons_call
from asyncclient._protocol.endpoints.properties import property_key
from asyncclient._protocol.http import Request
from asyncclient._protocol.ids import person_id, person_uuid, person_uuids
from asyncclient._protocol.responses.expectations import Csv, Json, NoPerson, Probe, json_model
from asyncclient._protocol.responses.page_rows import PageRows, row_decoder
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
"""Which rows of `deletion_status` to list."""

STATUSES: tuple[DeletionStatus, ...] = get_args(DeletionStatus)
MAX_BATCH_IDS = 200
"""The batch reads drop more silently (contract 6.11)."""


class ValuesObject(msgspec.Struct, frozen=True):
    """The response body of `values` on newer servers; older ones send the bare list."""

    results: list[PropertyValue]
    refreshing: bool = False


Values = ValuesObject | list[PropertyValue]

_VALUES: Json[Values] = Json(decoder=msgspec.json.Decoder(Values))
_PERSONS = json_model(Page[Person])
_PERSON = json_model(Person, required=("distinct_ids", "properties"))
_BATCH: Json[BatchResults[Person]] = Json(decoder=msgspec.json.Decoder(BatchResults[StoredPerson]))
_ANY_BATCH = json_model(BatchResults[msgspec.Raw])
_ROWS = json_model(Page[DeletionRow])
_ROW = row_decoder(msgspec.json.Decoder(DeletionRow))
_COHORTS = json_model(Cohorts)


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
    """Build GET persons (contract 6.1)."""
    query = [*_filters(distinct_id, email, search, properties), *offset_query(limit, offset)]
    if include_total:
        query.append(("include_total", "true"))
    return persons_call("list", "GET", "", _PERSONS, query=tuple(query), format=format, reveals_prefix=True)


def export_persons(
    *,
    distinct_id: str | None = None,
    email: str | None = None,
    search: str | None = None,
    properties: Sequence[PropertyFilter] = (),
    timeout_s: float | None = None,
) -> Request[str]:
    """Build GET persons as CSV of all rows: the server ignores limit and offset there (contract 6.1)."""
    if timeout_s is not None:
        seconds(timeout_s, "timeout_s")
    query = tuple(_filters(distinct_id, email, search, properties))
    return persons_call("export", "GET", "", Csv(), query=query, format="csv", streamed=True, timeout_s=timeout_s)


def get_person(person: object, *, format: Format | None = None) -> Request[Person]:  # noqa: A002
    """Build GET persons/:id (contract 6.2)."""
    return persons_call(
        "retrieve", "GET", f"{person_id(person)}/", _PERSON, route=":id/", format=format, reveals_prefix=True
    )


def get_nil_person() -> Request[None]:
    """Build GET persons/:id of the nil UUID, which no person has; every server has the route (contract 6.2)."""
    return persons_call("retrieve", "GET", f"{UUID(int=0)}/", NoPerson(), route=":id/", reveals_prefix=True)


def batch_by_distinct_ids(distinct_ids: Sequence[str]) -> Request[BatchResults[Person]]:
    """Build POST persons/batch_by_distinct_ids, which only reads (contract 6.11)."""
    named = [text(each, "distinct_ids") for each in bounded_list(distinct_ids, "distinct_ids", MAX_BATCH_IDS)]
    body = msgspec.json.encode({"distinct_ids": named})
    return persons_call("batch_by_distinct_ids", "POST", "batch_by_distinct_ids/", _BATCH, body=body)


def batch_by_uuids(uuids: Sequence[UUID | str]) -> Request[BatchResults[Person]]:
    """Build POST persons/batch_by_uuids, which only reads (contract 6.11)."""
    return _batch_by_uuids(person_uuids(bounded_list(uuids, "uuids", MAX_BATCH_IDS)))


def _batch_by_uuids(uuids: Sequence[UUID]) -> Request[BatchResults[Person]]:
    body = msgspec.json.encode({"uuids": uuids})
    return persons_call("batch_by_uuids", "POST", "batch_by_uuids/", _BATCH, body=body)


def deletion_status(
    *, status: DeletionStatus | None, person: object, limit: int, offset: int, row_by_row: bool = False
) -> Request[Page[Any]]:
    """Build GET persons/deletion_status (contract 6.11).

    Arguments:
        row_by_row: keep a row that cannot be read in the page, as an `UnreadableRow`.
    """
    if status is not None and status not in STATUSES:
        raise InvalidArgument(f"status {shown(status)} is not one of {', '.join(STATUSES)}")
    query = [*offset_query(limit, offset)]
    if status is not None:
        query.append(("status", status))
    if person is not None:
        query.append(("person_uuid", str(person_uuid(person))))
    rows = PageRows(whole=_ROWS, row=_ROW, offset=offset, uuid_key="person_uuid") if row_by_row else _ROWS
    return persons_call("deletion_status", "GET", "deletion_status/", rows, query=tuple(query))


def probe(route: str) -> Request[bool]:
    """Build a GET on a route that accepts only POST, to learn whether the server has the route."""
    return persons_call("probe", "GET", route, Probe(), route=route.replace(str(UUID(int=0)), ":id"))


def probe_batch() -> Request[bool]:
    """Build POST batch_by_uuids without UUIDs, whose response proves the route."""
    return _batch_by_uuids([]).expecting(Probe(proven_by=_ANY_BATCH))


def probe_deletion_status() -> Request[bool]:
    """Build GET deletion_status of the nil UUID, whose page proves the route whatever rows persons have."""
    return deletion_status(status=None, person=UUID(int=0), limit=1, offset=0).expecting(Probe(proven_by=_ROWS))


def values(key: str, value: str | None) -> Request[Values]:
    """Build GET persons/values (contract 6.11)."""
    query = [("key", property_key(key))]
    if value is not None:
        query.append(("value", text(value, "value")))
    return persons_call("values", "GET", "values/", _VALUES, query=tuple(query))


def cohorts(person: object) -> Request[Cohorts]:
    """Build GET persons/cohorts (contract 6.11)."""
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
    """Return a list of filters.

    Raises:
        InvalidArgument: it is not a list, or has another item than a `PropertyFilter`.
    """
    if isinstance(properties, str | bytes) or not isinstance(properties, Sequence):
        raise InvalidArgument(f"properties must be a list of PropertyFilter, not a {type(properties).__name__}")
    for each in properties:
        if not isinstance(each, PropertyFilter):
            raise InvalidArgument(f"properties must be a list of PropertyFilter, and a {type(each).__name__} is in it")
    return properties
