"""How many persons share an intent, and how many events a request."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncclient import CaptureEvent, RateLimits
from asyncclient._protocol.endpoints import batches
from bulk.operations import UnsetProperties, UpdateProperties
from bulk.posthog.strategy import EVENTS_A_REQUEST, LARGEST_BLOCK, LONGEST_BLOCK_S, block_size, events_a_request


@given(st.integers(1, 100_000), st.integers(1, 256))
def test_a_block_is_through_in_seconds_at_the_limit(per_minute: int, concurrency: int) -> None:
    size = block_size(RateLimits(others_per_minute=per_minute), concurrency)
    assert 1 <= size <= LARGEST_BLOCK
    assert size == 1 or size * concurrency * 60 / per_minute <= LONGEST_BLOCK_S + 1e-6


@pytest.mark.parametrize(("concurrency", "size"), [(1, 40), (8, 5), (64, 1), (256, 1)])
def test_at_the_published_limits(concurrency: int, size: int) -> None:
    assert block_size(RateLimits.posthog(), concurrency) == size


def test_without_limits_a_block_has_its_largest_size() -> None:
    assert block_size(RateLimits.off(), 256) == LARGEST_BLOCK


AWKWARD = "\x01" * 200  # each character takes six bytes in JSON


@pytest.mark.parametrize("length", [0, 10, 1_000, 17_000, 30_000, 100_000, 500_000])
def test_so_many_events_always_fit_one_request(length: int) -> None:
    operation = UpdateProperties({"bio": "é" * (length // 2) + '"'})
    count = events_a_request(operation)
    event = CaptureEvent.set(AWKWARD, operation.properties)
    assert 1 <= count <= EVENTS_A_REQUEST
    assert len(list(batches([event] * count))) == 1
    assert (
        count == EVENTS_A_REQUEST or (count + 1) * (len(msgspec.json.encode(operation.properties)) + 5_000) > 18_000_000
    )


def test_keys_take_little() -> None:
    assert events_a_request(UnsetProperties(("plan",))) == EVENTS_A_REQUEST
    count = events_a_request(UnsetProperties(tuple(f"{n:0400}" for n in range(100))))
    assert 300 < count < EVENTS_A_REQUEST
