"""What the server can be asked about persons beside listing them (contract 6.11)."""

from collections.abc import Collection, Sequence
from typing import Any, Literal, TypeVar
from uuid import UUID

import msgspec

from asyncclient._protocol import endpoints
from asyncclient._protocol.endpoints import DeletionStatus, PersonId
from asyncclient._protocol.http import Request
from asyncclient._protocol.responses import reading
from asyncclient._protocol.responses.expectations import Json
from asyncclient._transport.pipeline import RequestPipeline
from asyncclient.errors import InvalidArgument, InvalidResponse, shown
from asyncclient.models import (
    BatchResults,
    Cohort,
    DeletionRow,
    Page,
    Person,
    PersonRef,
    PropertyValues,
    RawPerson,
    ResultsByUuid,
    StoredPerson,
    StoredRef,
)
from asyncclient.property_projection import PropertyProjection

_BATCH_RAWS = msgspec.json.Decoder(BatchResults[msgspec.Raw])
_REF = msgspec.json.Decoder(PersonRef)
_REFS_BY_ID: "msgspec.json.Decoder[BatchResults[PersonRef]]" = msgspec.json.Decoder(BatchResults[StoredRef])
_BY_UUID: "msgspec.json.Decoder[ResultsByUuid[Person]]" = msgspec.json.Decoder(ResultsByUuid[StoredPerson])
_REFS_BY_UUID: "msgspec.json.Decoder[ResultsByUuid[PersonRef]]" = msgspec.json.Decoder(ResultsByUuid[StoredRef])
_NIL = UUID(int=0)

K = TypeVar("K", UUID, str, int)
P = TypeVar("P", Person, PersonRef)
Route = Literal[
    "bulk_delete", "batch_by_uuids", "batch_by_distinct_ids", "deletion_status", "delete_events", "delete_recordings"
]
"""A route that not every server has."""


class PersonLookups:
    """The part of `client.persons` that resolves, and asks about deletions, values and cohorts."""

    _core: RequestPipeline

    async def batch_by_distinct_ids(
        self, distinct_ids: Sequence[str], *, only: PropertyProjection | None = None
    ) -> dict[str, Person]:
        """The persons that up to 200 distinct IDs belong to (contract 6.11).

        Arguments:
            distinct_ids: 1 to 200.
            only: the properties to decode; None for all.

        Returns:
            Persons by distinct ID, with at most 10 distinct IDs each; an ID that belongs to no person is left out.

        Raises:
            InvalidArgument: not 1 to 200 IDs, or one that cannot be used; raised before anything is sent.
            InvalidResponse: the answer is not this call's.
            PostHogError: there is no answer, or it is an error.
        """
        request = endpoints.batch_by_distinct_ids(distinct_ids)
        found = await (self._core.call(request) if only is None else self._core.read(request, only.by_distinct_id))
        _check_keys(request, distinct_ids, found.results)
        return found.results

    async def refs_by_distinct_ids(self, distinct_ids: Sequence[str]) -> dict[str, PersonRef]:
        """Who the persons are that up to 200 distinct IDs belong to, without their properties (contract 6.11).

        Arguments:
            distinct_ids: 1 to 200.

        Returns:
            Persons by distinct ID; an ID that belongs to no person is left out.

        Raises:
            InvalidArgument: not 1 to 200 IDs, or one that cannot be used; raised before anything is sent.
            InvalidResponse: the answer is not this call's.
            PostHogError: there is no answer, or it is an error.
        """
        request = endpoints.batch_by_distinct_ids(distinct_ids)
        found = await self._core.read(request, _REFS_BY_ID)
        _check_keys(request, distinct_ids, found.results)
        return found.results

    async def batch_by_uuids(
        self, uuids: Sequence[UUID | str], *, only: PropertyProjection | None = None
    ) -> dict[UUID, Person]:
        """The persons of up to 200 UUIDs: the cheapest read of the persons store (contract 6.11).

        Arguments:
            uuids: 1 to 200, of persons.
            only: the properties to decode; None for all.

        Returns:
            Persons by UUID, with at most 10 distinct IDs each; a UUID that belongs to no person is left out.

        Raises:
            InvalidArgument: not 1 to 200 IDs, or one that cannot be used; raised before anything is sent.
            InvalidResponse: the answer is not this call's.
            PostHogError: there is no answer, or it is an error.
        """
        decoder = _BY_UUID if only is None else only.by_uuid
        request = endpoints.batch_by_uuids(uuids)
        return _by_uuid(request, uuids, (await self._core.read(request, decoder)).results)

    async def refs_by_uuids(self, uuids: Sequence[UUID | str]) -> dict[UUID, PersonRef]:
        """Who the persons of up to 200 UUIDs are, without their properties (contract 6.11).

        Arguments:
            uuids: 1 to 200, of persons.

        Returns:
            Persons by UUID; a UUID that belongs to no person is left out.

        Raises:
            InvalidArgument: not 1 to 200 IDs, or one that cannot be used; raised before anything is sent.
            InvalidResponse: the answer is not this call's.
            PostHogError: there is no answer, or it is an error.
        """
        request = endpoints.batch_by_uuids(uuids)
        return _by_uuid(request, uuids, (await self._core.read(request, _REFS_BY_UUID)).results)

    async def raw_by_distinct_ids(self, distinct_ids: Sequence[str]) -> dict[str, RawPerson]:
        """The persons of distinct IDs, each as the JSON object that the server sent (contract 6.11).

        Arguments:
            distinct_ids: 1 to 200.

        Returns:
            Persons by distinct ID; an ID that belongs to no person is left out.

        Raises:
            InvalidArgument: not 1 to 200 IDs, or an empty one; before anything is sent.
            InvalidResponse: the answer is not this call's.
            PostHogError: there is no answer, or it is an error.
        """
        request = endpoints.batch_by_distinct_ids(distinct_ids)
        found = await self._raw(request)
        _check_keys(request, distinct_ids, found)
        return found

    async def raw_by_uuids(self, uuids: Sequence[UUID | str]) -> dict[UUID, RawPerson]:
        """The persons of UUIDs, each as the JSON object that the server sent (contract 6.11).

        Arguments:
            uuids: 1 to 200, of persons.

        Returns:
            Persons by UUID; a UUID that belongs to no person is left out.

        Raises:
            InvalidArgument: not 1 to 200 UUIDs, or one that is none; before anything is sent.
            InvalidResponse: the answer is not this call's.
            PostHogError: there is no answer, or it is an error.
        """
        request = endpoints.batch_by_uuids(uuids)
        found = await self._raw(request)
        if any(key.lower() != str(person.ref.uuid) for key, person in found.items()):
            raise _mixed_up(request)
        by_uuid = {person.ref.uuid: person for person in found.values()}
        _check_keys(request, [each if isinstance(each, UUID) else UUID(each) for each in uuids], by_uuid)
        return by_uuid

    async def _raw(self, request: Request[BatchResults[Person]]) -> dict[str, RawPerson]:
        core = self._core
        asked = request.expecting(Json(decoder=_BATCH_RAWS))
        response = await core.send(asked)
        results = reading.read(asked, response, core.shared.key).results
        return {key: RawPerson(reading.part(asked, response, raw, _REF), raw) for key, raw in results.items()}

    async def deletion_status(
        self,
        *,
        status: DeletionStatus | None = None,
        person_uuid: UUID | str | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> Page[DeletionRow]:
        """One page of requests to delete events, newest first (contract 6.11, 8).

        Arguments:
            status: "pending", "completed" or "all"; None is the server's default, all.
            person_uuid: of one person only; None for every person.
            limit: rows, 1 to 10,000.
            offset: rows to skip.

        Returns:
            The page; no row for a person proves nothing.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            InvalidResponse: the answer is not this call's.
            PostHogError: there is no answer, or it is an error.
        """
        request = endpoints.deletion_status(status=status, person=person_uuid, limit=limit, offset=offset)
        page = await self._core.call(request)
        self._core.shared.returns_summaries = True
        return page

    async def knows(self, route: Route) -> bool:
        """Whether this server is new enough to have a route, found out by reading (contract 8).

        A route that a server does not know is read as a person's ID there, so the answers tell them apart. Only a
        decoded answer counts.

        Arguments:
            route: "bulk_delete", "batch_by_uuids", "batch_by_distinct_ids", "deletion_status", "delete_events" or
                "delete_recordings".

        Returns:
            Whether the server has the route.

        Raises:
            InvalidArgument: it is none of these; raised before anything is sent.
            PostHogError: the answer does not tell.
        """
        if route not in _PROBES:
            raise InvalidArgument(f"route {shown(route)} is none of {', '.join(_PROBES)}")
        await self._core.settle_prefix()  # an unknown route's answer is that of an unknown prefix
        known = await self._core.call(_PROBES[route])
        if known and route == "deletion_status":
            self._core.shared.returns_summaries = True
        return known

    async def values(self, key: str, value: str | None = None) -> PropertyValues:
        """The commonest values of a property among all persons (contract 6.11).

        Arguments:
            key: of the property; the server answers nothing for `$virt` keys.
            value: a text that values have to contain; None for all.

        Returns:
            Values and how often they occur, as far as the server tells.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            InvalidResponse: the answer is not this call's.
            PostHogError: there is no answer, or it is an error.
        """
        found = await self._core.call(endpoints.values(key, value))
        if isinstance(found, list):
            return PropertyValues(results=found)
        return PropertyValues(results=found.results, refreshing=found.refreshing)

    async def cohorts(self, person_id: PersonId) -> list[Cohort]:
        """The cohorts that a person is in (contract 6.11). The key needs person:read and cohort:read.

        Arguments:
            person_id: UUID or number.

        Returns:
            The cohorts.

        Raises:
            InvalidArgument: the ID is none; raised before anything is sent.
            PermissionDenied: the key lacks a scope.
            InvalidResponse: the answer is not this call's.
            PostHogError: there is no answer, or it is an error.
        """
        return (await self._core.call(endpoints.cohorts(person_id))).results


def _by_uuid(request: Request[Any], uuids: Sequence[UUID | str], found: dict[UUID, P]) -> dict[UUID, P]:
    """The persons of an answer.

    Raises:
        InvalidResponse: one stands under the key of another one, or others stand in place of those asked for.
    """
    keys = [key.int for key in found]  # integers hash and compare faster than UUIDs
    if keys != [person.uuid.int for person in found.values()]:
        raise _mixed_up(request)
    _check_keys(request, [(each if isinstance(each, UUID) else UUID(each)).int for each in uuids], keys)
    return found


def _check_keys(request: Request[Any], asked: Sequence[K], found: Collection[K]) -> None:
    """Pass unless an answer tells of others in place of those asked for: then it may tell of none of them."""
    if found and not set(asked).issubset(found) and not set(asked).issuperset(found):
        raise _mixed_up(request)


def _mixed_up(request: Request[Any]) -> InvalidResponse:
    problem = "the answer tells of persons that were not asked for, and not of all that were"
    return InvalidResponse(200, method=request.method, path=request.path, route=request.route, detail=problem)


_PROBES: dict[Route, Request[bool]] = {
    "bulk_delete": endpoints.probe("bulk_delete/"),
    "batch_by_uuids": endpoints.probe_batch(),
    "batch_by_distinct_ids": endpoints.probe("batch_by_distinct_ids/"),
    "deletion_status": endpoints.probe_deletion_status(),
    "delete_events": endpoints.probe(f"{_NIL}/delete_events/"),
    "delete_recordings": endpoints.probe(f"{_NIL}/delete_recordings/"),
}
