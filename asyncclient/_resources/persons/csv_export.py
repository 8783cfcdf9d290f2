"""CsvExport: all persons as CSV, in one streamed answer (contract 6.1). Knows no filters and no wire."""

from types import TracebackType
from typing import Self

import msgspec

from asyncclient._protocol.csv_rows import BrokenCsv, CsvRows
from asyncclient._protocol.http import Request, Response, Stream
from asyncclient._protocol.responses.decoding import invalid
from asyncclient._protocol.responses.expectations import Csv, Unexpected
from asyncclient._transport.pipeline import RequestPipeline
from asyncclient.errors import PostHogError
from asyncclient.models import Page, Person

LEAST_DOUBTED = 10_000
PAGE = 100
"""The default of a listing: what a server would send that pages its CSV after all."""

_COUNT = msgspec.json.Decoder(Page[msgspec.Raw])


class CsvExport:
    """Persons as CSV: `async with` it, then iterate over blocks of bytes that end where a row ends.

    Constant memory, whatever the number of persons. An answer that breaks off raises `ConnectionLost`, it never ends
    like a whole one. Leaving early closes the connection.
    """

    def __init__(self, core: RequestPipeline, request: Request[str], count: Request[Page[Person]]) -> None:
        self._core = core
        self._request = request
        self._count = count
        self._lines = CsvRows()
        self._was_opened = False
        self._has_started = False
        self._response: Response | None = None
        self._stream: Stream | None = None
        self._problem: PostHogError | None = None
        self._over = False
        self._cut: bool | None = None

    @property
    def rows(self) -> int:
        """Persons that came so far; the header is none."""
        return max(0, self._lines.lines - 1)

    @property
    def cut(self) -> bool | None:
        """Whether the server's cap on CSV rows left persons out; None before the end, or when that is not known.

        The server does not say. It caps at 50,000 or at 300,000 rows, so below 10,000 this is False without asking;
        else the server is asked right afterwards how many persons match, and True means that it counts more than it
        sent. So True may also come of persons that were made meanwhile, or that only the listing still knows; False
        is as sure as that count. None: the server did not tell the number.
        """
        return self._cut

    async def __aenter__(self) -> Self:
        if self._was_opened:
            raise RuntimeError("an export is opened once: make a new one")
        self._was_opened = True
        self._response, self._stream = await self._core.open(self._request)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._problem is not None:
            raise self._problem  # one that failed never looks like one that ended
        if self._over:
            raise StopAsyncIteration
        if self._stream is None or self._response is None:
            raise RuntimeError("the export is not open: use `async with`")
        try:
            block = await self._next(self._stream, self._response)
        except Unexpected as error:
            self._problem = invalid(self._request, self._response, error.problem)
        except BrokenCsv as error:
            self._problem = invalid(self._request, self._response, f"the CSV is broken: {error}")
        except PostHogError as error:
            self._problem = error
        else:
            if block:
                return block
            self._over = True
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
        """Pass for anything but a first block that is no CSV."""
        if self._has_started:
            return
        Csv().check_start(response, block)
        self._has_started = True

    async def _was_cut(self) -> bool | None:
        if self.rows < LEAST_DOUBTED and self.rows != PAGE and self._lines.lines:
            return False  # an empty body is not proof of this: a proxy may have sent it
        try:
            page = await self._core.read(self._count, _COUNT)
        except PostHogError:  # the rows are whole all the same
            return None
        return None if page.count is None else page.count > self.rows

    def _close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()
