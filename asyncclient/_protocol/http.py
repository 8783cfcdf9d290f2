"""A request and a response as values. Pure; the vocabulary between resources, layers and wire."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from asyncclient._protocol.limits.rate_limits import Bucket

S = TypeVar("S")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Request(msgspec.Struct, Generic[T], frozen=True, kw_only=True, gc=False):
    """One call.

    Arguments:
        action: its name as events show it.
        expects: what its success looks like.
        path: below the project's prefix when `in_project`, else from the host's root; starts without a slash.
        route: the template that messages show.
        query: pairs, already text.
        body: JSON bytes.
        mutating: whether it may change anything.
        repeatable: whether doing it twice comes to the same as once, though it may change something.
        to_ingestion: goes to the host that takes captured events, without the personal key.
        once: never sent again by itself, whatever came of it.
        tells_prefix: a read of a route that every server has, so that its answer tells which prefix is served.
        accept: which forms of an answer are taken, where it is not JSON.
        streamed: a success comes with its body unread, in `Response.stream`.
        timeout_s: for the whole call, for a streamed one the longest silence; None is the client's.
    """

    action: str
    method: str
    path: str
    route: str
    bucket: Bucket
    expects: "Expectation[T]"
    in_project: bool = True
    query: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    mutating: bool = False
    repeatable: bool = False
    to_ingestion: bool = False
    once: bool = False
    tells_prefix: bool = False
    accept: str | None = None
    streamed: bool = False
    timeout_s: float | None = None

    def expecting(self, success: "Expectation[S]") -> "Request[S]":
        """The same request, whose success is read otherwise."""
        expecting: Any = msgspec.structs.replace(self, expects=success)
        request: Request[S] = expecting
        return request

    def __repr__(self) -> str:
        return f"<Request {self.route}>"  # a traceback with local variables shows no ids and no values


class Stream(Protocol):
    """The body of an answer, read bit by bit."""

    async def read(self) -> bytes:
        """What comes next; empty at the end.

        Raises:
            TransportError: it broke off, or nothing came for too long.
            InvalidResponse: it cannot be unpacked.
        """
        ...

    def close(self) -> None:
        """Read no more; the connection is closed unless the end was reached."""
        ...


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """One answer, whole and bounded, or its head and a stream.

    Arguments:
        path: the whole path that was asked.
        headers: to be looked up by their lower-case names.
        stream: the body, where it was asked for as a stream; who takes it closes it.
    """

    status: int
    path: str
    headers: Mapping[str, str]
    body: bytes
    stream: Stream | None = None

    def __repr__(self) -> str:
        return f"<Response {self.status}, {len(self.body)} bytes>"


class Expectation(Protocol[T_co]):
    """What the success of a call looks like, and what is in it."""

    def read(self, response: Response) -> T_co:
        """What the success says.

        Raises:
            Unexpected: the answer is not this success.
        """
        ...


BeforeSend = Callable[[], Awaitable[None]]
OnSent = Callable[[], None]
"""Called when bytes of a request may have left the machine."""
