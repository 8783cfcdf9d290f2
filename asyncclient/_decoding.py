"""Reply to model or exception: how statuses, bodies and headers are read (contract 3, 4). Pure."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from asyncclient._clock import http_date
from asyncclient._http import Request, Response
from asyncclient._secret import Secret
from asyncclient.errors import ApiStatusError, InvalidResponse, RateLimited, kind_for, neutralised

T = TypeVar("T")

LONGEST_WAIT_S = 1e9

_SECONDS = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_SECONDS_IN_DETAIL = re.compile(r"available in ([0-9]+) second")
_NO_KEY_ACCESS = "does not support personal api key access"
_UNKNOWN_ROUTE = frozenset({"Endpoint not found.", "Not found."})
_HARMLESS = frozenset(
    {"limit", "offset", "include_total", "status", "delete_events", "delete_recordings", "keep_person"}
)


class ErrorBody(msgspec.Struct):
    """The error envelope, with whatever irregular bodies have in its place."""

    type: Any = None
    code: Any = None
    detail: Any = None
    attr: Any = None
    error: Any = None
    message: Any = None


_ERROR = msgspec.json.Decoder(ErrorBody)


def read(request: Request, response: Response, decoder: "msgspec.json.Decoder[T]", key: Secret) -> T:
    """The model in a success.

    Raises:
        ApiStatusError: the answer is no success, or cannot be read.
    """
    check(request, response, key)
    return parsed(request, response, response.body, decoder)


def parsed(request: Request, response: Response, body: bytes | msgspec.Raw, decoder: "msgspec.json.Decoder[T]") -> T:
    """The model in a body, or in a part of one.

    Raises:
        InvalidResponse: it cannot be read.
    """
    try:
        return decoder.decode(body)
    except RecursionError:
        problem = "is nested too deep"
    except msgspec.ValidationError:
        problem = "is not what this call answers"
    except (msgspec.MsgspecError, ValueError):
        problem = "is not JSON"
    del body  # a traceback with local variables shows nothing of it
    raise invalid(request, response, f"the body ({len(response.body)} bytes) {problem}")


def check(request: Request, response: Response, key: Secret) -> None:
    """Pass for any 2xx: docs and servers differ in which one (contract 6.4).

    Raises:
        ApiStatusError: the answer is no success.
    """
    if 200 <= response.status < 300:
        return
    raise to_error(request, response, key)


def to_error(
    request: Request, response: Response, key: Secret, wall: Callable[[], float] = time.time
) -> ApiStatusError:
    """The exception for an answer that is no success."""
    body = _error_body(response.body)
    detail = body.detail if body.detail is not None else body.error if body.error is not None else body.message
    kind = kind_for(response.status, detail)
    waits = kind is RateLimited or response.status == 503
    told = detail if isinstance(detail, str) else ""
    hidden = sent_values(request)
    return kind(
        response.status,
        method=request.method,
        path=response.path,
        route=request.route,
        type=_text(body.type, key, hidden),
        code=_text(body.code, key, hidden),
        detail=_text(detail, key, hidden),
        attr=_text(body.attr, key, hidden),
        retry_after_s=retry_after_s(response.headers, told, wall) if waits else None,
    )


def knows(request: Request, response: Response) -> bool | None:
    """Whether the answer to a probe says that the server knows the route; None when it does not tell (contract 8).

    A probe is a GET on a route that takes POST only, or a call that changes nothing.
    """
    if response.status < 300:
        return True
    body = _error_body(response.body)
    detail = body.detail if isinstance(body.detail, str) else ""
    looks = request.action == "probe"
    if response.status == 405:
        # the person route, as which an unknown one is read, takes no POST
        return True if looks else False if request.method == "POST" else None
    if response.status == 403 and _NO_KEY_ACCESS in detail.lower():
        # declared for a method that a route does not take, and for one that the person route does not take
        return True if looks else False if request.method == "POST" else None
    if response.status == 400 and "does not look like a personID" in detail:
        return False
    return False if response.status == 404 and detail in _UNKNOWN_ROUTE else None


def invalid(request: Request, response: Response, problem: str) -> InvalidResponse:
    """The exception for a success that cannot be read."""
    return InvalidResponse(
        response.status, method=request.method, path=response.path, route=request.route, detail=problem
    )


def retry_after_s(headers: Mapping[str, str], detail: str, wall: Callable[[], float] = time.time) -> float | None:
    """How long the server asks to wait, in seconds: from the header, else from the detail, else None (contract 3).

    Arguments:
        wall: our clock, for a date in an answer that does not tell the server's.
    """
    header = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(header):
        return min(max(0.0, float(header)), LONGEST_WAIT_S)
    if header and (until := http_date(header)) is not None:
        now = http_date(headers.get("date", ""))
        return min(max(0.0, until - (wall() if now is None else now)), LONGEST_WAIT_S)
    told = _SECONDS_IN_DETAIL.search(detail)
    return min(float(told[1]), LONGEST_WAIT_S) if told else None


def sent_values(request: Request) -> tuple[str, ...]:
    """What a request says of persons: ids and values, which a server may repeat in its answer."""
    values = [part for part in request.path.split("/") if part.isdigit()] if request.in_project else []
    for name, value in request.query:
        if name == "properties":
            values += [text for each in msgspec.json.decode(value) for text in _texts(each["value"])]
        elif name not in _HARMLESS:
            values.append(value)
    if request.body is not None:
        values += _texts(list(msgspec.json.decode(request.body).values()))
    return tuple(sorted(set(values), key=len, reverse=True))


def _texts(value: Any) -> list[str]:
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    return [value] if isinstance(value, str) else []


def _error_body(body: bytes) -> ErrorBody:
    try:
        return _ERROR.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, RecursionError):
        return ErrorBody()


def _text(value: Any, key: Secret, hidden: Sequence[str]) -> str | None:
    return neutralised(value, key, hidden) if isinstance(value, str) else None
