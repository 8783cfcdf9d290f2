"""Up to when deletion rows cover the events of targets, with times relative to the opening of the job."""

import pytest

from bulk.targets.coverage import NEVER, EventCoverage

OPENED = 1_795_000_000.0


def covered(until: dict[int, float], *, count: int = 4) -> EventCoverage:
    coverage = EventCoverage(OPENED, count)
    for number, seconds in until.items():
        coverage.cover([(number, number + 1)], OPENED + seconds)
    return coverage


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.0, 0.0),
        (12.999, 12.0),
        (-0.001, -1.0),
        (-3600.5, -3601.0),
        (1e12, 2.0**31 - 1),
        (-1e12, NEVER + 1.0),
    ],
)
def test_a_time_is_rounded_down_to_the_second_and_clamped_to_four_bytes(seconds: float, expected: float) -> None:
    assert covered({1: seconds}).until(1) == OPENED + expected


def test_a_target_without_a_row_has_no_time() -> None:
    coverage = covered({1: 5.0})
    assert [coverage.until(number) for number in range(4)] == [None, OPENED + 5.0, None, None]


def test_ranges_are_covered_up_to_one_time_and_a_later_one_replaces_it() -> None:
    coverage = EventCoverage(OPENED, 4)
    coverage.cover([(0, 2), (3, 4)], OPENED + 5.0)
    coverage.cover([(1, 2)], OPENED + 9.0)
    assert [coverage.until(number) for number in range(4)] == [OPENED + 5.0, OPENED + 9.0, None, OPENED + 5.0]


def test_targets_covered_up_to_an_earlier_time_or_to_none_are_outdated() -> None:
    coverage = covered({0: 9.0, 1: 10.0, 2: 11.0})
    assert coverage.outdated(range(4), OPENED + 10.0) == [0, 3]
    assert coverage.outdated([1, 2], OPENED + 10.0) == []
    assert coverage.outdated(range(4), 0.0) == [3]


@pytest.mark.parametrize(
    ("number", "than", "expected"), [(0, 9.0, True), (0, 10.0, False), (0, 11.0, False), (3, 9.0, True)]
)
def test_a_target_is_newer_than_a_time_before_its_coverage_ends(number: int, than: float, *, expected: bool) -> None:
    assert covered({0: 10.0}).is_newer(number, OPENED + than) is expected


@pytest.mark.parametrize(
    ("deletions", "expected"),
    [
        ([(0, 1, 15.0)], 5.0),
        ([(0, 2, 25.0)], 15.0),
        ([(0, 1, 25.0), (1, 2, 25.0)], 15.0),
        ([(0, 1, 5.0)], 0.0),
        ([(2, 4, 25.0)], None),
        ([(1, 3, 25.0)], 5.0),
        ([], None),
    ],
)
def test_the_largest_uncovered_time_is_between_the_oldest_coverage_of_a_request_and_its_deletion(
    deletions: list[tuple[int, int, float]], expected: float | None
) -> None:
    coverage = covered({0: 10.0, 1: 20.0})
    for start, stop, at in deletions:
        coverage.record_deletion(start, stop, OPENED + at)
    assert coverage.largest_uncovered_s == expected


def test_an_operation_that_deletes_no_events_keeps_no_times() -> None:
    coverage = covered({0: 10.0}, count=0)
    coverage.record_deletion(0, 1, OPENED)
    assert coverage.until(0) is None
    assert coverage.largest_uncovered_s is None
    assert coverage.outdated([0, 3], OPENED) == [0, 3]


def test_targets_covered_up_to_a_time_between_two_others_are_about_to_expire() -> None:
    coverage = covered({0: 9.0, 1: 10.0, 2: 11.0})
    assert coverage.expiring(range(4), OPENED + 10.0, OPENED + 11.0) == [1]
    assert coverage.expiring(range(4), 0.0, OPENED + 100.0) == [0, 1, 2]
    assert covered({}, count=0).expiring(range(4), 0.0, OPENED) == []
