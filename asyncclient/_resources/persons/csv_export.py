"""CsvExport: streams all persons of a listing as CSV (contract 6.1)."""

from types import TracebackType
from typing import Self

import msgspec

from asyncclient._protocol.csv_rows import BrokenCsv, CsvRowSplitter
from asyncclient._protocol.http import Request, Response, Stream
from asyncclient._protocol.responses.decoding import invalid_response
from asyncclient._protocol.responses.expectations import Csv, UnexpectedResponse
from asyncclient._transport.pipeline import RequestPipeline
from asyncclient.errors import PostHogError
from asyncclient.models import Page, Person

ROWS_NEVER_CUT = 10_000
DEFAULT_PAGE = 100
"""The default page size: a server that pages its CSV after all would send this many rows."""

_COUNT = msgspec.json.Decoder(Page[msgspec.Raw])


class CsvExport:
    """Persons as CSV: enter it with `async with`, then iterate over blocks of bytes; each block ends with a whole row.

    Memory use is constant, whatever the number of persons. A response that breaks off raises `ConnectionLost`. Leaving
    early closes the connection.
    """

    def __init__(self, pipeline: RequestPipeline, request: Request[str], count: Request[Page[Person]]) -> None:
        self._pipeline = pipeline
        self._request = request
        self._count = count
        self._lines = CsvRowSplitter()
        self._was_opened = False
        self._has_started = False
        self._response: Response | None = None
        self._stream: Stream | None = None
        self._problem: PostHogError | None = None
        self._has_ended = False
        self._cut: bool | None = None

    @property
    def rows(self) -> int:
        """The number of persons received so far, without the header."""
        return max(0, self._lines.lines - 1)

    @property
    def cut(self) -> bool | None:
        """Whether the server's cap on CSV rows left persons out; None before the end, or if it is not known.

        The server does not say it. The cap is 50,000 or 300,000 rows, so below 10,000 rows this is False without a
        further request. Otherwise the client requests the number of matching persons after the export: True means that
        the server counts more persons than it sent. So True is also possible if persons were created meanwhile, or
        only the listing still has them. None means that the server did not send the number.
        """
        return self._cut

    async def __aenter__(self) -> Self:
        if self._was_opened:
            raise RuntimeError("an export can be opened once: create a new one")
        self._was_opened = True
        self._response, self._stream = await self._pipeline.open(self._request)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._problem is not None:
            raise self._problem  # a failed export must not look complete
        if self._has_ended:
            raise StopAsyncIteration
        if self._stream is None or self._response is None:
            raise RuntimeError("the export is not open: use `async with`")
        try:
            block = await self._next(self._stream, self._response)
        except UnexpectedResponse as error:
            self._problem = invalid_response(self._request, self._response, error.problem)
        except BrokenCsv as error:
            self._problem = invalid_response(self._request, self._response, f"the CSV is broken: {error}")
        except PostHogError as error:
            self._problem = error
        else:
            if block:
                return block
            self._has_ended = True
            self._close()
            self._cut = await self._was_cut()
            raise StopAsyncIteration
        self._close()
        raise self._problem

    async def _next(self, stream: Stream, response: Response) -> bytes:
        while block := await stream.read():
            self._check_start(response, block)
            if whole := self._lines.feed(block):
                return whole
        self._lines.end()
        return b""

    def _check_start(self, response: Response, block: bytes) -> None:
        """Check that the first block may be CSV."""
        if self._has_started:
            return
        Csv().check_start(response, block)
        self._has_started = True

    async def _was_cut(self) -> bool | None:
        if self.rows < ROWS_NEVER_CUT and self.rows != DEFAULT_PAGE and self._lines.lines:
            return False  # an empty body proves nothing: a proxy may have sent it
        try:
            page = await self._pipeline.read(self._count, _COUNT)
        except PostHogError:  # the rows are complete in any case
            return None
        return None if page.count is None else page.count > self.rows

    def _close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()
