"""Medians, ratios, spreads and targets of the benchmarks."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.figures import Check, Row, ratio, row_of, spread

TIMES = st.lists(st.floats(0.001, 1000), min_size=1, max_size=9)


def row(contender: str, *values: float) -> Row:
    return Row(contender=contender, figures={"wall_s": [*values]})


def test_a_ratio_is_taken_within_each_repeat_so_that_slow_phases_cancel_out() -> None:
    # in the second repeat the machine was ten times slower for both; the ratio of the medians would be 1
    rows = [row("ours", 2.0, 30.0, 4.0), row("theirs", 1.0, 10.0, 4.0)]
    assert ratio(rows, "ours", "theirs", "wall_s") == 2.0


@pytest.mark.slow
@given(TIMES, st.floats(0.1, 10))
def test_a_constant_factor_is_the_ratio(times: list[float], factor: float) -> None:
    rows = [row("ours", *(time * factor for time in times)), row("theirs", *times)]
    assert ratio(rows, "ours", "theirs", "wall_s") == pytest.approx(factor)


def test_a_figure_that_was_not_measured_is_nan_and_meets_no_target() -> None:
    rows = [row("ours", 1.0), Row(contender="theirs")]
    value = ratio(rows, "ours", "theirs", "wall_s")
    assert math.isnan(value)
    for sense in (">=", "<="):
        assert not Check(what="", value=value, bound=1.0, sense=sense).holds


@pytest.mark.parametrize(
    ("sense", "value", "holds"),
    [(">=", 0.85, True), (">=", 0.84, False), ("<=", 0.85, True), ("<=", 0.86, False)],
)
def test_a_target_is_met_up_to_its_bound(sense: str, value: float, holds: bool) -> None:
    assert Check(what="", value=value, bound=0.85, sense=sense).holds is holds


@pytest.mark.slow
@given(TIMES)
def test_the_spread_lies_within_the_values_and_contains_the_median(times: list[float]) -> None:
    low, high = spread(times)
    assert min(times) <= low <= row("ours", *times).median("wall_s") <= high <= max(times)


def test_one_outlier_does_not_widen_the_spread() -> None:
    assert spread([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 50.0]) == (1.0, 1.0)


def test_a_contender_without_a_row_is_an_error() -> None:
    with pytest.raises(LookupError, match="'ours'"):
        row_of([], "ours")
