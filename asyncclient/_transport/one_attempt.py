"""The middleware of one call: it puts the key on the call's request, and lets the request be sent once.

aiohttp calls the middleware that a request is given for each attempt, and in place of those that the session has. So
nothing that aiohttp or a session does by itself (a second attempt after a lost connection, a redirect, a middleware
that retries) sends a request that has not passed here.
"""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from yarl import URL

from asyncclient._secret import Secret
from asyncclient._transport.failures import (
    SENT_AGAIN_BY_AIOHTTP,
    NotSentAgain,
    ResponseBeforeRequest,
    is_before_sending,
)

if TYPE_CHECKING:
    import aiohttp


class LoopTurns:
    """Tells whether the event loop has gone round between two moments."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._is_counting = False
        self.count = 0
        """Differs from what `begin` returned once the loop has gone round, and so may have read from connections."""

    def begin(self) -> int:
        """Return the count, and let it change when the loop goes round."""
        if not self._is_counting:
            self._is_counting = True
            self._loop.call_soon(self._went_round)
        return self.count

    def _went_round(self) -> None:
        self.count += 1
        self._is_counting = False


class OneAttempt:
    """The middleware of one call.

    Arguments:
        url: the only address that the request may go to.
        key: what authorizes it; None where nothing does.
        turns: of the event loop.
        headers: that the request gets besides the key's.
    """

    __slots__ = ("_headers", "_key", "_turns", "began", "error", "url")

    def __init__(self, url: URL, key: Secret | None, turns: LoopTurns, headers: Mapping[str, str]) -> None:
        self.url = url
        self._key = key
        self._turns = turns
        self._headers = headers
        self.began = False
        self.error: Exception | None = None

    async def __call__(
        self, request: "aiohttp.ClientRequest", handler: "aiohttp.ClientHandlerType"
    ) -> "aiohttp.ClientResponse":
        """Send the request.

        Raises:
            NotSentAgain: it was sent already, or goes to another address; or its connection broke, after which aiohttp
                would send it again.
            ResponseBeforeRequest: the connection held a response already, which belongs to no request.
        """
        if self.began or (request.url is not self.url and request.url != self.url):
            raise NotSentAgain
        self.began = True
        self._authorize(request)
        before = self._turns.begin()
        try:
            response = await handler(request)
        except SENT_AGAIN_BY_AIOHTTP as error:
            self.error = error
            if is_before_sending(error):
                raise
            raise NotSentAgain from error
        # A response that is there before the loop has gone round was received before this request was sent. It belongs
        # to no request, and must not count as the response to this one.
        if self._turns.count == before:
            response.close()
            self.error = ResponseBeforeRequest()
            raise self.error
        return response

    def _authorize(self, request: "aiohttp.ClientRequest") -> None:
        """Put the key on the request, and take off what the session puts on by itself."""
        headers = request.headers
        headers.update(self._headers)
        if "Cookie" in headers:
            del headers["Cookie"]
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key.reveal()}"
        elif "Authorization" in headers:
            del headers["Authorization"]
