"""The estimate of requests and time of a plan, checked against a sliding log."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncclient import RateLimits
from bulk.operations import DeleteEvents, DeletePersons, DeleteRecordings, UnsetProperties, UpdateProperties
from bulk.posthog.request_costs import estimate, seconds_needed

ALL = DeletePersons(delete_events=True, delete_recordings=True)


def test_a_deletion_takes_one_call_per_batch() -> None:
    cost = estimate(DeletePersons(), 1000, batch_size=250, rates=RateLimits.posthog())
    assert cost.deletes == 1 + 4
    assert cost.reads == 2 * (1 + 5)


def test_events_take_a_second_call_per_batch_and_reads_of_their_rows() -> None:
    cost = estimate(ALL, 1000, batch_size=250, rates=RateLimits.posthog())
    assert cost.deletes == 2 * (1 + 4)
    assert cost.reads == 2 * (1 + 5) + 1 + 1 + 2


def test_an_incomplete_last_batch_takes_one_call() -> None:
    cost = estimate(DeletePersons(), 25 + 251, batch_size=250, rates=RateLimits.off())
    assert (cost.deletes, cost.reads) == (1 + 2, 2 * (1 + 2))


@pytest.mark.parametrize("count", [0, 1])
def test_a_single_batch_needs_no_waiting(count: int) -> None:
    assert estimate(ALL, count, batch_size=250, rates=RateLimits.posthog()).seconds == 0


def test_without_limits_no_time_is_needed() -> None:
    assert estimate(ALL, 10_000_000, batch_size=250, rates=RateLimits.off()).seconds == 0


def test_ten_thousand_calls_take_two_hours_at_posthogs_limits() -> None:
    assert seconds_needed(10_000, {60.0: 480, 3600.0: 4800}) == 7200


def slid(requests: int, limits: dict[float, int]) -> float:
    """When the last of the requests leaves, each as early as every window allows."""
    at: list[float] = []
    for number in range(requests):
        earliest = at[-1] if at else 0.0
        for window_s, limit in limits.items():
            if number >= limit:
                earliest = max(earliest, at[number - limit] + window_s)
        at.append(earliest)
    return at[-1] if at else 0.0


@given(st.integers(0, 400), st.integers(1, 40), st.integers(1, 9))
def test_the_time_equals_that_of_a_sliding_log(requests: int, per_minute: int, minutes_worth: int) -> None:
    limits = {60.0: per_minute, 3600.0: per_minute * minutes_worth}
    assert seconds_needed(requests, limits) == slid(requests, limits)


@given(st.integers(0, 5000), st.integers(1, 1000), st.booleans())
def test_more_targets_never_take_less_time(count: int, batch: int, events: bool) -> None:
    operation = DeletePersons(delete_events=events)
    fewer = estimate(operation, count, batch_size=batch, rates=RateLimits.posthog())
    more = estimate(operation, count + 1, batch_size=batch, rates=RateLimits.posthog())
    assert more.requests >= fewer.requests
    assert more.seconds >= fewer.seconds


TWO = UnsetProperties(("plan", "email"))


@pytest.mark.parametrize(
    ("operation", "route", "changes", "events"),
    [
        (UpdateProperties({"a": 1, "b": 2}), "rest", 1000, 0),
        (TWO, "rest", 2000, 0),
        (UpdateProperties({"a": 1, "b": 2}), "capture", 0, 1 + 5),
        (TWO, "capture", 0, 1 + 5),
    ],
)
def test_changes_take_one_call_per_person_and_key_or_one_event_per_person(
    operation: UnsetProperties | UpdateProperties, route: str, changes: int, events: int
) -> None:
    cost = estimate(operation, 1000, batch_size=250, rates=RateLimits.posthog(), route=route)
    assert (cost.changes, cost.events, cost.deletes) == (changes, events, 0)
    assert cost.reads == 2 * (1 + 5)  # before and after
    assert cost.requests == changes + events + cost.reads


def test_rest_changes_share_the_limit_of_reads_and_capture_has_none() -> None:
    rest = estimate(UpdateProperties({"a": 1}), 100_000, batch_size=500, rates=RateLimits.posthog(), route="rest")
    capture = estimate(UpdateProperties({"a": 1}), 100_000, batch_size=500, rates=RateLimits.posthog(), route="capture")
    assert rest.seconds == seconds_needed(100_000 + rest.reads, {60.0: 240})
    assert 6.9 < rest.seconds / 3600 < 7.1
    assert capture.events == 1 + 250
    assert capture.seconds == seconds_needed(capture.reads, {60.0: 240})


def test_deleting_events_or_recordings_takes_one_call_per_batch_and_only_events_have_rows() -> None:
    events = estimate(DeleteEvents(), 1000, batch_size=250, rates=RateLimits.off())
    recordings = estimate(DeleteRecordings(), 1000, batch_size=250, rates=RateLimits.off())
    assert (events.deletes, events.changes, events.events) == (1 + 4, 0, 0)
    assert (recordings.deletes, recordings.changes, recordings.events) == (1 + 4, 0, 0)
    assert events.reads == 1 + 5 + 1 + 1 + 2
    assert recordings.reads == 1 + 5 + 1
