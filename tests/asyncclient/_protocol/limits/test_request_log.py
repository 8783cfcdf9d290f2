"""The request log against a list of times: it never counts fewer requests, and at most a tenth of a second longer."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncclient._protocol.limits.request_log import ENTRIES_PER_S, MARGIN_S, RequestLog

HOUR_S = 3600.0
WINDOWS = (60.0, HOUR_S)
GAPS = st.one_of(st.floats(0.0, 0.3), st.floats(0.0, 100.0), st.floats(0.0, 5000.0))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("response"), GAPS),
        st.tuples(st.just("charged"), st.lists(st.floats(0.0, 4000.0), max_size=5)),
    ),
    max_size=60,
)


def replay(steps: list[tuple[str, float | list[float]]]) -> tuple[RequestLog, list[float], float]:
    log, times, now = RequestLog(), [], 10_000.0
    for _, said in steps:
        if isinstance(said, list):
            made = [now - age for age in said]
            log.insert(now, made)
            times += [time for time in made if time > now - HOUR_S - MARGIN_S]
        else:
            now += said
            log.record(now)
            times.append(now)
    return log, times, now


@pytest.mark.slow
@given(steps=STEPS, later=GAPS)
def test_no_request_is_forgotten_and_none_counts_for_long(
    steps: list[tuple[str, float | list[float]]], later: float
) -> None:
    log, times, now = replay(steps)
    now += later
    for window_s in WINDOWS:
        held = now - window_s - MARGIN_S
        assert sum(time > held for time in times) <= log.count(now, window_s)
        assert log.count(now, window_s) <= sum(time > held - 1 / ENTRIES_PER_S for time in times)


@pytest.mark.slow
@given(steps=STEPS, limit=st.integers(1, 30), in_flight=st.integers(0, 3))
def test_a_request_is_allowed_after_the_wait_and_not_just_before(
    steps: list[tuple[str, float | list[float]]], limit: int, in_flight: int
) -> None:
    log, _, now = replay(steps)
    log.in_flight = in_flight
    for window_s in WINDOWS:
        wait_s = log.wait_s(now, window_s, limit)
        if wait_s is None:
            assert in_flight >= limit
        elif wait_s == 0.0:
            assert log.count(now, window_s) < limit
        else:
            assert log.count(now + wait_s - 1e-6, window_s) >= limit > log.count(now + wait_s + 1e-6, window_s)


@pytest.mark.slow
@given(steps=STEPS, away_s=st.floats(0.0, 4000.0))
def test_another_process_that_gets_the_ages_allows_no_more(
    steps: list[tuple[str, float | list[float]]], away_s: float
) -> None:
    log, _, now = replay(steps)
    ages, other = log.ages(now, max_count=10_000), RequestLog()
    assert ages == sorted(ages, reverse=True)
    other.insert(5.0, [5.0 - away_s - age for age in ages])
    for window_s in WINDOWS:
        assert other.count(5.0, window_s) >= log.count(now + away_s + 1e-6, window_s)


@given(gaps=st.lists(st.floats(0.0, 0.3), max_size=30), times=st.integers(1, 20))
def test_charging_again_and_again_makes_no_request_younger(gaps: list[float], times: int) -> None:
    log, _, now = replay([("response", gap) for gap in gaps])
    ages = log.ages(now, max_count=100)
    for _ in range(times):
        log.insert(now, [now - 3000.0])
    assert log.ages(now, max_count=100) == [3000.0] * times + ages


@given(max_count=st.integers(0, 12))
def test_only_the_latest_requests_are_returned(max_count: int) -> None:
    log = RequestLog()
    for second in range(10):
        log.record(float(second))
    log.in_flight = 1
    assert log.ages(9.0, max_count=max_count) == [float(9 - second) for second in range(max(0, 10 - max_count), 10)] + [
        0.0
    ]


@pytest.mark.slow
@settings(max_examples=5, deadline=None)
@given(per_second=st.integers(1, 200))
def test_hours_of_any_traffic_take_a_bounded_amount_of_memory(per_second: int) -> None:
    log, now = RequestLog(), 0.0
    for _ in range(200_000):
        now += 1 / per_second
        log.record(now)
    assert len(log) <= 2 * HOUR_S * ENTRIES_PER_S + 256
    assert log.count(now, HOUR_S) >= min(200_000, int(per_second * HOUR_S))


def test_twelve_hours_of_a_request_per_second_leave_an_hour_of_them() -> None:
    log = RequestLog()
    for second in range(12 * 3600):
        log.record(float(second))
    assert log.count(12 * 3600.0 - 1, HOUR_S) == 3601
    assert len(log) < 3 * 3600
