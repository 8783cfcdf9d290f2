"""Answers as values: status, headers, body; and PostHog's error envelope (contract 4).

It knows no route and no wire.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

JSON = "application/json"
HTML = "text/html; charset=utf-8"

_encoder = msgspec.json.Encoder()


class Response(msgspec.Struct, frozen=True):
    """What the server says: a status, the bytes of a body or, where it is streamed, its blocks, and further headers."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    blocks: Iterator[bytes] | None = None


class Refusal(Exception):
    """A request that is answered with an error instead of what it asked for."""

    def __init__(self, answer: Response) -> None:
        super().__init__(answer.status)
        self.answer = answer


def encode(value: Any) -> bytes:
    """The JSON bytes of a value."""
    return _encoder.encode(value)


def ok(value: Any, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(status, encode(value))


def empty(status: int) -> Response:
    """An answer without a body."""
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
    """The error envelope: one object of type, code, detail and attr (contract 4)."""
    body = encode({"type": kind, "code": code, "detail": detail, "attr": attr})
    return Response(status, body, headers=headers)


def invalid(detail: str, *, code: str = "invalid_input", attr: str | None = None) -> Refusal:
    """400: a value that the server does not take."""
    return Refusal(error(400, "validation_error", code, detail, attr=attr))


def parse_error(reason: str) -> Refusal:
    """400: a body that is not JSON."""
    return Refusal(error(400, "invalid_request", "parse_error", f"JSON parse error - {reason}"))


def not_authenticated() -> Refusal:
    """401: no key came with the request."""
    detail = "Authentication credentials were not provided."
    return Refusal(error(401, "authentication_error", "not_authenticated", detail))


def authentication_failed(source: str) -> Refusal:
    """401: the key that came from this source is not one of ours."""
    detail = f"Personal API key found in request {source} is invalid."
    return Refusal(error(401, "authentication_error", "authentication_failed", detail))


def permission_denied(detail: str) -> Refusal:
    """403."""
    return Refusal(error(403, "authentication_error", "permission_denied", detail))


def not_found(detail: str = "Not found.") -> Refusal:
    """404: "Not found." speaks of a person, other texts of a project or a route."""
    return Refusal(error(404, "invalid_request", "not_found", detail))


def method_not_allowed(method: str) -> Refusal:
    """405."""
    return Refusal(error(405, "invalid_request", "method_not_allowed", f'Method "{method}" not allowed.'))


def unsupported_media_type(media_type: str) -> Refusal:
    """415: persons routes take JSON only (contract 1)."""
    detail = f'Unsupported media type "{media_type}" in request.'
    return Refusal(error(415, "invalid_request", "unsupported_media_type", detail))


def throttled(wait_s: int | None, *, header: str | None) -> Refusal:
    """429 with the wait in whole seconds, if it is known, and the value of Retry-After, if it is sent."""
    detail = "Request was throttled."
    if wait_s is not None:
        detail += f" Expected available in {wait_s} second{'' if wait_s == 1 else 's'}."
    headers = (("Retry-After", header),) if header is not None else ()
    return Refusal(error(429, "throttled_error", "throttled", detail, headers=headers))


def server_error(status: int = 500, *, code: str = "error", detail: str = "A server error occurred.") -> Refusal:
    """5xx."""
    return Refusal(error(status, "server_error", code, detail))
