"""Turns an error response into its exception, from status, body and headers (contract 3, 4). Pure.

`reading` decides whether a response is a success.
"""

import re
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from asyncclient._protocol.http import Request, Response
from asyncclient._protocol.limits.retry_after import retry_after_s
from asyncclient._protocol.responses.error_body import error_body
from asyncclient._protocol.responses.origin import find_intermediary, find_redirect
from asyncclient._secret import Secret
from asyncclient.errors import (
    ApiStatusError,
    AuthenticationFailed,
    IntermediaryError,
    InvalidResponse,
    RateLimited,
    RedirectedAway,
    ServerError,
    TokenRefused,
    UnexpectedRedirect,
    error_class_for,
    sanitize_text,
)
from asyncclient.errors.intermediary import Redirect
from asyncclient.retry import UNAVAILABLE

_IMPERSONAL_FIELDS = frozenset(
    {"limit", "offset", "page", "include_total", "status", "format", "delete_events", "delete_recordings"}
    | {"keep_person", "key", "type", "operator", "$unset"}
)
"""Fields of requests that contain nothing about a person; keys of properties may be shown."""
_SERVER_WORDS = frozenset(
    {"validation_error", "invalid_request", "authentication_error", "server_error", "throttled_error"}
    | {"invalid_input", "invalid", "required", "invalid_choice", "null", "not_a_list", "parse_error", "not_found"}
    | {"method_not_allowed", "not_acceptable", "unsupported_media_type", "not_authenticated", "authentication_failed"}
    | {"permission_denied", "payment_required", "quota_limit_exceeded", "conflict", "throttled", "error"}
    | {"person_deletion_failed"}
)
"""The server's own types and codes (contract 4), shown even if a property has such a value."""
_WORD = re.compile(r"[a-z_]+")
_SAME_MEANING = frozenset({400, 409, 413, 422, 429})
"""Statuses from 400 to 499 that say the same about the request, no matter who sends them."""


def to_error(
    request: Request[Any], response: Response, key: Secret, wall: Callable[[], float] = time.time
) -> ApiStatusError:
    """Return the exception for an error response.

    Arguments:
        request: the request, whose IDs and values are removed from what the server sent.
        response: the response, which is not a success.
        key: the secret that the server may repeat.
        wall: this machine's time in seconds since the epoch, for a `Retry-After` with a date.
    """
    body = error_body(response.body)
    detail = body.text
    code = body.code
    if isinstance(code, str) and isinstance(detail, str) and " " in code and _WORD.fullmatch(detail):
        code, detail = detail, code  # PATCH and update_property swap the two (contract 4)
    error_class = ServerError if response.status < 300 else error_class_for(response.status, detail)
    may_ask_to_wait = error_class is RateLimited or response.status in UNAVAILABLE
    detail_text = detail if isinstance(detail, str) else ""
    if request.to_ingestion:
        # the body may name thousands of persons, and searching each of them in the response costs too much
        detail = body.attr = None
        error_class = TokenRefused if error_class is AuthenticationFailed else error_class
    hidden = () if request.to_ingestion else sent_values(request)
    redirect: Redirect | None = None
    if error_class is UnexpectedRedirect:
        redirect = find_redirect(response, key)
        error_class = UnexpectedRedirect if redirect.differs_in else RedirectedAway
    is_other_spelling = redirect is not None and bool(redirect.differs_in)
    intermediary = None if is_other_spelling else find_intermediary(request, response, body, key)
    if intermediary is not None and 400 <= response.status < 500 and response.status not in _SAME_MEANING:
        error_class = IntermediaryError
    return error_class(
        response.status,
        method=request.method,
        path=response.path,
        route=request.route,
        type=_word(body.type, key, hidden),
        code=_word(code, key, hidden),
        detail=_text(detail, key, hidden),
        attr=_text(body.attr, key, hidden),
        retry_after_s=retry_after_s(response.headers, detail_text, wall) if may_ask_to_wait else None,
        intermediary=intermediary,
        redirect=redirect,
    )


def invalid_response(request: Request[Any], response: Response, problem: str) -> InvalidResponse:
    """Return the exception for a 2xx response that is not a success of the call."""
    return InvalidResponse(
        response.status, method=request.method, path=response.path, route=request.route, detail=problem
    )


def sent_values(request: Request[Any]) -> tuple[str, ...]:
    """Return the IDs and values of persons in a request, which a server may repeat, the longest first."""
    values = [part for part in request.path.split("/") if part.isdigit()] if request.in_project else []
    for name, value in request.query:
        if name not in _IMPERSONAL_FIELDS:
            found = _json(value)
            values += [value, *_texts_of_objects(found if isinstance(found, list) else [])]
    if request.body is not None:
        values += _texts_of_objects([_json(request.body)])
    return tuple(sorted(set(values), key=len, reverse=True))


def _json(text: str | bytes) -> Any:
    """Return a text decoded as JSON, or the text itself if it is not JSON."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return text.decode(errors="replace") if isinstance(text, bytes) else text


def _texts_of_objects(objects: list[Any]) -> list[str]:
    """Return the texts about persons in requests or filters: all but the fields that have a fixed meaning."""
    values: list[str] = []
    for each in objects:
        fields = (
            [value for name, value in each.items() if name not in _IMPERSONAL_FIELDS]
            if isinstance(each, dict)
            else each
        )
        values += _texts(fields)
    return values


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return [str(value)]
    return [value] if isinstance(value, str) else []


def _word(value: Any, key: Secret, hidden: Sequence[str]) -> str | None:
    return value if isinstance(value, str) and value in _SERVER_WORDS else _text(value, key, hidden)


def _text(value: Any, key: Secret, hidden: Sequence[str]) -> str | None:
    return sanitize_text(value, key, hidden) if isinstance(value, str) else None
