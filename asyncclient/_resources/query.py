"""Query: runs HogQL queries, and finds the persons that have a property (contract 12)."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from asyncclient._protocol import endpoints
from asyncclient._protocol.http import Request
from asyncclient._protocol.paging.page_size import PageSize
from asyncclient._protocol.responses import reading
from asyncclient._protocol.responses.decoding import invalid_response
from asyncclient._transport.pipeline import RequestPipeline
from asyncclient.errors import ListingError, PostHogError
from asyncclient.models import QueryResult
from asyncclient.retry import took_too_long

LEAST_ROWS = 100
"""Rows that a page of a query is never smaller than: fewer would hardly take the server less time."""


class Query:
    """`client.query`: runs HogQL; needs the scope query:read. Results lag behind the newest changes."""

    def __init__(self, pipeline: RequestPipeline) -> None:
        self._pipeline = pipeline

    async def hogql(
        self, query: str, values: Mapping[str, Any] | None = None, *, timeout_s: float | None = None
    ) -> QueryResult:
        """Run a query and return its rows, computed now (contract 12).

        Personal keys may not use OFFSET: page by comparing a column instead.

        Arguments:
            query: HogQL; `{name}` is a placeholder for a value.
            values: values by name; never insert untrusted text into the query itself.
            timeout_s: seconds for the whole call; None means the client's timeout.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            InvalidResponse: the server reports an error with status 200, or responds from its cache.
            PostHogError: there is no response, or it reports an error.
        """
        return await self._pipeline.call(endpoints.hogql(query, values, timeout_s=timeout_s))

    async def iter_column(
        self,
        query: str,
        values: Mapping[str, Any] | None = None,
        *,
        after: str = "after",
        page_size: int = 10_000,
        timeout_s: float | None = None,
    ) -> AsyncGenerator[list[str], None]:
        """Yield the strings in the only column of a query, each once, page by page (contract 12).

        The query has no LIMIT, keeps only rows whose column is greater than the placeholder `{after}`, and orders by
        the column: `SELECT toString(id) FROM persons WHERE toString(id) > {after} ORDER BY toString(id)`. Only an empty
        page is the end, because a page may be short.

        Arguments:
            query: HogQL; `{name}` is a placeholder for a value.
            values: values by name; never insert untrusted text into the query itself.
            after: the name of the placeholder for the last value of the previous page, which is empty at first.
            page_size: rows per request, 1 to 10,000.
            timeout_s: seconds for each request; None means the client's timeout.

        Returns:
            Lists of strings, one list per page, in ascending order.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            ListingError: the server's rows are not in ascending order, so that some could be missed.
            InvalidResponse: the server reports an error with status 200, responds from its cache or before the query is
                complete, or a row is not one string.
            PostHogError: there is no response, or it reports an error.
        """

        def page(last: str, limit: int) -> Request[QueryResult]:
            return endpoints.column_page(query, values, after=after, last=last, limit=limit, timeout_s=timeout_s)

        async for found in self._pages(page, page_size, _is_text, "a row is not one string"):
            yield found

    async def iter_person_uuids_having(
        self, keys: Sequence[str], *, page_size: int = 10_000, timeout_s: float | None = None
    ) -> AsyncGenerator[list[UUID], None]:
        """Yield the persons that have any of these properties, null values included, each person once (contract 12).

        The filter `is_set` of the listing misses null values. Pages are ordered by UUID, so created and deleted
        persons do not shift them. Only an empty page is the end, because a page may be short.

        Arguments:
            keys: property keys, 1 to 100.
            page_size: rows per request, 1 to 10,000.
            timeout_s: seconds for each request; None means the client's timeout.

        Returns:
            Lists of UUIDs, one list per page, in ascending order.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            ListingError: the server's rows are not in ascending order, so that persons could be missed.
            InvalidResponse: the server reports an error with status 200, responds from its cache or before the query is
                complete, or a row is not a UUID.
            PostHogError: there is no response, or it reports an error.
        """

        def page(last: str, limit: int) -> Request[QueryResult]:
            return endpoints.persons_having(keys, after=last, limit=limit, timeout_s=timeout_s)

        async for found in self._pages(page, page_size, _is_uuid, "a row is not the UUID of a person"):
            yield list(map(UUID, found))

    async def _pages(
        self,
        build: Callable[[str, int], Request[QueryResult]],
        page_size: int,
        fits: Callable[[Any], bool],
        problem: str,
    ) -> AsyncGenerator[list[str], None]:
        """Yield the pages of a column in ascending order; smaller ones after a page that takes too long.

        Arguments:
            build: builds the request for the page after a value, with its number of rows.
            page_size: rows per request.
            fits: whether a value is of the expected kind.
            problem: what is wrong with a value that is not.
        """
        size, last = PageSize(page_size), ""
        while True:
            request = build(last, size.rows)
            shrinks = self._pipeline.policy.attempts > 1 and size.rows > LEAST_ROWS
            request = msgspec.structs.replace(request, shrinks=shrinks)
            try:
                response = await self._pipeline.send(request)
            except PostHogError as error:
                if not (shrinks and took_too_long(error)):
                    raise
                size.shrink(size.rows, least=LEAST_ROWS)
                continue
            result = reading.read(request, response, self._pipeline.shared.key)
            found: list[str] = []
            for row in result.results:
                if len(row) != 1 or not fits(row[0]):
                    raise invalid_response(request, response, problem)
                if row[0] <= last:
                    raise ListingError(f"{request.route}: the server's rows are not in ascending order")
                last = row[0]
                found.append(last)
            if not found:
                return
            size.grow()
            yield found


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_uuid(value: Any) -> bool:
    """Return whether a value is a UUID in the canonical form that the server orders by."""
    try:
        return isinstance(value, str) and str(UUID(value)) == value
    except ValueError:
        return False
