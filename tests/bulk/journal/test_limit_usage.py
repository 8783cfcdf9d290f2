"""Requests of earlier processes count once, and requests with unknown outcome count as made (guarantee 13)."""

import msgspec

from asyncclient import Bucket, Limits, RateLimits
from bulk.journal.limit_usage import ROW_READERS, LimitUsage, restore_limits, unmatched_times
from bulk.journal.records import Intent, LimitChanged, PauseTaken, RunStarted


def run(at: float, concurrency: int = 4) -> RunStarted:
    return RunStarted(
        at=at, purpose="run", version="1", concurrency=concurrency, batch_size=1, wait_s=0.0, rates="posthog"
    )


def intent(attempt: int, at: float) -> Intent:
    return Intent(
        attempt=attempt, route="bulk_delete", bucket="deletes", axes=("person",), targets="0", at=at, server_at=at
    )


def used(limits: Limits, bucket: Bucket) -> dict[float, int]:
    return {window.window_s: window.used for window in limits.budget(bucket)}


def limits_now(clock: list[float]) -> Limits:
    return Limits(RateLimits.posthog(), clock=lambda: clock[0])


def test_requests_in_plan_and_journal_are_charged_with_their_ages() -> None:
    clock, usage = [0.0], LimitUsage()
    usage.request("deletes", 940.0)
    usage.request("deletes", 100.0)
    limits = limits_now(clock)
    restore_limits(limits, spent={"deletes": [990.0]}, usage=usage, in_flight={}, now=1000.0)
    assert used(limits, Bucket.DELETES) == {60.0: 2, 3600.0: 3}
    clock[0] = 51.0
    assert used(limits, Bucket.DELETES) == {60.0: 0, 3600.0: 3}


def test_a_request_of_another_process_at_the_same_time_counts_in_addition() -> None:
    limits = limits_now([0.0])
    limits.charge(Bucket.DELETES, [10.0])
    restore_limits(limits, spent={"deletes": [990.0]}, usage=LimitUsage(), in_flight={}, now=1000.0)
    assert used(limits, Bucket.DELETES)[3600.0] == 2


def test_requests_in_flight_when_a_process_was_killed_count_in_every_later_run() -> None:
    usage = LimitUsage()
    usage.run_started(run(10.0), [])
    assert usage.in_flight([intent(0, 11.0), intent(1, 12.0)]) == {
        "deletes": 2,
        "others": 4 + ROW_READERS,
        "default": 1,
    }
    usage.run_started(run(20.0), [intent(0, 11.0), intent(1, 12.0)])
    assert list(usage.recent["deletes"]) == [20.0, 20.0]
    assert list(usage.recent["others"]) == [20.0] * (4 + ROW_READERS)
    usage.run_ended()
    assert usage.in_flight([]) == {}


def test_a_killed_block_of_changes_counts_in_addition_to_reads() -> None:
    usage = LimitUsage()
    usage.run_started(run(10.0), [])
    block = msgspec.structs.replace(intent(0, 11.0), bucket="others", requests=64)
    assert usage.in_flight([block]) == {"others": 64 + 4 + ROW_READERS, "default": 1}


def test_open_attempts_of_a_cancelled_run_count() -> None:
    usage = LimitUsage()
    usage.run_started(run(10.0), [])
    usage.run_ended()
    assert usage.in_flight([intent(0, 11.0)]) == {"deletes": 1}


def test_a_pause_continues_after_a_restart_for_an_hour_at_most() -> None:
    clock, usage = [0.0], LimitUsage()
    usage.paused(PauseTaken(at=1000.0, bucket="deletes", duration_s=90.0))
    usage.paused(PauseTaken(at=9_000_000.0, bucket="others", duration_s=60.0))
    limits = limits_now(clock)
    restore_limits(limits, spent={}, usage=usage, in_flight={}, now=1030.0)
    assert limits.eta_s(Bucket.DELETES, 1) == 60.0
    assert limits.eta_s(Bucket.OTHERS, 1) == 3600.0


def test_a_limit_lowered_in_an_earlier_run_stays_lowered_for_the_rest_of_its_hour() -> None:
    usage = LimitUsage()
    usage.limit_changed(LimitChanged(at=1000.0, bucket="others", window_s=60.0, old=240, new=100))
    usage.limit_changed(LimitChanged(at=1000.0, bucket="others", window_s=3600.0, new=1200))
    usage.limit_changed(LimitChanged(at=1000.0, bucket="of a later version", window_s=60.0, new=1))
    for now, expected in ((1030.0, {60.0: 100, 3600.0: 1200}), (4600.0, {60.0: 240})):
        limits = limits_now([50.0])
        restore_limits(limits, spent={}, usage=usage, in_flight={}, now=now)
        assert {window.window_s: window.limit for window in limits.budget(Bucket.OTHERS)} == expected


def test_a_request_that_the_limits_remember_is_not_charged_again() -> None:
    assert unmatched_times([10.0, 20.0], [10.1, 19.9, 30.0]) == [30.0]
    assert unmatched_times([10.0], [10.0, 10.1]) == [10.1]


def test_a_busy_machine_that_notes_a_request_a_second_late_counts_it_once() -> None:
    clock, usage = [100.0], LimitUsage()
    limits = limits_now(clock)
    limits.charge(Bucket.OTHERS, [1.0, 5.0])
    usage.request("others", 1000.0)
    spent = {"others": [993.8]}
    restore_limits(limits, spent=spent, usage=usage, in_flight={}, now=1000.0, counts_earlier_runs=True)
    assert used(limits, Bucket.OTHERS) == {60.0: 2}
