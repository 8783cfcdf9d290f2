"""From an answer that is no success to its exception: statuses, error bodies and headers (contract 3, 4). Pure.

Whether an answer is a success is `_protocol.answers`' business.
"""

import re
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from asyncclient._protocol.http import Request, Response
from asyncclient._protocol.limits.retry_after import retry_after_s
from asyncclient._protocol.responses.error_body import error_body
from asyncclient._secret import Secret
from asyncclient.errors import (
    ApiStatusError,
    AuthenticationFailed,
    InvalidResponse,
    RateLimited,
    ServerError,
    TokenRefused,
    kind_for,
    neutralised,
)
from asyncclient.retry import UNAVAILABLE

_HARMLESS = frozenset(
    {"limit", "offset", "page", "include_total", "status", "format", "delete_events", "delete_recordings"}
    | {"keep_person", "key", "type", "operator", "$unset"}
)
"""Fields of requests that say nothing of a person; keys of properties may be shown."""
_VOCABULARY = frozenset(
    {"validation_error", "invalid_request", "authentication_error", "server_error", "throttled_error"}
    | {"invalid_input", "invalid", "required", "invalid_choice", "null", "not_a_list", "parse_error", "not_found"}
    | {"method_not_allowed", "not_acceptable", "unsupported_media_type", "not_authenticated", "authentication_failed"}
    | {"permission_denied", "payment_required", "quota_limit_exceeded", "conflict", "throttled", "error"}
    | {"person_deletion_failed"}
)
"""Types and codes of the server's own (contract 4), shown even when a property has such a value."""
_WORD = re.compile(r"[a-z_]+")


def to_error(
    request: Request[Any], response: Response, key: Secret, wall: Callable[[], float] = time.time
) -> ApiStatusError:
    """The exception for an answer that is no success."""
    body = error_body(response.body)
    detail = body.text
    code = body.code
    if isinstance(code, str) and isinstance(detail, str) and " " in code and _WORD.fullmatch(detail):
        code, detail = detail, code  # as PATCH and update_property have them (contract 4)
    kind = ServerError if response.status < 300 else kind_for(response.status, detail)
    waits = kind is RateLimited or response.status in UNAVAILABLE
    told = detail if isinstance(detail, str) else ""
    if request.to_ingestion:
        # a body of thousands of persons: looking for each of them in what comes back costs more than it tells
        detail = body.attr = None
        kind = TokenRefused if kind is AuthenticationFailed else kind
    hidden = () if request.to_ingestion else sent_values(request)
    return kind(
        response.status,
        method=request.method,
        path=response.path,
        route=request.route,
        type=_word(body.type, key, hidden),
        code=_word(code, key, hidden),
        detail=_text(detail, key, hidden),
        attr=_text(body.attr, key, hidden),
        retry_after_s=retry_after_s(response.headers, told, wall) if waits else None,
    )


def invalid(request: Request[Any], response: Response, problem: str) -> InvalidResponse:
    """The exception for a success that cannot be read."""
    return InvalidResponse(
        response.status, method=request.method, path=response.path, route=request.route, detail=problem
    )


def sent_values(request: Request[Any]) -> tuple[str, ...]:
    """What a request says of persons: ids and values, which a server may repeat in its answer."""
    values = [part for part in request.path.split("/") if part.isdigit()] if request.in_project else []
    for name, value in request.query:
        if name not in _HARMLESS:
            found = _json(value)
            values += [value, *_texts_of_objects(found if isinstance(found, list) else [])]
    if request.body is not None:
        values += _texts_of_objects([_json(request.body)])
    return tuple(sorted(set(values), key=len, reverse=True))


def _json(text: str | bytes) -> Any:
    """What a text says as JSON; itself where it is none."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return text.decode(errors="replace") if isinstance(text, bytes) else text


def _texts_of_objects(objects: list[Any]) -> list[str]:
    """What requests or filters say of persons: all but the fields that have a fixed meaning."""
    values: list[str] = []
    for each in objects:
        fields = [value for name, value in each.items() if name not in _HARMLESS] if isinstance(each, dict) else each
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
    return value if isinstance(value, str) and value in _VOCABULARY else _text(value, key, hidden)


def _text(value: Any, key: Secret, hidden: Sequence[str]) -> str | None:
    return neutralised(value, key, hidden) if isinstance(value, str) else None
