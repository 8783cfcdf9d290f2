"""PersonChanges: changes properties, splits persons, resets distinct IDs (contract 6.3, 6.8, 6.11).

The server applies these changes after it has responded. A success means that it accepted the change; only reading the
person proves it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from asyncclient._protocol import endpoints
from asyncclient._protocol.endpoints import EncodedProperties, Format, PersonId
from asyncclient._transport.pipeline import RequestPipeline
from asyncclient.errors import NotFound, PostHogError, ServerError


class PersonChanges:
    """The calls of `client.persons` that change persons."""

    _pipeline: RequestPipeline

    async def update(
        self,
        id: PersonId,  # noqa: A002
        properties: Mapping[str, Any] | EncodedProperties,
        *,
        format: Format | None = None,  # noqa: A002
    ) -> None:
        """Set properties of one person; other properties stay as they are (contract 6.3).

        The server responds before it applies the change, and responds the same if it loses the change: read the person
        to be sure. For many persons, captured events are faster: see `client.capture`.

        Arguments:
            id: UUID or number of the person; resolve a distinct ID first.
            properties: JSON values by key, at least one; None sets null and removes nothing. To set the same ones of
                many persons, `EncodedProperties` saves checking them each time.
            format: "csv" or "json", as documented; the response has no body in either.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            NotFound: the person does not exist.
            InvalidResponse: the response does not match this call; the server may or may not have accepted the change.
            PostHogError: there is no response, or it reports an error.
        """
        await self._pipeline.call(endpoints.update_person(id, properties, format=format))

    async def update_property(self, id: PersonId, key: str, value: Any) -> None:  # noqa: A002
        """Set one property of one person (contract 6.11).

        The server responds before it applies the change: read the person to be sure.

        Arguments:
            id: UUID or number of the person; resolve a distinct ID first.
            key: of the property.
            value: a JSON value; None sets null and removes nothing.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            NotFound: the person does not exist.
            InvalidResponse: the response does not match this call; the server may or may not have accepted the change.
            PostHogError: there is no response, or it reports an error.
        """
        await self._pipeline.call(endpoints.update_property(id, key, value))

    async def delete_property(
        self,
        id: PersonId,  # noqa: A002
        key_or_keys: str | Sequence[str],
        *,
        in_one_call: bool = False,
        properties: Mapping[str, Any] | None = None,
        format: Format | None = None,  # noqa: A002
    ) -> None:
        """Remove properties of one person, with one request per key (contract 6.8); a missing property is not an error.

        If a request fails, the keys before it were accepted; calling again with all keys is safe. Servers since August
        2026 take all keys in one request. An older one refuses that, or accepts it without effect, and nothing tells
        which server it is: use `in_one_call` for one person first, and read it back.

        Arguments:
            id: UUID or number of the person; resolve a distinct ID first.
            key_or_keys: one property key, or a list of at least one.
            in_one_call: send all keys in one request.
            properties: a documented field of the body; the server does not read it.
            format: documented; of the response only `success` is read.

        Raises:
            InvalidArgument: there is no key, or one is not valid; raised before anything is sent.
            NotFound: the person does not exist. The server responds with 500 then, so the client reads the person to
                tell, except in a `once` view, where the 500 is raised.
            ServerError: the server may or may not have accepted the change.
            PostHogError: there is no response, or it reports an error.
        """
        keys = endpoints.property_keys(key_or_keys)
        requests = [
            endpoints.delete_property(id, each, properties=properties, format=format)
            for each in ((keys,) if in_one_call and len(keys) > 1 else keys)
        ]
        for request in requests:
            try:
                await self._pipeline.call(request)
            except ServerError as error:
                if error.status != 500 or self._pipeline.before_send is not None:
                    raise
                server_error = error
            else:
                continue
            raise await self._resolve_500(id, server_error)

    async def split(
        self,
        id: PersonId,  # noqa: A002
        *,
        main_distinct_id: str | None = None,
        distinct_ids_to_split: Sequence[str] | None = None,
    ) -> None:
        """Split one person into several (contract 6.11). This call is never retried.

        Arguments:
            id: UUID or number of the person; resolve a distinct ID first.
            main_distinct_id: the distinct ID that stays; each other one becomes a person of its own. Or:
            distinct_ids_to_split: distinct IDs that become persons of their own, 1 to 10,000.

        Raises:
            InvalidArgument: both arguments or none is given, or one cannot be used; raised before anything is sent.
            BadRequest: a distinct ID does not belong to this person.
            PostHogError: there is no response, or it reports an error.
        """
        await self._pipeline.call(
            endpoints.split_person(id, main_distinct_id=main_distinct_id, distinct_ids_to_split=distinct_ids_to_split)
        )

    async def reset_distinct_id(self, distinct_id: str) -> None:
        """Make a distinct ID of a deleted person usable again (contract 6.11, 8).

        It has an effect only after the ID was used again, and the response does not show whether it had.

        Arguments:
            distinct_id: distinct ID of the deleted person.

        Raises:
            InvalidArgument: the ID cannot be used; raised before anything is sent.
            InvalidResponse: the response does not match this call; the server may or may not have accepted the change.
            PostHogError: there is no response, or it reports an error.
        """
        await self._pipeline.call(endpoints.reset_distinct_id(distinct_id))

    async def _resolve_500(self, id: PersonId, server_error: PostHogError) -> PostHogError:  # noqa: A002
        """Return what a 500 of `delete_property` means: that call bypasses the lookup behind a 404 (contract 6.8)."""
        try:
            await self._pipeline.call(endpoints.get_person(id))
        except NotFound as error:
            return error
        except PostHogError:
            pass
        return server_error
