"""How fast a phase is, and how long the rest takes."""

import pytest

from bulk.events import Wait, WaitKind
from bulk.progress.rates import PhaseProgress, estimate_left_s


def test_a_rate_is_over_the_time_in_which_work_was_possible_and_one_over_all_time() -> None:
    progress = PhaseProgress(done=240, elapsed_s=60, standstill_s=55)
    assert (progress.targets_per_s, progress.overall_per_s) == (48.0, 4.0)


def test_a_rate_over_an_instant_is_not_absurd() -> None:
    assert PhaseProgress(done=100, elapsed_s=0.01, standstill_s=0.01).targets_per_s == 100
    assert PhaseProgress(done=0, elapsed_s=0).targets_per_s == 0


def wait(kind: WaitKind, waited_s: float, left_s: float | None = None) -> Wait:
    return Wait(kind=kind, waited_s=waited_s, left_s=left_s)


NOTHING = PhaseProgress(done=0, elapsed_s=10)
STEADY = PhaseProgress(done=100, elapsed_s=50)
PAUSED = PhaseProgress(done=100, elapsed_s=80, standstill_s=30, interrupted_s=30)


@pytest.mark.parametrize(
    ("progress", "options", "left_s"),
    [
        (NOTHING, {}, None),
        (NOTHING, {"at_least_s": 70.0}, 70.0),
        (STEADY, {}, 100.0),
        (STEADY, {"at_least_s": 300.0}, 300.0),
        (PAUSED, {}, 100.0),  # a pause that is over says nothing about the rest
        (PAUSED, {"wait": wait(WaitKind.PAUSE, 30, 10)}, 110.0),
        (PAUSED, {"wait": wait(WaitKind.OUTAGE, 30, 8)}, 108.0),
        (PhaseProgress(done=100, elapsed_s=90, standstill_s=40), {"wait": wait(WaitKind.RATE_LIMIT, 40, 15)}, 115.0),
        (STEADY, {"wait": wait(WaitKind.RESPONSE, 30)}, 100.0),
        (STEADY, {"at_most_s": 60.0}, 60.0),
        (NOTHING, {"at_most_s": 60.0}, 60.0),
        (STEADY, {"is_sample": True}, None),
        (STEADY, {"is_sample": True, "at_least_s": 70.0}, 70.0),
    ],
)
def test_the_time_left_includes_the_waits_ahead(
    progress: PhaseProgress, options: dict[str, object], left_s: float | None
) -> None:
    given: dict[str, object] = {"at_least_s": 0.0, "wait": None, **options}
    assert estimate_left_s(progress, left=200, **given) == left_s  # type: ignore[arg-type]
