"""Reads the rows of a query page by page, by the values of its first column (contract 12)."""

from collections.abc import AsyncGenerator, Callable
from typing import Any

import msgspec

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


async def iter_query_pages(
    pipeline: RequestPipeline,
    build: Callable[[str, int], Request[QueryResult]],
    page_size: int,
    fits: Callable[[list[Any]], bool],
    problem: str,
) -> AsyncGenerator[list[list[Any]], None]:
    """Yield the pages of a query in ascending order of the first column; smaller ones after one that takes too long.

    Arguments:
        pipeline: sends the requests.
        build: builds the request for the page after a value of the first column, with its number of rows.
        page_size: rows per request.
        fits: whether a row is of the expected form, with a string in the first column.
        problem: what is wrong with a row that is not.

    Raises:
        ListingError: the rows are not in ascending order.
        InvalidResponse: a row is not of the expected form.
        PostHogError: there is no response, or it reports an error.
    """
    size, last = PageSize(page_size), ""
    while True:
        request = build(last, size.rows)
        shrinks = pipeline.policy.attempts > 1 and size.rows > LEAST_ROWS
        request = msgspec.structs.replace(request, shrinks=shrinks)
        try:
            response = await pipeline.send(request)
        except PostHogError as error:
            if not (shrinks and took_too_long(error)):
                raise
            size.shrink(size.rows, least=LEAST_ROWS)
            continue
        result = reading.read(request, response, pipeline.shared.key)
        for row in result.results:
            if not fits(row):
                raise invalid_response(request, response, problem)
            if row[0] <= last:
                raise ListingError(f"{request.route}: the server's rows are not in ascending order")
            last = row[0]
        if not result.results:
            return
        size.grow()
        yield result.results
