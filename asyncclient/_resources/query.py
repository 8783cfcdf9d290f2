"""Query: runs HogQL queries, and finds the persons that have a property (contract 12)."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any
from uuid import UUID

from asyncclient._protocol import endpoints
from asyncclient._protocol.http import Request
from asyncclient._resources.query_pages import iter_query_pages
from asyncclient._transport.pipeline import RequestPipeline
from asyncclient.models import QueryResult


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

        async for rows in iter_query_pages(self._pipeline, page, page_size, _is_text, "a row is not one string"):
            yield [row[0] for row in rows]

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

        problem = "a row is not the UUID of a person"
        async for rows in iter_query_pages(self._pipeline, page, page_size, _is_uuid, problem):
            yield [UUID(row[0]) for row in rows]


def _is_text(row: list[Any]) -> bool:
    return len(row) == 1 and isinstance(row[0], str)


def _is_uuid(row: list[Any]) -> bool:
    """Return whether a row is a UUID in the canonical form that the server orders by."""
    try:
        return _is_text(row) and str(UUID(row[0])) == row[0]
    except ValueError:
        return False
