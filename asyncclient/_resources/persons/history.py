"""PersonHistory: activity log, properties timeline, properties at a time (contract 6.9 to 6.11)."""

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
from asyncclient.models import PersonEmails
from asyncclient.timeline import PropertiesTimeline


class PersonHistory:
    """The calls of `client.persons` that read the past."""

    _pipeline: RequestPipeline

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
        """Return one page of a person's activity log, the newest entry first (contract 6.9).

        Needs the scope activity_log:read. The documentation promises no body, so an empty body is an empty page.

        Arguments:
            id: UUID or number of the person; resolve a distinct ID first.
            limit: entries per page, 1 to 10,000.
            page: number of the page, from 1; past the end the server may respond with 404 or 500, so follow `next` or
                use an iterator.
            format: "json", or "csv" for the server's text.

        Returns:
            The page, or the text if the format is "csv".

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            NotFound: the person does not exist any more; `all_activity` still lists the deletion.
            PermissionDenied: the key lacks the scope.
            InvalidResponse: the response does not match this call.
            PostHogError: there is no response, or it reports an error.
        """
        request = endpoints.person_activity(id, limit=limit, page=page, format=format, may_be_blank=True)
        if format == "csv":
            return await self._pipeline.call(endpoints.in_csv(request))
        return await self._pipeline.call(request)

    async def iter_activity(self, id: PersonId, *, page_size: int = 100) -> AsyncGenerator[Activity, None]:  # noqa: A002
        """Yield a person's activity log, the newest entry first, each entry once (contract 6.9).

        Needs the scope activity_log:read.

        Arguments:
            id: UUID or number of the person; resolve a distinct ID first.
            page_size: entries per request, 1 to 10,000.

        Returns:
            The entries.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            NotFound: the person does not exist any more.
            PermissionDenied: the key lacks the scope.
            ListingError: the `next` links form a loop.
            InvalidResponse: the response does not match this call.
            PostHogError: there is no response, or it reports an error.
        """
        async for each in self._entries(lambda page: endpoints.person_activity(id, limit=page_size, page=page)):
            yield each

    async def all_activity(self, *, limit: int = 10, page: int = 1) -> ActivityPage:
        """Return one page of the activity log of all persons, deleted ones included (contract 6.9, 6.11).

        Needs the scope activity_log:read.

        Arguments:
            limit: entries per page, 1 to 10,000.
            page: number of the page, from 1; past the end the server may respond with 404 or 500, so follow `next` or
                use an iterator.

        Returns:
            The page, the newest entry first.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            PermissionDenied: the key lacks the scope.
            InvalidResponse: the response does not match this call.
            PostHogError: there is no response, or it reports an error.
        """
        return await self._pipeline.call(endpoints.all_activity(limit=limit, page=page))

    async def iter_all_activity(self, *, page_size: int = 100) -> AsyncGenerator[Activity, None]:
        """Yield the activity log of all persons, the newest entry first, each entry once (contract 6.9, 6.11).

        Needs the scope activity_log:read.

        Arguments:
            page_size: entries per request, 1 to 10,000.

        Returns:
            The entries.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            PermissionDenied: the key lacks the scope.
            ListingError: the `next` links form a loop.
            InvalidResponse: the response does not match this call.
            PostHogError: there is no response, or it reports an error.
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
        """Return how the properties of one person changed over time (contract 6.10).

        Only keys without scopes may use this call: a scoped key gets 403, even with the scope `*`. The documentation
        promises no body, so an empty body is an empty timeline.

        Arguments:
            id: UUID or number of the person; resolve a distinct ID first.
            events, actions, properties: filter objects as in PostHog's insights; sent as JSON.
            display, interval, breakdown, breakdown_type: as in PostHog's insights.
            date_from, date_to: dates, or relative ones such as "-30d".
            format: "json", or "csv" for the server's text.

        Returns:
            The timeline, or the text if the format is "csv".

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            PermissionDenied: the key has scopes.
            NotFound: the person does not exist.
            InvalidResponse: the response does not match this call.
            PostHogError: there is no response, or it reports an error.
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
            return await self._pipeline.call(endpoints.in_csv(request))
        return await self._pipeline.call(request)

    async def properties_at_time(
        self,
        timestamp: str,
        *,
        distinct_id: str | None = None,
        person_id: PersonId | None = None,
        include_set_once: bool = False,
    ) -> dict[str, Any]:
        """Return a person with the properties it had at a time, as the server sends it (contract 6.11).

        Arguments:
            timestamp: time in ISO 8601.
            distinct_id: a distinct ID of the person. Or:
            person_id: UUID or number of the person.
            include_set_once: also apply properties that events set once; False for those of `$set` only.

        Returns:
            The server's JSON object, with the key `properties`.

        Raises:
            InvalidArgument: both IDs or none is given; raised before anything is sent.
            ApiStatusError: the person does not exist, or the time is not valid; `detail` says which.
            PostHogError: there is no response, or it reports an error.
        """
        request = endpoints.properties_at_time(
            timestamp, distinct_id=distinct_id, person=person_id, include_set_once=include_set_once
        )
        return await self._pipeline.call(request)

    async def emails(self, id: PersonId) -> PersonEmails:  # noqa: A002
        """Return the e-mails that workflows sent to a person, as the server has them (contract 6.11).

        Needs the scope person:read. PostHog keeps recipient and subject, and nothing known deletes them with the
        person. Only newer servers have the call, and only where PostHog has switched it on.

        Arguments:
            id: UUID or number of the person; resolve a distinct ID first.

        Returns:
            The e-mails.

        Raises:
            InvalidArgument: the ID is not valid; raised before anything is sent.
            NotFound: the person does not exist.
            RouteNotFound: the server does not have the call, or not for this organization.
            InvalidResponse: the response does not match this call.
            PostHogError: there is no response, or it reports an error.
        """
        return await self._pipeline.call(endpoints.person_emails(id))

    async def _entries(self, build_request: Callable[[int], Request[ActivityPage]]) -> AsyncGenerator[Activity, None]:
        pager = PageNumberPager()
        while (page_number := pager.page) is not None:
            try:
                page = await self._pipeline.call(build_request(page_number))
            except ApiStatusError as error:
                if pager.is_past_the_end(error.status):
                    return
                raise
            for each in pager.feed(page.results, page.next, page.total_count):
                yield each
