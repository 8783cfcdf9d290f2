"""Exceptions: one root, with a branch for error responses and one for missing responses.

Each exception has its facts as fields and builds its message from them. Messages show the template of the route, never
an ID, a property or the key; the field `path` holds the real path.
"""

from collections.abc import Callable
from typing import Any

from asyncclient.errors.intermediary import PROXY_LOGIN, Intermediary, Redirect
from asyncclient.errors.text import MAX_DETAIL as MAX_DETAIL
from asyncclient.errors.text import sanitize_text as sanitize_text
from asyncclient.errors.text import shown as shown


class InvalidArgument(ValueError):
    """An argument or a setting cannot be used; raised before anything is sent."""


class LimitsFileError(Exception):
    """The limits file cannot be used, so no request is sent.

    Arguments:
        path: the file.
        problem: what is wrong with it.
        fix: what to do.
    """

    def __init__(self, path: str, problem: str, fix: str) -> None:
        super().__init__(path, problem, fix)
        self.path = path
        self.problem = problem
        self.fix = fix

    def __str__(self) -> str:
        return f"the limits file {self.path} {self.problem}: {self.fix}"


class PostHogError(Exception):
    """The root of all errors between this client and a server."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return _restore, (type(self), self.args, vars(self).copy())


class ListingError(PostHogError):
    """A listing cannot be read completely.

    Its rows shift too fast, too many consecutive rows cannot be read, or the links to next pages form a loop.
    """


class ApiStatusError(PostHogError):
    """The server responded with an error (contract 4).

    Arguments:
        status: HTTP status of the response.
        type: `type` of the error body; None if it has none.
        code: `code` of the error body; None if it has none.
        detail: `detail` of the error body, with IDs and keys removed; None if it has none.
        attr: the field that the error is about; None if the body names none.
        method: HTTP method of the request.
        path: path of the request.
        route: template of the path, which messages show.
        retry_after_s: seconds that the server asks to wait; None if it does not ask.
        intermediary: what is known about the sender if it is not PostHog; None for a response of PostHog.
        redirect: where a redirect leads; None if the response is not one.
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
        intermediary: Intermediary | None = None,
        redirect: Redirect | None = None,
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
        self.intermediary = intermediary
        self.redirect = redirect

    def __str__(self) -> str:
        parts = [f"{self.route}: {self.status}"]
        if self.redirect is not None:
            parts.append(f" {self.redirect.describe()}")
        if self.code:
            parts.append(f" {self.code}")
        if self.detail:
            parts.append(f" ({self.detail})")
        if self.attr:
            parts.append(f" [{self.attr}]")
        if self.intermediary is not None:
            parts.append(f" {self.intermediary.describe(self.status)}")
        return "".join(parts) + self._fix()

    def _fix(self) -> str:
        return self.hint


class IntermediaryError(ApiStatusError):
    """A proxy, firewall or login page in front of PostHog sent the response, so it says nothing about key or person.

    A request that changes something may or may not have had an effect.
    """

    hint = (
        "; check the host (POSTHOG_HOST), or ask the operator of that proxy or firewall to let requests to PostHog pass"
    )

    def _fix(self) -> str:
        if self.status == PROXY_LOGIN:
            return "; the proxy asks for a user name and password: put them into its address (the setting proxy)"
        return self.hint


class BadRequest(ApiStatusError):
    """400: the server does not accept the request."""


class AuthenticationFailed(ApiStatusError):
    """401: the key is not valid here."""

    hint = (
        "; check the key, and that the host is the region (us or eu) in which it was created: the other "
        "region refuses it"
    )


class TokenRefused(AuthenticationFailed):
    """401 of the ingestion host: the project's token is not valid there."""

    hint = "; the project's token is not valid there: check POSTHOG_PROJECT_API_KEY and the ingestion host"


class PaymentRequired(ApiStatusError):
    """402: the PostHog plan or its quota does not cover this call."""


class PermissionDenied(ApiStatusError):
    """403: the key lacks a permission; `detail` names the scope or the project."""


class NotFound(ApiStatusError):
    """404 with the detail `Not found.`: the person or object does not exist."""


class RouteNotFound(ApiStatusError):
    """Any other 404: the project, the endpoint or the format does not exist."""


class MethodNotAllowed(ApiStatusError):
    """405: the path exists but does not accept this method."""


class Conflict(ApiStatusError):
    """409: the request conflicts with the current state of the server."""


class UnprocessableEntity(ApiStatusError):
    """422: the server understands the request but cannot process it."""


class RateLimited(ApiStatusError):
    """429: more requests than the rate limit allows."""


class QuotaLimited(ApiStatusError):
    """200 with a body that says the project's quota is used up: the captured events are not stored (contract 12)."""


class ServerError(ApiStatusError):
    """5xx: the request may or may not have had an effect."""


class UnexpectedRedirect(ApiStatusError):
    """3xx: the client follows no redirect, so that the key is sent to the configured host only."""

    def _fix(self) -> str:
        fix = self.redirect.fix() if self.redirect is not None else ""
        return f"; {fix}" if fix else self.hint


class RedirectedAway(UnexpectedRedirect, IntermediaryError):
    """3xx to another host or page, as a login page or a captive portal responds."""


class InvalidResponse(ApiStatusError):
    """The response is too large, nested too deep or not one of this call.

    The request may or may not have had an effect.
    """


class TransportError(PostHogError):
    """There is no response.

    Arguments:
        reason: what happened, as text for people.
        method: HTTP method of the request.
        path: path of the request.
        route: template of the path, which messages show.
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
    """No connection could be made; nothing was sent."""


class ConnectionLost(TransportError):
    """The connection broke; the request may or may not have had an effect."""


class UnknownHost(ConnectFailed):
    """No address is known for the name of the host; nothing was sent.

    Arguments:
        reason: what happened, as text for people.
        method: HTTP method of the request.
        path: path of the request.
        route: template of the path, which messages show.
        sent: False, because nothing was sent.
        does_not_exist: whether the name server said that there is no such name, rather than not responding itself.
    """

    def __init__(
        self, reason: str, *, method: str, path: str, route: str, sent: bool = False, does_not_exist: bool = False
    ) -> None:
        super().__init__(reason, method=method, path=path, route=route, sent=sent)
        self.does_not_exist = does_not_exist


class UntrustedCertificate(ConnectFailed):
    """The certificate of the server is not trusted; nothing was sent.

    Arguments:
        reason: what is wrong with the certificate, as text for people.
        method: HTTP method of the request.
        path: path of the request.
        route: template of the path, which messages show.
        sent: False, because nothing was sent.
        is_unknown_authority: whether the certificate authority is unknown, so that naming it helps.
    """

    def __init__(
        self, reason: str, *, method: str, path: str, route: str, sent: bool = False, is_unknown_authority: bool = True
    ) -> None:
        super().__init__(reason, method=method, path=path, route=route, sent=sent)
        self.is_unknown_authority = is_unknown_authority

    def __str__(self) -> str:
        fix = (
            "if you trust its certificate authority, name it with --ca-file FILE (in Python: ssl=...)"
            if self.is_unknown_authority
            else "check the host (POSTHOG_HOST) and the clock of this machine, or have the certificate replaced"
        )
        return f"{super().__str__()}; {fix}"


class TimedOut(TransportError):
    """No response came in time; the request may or may not have had an effect."""


class Unreachable(TransportError):
    """The server was in an outage for longer than it is waited out (`RetryPolicy.retry_for_s`).

    Every attempt of the call that was sent had no effect.

    Arguments:
        cause: what the last probe ended with, such as "503" or "no connection (Connection refused)".
        method: HTTP method of the request.
        path: path of the request.
        route: template of the path, which messages show.
        away_s: for how long the server did not respond, in seconds.
    """

    def __init__(self, cause: str, *, method: str, path: str, route: str, away_s: float) -> None:
        away = f"{away_s:.0f} s" if away_s < 120 else f"{away_s / 60:.0f} min"
        super().__init__(
            f"the server did not respond for {away} ({cause})", method=method, path=path, route=route, sent=False
        )
        self.cause = cause
        self.away_s = away_s


def _restore(kind: type[PostHogError], args: tuple[Any, ...], fields: dict[str, Any]) -> PostHogError:
    """Rebuild an error from a pickle or a copy."""
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
    """Return the exception class for a status; a 404 is about a person only with the detail `Not found.`."""
    if status == 404:
        return NotFound if detail == "Not found." else RouteNotFound
    if status >= 500:
        return ServerError
    if 300 <= status < 400:
        return UnexpectedRedirect
    return BY_STATUS.get(status, ApiStatusError)
