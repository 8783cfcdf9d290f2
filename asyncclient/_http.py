"""A request and a response as values. Pure; the vocabulary between resources, wrappers and wire."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

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
    timeout_s: float | None = None


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """One answer, whole and bounded. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """How a 2xx body becomes a model: a decoder, or none for calls whose body says nothing."""

    decoder: Any = None
    empty: Any = None


BeforeSend = Callable[[], Awaitable[None]]
