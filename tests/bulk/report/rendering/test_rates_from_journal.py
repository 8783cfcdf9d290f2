"""The rate that `status` computes from a journal leaves out the time in which no work was possible."""

import pytest
from report_jobs import START, erased, opened, run_started, waited

from bulk.journal.records import PauseTaken, Record
from bulk.journal.run_stats import WAITS_KEPT
from bulk.journal.target_states import TargetStates
from bulk.report.progress import progress_of


def rates(*records: Record) -> tuple[float, float]:
    """Return the rate without waits, and the rate over all time, 100 s after a run over 200 persons began."""
    target_states = TargetStates()
    for record in (*opened(200), run_started(START), *erased(100, START), *records):
        target_states.apply(record)
    progress = progress_of(target_states, idle_s=START + 100 - target_states.run_stats.last_at, spent={})
    assert progress is not None
    return progress.targets_per_s, progress.overall_per_s


def test_the_time_of_outages_and_pauses_is_left_out() -> None:
    assert rates() == (pytest.approx(1.0), pytest.approx(1.0))
    outage = waited(0, "outage", START + 20, START + 60)
    pause = PauseTaken(at=START + 65, bucket="deletes", duration_s=10.0)
    assert rates(outage) == (pytest.approx(100 / 60), pytest.approx(1.0))
    assert rates(outage, pause) == (pytest.approx(2.0), pytest.approx(1.0))


def test_of_an_outage_the_last_record_counts_and_of_more_outages_all() -> None:
    growing = [waited(0, "outage", START + 20, START + 20 + length) for length in (10, 20, 40)]
    assert rates(*growing) == (pytest.approx(100 / 60), pytest.approx(1.0))
    many = [waited(n, "outage", START + 20, START + 20.1) for n in range(WAITS_KEPT + 100)]
    assert rates(*many)[0] == pytest.approx(100 / (100 - len(many) / 10), rel=0.01)


def test_waits_for_the_rate_limit_are_part_of_the_work() -> None:
    assert rates(waited(0, "rate_limit", START + 20, START + 60)) == (pytest.approx(1.0), pytest.approx(1.0))
