"""Which responses come from PostHog, what is known about other senders, and where a redirect leads (contract 1, 4)."""

import json
import pickle
from typing import Any

import pytest

from asyncclient import (
    ApiStatusError,
    AuthenticationFailed,
    BadRequest,
    IntermediaryError,
    InvalidResponse,
    NotFound,
    PermissionDenied,
    RateLimited,
    RedirectedAway,
    RouteNotFound,
    ServerError,
    TokenRefused,
    UnexpectedRedirect,
)
from asyncclient._protocol import endpoints
from asyncclient._protocol.http import Request, Response
from asyncclient._protocol.responses import reading
from asyncclient._protocol.responses.decoding import to_error
from asyncclient._secret import Secret

KEY = Secret("phx_0123456789abcdefghij")
GET = endpoints.list_persons()
CSV = endpoints.in_csv(endpoints.list_persons(format="csv"))
CAPTURE = Request(
    **{name: getattr(GET, name) for name in ("action", "route", "bucket", "expects")},
    method="POST",
    path="batch/",
    in_project=False,
    to_ingestion=True,
)
HOST = "https://posthog.example.com"
PATH = "api/environments/1/persons/"
HTML = b"<html><body>Forbidden</body></html>"


def response(status: int, body: Any = b"", **headers: str) -> Response:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status=status, path=PATH, headers=names, body=raw, origin=HOST)


def error(status: int, body: Any = b"", request: Request[Any] = GET, **headers: str) -> ApiStatusError:
    return to_error(request, response(status, body, **headers), KEY)


def envelope(kind: str, code: str, detail: str) -> dict[str, Any]:
    return {"type": kind, "code": code, "detail": detail, "attr": None}


DENIED = envelope("authentication_error", "permission_denied", "API key missing required scope 'person:read'")


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, envelope("authentication_error", "authentication_failed", "invalid"), AuthenticationFailed),
        (403, DENIED, PermissionDenied),
        (404, envelope("invalid_request", "not_found", "Not found."), NotFound),
        (404, envelope("invalid_request", "not_found", "Endpoint not found."), RouteNotFound),
        (404, {"error": "Person not found"}, RouteNotFound),
        (400, {"success": False, "detail": "Unable to delete property"}, BadRequest),
        (400, {"message": "m", "detail": "d"}, BadRequest),
        (400, {"error": "no timestamp"}, BadRequest),
        (500, envelope("server_error", "error", "A server error occurred."), ServerError),
        (500, {"detail": "d", "error_event_id": "x"}, ServerError),
    ],
)
def test_every_form_of_posthogs_errors_comes_from_posthog(status: int, body: Any, kind: type[Any]) -> None:
    found = error(status, body, server="nginx")
    assert type(found) is kind
    assert found.intermediary is None
    assert "in front of" not in str(found)


@pytest.mark.parametrize("status", [401, 402, 403, 404, 405, 406, 407, 408, 451])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no healthy upstream",
        b"error code: 1020",
        HTML,
        b"null",
        b"[]",
        {"message": "Forbidden"},
        {"timestamp": "2026-11-29T10:57:03", "status": 404, "error": "Not Found", "path": "/api"},
    ],
)
def test_a_refusal_in_another_form_is_not_posthogs(status: int, body: Any) -> None:
    found = error(status, body, server="cloudflare")
    assert type(found) is IntermediaryError
    assert found.intermediary is not None
    assert found.intermediary.server == "cloudflare"
    assert str(found).startswith(f"GET persons/: {status} ")
    assert "(Server: cloudflare)" in str(found)
    assert "region" not in str(found)


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("body", [{"detail": "session expired"}, {"error": "unauthorized"}])
def test_a_refusal_of_the_key_needs_the_whole_envelope(status: int, body: Any) -> None:
    assert type(error(status, body)) is IntermediaryError


@pytest.mark.parametrize(
    ("status", "kind"), [(400, BadRequest), (413, ApiStatusError), (429, RateLimited), (502, ServerError)]
)
def test_statuses_that_mean_the_same_from_any_sender_keep_their_class(status: int, kind: type[Any]) -> None:
    found = error(status, HTML, server="nginx", content_type="text/html")
    assert type(found) is kind
    assert "in front of PostHog (Server: nginx)" in str(found)


def test_html_is_never_posthogs_even_if_the_status_is_a_success() -> None:
    with pytest.raises(InvalidResponse, match=r"200 \(the response is an HTML page.*\) from .* \(no Server header\)"):
        reading.read(GET, response(200, HTML), KEY)
    with pytest.raises(InvalidResponse) as caught:
        reading.read(GET, response(200, {"unexpected": 1}, server="nginx"), KEY)
    assert caught.value.intermediary is None, "JSON of another shape may come from another version of PostHog"


def test_an_error_in_csv_has_no_body() -> None:
    assert type(error(403, b"", CSV)) is PermissionDenied
    assert type(error(403, HTML, CSV)) is IntermediaryError


def test_the_ingestion_host_has_no_envelope() -> None:
    assert type(error(401, b"API key is not valid", CAPTURE)) is TokenRefused
    assert type(error(401, HTML, CAPTURE)) is IntermediaryError


@pytest.mark.parametrize(
    ("header", "shown"),
    [
        ("nginx/1.24.0 (Ubuntu)", "nginx/1.24.0 (Ubuntu)"),
        ("evil\x1b[31m\u202e", "evil [31m"),
        (KEY.reveal(), "***"),
        ("x" * 500, "x" * 60),
        ("  ", None),
        ("", None),
    ],
)
def test_a_server_header_is_short_and_harmless(header: str, shown: str | None) -> None:
    found = error(403, HTML, server=header)
    assert found.intermediary is not None
    assert found.intermediary.server == shown
    assert KEY.reveal() not in str(found)


@pytest.mark.parametrize(
    ("location", "message"),
    [
        (
            "https://acme.okta.com/login?next=/api/persons/jane@example.com",
            "302 redirect to https://acme.okta.com from",
        ),
        ("//login.example.com:8443/x", "302 redirect to https://login.example.com:8443 from"),
        ("/login?next=%2F", f"302 redirect to another page of {HOST} from"),
        ("https://user:secret@sso.example.com/", "302 redirect to https://sso.example.com from"),
        (f"{HOST}/{PATH}?challenge=1&id=jane", f"302 redirect to another page of {HOST} from"),
        (f"http://posthog.example.com:8080/{PATH}", "302 redirect to http://posthog.example.com:8080 from"),
        ("", "302 redirect without an address from"),
        ("https://[half", "302 redirect without an address from"),
        ("javascript:alert(1)", "302 redirect without an address from"),
    ],
)
def test_a_redirect_to_another_address_names_its_origin_and_nothing_else(location: str, message: str) -> None:
    found = error(302, b"", location=location, server="openresty")
    assert type(found) is RedirectedAway
    assert str(found).startswith(f"GET persons/: {message} a proxy, firewall or login page in front of PostHog")
    assert "(Server: openresty)" in str(found)
    assert not any(word in str(found) for word in ("jane", "secret", "next="))


HTTPS = "with https instead of http; set the host (POSTHOG_HOST) to"
HTTP = "with http instead of https"
NO_SLASH = "without the slash at its end"


@pytest.mark.parametrize(
    ("origin", "location", "message"),
    [
        (
            "http://posthog.example.com",
            f"https://posthog.example.com/{PATH}",
            f"the same address {HTTPS} https://posthog.example.com",
        ),
        ("http://localhost:8000", f"https://localhost:8000/{PATH}", f"the same address {HTTPS} https://localhost:8000"),
        (
            HOST,
            f"http://posthog.example.com/{PATH}",
            f"the same address {HTTP}; the proxy in front of PostHog has to accept https",
        ),
        (
            HOST,
            f"{HOST}/{PATH[:-1]}",
            f"the same address {NO_SLASH}; the proxy in front of PostHog has to keep the slash",
        ),
        (
            "http://posthog.example.com",
            f"https://posthog.example.com/{PATH[:-1]}",
            (
                f"the same address with https instead of http and {NO_SLASH}; set the host (POSTHOG_HOST) to "
                "https://posthog.example.com, and the proxy in front of PostHog has to keep the slash"
            ),
        ),
        (
            HOST,
            "/api/projects/1/persons/",
            'the same call below /api/projects/; give the client api_prefix="projects" or "auto"',
        ),
    ],
)
def test_a_redirect_that_differs_in_scheme_slash_or_prefix_says_only_that(
    origin: str, location: str, message: str
) -> None:
    found = to_error(
        GET, Response(status=301, path=PATH, headers={"location": location}, body=HTML, origin=origin), KEY
    )
    assert type(found) is UnexpectedRedirect
    assert str(found) == f"GET persons/: 301 redirect to {message}"


def test_a_redirect_and_a_sender_survive_pickling() -> None:
    found = error(302, b"", location="https://acme.okta.com/", server="openresty")
    same = pickle.loads(pickle.dumps(found))
    assert (str(same), same.redirect, same.intermediary) == (str(found), found.redirect, found.intermediary)
