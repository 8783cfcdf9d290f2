"""The query endpoint: HogQL, and who has a property (contract 12)."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any
from uuid import UUID

from asyncclient._protocol import endpoints
from asyncclient._protocol.responses import reading
from asyncclient._protocol.responses.decoding import invalid
from asyncclient._transport.pipeline import RequestPipeline
from asyncclient.errors import ListingError
from asyncclient.models import QueryResult


class Query:
    """`client.query`; needs the scope query:read. Reads what was processed so far: a change of now may be missing."""

    def __init__(self, core: RequestPipeline) -> None:
        self._core = core

    async def hogql(
        self, query: str, values: Mapping[str, Any] | None = None, *, timeout_s: float | None = None
    ) -> QueryResult:
        """The rows of a query, computed now (contract 12). OFFSET is refused for personal keys: page on a column.

        Arguments:
            query: HogQL; `{name}` stands for a value.
            values: by name; never put what others wrote into the text itself.
            timeout_s: for the whole call; None is the client's.

        Raises:
            InvalidArgument: before anything is sent.
            InvalidResponse: the server reports an error with a success, or answers from a cache.
            PostHogError: no or no good answer.
        """
        return await self._core.call(endpoints.hogql(query, values, timeout_s=timeout_s))

    async def iter_person_uuids_having(
        self, keys: Sequence[str], *, page_size: int = 10_000, timeout_s: float | None = None
    ) -> AsyncGenerator[list[UUID], None]:
        """The persons that have any of these properties, null ones too, page by page, each once (contract 12).

        The listing's `is_set` misses null values; this does not. Pages go by UUID, so that persons who come and go
        shift nothing; the end is an empty page, for a short one proves nothing.

        Arguments:
            keys: of properties, 1 to 100.
            page_size: rows per request, 1 to 10,000.
            timeout_s: seconds for each request; None is the client's.

        Returns:
            UUIDs of persons, some at a time, in ascending order.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            ListingError: the server's rows do not ascend, so that some might be missed or the end never come.
            InvalidResponse: the server reports an error with a success, answers from a cache or before the query is
                over, or a row is no UUID.
            PostHogError: there is no answer, or it is an error.
        """
        mark = ""
        while True:
            request = endpoints.persons_having(keys, after=mark, limit=page_size, timeout_s=timeout_s)
            response = await self._core.send(request)
            result = reading.read(request, response, self._core.shared.key)
            found = []
            for row in result.results:
                uuid = _uuid(row)
                if uuid is None:
                    raise invalid(request, response, "a row is not the UUID of a person")
                text = str(uuid)
                if text <= mark:
                    raise ListingError(f"{request.route}: the server's rows do not ascend")
                mark = text
                found.append(uuid)
            if not found:
                return
            yield found


def _uuid(row: list[Any]) -> UUID | None:
    """The UUID in a row, None when it is not written as the server orders it."""
    if len(row) != 1 or not isinstance(row[0], str):
        return None
    try:
        uuid = UUID(row[0])
    except ValueError:
        return None
    return uuid if str(uuid) == row[0] else None
