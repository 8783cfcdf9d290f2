"""The estimate of the server's clock: ahead by at most a round trip, never far behind, without jumps."""

import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncclient._protocol.server_clock import ServerClock, boot_time, http_date

START = 1_790_000_000.25


class Wall:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


def exchange(clock: ServerClock, wall: Wall, skew_s: float, *, there_s: float = 0.01, back_s: float = 0.01) -> None:
    """One request: the server writes its time, cut to the second, into the response."""
    wall.now += there_s
    told = formatdate(int(wall.now + skew_s), usegmt=True)
    wall.now += back_s
    clock.observe_date(told, there_s + back_s)


def test_this_machines_time_before_the_first_response() -> None:
    wall = Wall()
    assert ServerClock(wall, wall).now() == START


@pytest.mark.parametrize("skew_s", [0.0, 0.7, -0.7, 3600.0, -3600.0, 86400.0 * 400])
def test_a_skewed_server_clock_is_known_to_a_second_after_one_response_and_better_after_many(skew_s: float) -> None:
    wall = Wall()
    clock = ServerClock(wall, wall)
    exchange(clock, wall, skew_s)
    assert -1.02 <= clock.now() - (wall.now + skew_s) <= 0.0
    for _ in range(40):
        wall.now += 0.03
        exchange(clock, wall, skew_s)
    assert -0.1 <= clock.now() - (wall.now + skew_s) <= 0.0


@pytest.mark.slow
@given(
    skew_s=st.floats(-1e5, 1e5),
    steps=st.lists(st.tuples(st.floats(0, 100), st.floats(0, 5), st.floats(0, 5)), min_size=1, max_size=30),
)
def test_the_server_clock_is_never_ahead_and_at_most_a_second_and_the_way_back_behind(
    skew_s: float, steps: list[tuple[float, float, float]]
) -> None:
    wall = Wall()
    clock = ServerClock(wall, wall)
    for pause_s, there_s, back_s in steps:
        wall.now += pause_s
        exchange(clock, wall, skew_s, there_s=there_s, back_s=back_s)
        off = clock.now() - (wall.now + skew_s)
        assert -1e-4 - 1.0 - 5.0 <= off <= 1e-4


@pytest.mark.parametrize("moved_s", [1e6, 3600.0, 10.0, -10.0, -3600.0, -1e6])
def test_one_outlying_response_moves_nothing_but_two_that_agree_do(moved_s: float) -> None:
    wall = Wall()
    clock = ServerClock(wall, wall)
    exchange(clock, wall, 0.0)
    exchange(clock, wall, moved_s)
    assert abs(clock.now() - wall.now) < 1.1
    exchange(clock, wall, 0.0)
    exchange(clock, wall, moved_s)
    assert abs(clock.now() - wall.now) < 1.1
    exchange(clock, wall, moved_s)
    assert abs(clock.now() - wall.now - moved_s) < 1.1


@pytest.mark.slow
@given(
    skew_s=st.floats(-1e5, 1e5),
    stray=st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(0.0, 50.0)), min_size=1, max_size=20),
)
def test_stray_dates_between_true_ones_move_nothing(skew_s: float, stray: list[tuple[float, float]]) -> None:
    wall = Wall()
    clock = ServerClock(wall, wall)
    exchange(clock, wall, skew_s)
    for off_s, pause_s in stray:
        wall.now += pause_s
        exchange(clock, wall, skew_s + off_s)
        exchange(clock, wall, skew_s)
        assert -3.2 <= clock.now() - (wall.now + skew_s) <= 2.2


@pytest.mark.slow
@given(
    skew_s=st.floats(-1e5, 1e5),
    steps=st.lists(
        st.tuples(st.floats(0, 100), st.floats(-1e6, 1e6) | st.sampled_from([-10.0, 10.0, -3600.0, 3600.0])),
        min_size=1,
        max_size=20,
    ),
)
def test_setting_this_machines_clock_changes_nothing(skew_s: float, steps: list[tuple[float, float]]) -> None:
    boot, wall = Wall(), Wall()
    clock = ServerClock(boot, wall)
    exchange(clock, boot, skew_s)
    before = clock.now() - boot.now
    for pause_s, set_by_s in steps:
        boot.now += pause_s
        wall.now += pause_s + set_by_s
        assert clock.now() - boot.now == pytest.approx(before, abs=1e-5)


def test_before_the_first_response_it_starts_from_this_machines_time() -> None:
    boot, wall = Wall(), Wall()
    wall.now += 5.0
    clock = ServerClock(boot, wall)
    boot.now += 10.0
    wall.now -= 3600.0
    assert clock.now() == START + 15.0


def test_boot_time_runs_on_and_is_no_settable_clock() -> None:
    assert boot_time() <= boot_time()
    if hasattr(time, "CLOCK_BOOTTIME"):
        assert boot_time() == pytest.approx(time.clock_gettime(time.CLOCK_BOOTTIME), abs=5.0)


def test_a_clock_that_stood_still_while_the_machine_slept_is_corrected_by_two_responses() -> None:
    wall = Wall()
    clock = ServerClock(wall, wall)
    exchange(clock, wall, 0.0)
    exchange(clock, wall, 5000.0)
    exchange(clock, wall, 5000.0)
    assert -1.1 <= clock.now() - (wall.now + 5000.0) <= 0.0


@pytest.mark.parametrize("date", ["", "soon", "Mon, 99 Nov 2026 00:00:00 GMT", "Mon, 23 Nov 99999 00:00:00 GMT"])
def test_an_unreadable_date_header_is_ignored(date: str) -> None:
    wall = Wall()
    clock = ServerClock(wall, wall)
    clock.observe_date(date, 0.1)
    assert clock.now() == START


@given(st.text(max_size=60))
def test_no_date_header_raises_an_exception(text: str) -> None:
    assert http_date(text) is None or isinstance(http_date(text), float)
