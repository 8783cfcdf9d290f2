"""Request and Response as values, shared by resources, transports and the wire. Pure."""

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
        action: name of the call, as events show it.
        method: HTTP method.
        path: path without a leading slash: below the project's prefix if `in_project`, else from the root of the host.
        route: template of the path, which messages show.
        bucket: the rate limit that the request counts in.
        expects: the success that the call expects.
        in_project: whether the path is below the project's prefix.
        query: pairs of strings.
        body: JSON bytes.
        mutating: whether the call can change something.
        repeatable: whether a changing call has the same effect if it is made twice.
        to_ingestion: whether it is sent to the ingestion host, without the personal key.
        once: whether it is never retried.
        shrinks: whether the caller makes a smaller request if this one takes too long, so that it is not retried then.
        reveals_prefix: whether every server has the route, so that the response shows which prefix is served.
        accept: value of the header `Accept`; None for JSON.
        streamed: whether a success has its body unread, in `Response.stream`.
        timeout_s: seconds for the whole call, for a streamed one the longest silence; None means the client's timeout.
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
    shrinks: bool = False
    reveals_prefix: bool = False
    accept: str | None = None
    streamed: bool = False
    timeout_s: float | None = None

    def expecting(self, success: "Expectation[S]") -> "Request[S]":
        """Return the same request with another expected success."""
        expecting: Any = msgspec.structs.replace(self, expects=success)
        request: Request[S] = expecting
        return request

    def __repr__(self) -> str:
        return f"<Request {self.route}>"  # so that a traceback with local variables shows neither IDs nor values


class Stream(Protocol):
    """The body of a response, read block by block."""

    async def read(self) -> bytes:
        """Read the next block; empty at the end.

        Raises:
            TransportError: the body broke off, or nothing arrived for too long.
            InvalidResponse: the body cannot be decompressed.
        """
        ...

    def close(self) -> None:
        """Stop reading; the connection is closed unless the end was reached."""
        ...


class Response(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One response: complete with its body, or the head with a stream.

    Arguments:
        status: HTTP status.
        path: the whole path of the request.
        headers: headers by lower-case name.
        body: the bounded body; empty if there is a stream.
        stream: the unread body of a streamed response; the caller closes it.
        origin: scheme, host and port that the request was sent to; empty if that is not known.
    """

    status: int
    path: str
    headers: Mapping[str, str]
    body: bytes
    stream: Stream | None = None
    origin: str = ""

    def __repr__(self) -> str:
        return f"<Response {self.status}, {len(self.body)} bytes>"


class Expectation(Protocol[T_co]):
    """Decides whether a response is the success of a call, and decodes it."""

    def read(self, response: Response) -> T_co:
        """Return the decoded value of a success.

        Raises:
            UnexpectedResponse: the response is not this success.
        """
        ...


BeforeSend = Callable[[], Awaitable[None]]
OnSent = Callable[[], None]
"""Called once bytes of a request may have been sent."""
