"""Recognizes responses that do not come from PostHog, and finds where a redirect leads (contract 4). Pure.

A proxy, a firewall, a load balancer or a login page in front of PostHog responds in its own form: HTML, text, nothing,
or JSON without the fields of PostHog's errors.
"""

from typing import Any, Final
from urllib.parse import SplitResult, urljoin, urlsplit

import msgspec

from asyncclient._protocol.http import Request, Response
from asyncclient._protocol.responses.error_body import ErrorBody
from asyncclient._protocol.responses.expectations import is_blank, is_html
from asyncclient._secret import Secret
from asyncclient.errors import sanitize_text
from asyncclient.errors.intermediary import PROXY_LOGIN, Difference, Intermediary, Redirect

MAX_SERVER: Final = 60
"""Characters of a `Server` header that are shown."""
MAX_ORIGIN: Final = 100
"""Characters of the origin of a redirect that are shown."""
ENVELOPE_ONLY: Final = frozenset({401, 403})
"""Statuses that PostHog sends with the whole envelope only (contract 2)."""

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_ALIAS: Final = "/api/environments/"
_SUCCESSOR: Final = "/api/projects/"
_OBJECT: "Final[msgspec.json.Decoder[dict[str, msgspec.Raw]]]" = msgspec.json.Decoder(dict[str, msgspec.Raw])


def find_intermediary(request: Request[Any], response: Response, body: ErrorBody, key: Secret) -> Intermediary | None:
    """Return the sender of a response that is not PostHog's, or None for a response of PostHog.

    Arguments:
        request: the request.
        response: a response that is not a success of its call.
        body: the fields of its body.
        key: the secret that the sender may repeat.
    """
    if is_from_posthog(request, response, body):
        return None
    return Intermediary(_shown(response.headers.get("server", ""), key, MAX_SERVER) or None)


def is_from_posthog(request: Request[Any], response: Response, body: ErrorBody) -> bool:
    """Return whether a response that is not a success of its call comes from PostHog."""
    status = response.status
    if is_html(response) or status == PROXY_LOGIN:
        return False
    if status < 300 or request.to_ingestion:
        return True  # the ingestion host has no error envelope (contract 12)
    if _is_text(body.type) and _is_text(body.code) and _is_text(body.detail):
        return True
    if _as_csv(request) and is_blank(response):
        return True  # PostHog renders its errors as CSV without rows (contract 4)
    if status in ENVELOPE_ONLY:
        return False
    return _is_text(body.detail) or (_is_text(body.error) and _has_one_field(response.body))


def find_redirect(response: Response, key: Secret) -> Redirect:
    """Return where a 3xx response leads.

    Arguments:
        response: the response, with the origin and path of its request.
        key: the secret that the sender may repeat. Of the address only the origin is kept.
    """
    location = response.headers.get("location", "")
    source = f"{response.origin}/{response.path}"
    try:
        asked, target = urlsplit(source), urlsplit(urljoin(source, location))
        found = _origin(target)
        if not location or found is None:
            return Redirect()
        return Redirect(
            origin=_shown(found, key, MAX_ORIGIN),
            same_origin=found == _origin(asked),
            differs_in=_differences(asked, target),
        )
    except ValueError:
        return Redirect()


def _differences(asked: SplitResult, target: SplitResult) -> tuple[Difference, ...]:
    """Return what two addresses differ in, if only in scheme, slash or prefix; empty otherwise."""
    if asked.hostname != target.hostname:
        return ()
    found: list[Difference] = []
    if asked.scheme != target.scheme:
        # the port of a scheme goes with it, and any other port has to stay
        if (_port(asked), _port(target)) not in ((80, 443), (443, 80)) and _port(asked) != _port(target):
            return ()
        found.append("scheme")
    elif _port(asked) != _port(target):
        return ()
    if asked.path != target.path:
        if asked.path.rstrip("/") == target.path.rstrip("/"):
            found.append("slash")
        elif asked.path.startswith(_ALIAS) and target.path == _SUCCESSOR + asked.path.removeprefix(_ALIAS):
            found.append("prefix")
        else:
            return ()
    return tuple(found)


def _origin(parts: SplitResult) -> str | None:
    """Return scheme, host and port of an address without its user information; None if it has no host."""
    if not parts.hostname or parts.scheme not in _DEFAULT_PORTS:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = "" if parts.port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def _port(parts: SplitResult) -> int | None:
    return parts.port or _DEFAULT_PORTS.get(parts.scheme)


def _shown(text: str, key: Secret, max_length: int) -> str:
    return sanitize_text(text, key)[:max_length].strip()


def _as_csv(request: Request[Any]) -> bool:
    return ("format", "csv") in request.query


def _has_one_field(body: bytes) -> bool:
    """Return whether a JSON object has one field; other servers send `error` with the status, the time or a path."""
    return len(_OBJECT.decode(body)) == 1


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)
