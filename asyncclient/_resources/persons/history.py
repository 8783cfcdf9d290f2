"""What became of persons: activity, timeline, properties at a time (contract 6.9 to 6.11)."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any, Literal, overload

from asyncclient._protocol import endpoints
from asyncclient._protocol.endpoints import Format, PersonId
from asyncclient._protocol.http import Request
from asyncclient._protocol.paging.page_number_pager import PageNumberPager
from asyncclient._transport.pipeline import RequestPipeline
from asyncclient.activity import Activity, ActivityPage
from asyncclient.errors import ApiStatusError
from asyncclient.filters import PropertyFilter
from asyncclient.timeline import PropertiesTimeline


class PersonHistory:
    """The part of `client.persons` that looks back."""

    _core: RequestPipeline

    @overload
    async def activity(
        self, id: PersonId, *, limit: int = 10, page: int = 1, format: Literal["json"] | None = None
    ) -> ActivityPage: ...
    @overload
    async def activity(self, id: PersonId, *, limit: int = 10, page: int = 1, format: Literal["csv"]) -> str: ...
    async def activity(
        self,
        id: PersonId,  # noqa: A002
        *,
        limit: int = 10,
        page: int = 1,
        format: Format | None = None,  # noqa: A002
    ) -> ActivityPage | str:
        """One page of what was done to a person, the newest first (contract 6.9). Needs the scope activity_log:read.

        The documentation promises no body; an empty one is an empty page.

        Arguments:
            id: UUID or number of the person; a distinct ID has to be resolved first.
            limit: entries, 1 to 10,000.
            page: its number, from 1; one past the end may be a 404 or a 500, so follow `next` or use an iterator.
            format: "json", or "csv" for the server's text.

        Returns:
            The page, or the text where the format is "csv".

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            NotFound: there is no such person any more; `all_activity` still lists the deletion.
            PermissionDenied: the key lacks the scope.
            InvalidResponse: the answer is not this call's.
            PostHogError: there is no answer, or it is an error.
        """
        request = endpoints.person_activity(id, limit=limit, page=page, format=format, may_be_blank=True)
        if format == "csv":
            return await self._core.call(endpoints.in_csv(request))
        return await self._core.call(request)

    async def iter_activity(self, id: PersonId, *, page_size: int = 100) -> AsyncGenerator[Activity, None]:  # noqa: A002
        """All that was done to a person, the newest first, each entry once (contract 6.9). Needs activity_log:read.

        Arguments:
            id: UUID or number of the person; a distinct ID has to be resolved first.
            page_size: entries per request, 1 to 10,000.

        Returns:
            Entries.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            NotFound: there is no such person any more.
            PermissionDenied: the key lacks the scope.
            ListingError: the server leads in circles.
            InvalidResponse: the answer is not this call's.
            PostHogError: there is no answer, or it is an error.
        """
        async for each in self._entries(lambda page: endpoints.person_activity(id, limit=page_size, page=page)):
            yield each

    async def all_activity(self, *, limit: int = 10, page: int = 1) -> ActivityPage:
        """One page of what was done to any person of the project, deleted ones too (contract 6.9, 6.11).

        Needs the scope activity_log:read.

        Arguments:
            limit: entries, 1 to 10,000.
            page: its number, from 1; one past the end may be a 404 or a 500, so follow `next` or use an iterator.

        Returns:
            The page, the newest entry first.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            PermissionDenied: the key lacks the scope.
            InvalidResponse: the answer is not this call's.
            PostHogError: there is no answer, or it is an error.
        """
        return await self._core.call(endpoints.all_activity(limit=limit, page=page))

    async def iter_all_activity(self, *, page_size: int = 100) -> AsyncGenerator[Activity, None]:
        """All that was done to any person of the project, the newest first, each entry once (contract 6.9, 6.11).

        Needs the scope activity_log:read.

        Arguments:
            page_size: entries per request, 1 to 10,000.

        Returns:
            Entries.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            PermissionDenied: the key lacks the scope.
            ListingError: the server leads in circles.
            InvalidResponse: the answer is not this call's.
            PostHogError: there is no answer, or it is an error.
        """
        async for each in self._entries(lambda page: endpoints.all_activity(limit=page_size, page=page)):
            yield each

    @overload
    async def properties_timeline(
        self,
        id: PersonId,
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
        format: Literal["json"] | None = None,
    ) -> PropertiesTimeline: ...
    @overload
    async def properties_timeline(
        self,
        id: PersonId,
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
        format: Literal["csv"],
    ) -> str: ...
    async def properties_timeline(
        self,
        id: PersonId,  # noqa: A002
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
    ) -> PropertiesTimeline | str:
        """How one person's properties changed over time (contract 6.10).

        Only a key without scopes may ask: a scoped one gets 403, even with the scope `*`. The documentation promises
        no body; an empty one is an empty timeline.

        Arguments:
            id: UUID or number.
            events, actions, properties: objects as the server's insights have them; sent as JSON.
            display, interval, breakdown, breakdown_type: as the server's insights have them.
            date_from, date_to: dates, or spans such as -30d.
            format: with "csv" the server's text is returned.

        Raises:
            PermissionDenied: the key has scopes.
            NotFound: there is no such person.
        """
        request = endpoints.properties_timeline(
            id,
            events=events,
            actions=actions,
            properties=properties,
            display=display,
            date_from=date_from,
            date_to=date_to,
            interval=interval,
            breakdown=breakdown,
            breakdown_type=breakdown_type,
            format=format,
        )
        if format == "csv":
            return await self._core.call(endpoints.in_csv(request))
        return await self._core.call(request)

    async def properties_at_time(
        self, timestamp: str, *, distinct_id: str | None = None, person_id: PersonId | None = None
    ) -> dict[str, Any]:
        """What the server tells of a person's properties at a time, as it tells it (contract 6.11).

        Arguments:
            timestamp: ISO 8601.
            distinct_id: of the person; or
            person_id: UUID or number.

        Raises:
            InvalidArgument: both or neither; before anything is sent.
            ApiStatusError: no such person, or no time; `detail` says which.
        """
        request = endpoints.properties_at_time(timestamp, distinct_id=distinct_id, person=person_id)
        return await self._core.call(request)

    async def _entries(self, ask: Callable[[int], Request[ActivityPage]]) -> AsyncGenerator[Activity, None]:
        paging = PageNumberPager()
        while (number := paging.page) is not None:
            try:
                page = await self._core.call(ask(number))
            except ApiStatusError as error:
                if paging.is_past_the_end(error.status):
                    return
                raise
            for each in paging.feed(page.results, page.next, page.total_count):
                yield each
