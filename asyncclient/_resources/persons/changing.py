"""Persons changed: properties, splits, distinct ids (contract 6.3, 6.8, 6.11).

All of it is applied later than it is answered, and a success says no more than that it was taken: read to find out.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from asyncclient._protocol import endpoints
from asyncclient._protocol.endpoints import EncodedProperties, Format, PersonId
from asyncclient._transport.pipeline import RequestPipeline
from asyncclient.errors import NotFound, PostHogError, ServerError


class PersonChanges:
    """The part of `client.persons` that changes."""

    _core: RequestPipeline

    async def update(
        self,
        id: PersonId,  # noqa: A002
        properties: Mapping[str, Any] | EncodedProperties,
        *,
        format: Format | None = None,  # noqa: A002
    ) -> None:
        """Set properties of one person; those not named stay (contract 6.3).

        The server answers before it applies them, and answers the same when it fails to pass them on: read the person
        to be sure. For many persons captured events are quicker: `client.capture`.

        Arguments:
            id: UUID or number.
            properties: JSON values by key, at least one; None sets null and removes nothing. To set the same ones of
                many persons, `EncodedProperties` saves checking them each time.
            format: documented; nothing is read of an answer's body.

        Raises:
            InvalidArgument: a key or value that JSON or the server cannot hold; before anything is sent.
            NotFound: there is no such person.
        """
        await self._core.call(endpoints.update_person(id, properties, format=format))

    async def update_property(self, id: PersonId, key: str, value: Any) -> None:  # noqa: A002
        """Set one property of one person (contract 6.11).

        The server answers before it applies the change: read the person to be sure.

        Arguments:
            id: UUID or number of the person; a distinct ID has to be resolved first.
            key: of the property.
            value: a JSON value; None sets null and removes nothing.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            NotFound: there is no such person.
            InvalidResponse: the answer is not this call's; whether it was taken is not known.
            PostHogError: there is no answer, or it is an error.
        """
        await self._core.call(endpoints.update_property(id, key, value))

    async def delete_property(
        self,
        id: PersonId,  # noqa: A002
        key_or_keys: str | Sequence[str],
        *,
        properties: Mapping[str, Any] | None = None,
        format: Format | None = None,  # noqa: A002
    ) -> None:
        """Remove properties of one person, a request each (contract 6.8); removing one that is not there succeeds.

        Servers before August 2026 take one key a request. When a request fails the keys before it are done; calling
        again with all of them does no harm.

        Arguments:
            id: UUID or number.
            key_or_keys: one key, or a list.
            properties: a documented field of the body, which the server does not read.
            format: documented; nothing is read of an answer's body but a `success` of false.

        Raises:
            InvalidArgument: no key, or one that cannot be; before anything is sent.
            NotFound: there is no such person. The server says 500 then: the person is read to tell, except in a
                `once` view, where the 500 is raised.
            ServerError: whether it was taken is not known.
        """
        requests = [
            endpoints.delete_property(id, key, properties=properties, format=format)
            for key in endpoints.property_keys(key_or_keys)
        ]
        for request in requests:
            try:
                await self._core.call(request)
            except ServerError as error:
                if error.status != 500 or self._core.before_send is not None:
                    raise
                problem = error
            else:
                continue
            raise await self._told_apart(id, problem)

    async def split(
        self,
        id: PersonId,  # noqa: A002
        *,
        main_distinct_id: str | None = None,
        distinct_ids_to_split: Sequence[str] | None = None,
    ) -> None:
        """Split one person into several (contract 6.11). Never repeated by itself, whatever comes of it.

        Arguments:
            id: UUID or number.
            main_distinct_id: the one that stays, all others become persons of their own; or
            distinct_ids_to_split: those that do.

        Raises:
            InvalidArgument: both or neither, or an empty id; before anything is sent.
            BadRequest: one of them is not this person's.
        """
        await self._core.call(
            endpoints.split_person(id, main_distinct_id=main_distinct_id, distinct_ids_to_split=distinct_ids_to_split)
        )

    async def reset_distinct_id(self, distinct_id: str) -> None:
        """Make a distinct ID usable again whose person was deleted (contract 6.11, 8).

        It acts only after the ID has been used again, and the answer does not tell whether it did.

        Arguments:
            distinct_id: of the deleted person.

        Raises:
            InvalidArgument: the ID cannot be used; raised before anything is sent.
            InvalidResponse: the answer is not this call's; whether it was taken is not known.
            PostHogError: there is no answer, or it is an error.
        """
        await self._core.call(endpoints.reset_distinct_id(distinct_id))

    async def _told_apart(self, id: PersonId, problem: PostHogError) -> PostHogError:  # noqa: A002
        """What a 500 of delete_property means: it bypasses the lookup that answers 404 (contract 6.8)."""
        try:
            await self._core.call(endpoints.get_person(id))
        except NotFound as error:
            return error
        except PostHogError:
            pass
        return problem
