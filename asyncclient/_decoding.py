"""Reply to model or exception: how statuses, bodies and headers are read (contract 3, 4). Pure."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from asyncclient._clock import http_date
from asyncclient._http import Request, Response
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

T = TypeVar("T")

LONGEST_WAIT_S = 1e9

_SECONDS = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_SECONDS_IN_DETAIL = re.compile(r"available in ([0-9]+) second")
_NO_KEY_ACCESS = "does not support personal api key access"
_NO_SUCH_PERSON = "Not found."
_UNKNOWN_ROUTE = frozenset({"Endpoint not found.", _NO_SUCH_PERSON})
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


class ErrorBody(msgspec.Struct):
    """The error envelope, with whatever irregular bodies have in its place."""

    type: Any = None
    code: Any = None
    detail: Any = None
    attr: Any = None
    error: Any = None
    message: Any = None


class Succeeded(msgspec.Struct):
    """What the answer to a change says of itself."""

    success: Any = None


_ERROR = msgspec.json.Decoder(ErrorBody)
_SUCCEEDED = msgspec.json.Decoder(Succeeded)


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


def check_success(request: Request, response: Response, key: Secret) -> None:
    """Pass for any 2xx whose body does not say `success: false` (contract 6.8).

    Raises:
        ApiStatusError: the answer is no success; a `ServerError` where only its body says so.
    """
    check(request, response, key)
    try:
        told = _SUCCEEDED.decode(response.body).success
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return  # the documentation promises no body
    if told is False:
        raise to_error(request, response, key)


def text(request: Request, response: Response, key: Secret) -> str:
    """The body of a success as a text.

    Raises:
        ApiStatusError: the answer is no success, or no text.
    """
    check(request, response, key)
    try:
        return response.body.decode()
    except UnicodeDecodeError:
        pass
    raise invalid(request, response, f"the body ({len(response.body)} bytes) is not UTF-8")


def to_error(
    request: Request, response: Response, key: Secret, wall: Callable[[], float] = time.time
) -> ApiStatusError:
    """The exception for an answer that is no success."""
    body = _error_body(response.body)
    detail = body.detail if body.detail is not None else body.error if body.error is not None else body.message
    code = body.code
    if isinstance(code, str) and isinstance(detail, str) and " " in code and _WORD.fullmatch(detail):
        code, detail = detail, code  # as PATCH and update_property have them (contract 4)
    kind = ServerError if response.status < 300 else kind_for(response.status, detail)
    waits = kind is RateLimited or response.status == 503
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
    if response.status == 404 and looks and detail == _NO_SUCH_PERSON:
        return None  # a route that is read as a person's id is none (400): whatever answers here speaks of persons
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


def _error_body(body: bytes) -> ErrorBody:
    try:
        return _ERROR.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, RecursionError):
        return ErrorBody()


def _word(value: Any, key: Secret, hidden: Sequence[str]) -> str | None:
    return value if isinstance(value, str) and value in _VOCABULARY else _text(value, key, hidden)


def _text(value: Any, key: Secret, hidden: Sequence[str]) -> str | None:
    return neutralised(value, key, hidden) if isinstance(value, str) else None
