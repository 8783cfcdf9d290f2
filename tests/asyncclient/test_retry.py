"""When a request is retried: the decision as a table."""

import random
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncclient import (
    ApiStatusError,
    AuthenticationFailed,
    BadRequest,
    Conflict,
    ConnectFailed,
    ConnectionLost,
    InvalidArgument,
    InvalidResponse,
    ListingError,
    MethodNotAllowed,
    NotFound,
    PaymentRequired,
    PermissionDenied,
    PostHogError,
    RateLimited,
    RetryPolicy,
    RouteNotFound,
    ServerError,
    TimedOut,
    UnexpectedRedirect,
    UnprocessableEntity,
)
from asyncclient._protocol.limits.retry_after import retry_after_s
from asyncclient.errors import error_class_for
from asyncclient.retry import GiveUp, Retry, decide

WHERE = {"method": "GET", "path": "p", "route": "GET p"}
ALL = RetryPolicy()


def status(code: int, detail: str | None = None, retry_after_s: float | None = None) -> ApiStatusError:
    return error_class_for(code, detail)(code, **WHERE, detail=detail, retry_after_s=retry_after_s)


def highest(low: float, high: float) -> float:
    return high


TRANSIENT = [*map(status, (502, 503, 504, 512, 520, 521, 522, 523, 524))]
LOST = [ConnectionLost("x", **WHERE, sent=True), TimedOut("x", **WHERE, sent=True)]
FINAL = [
    *(status(code) for code in (400, 401, 402, 403, 405, 406, 409, 410, 415, 422, 307)),
    status(404, "Not found."),
    status(404, "Endpoint not found."),
    InvalidResponse(200, **WHERE),
    ListingError("x"),
]


@pytest.mark.parametrize("error", [*TRANSIENT, *LOST], ids=repr)
def test_reads_are_retried_after_transient_errors(error: PostHogError) -> None:
    waits = [decide(ALL, error, attempt=n, mutating=False, uniform=highest) for n in range(1, 5)]
    assert waits == [Retry(0.5), Retry(1.0), Retry(2.0), Retry(4.0)]
    assert isinstance(decide(ALL, error, attempt=5, mutating=False), GiveUp)


@pytest.mark.parametrize("error", [*TRANSIENT, *LOST, status(500)], ids=repr)
def test_writes_are_not_retried_if_they_may_have_had_an_effect(error: PostHogError) -> None:
    assert isinstance(decide(ALL, error, attempt=1, mutating=True), GiveUp)


@pytest.mark.parametrize("mutating", [True, False])
@pytest.mark.parametrize("error", FINAL, ids=repr)
def test_an_error_that_would_be_the_same_is_not_retried(error: PostHogError, mutating: bool) -> None:
    assert isinstance(decide(ALL, error, attempt=1, mutating=mutating), GiveUp)


@pytest.mark.parametrize("mutating", [True, False])
def test_a_request_that_certainly_had_no_effect_is_retried_even_if_it_writes(mutating: bool) -> None:
    refused = ConnectFailed("x", **WHERE, sent=False)
    assert decide(ALL, refused, attempt=1, mutating=mutating, uniform=highest) == Retry(0.5)
    assert decide(ALL, status(429, None, 12.0), attempt=1, mutating=mutating) == Retry(12.0)
    assert decide(ALL, status(429), attempt=1, mutating=mutating) == Retry(1.0)


def test_a_500_is_repeated_once() -> None:
    assert isinstance(decide(ALL, status(500), attempt=1, mutating=False), Retry)
    assert isinstance(decide(ALL, status(500), attempt=2, mutating=False), GiveUp)


@pytest.mark.parametrize("code", [429, 503])
def test_a_pause_above_the_ceiling_is_not_waited_for(code: int) -> None:
    assert decide(ALL, status(code, None, 3600.0), attempt=1, mutating=False) == Retry(3600.0)
    assert isinstance(decide(ALL, status(code, None, 3600.1), attempt=1, mutating=False), GiveUp)


@pytest.mark.parametrize("code", [429, 502, 503, 522])
def test_a_retry_after_without_a_usable_length_means_the_minimum_backoff(code: int) -> None:
    waits = [decide(ALL, status(code, None, 0.0), attempt=n, mutating=False) for n in range(1, 5)]
    assert waits == [Retry(1.0), Retry(2.0), Retry(4.0), Retry(8.0)]


def test_a_503_with_retry_after_is_retried_after_that_time() -> None:
    assert decide(ALL, status(503, None, 20.0), attempt=1, mutating=False, uniform=highest) == Retry(20.0)


@given(attempt=st.integers(1, 99), seed=st.integers())
def test_jitter_lies_between_nothing_and_the_cap(attempt: int, seed: int) -> None:
    policy = RetryPolicy(attempts=100, base_s=0.5, cap_s=30.0)
    drawn = decide(policy, LOST[0], attempt=attempt, mutating=False, uniform=random.Random(seed).uniform)
    assert isinstance(drawn, Retry)
    assert 0.0 <= drawn.after_s <= min(30.0, 0.5 * 2.0 ** (attempt - 1))


def test_no_retries_means_a_single_attempt() -> None:
    assert isinstance(decide(RetryPolicy.never(), TRANSIENT[0], attempt=1, mutating=False), GiveUp)


@pytest.mark.parametrize(
    "wrong",
    [
        {"attempts": 0},
        {"attempts": True},
        {"attempts": 1.5},
        {"base_s": -1.0},
        {"cap_s": float("nan")},
        {"cap_s": "x"},
        {"retry_for_s": 365 * 86_400 + 1},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        RetryPolicy(**wrong)


@pytest.mark.parametrize(
    ("code", "detail", "kind"),
    [
        (400, None, BadRequest),
        (401, None, AuthenticationFailed),
        (402, None, PaymentRequired),
        (403, None, PermissionDenied),
        (404, "Not found.", NotFound),
        (404, "not found.", RouteNotFound),
        (404, None, RouteNotFound),
        (405, None, MethodNotAllowed),
        (409, None, Conflict),
        (422, None, UnprocessableEntity),
        (429, None, RateLimited),
        (500, None, ServerError),
        (512, None, ServerError),
        (599, None, ServerError),
        (302, None, UnexpectedRedirect),
        (304, None, UnexpectedRedirect),
    ],
)
def test_each_status_has_its_kind(code: int, detail: str | None, kind: type[ApiStatusError]) -> None:
    assert type(status(code, detail)) is kind


NOW = 1_790_000_000.0


@pytest.mark.parametrize(
    ("header", "date", "detail", "seconds"),
    [
        ("12", None, "", 12.0),
        (" 12 ", None, "", 12.0),
        ("0", None, "", 0.0),
        ("0", None, "Expected available in 3 seconds.", 3.0),
        ("-5", None, "", 0.0),
        ("+5", None, "", 5.0),
        ("1.5", None, "", 1.5),
        ("86400", None, "", 86400.0),
        ("9" * 40, None, "", 1e9),
        (formatdate(NOW + 30, usegmt=True), formatdate(NOW, usegmt=True), "", 30.0),
        (formatdate(NOW + 30, usegmt=True), formatdate(NOW + 3600, usegmt=True), "", 0.0),
        (formatdate(NOW + 30, usegmt=True), None, "", 30.0),
        (formatdate(NOW + 30, usegmt=True), "garbage", "", 30.0),
        ("", None, "Request was throttled. Expected available in 12 seconds.", 12.0),
        ("", None, "Request was throttled. Expected available in 1 second.", 1.0),
        ("--5", None, "", 0.0),
        ("soon", None, "", 0.0),
        ("soon", None, "Expected available in 3 seconds.", 3.0),
        ("1e3", None, "", 0.0),
        ("\u0661\u0662", None, "", 0.0),
        ("", None, "", None),
    ],
)
def test_retry_after_in_every_form(header: str, date: str | None, detail: str, seconds: float | None) -> None:
    headers = {"retry-after": header} | ({} if date is None else {"date": date})
    assert retry_after_s(headers, detail, lambda: NOW) == seconds


@given(header=st.text(max_size=40), date=st.text(max_size=40), detail=st.text(max_size=40))
def test_no_retry_after_raises_or_is_negative(header: str, date: str, detail: str) -> None:
    found = retry_after_s({"retry-after": header, "date": date}, detail)
    assert found is None or 0.0 <= found <= 1e9
