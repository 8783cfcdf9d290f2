"""An axis keeps the order of times, within 0 to 100 percent, and leaves out long stretches without anything."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bulk.report.rendering.time_axis import GAPS_MAX, LEAST_WIDTH, TimeAxis

START = datetime(2026, 11, 24, 9, tzinfo=UTC)


def times(*seconds: float) -> list[str]:
    return [(START + timedelta(seconds=each)).isoformat() for each in seconds]


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=30))
def test_places_are_in_the_order_of_the_times_and_labels_have_room(seconds: list[int]) -> None:
    axis = TimeAxis(times(*seconds))
    places = [axis.place(each) for each in times(*sorted(seconds))]
    assert places == sorted(places)
    assert 0 <= places[0] <= places[-1] <= 100.01
    ticks = axis.ticks()
    assert len(axis.gaps) <= GAPS_MAX
    assert all(later.at - one.at >= LEAST_WIDTH for one, later in pairwise(ticks))
    assert all(tick.at + LEAST_WIDTH <= 100.01 for tick in ticks if tick.anchor == "start")


def test_a_week_of_waiting_is_left_out() -> None:
    week = 7 * 86_400
    axis = TimeAxis(times(0, 60, 600, week, week + 300))
    assert len(axis.gaps) == 1
    run, verification = axis.place(times(600)[0]), axis.place(times(week)[0])
    assert run < axis.gaps[0] < verification
    assert axis.place(times(week / 2)[0]) == run
    assert axis.end == 100.0


def test_short_pauses_and_a_single_moment_are_no_gaps() -> None:
    assert TimeAxis(times(0, 1, 100)).gaps == ()
    assert TimeAxis(times(5)).place(times(5)[0]) == 0.0
