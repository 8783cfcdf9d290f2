"""Reply to model or exception: how statuses, bodies and headers are read (contract 3, 4). Pure."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import msgspec

from asyncclient._http import Request, Response
from asyncclient._secret import Secret
from asyncclient.errors import ApiStatusError, InvalidResponse, RateLimited, kind_for, neutralised

T = TypeVar("T")

_SECONDS_IN_DETAIL = re.compile(r"available in (\d{1,9}) second")


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
    try:
        return decoder.decode(response.body)
    except RecursionError:
        problem = "is nested too deep"
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
        problem = "is not what this call answers" if isinstance(error, msgspec.ValidationError) else "is not JSON"
    raise invalid(request, response.status, f"the body ({len(response.body)} bytes) {problem}")


def check(request: Request, response: Response, key: Secret) -> None:
    """Pass for any 2xx: docs and servers differ in which one (contract 6.4).

    Raises:
        ApiStatusError: the answer is no success.
    """
    if 200 <= response.status < 300:
        return
    raise to_error(request, response, key)


def to_error(request: Request, response: Response, key: Secret) -> ApiStatusError:
    """The exception for an answer that is no success."""
    body = _error_body(response.body)
    detail = body.detail if body.detail is not None else body.error if body.error is not None else body.message
    text = _text(detail, key)
    kind = kind_for(response.status, text)
    return kind(
        response.status,
        method=request.method,
        path=request.path,
        route=request.route,
        type=_text(body.type, key),
        code=_text(body.code, key),
        detail=text,
        attr=_text(body.attr, key),
        retry_after_s=retry_after_s(response.headers, text) if kind is RateLimited or response.status == 503 else None,
    )


def invalid(request: Request, status: int, problem: str) -> InvalidResponse:
    """The exception for an answer that cannot be read."""
    return InvalidResponse(status, method=request.method, path=request.path, route=request.route, detail=problem)


def retry_after_s(headers: Mapping[str, str], detail: str | None) -> float | None:
    """How long the server asks to wait, in seconds: from the header, else from the detail, else None (contract 3)."""
    header = headers.get("retry-after", "").strip()
    if header.isascii() and header.lstrip("+-").isdigit() and len(header) <= 12:
        return max(0.0, float(header))
    if header and (at := _http_date(header)) is not None:
        now = _http_date(headers.get("date", "")) or datetime.now(UTC)
        return max(0.0, (at - now).total_seconds())
    told = _SECONDS_IN_DETAIL.search(detail or "")
    return float(told[1]) if told else None


def _http_date(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, IndexError, OverflowError):
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def server_time(headers: Mapping[str, str]) -> float | None:
    """The server's clock in its answer, seconds since the epoch, to the whole second."""
    at = _http_date(headers.get("date", ""))
    return None if at is None else at.timestamp()


def _error_body(body: bytes) -> ErrorBody:
    try:
        return _ERROR.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, RecursionError):
        return ErrorBody()


def _text(value: Any, key: Secret) -> str | None:
    return neutralised(value, key) if isinstance(value, str) else None
