"""PersonLookups: batch reads, property values and cohorts of persons (contract 6.11)."""

from collections.abc import Collection, Sequence
from typing import Any, Literal, TypeVar
from uuid import UUID

import msgspec

from asyncclient._protocol import endpoints
from asyncclient._protocol.endpoints import PersonId
from asyncclient._protocol.http import Request
from asyncclient._protocol.ids import person_uuid, person_uuids
from asyncclient._protocol.responses import reading
from asyncclient._protocol.responses.expectations import Json
from asyncclient._transport.pipeline import RequestPipeline
from asyncclient.errors import InvalidArgument, InvalidResponse, shown
from asyncclient.models import (
    BatchResults,
    Person,
    PersonCohorts,
    PersonRef,
    PropertyValues,
    RawPerson,
    StoredPerson,
    StoredRef,
)
from asyncclient.property_projection import PropertyProjection

_BATCH_RAWS = msgspec.json.Decoder(BatchResults[msgspec.Raw])
_RAW = msgspec.json.Decoder(msgspec.Raw)
_REF = msgspec.json.Decoder(PersonRef)
_REFS: "msgspec.json.Decoder[BatchResults[PersonRef]]" = msgspec.json.Decoder(BatchResults[StoredRef])
_BY_UUID: "msgspec.json.Decoder[BatchResults[Person]]" = msgspec.json.Decoder(BatchResults[StoredPerson])
_NIL = UUID(int=0)
_IDS_SHOWN = 10
"""Distinct IDs of a person that a batch read shows at most."""

P = TypeVar("P", Person, PersonRef, RawPerson)
Route = Literal[
    "bulk_delete", "batch_by_uuids", "batch_by_distinct_ids", "deletion_status", "delete_events", "delete_recordings"
]
"""The routes that not every server has."""


SELECTED_PROJECT = (
    "the server reads cohorts of the project that the owner of the key has selected in PostHog; unless that is project "
    "{}, they are missing or wrong"
)
"""The warning of `cohorts`, with the project that the client is set to."""


class PersonLookups:
    """The calls of `client.persons` that look up persons, routes, values and cohorts."""

    _pipeline: RequestPipeline

    async def batch_by_distinct_ids(
        self, distinct_ids: Sequence[str], *, only: PropertyProjection | None = None
    ) -> dict[str, Person]:
        """Return the persons that up to 200 distinct IDs belong to (contract 6.11).

        Arguments:
            distinct_ids: 1 to 200 distinct IDs.
            only: the properties to decode; None for all.

        Returns:
            Persons by distinct ID, with at most 10 distinct IDs each; an ID that belongs to no person is left out.

        Raises:
            InvalidArgument: not 1 to 200 IDs, or one that cannot be used; raised before anything is sent.
            InvalidResponse: the response does not match this call.
            PostHogError: there is no response, or it reports an error.
        """
        request = endpoints.batch_by_distinct_ids(distinct_ids)
        found = await (self._pipeline.call(request) if only is None else self._pipeline.read(request, only.decoder))
        return _by_distinct_id(request, distinct_ids, found.results)

    async def refs_by_distinct_ids(self, distinct_ids: Sequence[str]) -> dict[str, PersonRef]:
        """Return the identifiers of the persons that up to 200 distinct IDs belong to (contract 6.11).

        Arguments:
            distinct_ids: 1 to 200 distinct IDs.

        Returns:
            Persons by distinct ID; an ID that belongs to no person is left out.

        Raises:
            InvalidArgument: not 1 to 200 IDs, or one that cannot be used; raised before anything is sent.
            InvalidResponse: the response does not match this call.
            PostHogError: there is no response, or it reports an error.
        """
        request = endpoints.batch_by_distinct_ids(distinct_ids)
        return _by_distinct_id(request, distinct_ids, (await self._pipeline.read(request, _REFS)).results)

    async def batch_by_uuids(
        self, uuids: Sequence[UUID | str], *, only: PropertyProjection | None = None
    ) -> dict[UUID, Person]:
        """Return the persons with up to 200 UUIDs: the cheapest read of the persons store (contract 6.11).

        Arguments:
            uuids: 1 to 200 UUIDs of persons.
            only: the properties to decode; None for all.

        Returns:
            Persons by UUID, with at most 10 distinct IDs each; a UUID that belongs to no person is left out.

        Raises:
            InvalidArgument: not 1 to 200 IDs, or one that cannot be used; raised before anything is sent.
            InvalidResponse: the response does not match this call.
            PostHogError: there is no response, or it reports an error.
        """
        decoder = _BY_UUID if only is None else only.decoder
        request = endpoints.batch_by_uuids(uuids)
        return _by_uuid(request, uuids, (await self._pipeline.read(request, decoder)).results)

    async def refs_by_uuids(self, uuids: Sequence[UUID | str]) -> dict[UUID, PersonRef]:
        """Return the identifiers of the persons with up to 200 UUIDs (contract 6.11).

        Arguments:
            uuids: 1 to 200 UUIDs of persons.

        Returns:
            Persons by UUID; a UUID that belongs to no person is left out.

        Raises:
            InvalidArgument: not 1 to 200 IDs, or one that cannot be used; raised before anything is sent.
            InvalidResponse: the response does not match this call.
            PostHogError: there is no response, or it reports an error.
        """
        request = endpoints.batch_by_uuids(uuids)
        return _by_uuid(request, uuids, (await self._pipeline.read(request, _REFS)).results)

    async def raw_by_distinct_ids(self, distinct_ids: Sequence[str]) -> dict[str, RawPerson]:
        """Return the persons of up to 200 distinct IDs, each as the JSON object that the server sent (contract 6.11).

        Arguments:
            distinct_ids: 1 to 200 distinct IDs.

        Returns:
            Persons by distinct ID; an ID that belongs to no person is left out.

        Raises:
            InvalidArgument: not 1 to 200 IDs, or one that cannot be used; raised before anything is sent.
            InvalidResponse: the response does not match this call.
            PostHogError: there is no response, or it reports an error.
        """
        request = endpoints.batch_by_distinct_ids(distinct_ids)
        return _by_distinct_id(request, distinct_ids, await self._raw(request))

    async def raw_by_uuids(self, uuids: Sequence[UUID | str]) -> dict[UUID, RawPerson]:
        """Return the persons with up to 200 UUIDs, each as the JSON object that the server sent (contract 6.11).

        Arguments:
            uuids: 1 to 200 UUIDs of persons.

        Returns:
            Persons by UUID; a UUID that belongs to no person is left out.

        Raises:
            InvalidArgument: not 1 to 200 UUIDs, or one that is not a UUID; raised before anything is sent.
            InvalidResponse: the response does not match this call.
            PostHogError: there is no response, or it reports an error.
        """
        request = endpoints.batch_by_uuids(uuids)
        return _by_uuid(request, uuids, await self._raw(request))

    async def raw_by_uuid(self, uuid: UUID | str) -> RawPerson:
        """Return one person with all its distinct IDs, as the JSON object that the server sent (contract 6.2).

        Arguments:
            uuid: UUID of the person.

        Raises:
            InvalidArgument: it is not a UUID; raised before anything is sent.
            NotFound: the person does not exist.
            InvalidResponse: the response does not match this call, or is about another person.
            PostHogError: there is no response, or it reports an error.
        """
        request = endpoints.get_person(person_uuid(uuid)).expecting(Json(decoder=_RAW))
        response = await self._pipeline.send(request)
        raw = reading.read(request, response, self._pipeline.shared.key)
        person = RawPerson(reading.decode_part(request, response, raw, _REF), raw)
        if person.uuid != person_uuid(uuid):
            raise _mixed_up(request)
        return person

    async def _raw(self, request: Request[BatchResults[Person]]) -> dict[str, RawPerson]:
        pipeline = self._pipeline
        requested = request.expecting(Json(decoder=_BATCH_RAWS))
        response = await pipeline.send(requested)
        results = reading.read(requested, response, pipeline.shared.key).results
        return {
            key: RawPerson(reading.decode_part(requested, response, raw, _REF), raw) for key, raw in results.items()
        }

    async def knows(self, route: Route) -> bool:
        """Find out by reading whether the server has a route (contract 8).

        An older server reads an unknown route as a person ID, so its response differs. Only a decoded response counts.

        Arguments:
            route: "bulk_delete", "batch_by_uuids", "batch_by_distinct_ids", "deletion_status", "delete_events" or
                "delete_recordings".

        Returns:
            True if the server has the route.

        Raises:
            InvalidArgument: the route is not one of these; raised before anything is sent.
            PostHogError: the response does not show it.
        """
        if route not in _PROBES:
            raise InvalidArgument(f"route {shown(route)} is not one of {', '.join(_PROBES)}")
        await self._pipeline.settle_prefix()  # an unknown route gets the same response as an unknown prefix
        known = await self._pipeline.call(_PROBES[route])
        if known and route == "deletion_status":
            self._pipeline.shared.returns_summaries = True
        return known

    async def values(self, key: str, value: str | None = None) -> PropertyValues:
        """Return the most common values of a property among all persons (contract 6.11).

        Arguments:
            key: property key; the server returns no values for `$virt` keys.
            value: text that the values must contain; None for all.

        Returns:
            The values and, if the server sends them, their counts.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            InvalidResponse: the response does not match this call.
            PostHogError: there is no response, or it reports an error.
        """
        found = await self._pipeline.call(endpoints.values(key, value))
        if isinstance(found, list):
            return PropertyValues(results=found)
        return PropertyValues(results=found.results, refreshing=found.refreshing)

    async def cohorts(self, person_id: PersonId) -> PersonCohorts:
        """Return the cohorts that a person is in (contract 6.11). Needs the scopes person:read and cohort:read.

        The server looks the cohorts up in the project that the key's owner has selected in PostHog, whatever project
        the client is set to: with another one selected, the cohorts are missing or those of another person.

        Arguments:
            person_id: UUID or number of the person.

        Returns:
            The cohorts, with a warning that says so.

        Raises:
            InvalidArgument: the ID is not valid; raised before anything is sent.
            PermissionDenied: the key lacks a scope.
            InvalidResponse: the response does not match this call.
            PostHogError: there is no response, or it reports an error.
        """
        found = await self._pipeline.call(endpoints.cohorts(person_id))
        project = self._pipeline.shared.project_id
        return PersonCohorts(found.results, None if project == "@current" else SELECTED_PROJECT.format(project))


def _by_uuid(request: Request[Any], uuids: Sequence[UUID | str], found: dict[str, P]) -> dict[UUID, P]:
    """Return the persons of a response, checked.

    Raises:
        InvalidResponse: a person is under the key of another one, or other persons came in place of the requested ones.
    """
    persons = [person.uuid for person in found.values()]
    keys = _texts(persons)
    if keys != [*found] and keys != [key.lower() for key in found]:
        raise _mixed_up(request)
    requested = _texts(person_uuids(uuids))
    if requested != keys:  # the usual response has exactly the requested persons, in their order
        _check_keys(request, requested, keys)
    return dict(zip(persons, found.values(), strict=True))


def _by_distinct_id(request: Request[Any], distinct_ids: Sequence[str], found: dict[str, P]) -> dict[str, P]:
    """Return the persons of a response, checked.

    Raises:
        InvalidResponse: a person is under a distinct ID of another one, or other persons came in place of the requested
            ones.
    """
    for key in distinct_ids:
        shown_ids = found[key].distinct_ids if key in found else ()
        if shown_ids and key not in shown_ids and len(shown_ids) < _IDS_SHOWN:
            raise _mixed_up(request)
    _check_keys(request, distinct_ids, found)
    return found


def _texts(uuids: Sequence[UUID | str]) -> list[str]:
    """Return UUIDs as text, which compares and hashes much faster; text stays as it is."""
    texts: list[str] = msgspec.to_builtins(uuids)
    return texts


def _check_keys(request: Request[Any], requested: Sequence[str], found: Collection[str]) -> None:
    """Check that a response has no other persons in place of requested ones, because it could then be about none."""
    if found and not set(requested).issubset(found) and not set(requested).issuperset(found):
        raise _mixed_up(request)


def _mixed_up(request: Request[Any]) -> InvalidResponse:
    problem = "the response has persons that were not requested, and lacks requested ones"
    return InvalidResponse(200, method=request.method, path=request.path, route=request.route, detail=problem)


_PROBES: dict[Route, Request[bool]] = {
    "bulk_delete": endpoints.probe("bulk_delete/"),
    "batch_by_uuids": endpoints.probe_batch(),
    "batch_by_distinct_ids": endpoints.probe("batch_by_distinct_ids/"),
    "deletion_status": endpoints.probe_deletion_status(),
    "delete_events": endpoints.probe(f"{_NIL}/delete_events/"),
    "delete_recordings": endpoints.probe(f"{_NIL}/delete_recordings/"),
}
