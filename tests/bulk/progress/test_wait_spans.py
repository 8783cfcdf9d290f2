"""The times in which a command waited: which are recorded, how often, and what they add up to."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk.events import Wait, WaitKind
from bulk.progress.wait_spans import CLOSE_S, LEAST_S, WaitSpan, WaitSpans

KIND = WaitKind.OUTAGE


def watched(spans: WaitSpans, *, seconds: range, since: float | None, kind: WaitKind = KIND) -> list[WaitSpan]:
    """Return what is due while a wait lasts, or nothing is waited for, that is looked at every second."""
    found: list[WaitSpan] = []
    for now in seconds:
        waits = [] if since is None else [Wait(kind=kind, waited_s=now - since)]
        spans.take(waits, float(now))
        found += spans.due()
    return found


def test_a_wait_is_recorded_once_it_takes_long_each_time_it_has_doubled_and_when_it_is_over() -> None:
    spans = WaitSpans()
    due = watched(spans, seconds=range(100, 190), since=100.0)
    assert [(one.number, one.started, one.ended, one.waited_s) for one in due] == [
        (0, 100.0, 110.0, 10.0),
        (0, 100.0, 120.0, 20.0),
        (0, 100.0, 140.0, 40.0),
        (0, 100.0, 180.0, 80.0),
    ]
    assert watched(spans, seconds=range(190, 249), since=None) == []
    (last,) = watched(spans, seconds=range(249, 300), since=None)
    assert (last.number, last.ended, last.waited_s) == (0, 189.0, 89.0)
    assert spans.end() == []


def test_waits_of_one_kind_that_follow_each_other_closely_are_one() -> None:
    spans = WaitSpans()
    for minute in range(60):  # 50 s of each minute at the rate limit
        start = 60 * minute
        watched(spans, seconds=range(start, start + 51), since=start, kind=WaitKind.RATE_LIMIT)
        watched(spans, seconds=range(start + 51, start + 60), since=None)
    (last,) = spans.end()
    assert (last.number, last.started, last.ended, last.waited_s) == (0, 0.0, 3590.0, 3000.0)


def test_a_short_wait_and_other_kinds_are_not_recorded() -> None:
    spans = WaitSpans()
    assert watched(spans, seconds=range(10), since=0.0) == []
    for kind in (WaitKind.PAUSE, WaitKind.RETRY, WaitKind.RESPONSE, WaitKind.FILE, WaitKind.INPUT):
        assert watched(spans, seconds=range(200, 300), since=200.0, kind=kind) == []
    assert spans.end() == []


def test_the_end_of_a_command_ends_its_waits() -> None:
    spans = WaitSpans()
    watched(spans, seconds=range(16), since=0.0)
    (last,) = spans.end()
    assert (last.ended, last.waited_s) == (15.0, 15.0)
    assert spans.end() == []


@pytest.mark.slow
@given(
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200)), max_size=12),
    st.integers(1, 7),
)
def test_spans_are_apart_ordered_and_few_whatever_is_waited_for(turns: list[tuple[int, int]], every: int) -> None:
    spans, due, now, waited = WaitSpans(), list[WaitSpan](), 0, 0
    for waits_s, works_s in turns:
        due += watched(spans, seconds=range(now, now + waits_s + 1, every), since=now)
        waited, now = waited + waits_s, now + waits_s + 1
        due += watched(spans, seconds=range(now, now + works_s), since=None)
        now += works_s
    due += spans.end()
    last = {one.number: one for one in due}
    assert sum(one.waited_s for one in last.values()) <= waited
    for one in last.values():
        assert LEAST_S <= one.waited_s <= one.ended - one.started
        assert sum(each.number == one.number for each in due) <= int(one.waited_s / LEAST_S).bit_length() + 1
    ordered = [last[number] for number in sorted(last)]
    for before, after in itertools.pairwise(ordered):
        assert after.started - before.ended >= CLOSE_S
