"""How a 429 lowers a limit, and how the limit recovers (guarantees 13, 14)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncclient import Bucket, RateLimits
from asyncclient._protocol.limits.limit_reduction import RECOVERY_S, LimitReduction, reduced_limit
from asyncclient._protocol.limits.rate_bucket import RateBucket

HOUR_S = 3600.0
START = 100_000.0


def bucket(rates: RateLimits | None = None, which: Bucket = Bucket.OTHERS) -> RateBucket:
    return RateBucket((rates or RateLimits.posthog()).windows(which), RateLimits.posthog().windows(which))


def made(one: RateBucket, times: int, at: float, *, passed: bool = True) -> None:
    for _ in range(times):
        one.log.in_flight += 1
        one.log.in_flight -= 1
        one.record_response(at, sent_at=at, passed=passed)


def refused(
    one: RateBucket, at: float, retry_after_s: float | None = 5.0, *, sent_at: float | None = None
) -> list[int]:
    """Respond to a request with a 429, and return the lowered limits."""
    return [
        each.new for each in one.reduce(at, retry_after_s=retry_after_s, sent_at=at if sent_at is None else sent_at)
    ]


def limits(one: RateBucket, at: float) -> dict[float, int]:
    return {each.window_s: each.limit for each in one.budget(at)}


def test_an_episode_of_429s_lowers_the_limit_once_however_many_there_are() -> None:
    one = bucket()
    made(one, 150, START)
    assert refused(one, START + 1) == [150]
    assert [refused(one, START + 1 + n) for n in range(1, 30)] == [[]] * 29
    assert limits(one, START + 30) == {60.0: 150}


def test_an_episode_of_429s_lasts_until_a_request_passes() -> None:
    one = bucket()
    assert refused(one, START) == [120]
    for minute in range(1, 60):
        assert refused(one, START + 60.0 * minute) == []
    made(one, 1, START + 3600.0)
    assert refused(one, START + 3601.0) == [60]


def test_requests_sent_before_a_limit_was_lowered_do_not_change_the_new_one() -> None:
    one = bucket()
    assert refused(one, START) == [120]
    made(one, 1, START + 100)
    assert refused(one, START + 101, sent_at=START - 1) == []


def test_eight_429s_in_two_days_leave_nothing_behind() -> None:
    one = bucket()
    for n in range(8):
        at = START + n * 6 * HOUR_S
        made(one, 1, at)
        assert refused(one, at + 1) == [120]
    assert limits(one, START + 42 * HOUR_S + 6 + RECOVERY_S) == {60.0: 240}


def test_the_configured_limit_is_back_within_an_hour_after_the_pause_and_comes_slowly_at_first() -> None:
    one = bucket()
    made(one, 180, START)
    refused(one, START + 1, 59.0)
    over = START + 60.0
    assert [limits(one, over + minutes * 60)[60.0] for minutes in (0, 5, 10, 20, 30, 40, 44, 45)] == [
        *(180, 180, 180),
        *(185, 197, 222, 236, 240),
    ]


def test_an_unknown_hourly_limit_is_learned_exactly_and_kept_for_a_while() -> None:
    one = bucket()
    for minute in range(5):
        made(one, 240, START + minute * 60.1)
    assert refused(one, START + 301, 3300.0) == [1200]
    assert limits(one, START + 302) == {60.0: 240, HOUR_S: 1200}
    over = START + 301 + 3300
    assert limits(one, over + RECOVERY_S - 1) == {60.0: 240, HOUR_S: 1200}
    assert limits(one, over + RECOVERY_S) == {60.0: 240}


def test_responses_in_flight_when_a_limit_was_lowered_raise_it_again() -> None:
    one = bucket()
    made(one, 150, START)
    assert refused(one, START + 1) == [150]
    made(one, 10, START + 1.5)
    made(one, 20, START + 1.5, passed=False)
    assert limits(one, START + 2) == {60.0: 160}


def test_a_limit_never_falls_by_more_than_half_since_others_may_have_used_the_key() -> None:
    one = bucket()
    made(one, 3, START)
    assert refused(one, START + 1) == [120]


def test_failed_requests_do_not_show_how_many_a_limit_allows() -> None:
    one = bucket()
    made(one, 130, START)
    made(one, 90, START, passed=False)
    assert refused(one, START + 1) == [130]


@pytest.mark.parametrize(
    ("which", "retry_after_s", "found"),
    [
        (Bucket.DELETES, 5.0, {60.0: 240, HOUR_S: 4800}),
        (Bucket.DELETES, 600.0, {60.0: 480, HOUR_S: 2400}),
        (Bucket.OTHERS, None, {60.0: 120}),
        (Bucket.OTHERS, 600.0, {60.0: 240, HOUR_S: 600}),
        (Bucket.CAPTURE, 600.0, {}),
    ],
)
def test_a_429_switches_the_published_limits_on_where_there_were_none(
    which: Bucket, retry_after_s: float | None, found: dict[float, int]
) -> None:
    one = bucket(RateLimits.off(), which)
    made(one, 1, START)
    assert len(refused(one, START + 1, retry_after_s)) == len(found)
    assert limits(one, START + 2) == found
    assert limits(one, START + 700 + RECOVERY_S) == {}


def test_a_restored_reduction_stays_for_the_rest_of_its_time() -> None:
    one = bucket()
    one.restore_reduction(START, window_s=60.0, new=100, age_s=1000.0)
    one.restore_reduction(START, window_s=HOUR_S, new=900, age_s=1000.0)
    assert limits(one, START) == {60.0: 107, HOUR_S: 900}
    assert limits(one, START + RECOVERY_S - 1000.0) == {60.0: 240}
    one.restore_reduction(START, window_s=60.0, new=100, age_s=RECOVERY_S)
    one.restore_reduction(START, window_s=60.0, new=500, age_s=0.0)
    assert limits(one, START) == {60.0: 240}


def test_a_pause_is_one_for_all_and_news_only_once() -> None:
    one = bucket()
    assert one.pause(START, 30.0, 429)
    assert not one.pause(START + 0.1, 30.0, 429)
    assert not one.pause(START + 5.0, 10.0, 503)
    assert one.wait_s(START + 5.0) == pytest.approx(25.1)
    assert one.pause(START + 6.0, 100.0, 502)
    assert (one.wait_s(START + 6.0), one.pause_status) == (100.0, 502)
    assert not one.pause(START + 7.0, 0.0, 429)
    assert one.pause(START + 200.0, 1.0, 429)


def test_after_an_hour_a_server_that_asked_for_a_thousand_years_is_asked_again() -> None:
    one = bucket()
    assert one.pause(START, 1e9, 503)
    assert one.requested_wait_s(START + 10) == 1e9 - 10
    assert one.wait_s(START + 10) == HOUR_S - 10
    assert (one.requested_wait_s(START + HOUR_S), one.wait_s(START + HOUR_S)) == (0.0, 0.0)
    refused(one, START, 1e9)
    assert limits(one, START + HOUR_S + RECOVERY_S) == {60.0: 240}


@given(limit=st.integers(1, 5000), passed=st.integers(0, 6000), in_force=st.booleans())
def test_a_reduced_limit_is_what_passed_or_half(limit: int, passed: int, in_force: bool) -> None:
    new = reduced_limit(limit=limit, passed=passed, in_force=in_force)
    assert new >= max(1, limit // 2) or (in_force and new >= limit - 1)
    assert new >= min(passed, limit - 1)
    if in_force:
        assert new < limit or limit == 1
    elif passed >= limit // 2:
        assert new == max(1, passed)


@pytest.mark.slow
@given(
    configured=st.one_of(st.none(), st.integers(1, 5000)),
    share=st.floats(0.0, 1.0),
    earlier=st.floats(-5000.0, 5000.0),
    later=st.floats(0.0, 5000.0),
)
def test_a_reduction_never_falls_again_and_ends(
    configured: int | None, share: float, earlier: float, later: float
) -> None:
    new = max(1, int((configured or 1200) * share))
    one = LimitReduction(window_s=60.0, configured=configured, old=configured, new=new, recovers_from=0.0)
    first, second, last = (one.limit(at) for at in (earlier, earlier + later, RECOVERY_S))
    assert last == configured
    assert first is None or (first >= new and (second is None or second >= first))
    assert first is None or configured is None or first <= configured
