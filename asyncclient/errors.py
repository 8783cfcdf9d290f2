"""What can go wrong: one root, a branch for a bad answer and one for no answer. Fields first, messages from them.

Messages show the route's template, never an id, a property or the key; `path` holds the real path.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

from asyncclient._secret import Secret

MAX_DETAIL = 200
MAX_SCANNED = 2000
MAX_SHOWN = 60
_KEY = re.compile(r"ph[a-z]_")
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_EMAIL = re.compile(r"[^\s@'\"<>]+@[^\s@'\"<>]+")
_UUID = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")


class InvalidArgument(ValueError):
    """An argument or setting cannot be used; raised before anything is sent."""


class PostHogError(Exception):
    """Anything that goes wrong between this client and a server."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return _restore, (type(self), self.args, vars(self).copy())


class ListingError(PostHogError):
    """A listing cannot be read completely: its rows shift too fast, too many of them in succession cannot be read, or
    the server leads in circles."""


class ApiStatusError(PostHogError):
    """The server answered, and not with success (contract 4).

    Arguments:
        status: of the answer.
        type: of the error body, None where it has none.
        code: of the error body, None where it has none.
        detail: of the error body, without IDs and keys, None where it has none.
        attr: the field that the error speaks of, None where the body names none.
        method: of the request.
        path: of the request.
        route: the template of the path, which messages show.
        retry_after_s: seconds that the server asks to wait, None where it does not.
    """

    hint = ""

    def __init__(
        self,
        status: int,
        *,
        method: str,
        path: str,
        route: str,
        type: str | None = None,  # noqa: A002
        code: str | None = None,
        detail: str | None = None,
        attr: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(status, code)
        self.status = status
        self.type = type
        self.code = code
        self.detail = detail
        self.attr = attr
        self.method = method
        self.path = path
        self.route = route
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        parts = [f"{self.route}: {self.status}"]
        if self.code:
            parts.append(f" {self.code}")
        if self.detail:
            parts.append(f" ({self.detail})")
        if self.attr:
            parts.append(f" [{self.attr}]")
        return "".join(parts) + self.hint


class BadRequest(ApiStatusError):
    """400: the server does not take the request."""


class AuthenticationFailed(ApiStatusError):
    """401: the key is not valid here."""

    hint = (
        "; a valid key of the other region gets this answer too: check that the host is the region "
        "(us or eu) in which the key was made"
    )


class TokenRefused(AuthenticationFailed):
    """401 of the ingestion host, which gets the project's token and no key."""

    hint = "; it is the project's token that is not valid there: check POSTHOG_PROJECT_API_KEY and the ingestion host"


class PaymentRequired(ApiStatusError):
    """402: the plan or its quota does not cover this."""


class PermissionDenied(ApiStatusError):
    """403: the key may not do this; scopes and project are named in `detail`."""


class NotFound(ApiStatusError):
    """404 with the detail `Not found.`: there is no such person or object."""


class RouteNotFound(ApiStatusError):
    """Any other 404: the project, the endpoint or the format does not exist."""


class MethodNotAllowed(ApiStatusError):
    """405: the server knows the path but not this method."""


class Conflict(ApiStatusError):
    """409."""


class UnprocessableEntity(ApiStatusError):
    """422."""


class RateLimited(ApiStatusError):
    """429: more requests than the limit allows."""


class QuotaLimited(ApiStatusError):
    """200, and the body says that the project's quota is used up: the captured events are not stored (contract 12)."""


class ServerError(ApiStatusError):
    """5xx: whether anything was done is not known."""


class UnexpectedRedirect(ApiStatusError):
    """3xx: never followed, so that the key stays with the configured host."""


class InvalidResponse(ApiStatusError):
    """The answer is too large, too deep or not what it should be; whether anything was done is not known."""


class TransportError(PostHogError):
    """No answer.

    Arguments:
        reason: what happened, in words.
        method: of the request.
        path: of the request.
        route: the template of the path, which messages show.
        sent: whether bytes of the request may have left.
    """

    def __init__(self, reason: str, *, method: str, path: str, route: str, sent: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.method = method
        self.path = path
        self.route = route
        self.sent = sent

    def __str__(self) -> str:
        return f"{self.route}: {self.reason}"


class ConnectFailed(TransportError):
    """No connection came about; nothing was sent."""


class ConnectionLost(TransportError):
    """The connection broke; whether anything was done is not known."""


class TimedOut(TransportError):
    """No answer in time; whether anything was done is not known."""


def _restore(kind: type[PostHogError], args: tuple[Any, ...], fields: dict[str, Any]) -> PostHogError:
    """An error as it was, out of a pickle or a copy."""
    error = kind.__new__(kind)
    error.args = args
    vars(error).update(fields)
    return error


BY_STATUS: dict[int, type[ApiStatusError]] = {
    400: BadRequest,
    401: AuthenticationFailed,
    402: PaymentRequired,
    403: PermissionDenied,
    405: MethodNotAllowed,
    409: Conflict,
    422: UnprocessableEntity,
    429: RateLimited,
}


def error_class_for(status: int, detail: object) -> type[ApiStatusError]:
    """The class for a status; only `Not found.` speaks of a person, any other 404 of a route."""
    if status == 404:
        return NotFound if detail == "Not found." else RouteNotFound
    if status >= 500:
        return ServerError
    if 300 <= status < 400:
        return UnexpectedRedirect
    return BY_STATUS.get(status, ApiStatusError)


def shown(value: object, max_length: int = MAX_SHOWN) -> str:
    """A bad argument fit for a message: short, ASCII, and hidden where it looks like a key."""
    try:
        text = ascii(value)
    except ValueError:  # a number of thousands of digits has no text
        text = f"a {type(value).__name__} too long to show"
    if _KEY.search(text):
        return "that looks like a key (not shown)"
    return text if len(text) <= max_length else text[: max_length - 3] + "..."


def sanitize_text(text: str, key: Secret, hidden: Sequence[str] = ()) -> str:
    """A server's text fit for a message: short, without control and bidi characters, ids of persons and the key.

    Arguments:
        hidden: what the request said of persons, the longest first.
    """
    shown = key.redact(text)
    for value in hidden:
        if value and value in shown:
            shown = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", "<id>", shown)
    shown = _UUID.sub("<id>", _EMAIL.sub("<email>", shown[:MAX_SCANNED]))
    shown = "".join(" " if unicodedata.category(c) in _HIDDEN_CATEGORIES else c for c in shown)
    return shown if len(shown) <= MAX_DETAIL else shown[: MAX_DETAIL - 1] + "…"
