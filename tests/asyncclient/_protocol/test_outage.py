"""What may be an outage, when the server is probed again, and when the waiting ends: the decisions as tables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncclient import (
    ApiStatusError,
    AuthenticationFailed,
    ConnectFailed,
    ConnectionLost,
    InvalidResponse,
    ListingError,
    PostHogError,
    RateLimited,
    ServerError,
    TimedOut,
    UnknownHost,
    Unreachable,
    UntrustedCertificate,
)
from asyncclient._protocol.outage import (
    CAP_S,
    FORGOTTEN_AFTER_S,
    SHORTEST_WAIT_S,
    Outage,
    ProbeAgain,
    StopWaiting,
    cause_of,
    may_be_outage,
)

WHERE = {"method": "GET", "path": "p", "route": "GET p"}
FOREVER = 900.0


def status(kind: type[ApiStatusError], code: int, retry_after_s: float | None = None) -> ApiStatusError:
    return kind(code, **WHERE, retry_after_s=retry_after_s)


def highest(low: float, high: float) -> float:
    return high


FAILURES: list[tuple[PostHogError, bool]] = [
    (ConnectFailed("refused", **WHERE, sent=False), True),
    (ConnectionLost("reset", **WHERE, sent=True), True),
    (TimedOut("no response within 60 s", **WHERE, sent=True), True),
    *((status(ServerError, code), True) for code in (500, 502, 503, 504, 512, 520, 521, 522, 523, 524, 530)),
    (status(ServerError, 503, retry_after_s=3600.0), True),
    (status(ServerError, 503, retry_after_s=3601.0), False),
    (UnknownHost("the name server does not respond", **WHERE), True),
    (UnknownHost("no such name", **WHERE, does_not_exist=True), False),
    (UntrustedCertificate("not trusted", **WHERE, sent=False), False),
    (status(RateLimited, 429), False),
    (status(AuthenticationFailed, 401), False),
    (status(InvalidResponse, 200), False),
    (Unreachable("503", **WHERE, away_s=900.0), False),
    (ListingError("x"), False),
]


@pytest.mark.parametrize(("error", "expected"), FAILURES, ids=lambda value: str(value)[:40])
def test_a_failure_may_be_an_outage_if_the_server_did_not_respond_as_a_working_one(
    error: PostHogError, expected: bool
) -> None:
    assert may_be_outage(error, longest_pause_s=3600.0, host_is_known=False) is expected


def test_a_name_that_does_not_exist_any_more_may_be_an_outage() -> None:
    error = UnknownHost("no such name", **WHERE, does_not_exist=True)
    assert may_be_outage(error, longest_pause_s=3600.0, host_is_known=True)


@pytest.mark.parametrize(
    ("probes", "expected"), [(1, 0.5), (2, 1.0), (3, 2.0), (4, 4.0), (5, 8.0), (6, 16.0), (7, 30.0), (40, 30.0)]
)
def test_the_waits_between_probes_double_up_to_half_a_minute(probes: int, expected: float) -> None:
    outage = Outage(since=100.0, probed_at=100.0, probes=probes)
    assert outage.next_step(100.0, FOREVER, highest) == ProbeAgain(expected, FOREVER)


@pytest.mark.parametrize(
    ("now", "probed_at", "expected"),
    [
        (100.0, 100.0, ProbeAgain(30.0, 90.0)),
        (180.0, 170.0, ProbeAgain(10.0, 10.0)),  # the last probe comes when the time is over
        (190.0, 189.9, ProbeAgain(0.0, 0.0)),
        (500.0, 189.9, ProbeAgain(0.0, 0.0)),  # the machine was suspended: one more probe
        (190.0, 190.0, StopWaiting(90.0)),
        (190.5, 190.2, StopWaiting(90.2)),
    ],
)
def test_the_waiting_ends_after_a_probe_that_failed_when_the_time_was_over(
    now: float, probed_at: float, expected: ProbeAgain | StopWaiting
) -> None:
    outage = Outage(since=100.0, probed_at=probed_at, probes=9)
    step = outage.next_step(now, 90.0, highest)
    assert type(step) is type(expected)
    assert [getattr(step, name) for name in step.__struct_fields__] == pytest.approx(
        [getattr(expected, name) for name in expected.__struct_fields__]
    )


@given(st.integers(1, 60), st.floats(0.0, 2000.0), st.floats(0.0, 1.0))
def test_each_wait_is_drawn_from_the_whole_backoff_and_ends_in_time(probes: int, age_s: float, draw: float) -> None:
    outage = Outage(since=0.0, probed_at=0.0, probes=probes)
    step = outage.next_step(age_s, FOREVER, lambda low, high: low + draw * (high - low))
    assert isinstance(step, ProbeAgain)
    assert 0.0 <= step.after_s <= min(CAP_S, step.gives_up_in_s)
    assert step.after_s >= min(SHORTEST_WAIT_S, step.gives_up_in_s)


def test_a_failed_probe_keeps_the_beginning_of_the_outage() -> None:
    outage = Outage(since=5.0, probed_at=5.0).after_failed_probe(9.0)
    assert (outage.since, outage.probed_at, outage.probes) == (5.0, 9.0, 2)
    assert not outage.is_forgotten(9.0 + FORGOTTEN_AFTER_S)
    assert outage.is_forgotten(9.1 + FORGOTTEN_AFTER_S)


def test_the_cause_is_a_status_or_a_reason_in_our_own_words() -> None:
    assert cause_of(status(ServerError, 503)) == "503"
    assert cause_of(ConnectFailed("no connection (Connection refused)", **WHERE, sent=False)) == (
        "no connection (Connection refused)"
    )
