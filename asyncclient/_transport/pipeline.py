"""What all views of a client share, and how a request goes through the layers. Knows no resource."""

import random
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Final, TypeVar

import anyio
import msgspec

from asyncclient._protocol.http import BeforeSend, Request, Response, Stream
from asyncclient._protocol.responses import reading
from asyncclient._protocol.responses.expectations import Json
from asyncclient._protocol.server_clock import ServerClock, boot_time
from asyncclient._secret import Secret
from asyncclient._transport.availability import PROBE_TIMEOUT_S, Availability, OutageWatch, ingestion_probe
from asyncclient._transport.event_log import log_event
from asyncclient._transport.path_prefix import PathPrefix, settling_read
from asyncclient._transport.rate_limited import RateLimitedTransport
from asyncclient._transport.retrying import RetryingTransport
from asyncclient._transport.session import SessionWire
from asyncclient._transport.session_options import SessionOptions
from asyncclient.errors import InvalidArgument, NotFound, PermissionDenied
from asyncclient.events import ClientEvent
from asyncclient.limits import Limits
from asyncclient.retry import RetryPolicy

if TYPE_CHECKING:
    import aiohttp

T = TypeVar("T")
CURRENT_PROJECT: Final = "@current"
OnEvent = Callable[[ClientEvent], None]


class ClientState(msgspec.Struct):
    """One connection, one key, one set of limits, one prefix: the same for every view of a client.

    `token` is the project's, for the ingestion host; None until the server was asked for it. `returns_summaries` is
    whether a response showed a server of April 2026 or later, which never responds to bulk_delete without a summary.
    `availability` is kept by whether the server is the ingestion host.
    """

    origin: str
    ingest_origin: str
    project_id: int | str
    key: Secret
    limits: Limits
    prefix: PathPrefix
    timeout_s: float
    options: SessionOptions
    session: "aiohttp.ClientSession | None" = None
    uniform: Callable[[float, float], float] = random.uniform
    clock: Callable[[], float] = boot_time
    server_clock: ServerClock = msgspec.field(default_factory=ServerClock)
    token: Secret | None = None
    # anyio loads what stands behind a name when the name is first looked up: not before a client is made
    asking_token: "anyio.Lock" = msgspec.field(default_factory=lambda: anyio.Lock())
    wire: SessionWire | None = None
    ingest_wire: SessionWire | None = None
    ended: bool = False
    returns_summaries: bool = False
    availability: dict[bool, Availability] = msgspec.field(default_factory=dict)

    def available(self, *, to_ingestion: bool) -> Availability:
        """Return what is known about the availability of the ingestion host, or of the API."""
        if to_ingestion not in self.availability:
            self.availability[to_ingestion] = Availability(self.clock)
        return self.availability[to_ingestion]

    def open(self) -> None:
        """Make the wires: the ingestion host's has no key, so that none can get there (guarantee 26)."""
        self.limits.open(self.key)
        settings: dict[str, Any] = {"timeout_s": self.timeout_s, "session": self.session, "options": self.options}
        self.wire = SessionWire(self.origin, self.key, **settings)
        self.ingest_wire = SessionWire(self.ingest_origin, None, **settings)

    async def close(self) -> None:
        """Close all connections, for good."""
        self.ended = True
        wires, self.wire, self.ingest_wire = (self.wire, self.ingest_wire), None, None
        async with AsyncExitStack() as stack:  # the second is closed even if closing the first is broken off
            for wire in wires:
                if wire is not None:
                    stack.push_async_callback(wire.close)

    def __repr__(self) -> str:
        return f"<{self.origin} project {self.project_id}>"


class RequestPipeline:
    """Sends requests for one view of a client.

    Arguments:
        listeners: called with every event.
        before_send: awaited before each request leaves; with it each call is made once.
    """

    def __init__(
        self,
        shared: ClientState,
        policy: RetryPolicy,
        listeners: tuple[OnEvent, ...] = (),
        before_send: BeforeSend | None = None,
    ) -> None:
        self.shared = shared
        self.policy = policy
        self.listeners = listeners
        self.before_send = before_send
        self._stacks: dict[bool, RetryingTransport] = {}
        self._outages: dict[bool, OutageWatch] = {}

    def send(self, request: Request[Any]) -> Awaitable[Response]:
        """Return the response to a request that is sent through all layers.

        Raises:
            PostHogError: as the layers do.
            InvalidArgument: a write to "@current".
            RuntimeError: the client is not open.
        """
        shared = self.shared
        stack = self._stacks.get(request.to_ingestion)
        if stack is None or shared.ended:
            stack = self._open_stack(request.to_ingestion)
        if request.mutating and shared.project_id == CURRENT_PROJECT:
            self.refuse_current_project()
        if not shared.prefix.settled and request.in_project and (request.mutating or self.before_send is not None):
            return self._send_below_settled_prefix(request, stack)
        return stack.send(request, self.before_send)

    async def call(self, request: Request[T]) -> T:
        """Send a call, and read the success that it expects.

        Raises:
            InvalidResponse: the response is not that success.
            PostHogError: there is none, or it is no success.
        """
        response = await self.send(request)
        return reading.read(request, response, self._secret(True) if request.to_ingestion else self.shared.key)

    def read(self, request: Request[Any], decoder: "msgspec.json.Decoder[T]") -> Awaitable[T]:
        """Send a read and decode its body with this decoder."""
        return self.call(request.expecting(Json(decoder=decoder)))

    async def open(self, request: Request[str]) -> tuple[Response, Stream]:
        """Send a call whose success comes as a stream, which the caller closes. Errors as `call`."""
        response = await self.send(request)
        return response, reading.opened(request, response, self._secret(request.to_ingestion))

    def reader(self) -> "RequestPipeline":
        """Return a pipeline for extra reads, which do not count as attempts of the call."""
        return self if self.before_send is None else RequestPipeline(self.shared, self.policy, self.listeners)

    async def in_outage(self, *, to_ingestion: bool) -> bool:
        """Return whether the failure of a request that just ended is part of an outage; if so, all requests wait."""
        self._open_stack(to_ingestion)
        return await self._outages[to_ingestion].in_outage()

    def refuse_current_project(self) -> None:
        """Check that the project ID is a number.

        Raises:
            InvalidArgument: it is "@current".
        """
        if self.shared.project_id == CURRENT_PROJECT:
            raise InvalidArgument(
                "project @current can change at any time: give the project's number to change anything"
            )

    async def settle_prefix(self) -> None:
        """Find out which path prefix the server wants, by a read, unless that is known."""
        prefix = self.shared.prefix
        if prefix.settled:
            return
        async with prefix.settling:
            reader = self.reader()
            while not prefix.settled:  # another request may move it while this one is in flight
                try:
                    await reader.call(settling_read())
                except (NotFound, PermissionDenied):  # no such person, or the key has the scopes of folders only
                    if not prefix.settled:
                        raise

    def emit(self, event: ClientEvent) -> None:
        """Write an event to the log, and hand it to everybody who listens to this view."""
        log_event(event)
        for listener in self.listeners:
            listener(event)

    async def _send_below_settled_prefix(self, request: Request[Any], stack: RetryingTransport) -> Response:
        await self.settle_prefix()
        return await stack.send(request, self.before_send)

    def _secret(self, to_ingestion: bool) -> Secret:
        """Return the secret that this server knows and may repeat in an error."""
        shared = self.shared
        return shared.token if to_ingestion and shared.token is not None else shared.key

    def _open_stack(self, to_ingestion: bool) -> RetryingTransport:
        shared = self.shared
        wire = shared.ingest_wire if to_ingestion else shared.wire
        if wire is None:
            raise RuntimeError("the client is closed" if shared.ended else "the client is not open: use `async with`")
        stack = self._stacks.get(to_ingestion)
        if stack is None:
            key = self._secret(to_ingestion)
            # another machine's clock says nothing of the one that notes deletions (guarantee 20)
            server_clock = ServerClock() if to_ingestion else shared.server_clock
            throttled = RateLimitedTransport(
                wire, shared.limits, key, self.policy, self.emit, server_clock, shared.clock
            )
            outages = self._outages[to_ingestion] = OutageWatch(
                throttled,
                shared.available(to_ingestion=to_ingestion),
                self.policy,
                lambda: self._probe(to_ingestion=to_ingestion),
                key,
                self.emit,
                shared.uniform,
            )
            stack = self._stacks[to_ingestion] = RetryingTransport(
                throttled, shared.prefix, self.policy, key, self.emit, shared.uniform, outages
            )
        return stack

    def _probe(self, *, to_ingestion: bool) -> tuple[Request[Any], str]:
        """Return a cheap read that shows whether the server responds, and its path."""
        request: Request[Any] = ingestion_probe() if to_ingestion else settling_read()
        timeout_s = min(PROBE_TIMEOUT_S, self.shared.timeout_s)
        return msgspec.structs.replace(request, timeout_s=timeout_s), self.shared.prefix.path(request)
