"""A request and a response as values. Pure; the vocabulary between resources, layers and wire."""

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from asyncclient.limits import Bucket


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One call.

    Arguments:
        action: its name as events show it.
        path: below the project's prefix when `in_project`, else from the host's root; starts without a slash.
        route: the template that messages show.
        query: pairs, already text.
        body: JSON bytes.
        mutating: whether it may change anything.
        tells_prefix: a read of a route that every server has, so that its answer tells which prefix is served.
        timeout_s: for the whole call; None is the client's.
    """

    action: str
    method: str
    path: str
    route: str
    bucket: Bucket
    in_project: bool = True
    query: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    mutating: bool = False
    tells_prefix: bool = False
    timeout_s: float | None = None

    def __repr__(self) -> str:
        return f"<Request {self.route}>"  # a traceback with local variables shows no ids and no values


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """One answer, whole and bounded.

    Arguments:
        path: the whole path that was asked.
        headers: to be looked up by their lower-case names.
    """

    status: int
    path: str
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"<Response {self.status}, {len(self.body)} bytes>"


BeforeSend = Callable[[], Awaitable[None]]
Left = Callable[[], None]
"""Called when bytes of a request may have left the machine."""
