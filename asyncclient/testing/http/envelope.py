"""Responses as values, and PostHog's error envelope (contract 4)."""

from collections.abc import Iterator
from typing import Any

import msgspec

JSON = "application/json"
HTML = "text/html; charset=utf-8"

_encoder = msgspec.json.Encoder()


class Response(msgspec.Struct, frozen=True):
    """A response: status, body, content type and further headers; a streamed body comes in `blocks`."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    blocks: Iterator[bytes] | None = None


class Refusal(Exception):
    """The server refuses a request with an error response."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


def encode(value: Any) -> bytes:
    """Return the JSON bytes of a value."""
    return _encoder.encode(value)


def ok(value: Any, status: int = 200) -> Response:
    """Return a JSON response."""
    return Response(status, encode(value))


def empty(status: int) -> Response:
    """Return a response without a body."""
    return Response(status)


def error(
    status: int,
    kind: str,
    code: str,
    detail: str,
    *,
    attr: str | None = None,
    headers: tuple[tuple[str, str], ...] = (),
) -> Response:
    """Return the error envelope: an object with type, code, detail and attr (contract 4)."""
    body = encode({"type": kind, "code": code, "detail": detail, "attr": attr})
    return Response(status, body, headers=headers)


def invalid(detail: str, *, code: str = "invalid_input", attr: str | None = None) -> Refusal:
    """400: the server does not accept a value."""
    return Refusal(error(400, "validation_error", code, detail, attr=attr))


def parse_error(reason: str) -> Refusal:
    """400: the body is not JSON."""
    return Refusal(error(400, "invalid_request", "parse_error", f"JSON parse error - {reason}"))


def not_authenticated() -> Refusal:
    """401: the request has no key."""
    detail = "Authentication credentials were not provided."
    return Refusal(error(401, "authentication_error", "not_authenticated", detail))


def authentication_failed(source: str) -> Refusal:
    """401: the key from this source is not known."""
    detail = f"Personal API key found in request {source} is invalid."
    return Refusal(error(401, "authentication_error", "authentication_failed", detail))


def permission_denied(detail: str) -> Refusal:
    """403: the key lacks a permission."""
    return Refusal(error(403, "authentication_error", "permission_denied", detail))


def not_found(detail: str = "Not found.") -> Refusal:
    """404: "Not found." is about a person, other texts are about a project or a route."""
    return Refusal(error(404, "invalid_request", "not_found", detail))


def method_not_allowed(method: str) -> Refusal:
    """405: the route does not accept the method."""
    return Refusal(error(405, "invalid_request", "method_not_allowed", f'Method "{method}" not allowed.'))


def conflict(detail: str) -> Refusal:
    """409: the request contradicts what is there."""
    return Refusal(error(409, "server_error", "conflict", detail))


def unsupported_media_type(media_type: str) -> Refusal:
    """415: persons routes accept JSON only (contract 1)."""
    detail = f'Unsupported media type "{media_type}" in request.'
    return Refusal(error(415, "invalid_request", "unsupported_media_type", detail))


def throttled(wait_s: int | None, *, header: str | None) -> Refusal:
    """429: the rate limit is exceeded; with the wait in whole seconds and the value of Retry-After, if any."""
    detail = "Request was throttled."
    if wait_s is not None:
        detail += f" Expected available in {wait_s} second{'' if wait_s == 1 else 's'}."
    headers = (("Retry-After", header),) if header is not None else ()
    return Refusal(error(429, "throttled_error", "throttled", detail, headers=headers))


def server_error(status: int = 500, *, code: str = "error", detail: str = "A server error occurred.") -> Refusal:
    """5xx: the server failed."""
    return Refusal(error(status, "server_error", code, detail))
