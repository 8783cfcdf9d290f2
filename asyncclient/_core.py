"""What all views of a client share, and how a request goes through the layers. Knows no resource."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

import msgspec

from asyncclient import _decoding
from asyncclient._aiohttp import AiohttpWire
from asyncclient._clock import ServerClock
from asyncclient._http import BeforeSend, Request, Response
from asyncclient._prefixing import Prefix, Prefixing, settling_read
from asyncclient._retrying import Retryer
from asyncclient._secret import Secret
from asyncclient._throttling import Throttling
from asyncclient.errors import InvalidArgument
from asyncclient.events import ClientEvent
from asyncclient.limits import Limits
from asyncclient.models import Page
from asyncclient.retry import RetryPolicy

T = TypeVar("T")
OnEvent = Callable[[ClientEvent], None]

_ANY_PAGE = msgspec.json.Decoder(Page[msgspec.Raw])


class Shared(msgspec.Struct):
    """One connection, one key, one set of limits, one prefix: the same for every view of a client."""

    origin: str
    project_id: int | str
    key: Secret
    limits: Limits
    prefix: Prefix
    timeout_s: float
    max_connections: int
    trust_env: bool
    uniform: Callable[[float, float], float] = random.uniform
    clock: Callable[[], float] = time.monotonic
    server_clock: ServerClock = msgspec.field(default_factory=ServerClock)
    wire: AiohttpWire | None = None
    ended: bool = False

    def __repr__(self) -> str:
        return f"<{self.origin} project {self.project_id}>"


class Core:
    """Sends requests for one view of a client.

    Arguments:
        listeners: told of every event.
        before_send: awaited before each request leaves; with it each call is made once.
    """

    def __init__(
        self,
        shared: Shared,
        policy: RetryPolicy,
        listeners: tuple[OnEvent, ...] = (),
        before_send: BeforeSend | None = None,
    ) -> None:
        self.shared = shared
        self.policy = policy
        self.listeners = listeners
        self.before_send = before_send
        self._stack: Retryer | None = None

    async def send(self, request: Request) -> Response:
        """Send through all layers.

        Raises:
            PostHogError: as the layers do.
            InvalidArgument: a write to "@current".
            RuntimeError: the client is not open.
        """
        stack = self._open_stack()
        if request.mutating and self.shared.project_id == "@current":
            raise InvalidArgument(
                "project @current can change at any time: give the project's number to change anything"
            )
        if request.in_project and (request.mutating or self.before_send is not None):
            await self.settle_prefix()
        return await stack.send(request, self.before_send)

    async def done(self, request: Request) -> None:
        """Send a call whose body says nothing."""
        _decoding.check(request, await self.send(request), self.shared.key)

    async def read(self, request: Request, decoder: "msgspec.json.Decoder[T]") -> T:
        """Send a call and read its body."""
        return _decoding.read(request, await self.send(request), decoder, self.shared.key)

    async def settle_prefix(self) -> None:
        """Find out which path prefix the server wants, by a read, unless that is known."""
        prefix = self.shared.prefix
        if prefix.settled:
            return
        async with prefix.settling:
            reader = self if self.before_send is None else Core(self.shared, self.policy, self.listeners)
            while not prefix.settled:  # another request may move it between this one's leaving and its answer
                request = settling_read()
                await reader.read(request, _ANY_PAGE)

    def tell(self, event: ClientEvent) -> None:
        """Hand an event to everybody who listens to this view."""
        for listener in self.listeners:
            listener(event)

    def _open_stack(self) -> Retryer:
        shared = self.shared
        if shared.wire is None:
            raise RuntimeError("the client is closed" if shared.ended else "the client is not open: use `async with`")
        if self._stack is None:
            throttled = Throttling(
                shared.wire, shared.limits, shared.key, self.policy, self.tell, shared.server_clock, shared.clock
            )
            prefixed = Prefixing(throttled, shared.prefix, self.tell)
            self._stack = Retryer(prefixed, self.policy, shared.key, self.tell, shared.uniform)
        return self._stack
