"""The number of persons per intent, and of events per capture request."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncclient import CaptureEvent, RateLimits
from asyncclient._protocol.endpoints import batches
from bulk.operations import UnsetProperties, UpdateProperties
from bulk.posthog.strategy import (
    EVENTS_PER_REQUEST,
    MAX_BLOCK_S,
    MAX_PERSONS_PER_INTENT,
    events_per_request,
    persons_per_intent,
)


@given(st.integers(1, 100_000), st.integers(1, 256))
def test_a_block_takes_seconds_at_the_rate_limit(per_minute: int, concurrency: int) -> None:
    size = persons_per_intent(RateLimits(others_per_minute=per_minute), concurrency)
    assert 1 <= size <= MAX_PERSONS_PER_INTENT
    assert size == 1 or size * concurrency * 60 / per_minute <= MAX_BLOCK_S + 1e-6


@pytest.mark.parametrize(("concurrency", "size"), [(1, 40), (8, 5), (64, 1), (256, 1)])
def test_persons_per_intent_at_posthogs_limits(concurrency: int, size: int) -> None:
    assert persons_per_intent(RateLimits.posthog(), concurrency) == size


def test_without_rate_limits_a_block_has_its_maximum_size() -> None:
    assert persons_per_intent(RateLimits.off(), 256) == MAX_PERSONS_PER_INTENT


AWKWARD = "\x01" * 200  # each character takes six bytes in JSON


@pytest.mark.parametrize("length", [0, 10, 1_000, 17_000, 30_000, 100_000, 500_000])
def test_the_number_of_events_always_fits_in_one_request(length: int) -> None:
    operation = UpdateProperties({"bio": "é" * (length // 2) + '"'})
    count = events_per_request(operation)
    event = CaptureEvent.set(AWKWARD, operation.properties)
    assert 1 <= count <= EVENTS_PER_REQUEST
    assert len(list(batches([event] * count))) == 1
    assert (
        count == EVENTS_PER_REQUEST
        or (count + 1) * (len(msgspec.json.encode(operation.properties)) + 5_000) > 18_000_000
    )


def test_events_that_remove_keys_are_small() -> None:
    assert events_per_request(UnsetProperties(("plan",))) == EVENTS_PER_REQUEST
    count = events_per_request(UnsetProperties(tuple(f"{n:0400}" for n in range(100))))
    assert 300 < count < EVENTS_PER_REQUEST
