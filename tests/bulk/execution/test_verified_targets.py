"""How long a read of a person permits a request, and how many targets are read ahead."""

import math
from uuid import UUID

import pytest

from bulk.execution.verified_targets import (
    READ_GOOD_FOR_EVENT_S,
    READ_GOOD_FOR_S,
    VerifiedTarget,
    VerifiedTargets,
)
from bulk.posthog.strategy import MAX_BODY_BYTES
from bulk.property_checks import DesiredProperties


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def verified(clock: Clock, *, by_capture: bool = False) -> VerifiedTargets:
    return VerifiedTargets(by_capture=by_capture, max_read_ahead=200, clock=clock)


def target(number: int, read_at: float, distinct_id: str | None = None) -> VerifiedTarget:
    return VerifiedTarget(uuid=UUID(int=number), read_at=read_at, distinct_id=distinct_id)


@pytest.mark.parametrize(("by_capture", "good_for_s"), [(False, READ_GOOD_FOR_S), (True, READ_GOOD_FOR_EVENT_S)])
def test_the_oldest_read_of_a_batch_decides_when_it_must_be_read_again(*, by_capture: bool, good_for_s: float) -> None:
    clock = Clock()
    targets = verified(clock, by_capture=by_capture)
    targets.add({1: target(1, clock.now)})
    targets.add({2: target(2, clock.now + 1)})
    clock.now += good_for_s
    assert not targets.must_be_read([1, 2])
    clock.now += 0.5
    assert targets.must_be_read([1, 2])
    assert not targets.must_be_read([2])


def test_a_target_that_was_never_read_must_be_read() -> None:
    targets = verified(Clock())
    assert targets.must_be_read([7])
    assert targets.oldest_read([7]) == -math.inf
    assert not targets.must_be_read([])


def test_a_later_read_replaces_an_earlier_one() -> None:
    clock = Clock()
    targets = verified(clock)
    targets.add({1: target(1, clock.now - 2 * READ_GOOD_FOR_S)})
    targets.add({1: target(1, clock.now)})
    assert not targets.must_be_read([1])


def test_only_persons_with_a_distinct_id_are_addressed_by_events() -> None:
    targets = verified(Clock(), by_capture=True)
    targets.add({1: target(1, 1000.0, "a")})
    targets.add({2: target(2, 1000.0)})
    assert targets.with_distinct_id([1, 2, 3]) == [1]


def test_slow_reads_shrink_the_read_ahead_and_timely_batches_let_it_grow_again() -> None:
    targets = verified(Clock())
    targets.read_fewer(200, READ_GOOD_FOR_S / 2)
    assert targets.read_ahead == 200
    targets.read_fewer(200, READ_GOOD_FOR_S)
    assert targets.read_ahead == 100
    targets.read_fewer(1, 100 * READ_GOOD_FOR_S)
    assert targets.read_ahead == 1
    for _ in range(10):
        targets.read_more()
    assert targets.read_ahead == 200


def test_keys_that_an_interrupted_block_removed_are_not_sent_again_unless_all_were() -> None:
    targets = verified(Clock())
    targets.note_keys_sent(1, ("a",))
    assert targets.keys_to_send(1, ("a", "b")) == ("b",)
    assert targets.keys_to_send(2, ("a", "b")) == ("a", "b")
    targets.note_keys_sent(1, ("b",))
    assert targets.keys_to_send(1, ("a", "b")) == ("a", "b")


def test_a_verified_target_shows_no_identifier() -> None:
    assert repr(target(1, 1000.0, "somebody@example.com")) == "<VerifiedTarget>"


def test_large_values_of_persons_are_sent_in_several_requests() -> None:
    verified = VerifiedTargets(by_capture=True, max_read_ahead=200, clock=lambda: 0.0)
    for number in range(100):
        change = DesiredProperties(values={"text": "x" * 500_000})
        verified.add({number: VerifiedTarget(uuid=UUID(int=number), distinct_id="a", change=change, read_at=0.0)})
    numbers, sizes = [*range(100)], []
    while numbers:
        part = verified.fitting(numbers)
        sizes.append(sum(verified.addresses([n])[0].event_bytes for n in part))
        numbers = numbers[len(part) :]
    assert max(sizes) <= MAX_BODY_BYTES
    assert len(sizes) == 3
    huge = DesiredProperties(values={"text": "x" * (MAX_BODY_BYTES + 1)})
    verified.add({0: VerifiedTarget(uuid=UUID(int=0), distinct_id="a", change=huge, read_at=0.0)})
    assert [*verified.fitting([0, 1])] == [0]
