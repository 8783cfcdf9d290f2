"""LocalPostHog: the server as an async context manager, on the loopback interface only."""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from types import TracebackType
from typing import Any, Literal, Self
from uuid import UUID

from aiohttp import web

from asyncclient.testing.control import Control
from asyncclient.testing.exchange import finish, plain
from asyncclient.testing.faults import Faults
from asyncclient.testing.http.parsed_request import ParsedRequest
from asyncclient.testing.options import ServerOptions
from asyncclient.testing.request_handler import RequestHandler
from asyncclient.testing.request_record import RecordedRequest, RequestLog
from asyncclient.testing.state.churn import Churn
from asyncclient.testing.state.world import World

_HOST = "127.0.0.1"


class LocalPostHog:
    """A PostHog-compatible server in this process, for demos and tests; use it with `async with`.

    Arguments:
        persons: number of persons to start with.
        seed: seed of their properties.
        options: how the server behaves; None for the defaults.
        port: TCP port; 0 for any free one.
        clock: returns seconds since the epoch, for rate limits, lags and deletion rows.

    Raises:
        ValueError: `persons` is negative.
    """

    def __init__(
        self,
        *,
        persons: int = 0,
        seed: int = 1,
        options: ServerOptions | None = None,
        port: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if persons < 0:
            raise ValueError("persons must not be negative")
        self.clock = clock
        self.world = World(persons=persons, seed=seed, options=options or ServerOptions(), clock=clock)
        self.faults = Faults()
        self._log = RequestLog()
        self._churn = Churn(self.world.mutations)
        self._handler = RequestHandler(
            self.world.mutations, ingestion=self.world.ingestion, faults=self.faults, log=self._log, churn=self._churn
        )
        self._control = Control(world=self.world, faults=self.faults, log=self._log, reconfigure=self._reconfigure)
        self.world.mutations.at_weekly_job = self._delete_requested_events
        self._wanted_port = port
        self._port: int | None = None
        self._runner: web.ServerRunner | None = None
        self._closing = asyncio.Event()
        self._arrival = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def url(self) -> str:
        """The URL, for example http://127.0.0.1:8010; known once the server has started."""
        if self._port is None:
            raise RuntimeError("the server has not been started")
        return f"http://{_HOST}:{self._port}"

    @property
    def options(self) -> ServerOptions:
        """The options in force."""
        return self.world.mutations.options

    @property
    def project_id(self) -> int:
        """The number of the only project."""
        return self.options.project_id

    @property
    def personal_api_key(self) -> str:
        """The first key that the server accepts; the options can name more."""
        return self.options.personal_api_key

    @property
    def project_api_key(self) -> str:
        """The project's token for capturing events."""
        return self.options.project_api_key

    @property
    def requests(self) -> list[RecordedRequest]:
        """The kept requests, oldest first."""
        return self._log.requests

    @property
    def request_counts(self) -> dict[str, int]:
        """The number of requests by action, kept or not."""
        return self._log.counts()

    def reconfigure(self, **changes: Any) -> None:
        """Change options while the server runs.

        Seeded persons stay as they are, and counted requests still count against the rate limits.

        Raises:
            msgspec.ValidationError: an option is unknown, or its value is not valid.
        """
        self._reconfigure(changes)

    def churn(
        self,
        *,
        adds_per_request: float = 0,
        removes_per_request: float = 0,
        at: Literal["front", "random"] = "front",
        protect: Collection[UUID | str] = (),
        seed: int = 0,
    ) -> None:
        """Simulate other clients that add and remove persons just before the response to each list request.

        Arguments:
            adds_per_request, removes_per_request: persons per list request; fractions add up over requests.
            at: where in the listing it happens.
            protect: UUIDs of persons that are not removed.
            seed: seed of the random choices.
        """
        self._churn.start(
            adds_per_request=adds_per_request,
            removes_per_request=removes_per_request,
            at=at,
            protect=protect,
            seed=seed,
        )

    def remove_block(self, count: int, *, at_request: int = 1, offset: int = 0) -> None:
        """Remove this many rows from an offset on, just before the n-th list request from now (1 is the next one)."""
        self._churn.remove_block(count, at_request=at_request, offset=offset)

    def run_event_deletion(self) -> int:
        """Run the weekly job: it completes pending deletion rows, whose number it returns, and approved requests."""
        return self.world.mutations.run_event_deletion()

    def settle(self) -> None:
        """Apply all queued and lagging changes now."""
        self.world.mutations.settle()

    def forget_rate_limits(self) -> None:
        """Forget the requests counted against the rate limits."""
        self._handler.throttle.clear()

    async def arrived(self, count: int, *, action: str | None = None) -> None:
        """Wait until that many requests, of one action or of any, have arrived and taken effect."""
        while (self._log.total if action is None else self._log.counts().get(action, 0)) < count:
            await self._arrival.wait()

    async def start(self) -> None:
        """Start listening.

        Raises:
            OSError: the port is in use.
            RuntimeError: the server is listening already.
        """
        if self._runner is not None:
            raise RuntimeError("the server has been started already")
        self._closing = asyncio.Event()
        server = web.Server(self._serve, handler_cancellation=True, access_log=None, keepalive_timeout=3600.0)
        self._runner = web.ServerRunner(server, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, _HOST, self._wanted_port)
        await site.start()
        address = self._runner.addresses[0]
        self._port = address[1]

    async def close(self) -> None:
        """Stop listening and close every connection; does nothing if the server is not listening."""
        runner, self._runner = self._runner, None
        if runner is not None:
            self._closing.set()
            await runner.cleanup()

    def _reconfigure(self, changes: Mapping[str, Any]) -> None:
        self.world.mutations.options = self.options.changed(changes)

    def _delete_requested_events(self, at_us: int) -> int:
        """Run the weekend job of data deletion requests, and return how many were completed."""
        mutations = self.world.mutations
        if not mutations.data_deletions.active():
            return 0
        # the parser takes a while to import
        from asyncclient.testing.queries.hogql.event_uuids import delete_selected

        return mutations.data_deletions.run(at_us, lambda request: delete_selected(request, mutations))

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        parsed = ParsedRequest(request.method, request.raw_path, request.headers, await request.content.read())
        if Control.owns(parsed):
            return plain(self._control.respond(parsed))
        outcome = self._handler.handle(parsed)
        self._arrival.set()
        self._arrival = asyncio.Event()
        if self.options.latency_s:
            await self._wait(self.options.latency_s)
        return await finish(request, outcome, self._closing)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            return
