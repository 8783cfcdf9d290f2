"""From error responses to exceptions: every status and every irregular body (contract 4, 6)."""

import copy
import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncclient import (
    ApiStatusError,
    AuthenticationFailed,
    BadRequest,
    Bucket,
    ConnectFailed,
    IntermediaryError,
    NotFound,
    PaymentRequired,
    PermissionDenied,
    PostHogError,
    PropertyFilter,
    RateLimited,
    RouteNotFound,
    ServerError,
    TimedOut,
)
from asyncclient._protocol import endpoints as endpoints
from asyncclient._protocol.http import Request, Response
from asyncclient._protocol.responses.decoding import sent_values, to_error
from asyncclient._protocol.responses.expectations import EmptyBody
from asyncclient._secret import Secret
from asyncclient.errors import MAX_DETAIL, sanitize_text

KEY = Secret("phx_0123456789abcdefghij")
U = "018f0000-0000-7000-8000-000000000001"
GET = endpoints.get_person(U)


def response(status: int, body: Any = b"", **headers: str) -> Response:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status=status, path=f"api/projects/1/{GET.path}", headers=headers, body=raw)


def error(status: int, body: Any = b"", request: Request = GET, **headers: str) -> ApiStatusError:
    return to_error(request, response(status, body, **headers), KEY)


def envelope(type_: str, code: str, detail: str, attr: str | None = None) -> dict[str, Any]:
    return {"type": type_, "code": code, "detail": detail, "attr": attr}


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (400, envelope("validation_error", "invalid_input", "bad", "ids__0"), BadRequest,
         "400 invalid_input (bad) [ids__0]"),
        (400, envelope("validation_error", "This field is required.", "required", "properties"), BadRequest,
         "400 required (This field is required.) [properties]"),
        (400, {"success": False, "detail": "Unable to delete property"}, BadRequest, "400 (Unable to delete property)"),
        (400, {"error": "no timestamp"}, BadRequest, "400 (no timestamp)"),
        (400, {"message": "m", "detail": "d"}, BadRequest, "400 (d)"),
        (400, {"message": "m"}, BadRequest, "400 (m)"),
        (401, envelope("authentication_error", "authentication_failed", "Personal API key is invalid."),
         AuthenticationFailed,
         "401 authentication_failed (Personal API key is invalid.); check the key, and that the host is the region"),
        (400, envelope("validation_error", "This field is required.", "no word", "key"), BadRequest,
         "400 This field is required. (no word) [key]"),
        (400, envelope("validation_error", "required", "required"), BadRequest, "400 required (required)"),
        (402, envelope("server_error", "payment_required", "pay"), PaymentRequired, "402 payment_required (pay)"),
        (403, envelope("authentication_error", "permission_denied", "API key missing required scope 'person:write'"),
         PermissionDenied, "403 permission_denied (API key missing required scope 'person:write')"),
        (403, envelope("authentication_error", "permission_denied", "no access to the requested project: ID 7."),
         PermissionDenied, "403 permission_denied (no access to the requested project: ID 7.)"),
        (404, envelope("invalid_request", "not_found", "Not found."), NotFound, "404 not_found (Not found.)"),
        (404, envelope("invalid_request", "not_found", "Endpoint not found."), RouteNotFound, "404 not_found"),
        (404, envelope("invalid_request", "not_found", "Project not found."), RouteNotFound, "404 not_found"),
        (404, {"detail": ["Not found."]}, IntermediaryError, "404 from a proxy, firewall or login page"),
        (429, envelope("throttled_error", "throttled", "Expected available in 12 seconds."), RateLimited,
         "429 throttled (Expected available in 12 seconds.)"),
        (500, envelope("server_error", "error", "A server error occurred."), ServerError, "500 error"),
        (500, b"<html><body>Traceback " + b"x" * 100_000, ServerError, "500"),
        (502, b"<html>Bad Gateway</html>", ServerError, "502 from a proxy or load balancer in front of PostHog (no"),
        (503, envelope("server_error", "person_deletion_failed", "delete_postgres"), ServerError,
         "503 person_deletion_failed (delete_postgres)"),
        (504, b"", ServerError, "504"),
        (512, envelope("server_error", "error", "too slow"), ServerError, "512 error (too slow)"),
        (500, b"null", ServerError, "500"),
        (500, b"[]", ServerError, "500"),
        (500, b'"text"', ServerError, "500"),
        (500, b"\xff\xfe", ServerError, "500"),
        (500, {"type": 1, "code": {}, "detail": None, "attr": []}, ServerError, "500"),
        (500, {"detail": "d", "extra": {"deep": [1]}, "error_event_id": "x"}, ServerError, "500 (d)"),
    ],
)  # fmt: skip
def test_every_failure_has_its_kind_and_message(status: int, body: Any, kind: type[Any], message: str) -> None:
    found = error(status, body)
    assert type(found) is kind
    assert str(found).startswith(f"GET persons/:id/: {message}")
    assert found.path == f"api/projects/1/persons/{U}/"
    assert U not in str(found)


@given(text=st.text(max_size=400))
def test_a_servers_text_is_neutral_and_short(text: str) -> None:
    shown = sanitize_text(text, KEY)
    assert len(shown) <= MAX_DETAIL
    assert shown.isprintable() or all(c.isprintable() or c in "\u00a0\u3000" or ord(c) > 127 for c in shown)
    assert not any(c in shown for c in "\n\r\t\x1b\x00\x7f\u202e\u2066\u200f\u2028\ufeff")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb\u202ec", "a [31mb c"),
        (f"key {KEY.reveal()} is bad", "key *** is bad"),
        (KEY.reveal() * 100, "***" * 66 + "*\u2026"),
        ("x" * 195 + KEY.reveal(), "x" * 195 + "***"),
        (f"no person {U} or {U.replace('-', '').upper()}", "no person <id> or <id>"),
        ("user jane.doe@example.com is unknown", "user <email> is unknown"),
    ],
)
def test_nothing_of_persons_and_keys_is_shown(text: str, shown: str) -> None:
    assert sanitize_text(text, KEY) == shown
    assert KEY.reveal() not in str(error(400, envelope(text, text, text, text)))


@pytest.mark.parametrize(
    ("request_", "detail", "shown"),
    [
        (endpoints.get_person(4711), "person 4711 of 47110", "person <id> of 47110"),
        (endpoints.list_persons(distinct_id="jane d."), "no 'jane d.' here", "no '<id>' here"),
        (endpoints.list_persons(search="jane"), "jane, janet", "<id>, janet"),
        (endpoints.batch_by_distinct_ids(["jane", "jane doe"]), "not found: jane doe, jane", "not found: <id>, <id>"),
        (endpoints.get_project(7), "the requested project: ID 7.", "the requested project: ID 7."),
        (
            endpoints.update_person(U, {"plan": "free", "deep": {"type": ["Jane", {"age": 42}]}, "score": 1.5}),
            "plan free of Jane, 42, scored 1.5",
            "plan <id> of <id>, <id>, scored <id>",
        ),
        (endpoints.update_property(U, "plan", "free"), "plan cannot be free", "plan cannot be <id>"),
        (endpoints.delete_property(U, "plan"), "no plan here", "no plan here"),
        (endpoints.split_person(U, distinct_ids_to_split=["jane"]), "unknown id jane", "unknown id <id>"),
        (endpoints.reset_distinct_id("jane"), "jane is not reused", "<id> is not reused"),
        (endpoints.values("plan", "fre"), "no plan like fre", "no plan like <id>"),
        (endpoints.list_persons(distinct_id="[7]"), "no [7] here, no 7 here", "no <id> here, no <id> here"),
        (
            endpoints.list_persons(properties=[PropertyFilter("plan", ["free", "pro"])]),
            "exact plan: free, pro",
            "exact plan: <id>, <id>",
        ),
        (
            endpoints.properties_timeline(
                U,
                properties=[{"key": "plan", "value": "free", "type": "person"}],
                events=[{"id": "$pageview", "properties": [{"key": "x", "value": "jane"}]}],
            ),
            "person plan free, jane",
            "person plan <id>, <id>",
        ),
    ],
)
def test_an_error_does_not_repeat_the_persons_in_its_request(request_: Request, detail: str, shown: str) -> None:
    assert error(400, {"detail": detail}, request_).detail == shown


def test_the_servers_own_words_are_shown_even_when_a_property_has_such_a_value() -> None:
    request = endpoints.update_person(U, {"a": "validation_error", "b": "required", "c": "custom"})
    found = error(400, envelope("validation_error", "required", "b is required"), request)
    assert (found.type, found.code, found.detail) == ("validation_error", "required", "b is <id>")
    assert error(400, envelope("custom", "custom", "x"), request).code == "<id>"


@pytest.mark.slow
@given(
    query=st.lists(st.tuples(st.sampled_from(["properties", "events", "email", "limit", "x"]), st.text()), max_size=3),
    body=st.none() | st.binary() | st.text().map(str.encode),
)
def test_no_request_is_too_odd_to_hide_its_values(query: list[tuple[str, str]], body: bytes | None) -> None:
    request = Request(
        action="a",
        method="POST",
        path="p",
        route="r",
        bucket=Bucket.OTHERS,
        query=tuple(query),
        body=body,
        expects=EmptyBody(),
    )
    found = sent_values(request)
    assert all(value in found for name, value in query if name != "limit")
    assert str(error(400, {"detail": "d"}, request)).startswith("r: 400")


def test_the_exact_words_decide_even_if_they_are_an_id() -> None:
    assert type(error(404, {"detail": "Not found."}, endpoints.list_persons(distinct_id="found"))) is NotFound


ERRORS = [
    error(429, envelope("throttled_error", "throttled", "wait"), **{"retry-after": "5"}),
    error(404, envelope("a", "b", "Not found.", "c")),
    ConnectFailed("no connection", method="GET", path="p", route="GET p", sent=False),
    TimedOut("no response", method="GET", path="p", route="GET p", sent=True),
]


@pytest.mark.parametrize("problem", ERRORS, ids=lambda each: type(each).__name__)
def test_errors_survive_pickle_and_copy(problem: PostHogError) -> None:
    for same in (pickle.loads(pickle.dumps(problem)), copy.copy(problem), copy.deepcopy(problem)):
        assert type(same) is type(problem)
        assert str(same) == str(problem)
        assert vars(same) == vars(problem)
