"""A server that is away for a while, and a client of it, in virtual time."""

import asyncio
from typing import Any

from asyncclient import ConnectFailed, ConnectionLost, Limits, PostHogError, RateLimits, RetryPolicy, TimedOut
from asyncclient._protocol.http import Request, Response
from asyncclient._protocol.limits.rate_limits import Bucket
from asyncclient._protocol.responses.expectations import EmptyBody
from asyncclient._protocol.server_clock import ServerClock
from asyncclient._secret import Secret
from asyncclient._transport.availability import Availability, OutageWatch
from asyncclient._transport.path_prefix import PathPrefix
from asyncclient._transport.rate_limited import RateLimitedTransport
from asyncclient._transport.retrying import RetryingTransport

WHERE = {"method": "GET", "path": "p", "route": "GET p"}
REFUSED = ConnectFailed("no connection (Connection refused)", **WHERE, sent=False)
LOST = ConnectionLost("the connection broke", **WHERE, sent=True)
TIMED_OUT = TimedOut("no response within 60 s", **WHERE, sent=True)
PATIENT = RetryPolicy(retry_for_s=900.0)


def response(code: int, **headers: str) -> Response:
    return Response(
        status=code, path="p", headers={name.replace("_", "-"): value for name, value in headers.items()}, body=b"{}"
    )


def highest(low: float, high: float) -> float:
    return high


def request(action: str = "read", *, mutating: bool = False) -> Request[None]:
    return Request(
        action=action,
        method="POST" if mutating else "GET",
        path="persons/",
        route="GET r",
        bucket=Bucket.OTHERS,
        mutating=mutating,
        expects=EmptyBody(),
    )


class Server:
    """A wire that fails while the server is away, and keeps what was sent and when."""

    def __init__(self, away: list[tuple[float, float, Any]] | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        self.began = self.loop.time()
        self.away = away or []
        self.sent: list[tuple[str, float]] = []
        self.broken: dict[str, Any] = {}

    async def send(self, request: Request[Any], path: str, on_sent: Any) -> Response:
        now = self.loop.time() - self.began
        self.sent.append((request.action, now))
        what = next((error for start, stop, error in self.away if start <= now < stop), None)
        what = what if what is not None else self.broken.get(request.action)
        if not isinstance(what, ConnectFailed):
            on_sent()
        await asyncio.sleep(0.01)
        if isinstance(what, PostHogError):
            raise what
        return what or response(200)

    def times(self, action: str) -> list[float]:
        return [at for name, at in self.sent if name == action]


class Client:
    """The layers of a client around a server; views share the availability."""

    def __init__(self, server: Server, limits: RateLimits | None = None) -> None:
        self.server = server
        self.events: list[Any] = []
        self.limits = Limits(limits or RateLimits.off(), clock=server.loop.time)
        self.availability = Availability(server.loop.time)

    def view(self, policy: RetryPolicy = PATIENT) -> RetryingTransport:
        key = Secret("phx_x")
        limited = RateLimitedTransport(
            self.server, self.limits, key, policy, self.events.append, ServerClock(), self.server.loop.time
        )
        outages = OutageWatch(
            limited, self.availability, policy, lambda: (request("probe"), "p"), key, self.events.append, highest
        )
        self.outages = outages
        prefix = PathPrefix("projects", 1)
        return RetryingTransport(limited, prefix, policy, key, self.events.append, highest, outages)

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


async def nothing() -> None:
    """Let a request leave."""
