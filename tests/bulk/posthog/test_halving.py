"""A failed batch read is halved: one unreadable person does not fail the others, and failures are bounded."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncclient import ConnectFailed, InvalidResponse, PersonRef, PostHogError, RateLimited, ServerError, TimedOut
from bulk.posthog.halving import MAX_FAILED_SINGLES, MAX_FAILURES, HalvedReads, read_halving
from bulk.posthog.person_reads import Known, Unread, UnreadReason

WHERE = {"method": "POST", "path": "persons/batch_by_uuids/", "route": "persons/batch_by_uuids/"}


def timed_out() -> PostHogError:
    return TimedOut("no response in 60 s", sent=True, **WHERE)


def failed(status: int = 504, retry_after_s: float | None = None) -> PostHogError:
    return ServerError(status, retry_after_s=retry_after_s, **WHERE)


def unreadable() -> PostHogError:
    return InvalidResponse(200, **WHERE)


ERRORS = {
    UnreadReason.TIMED_OUT: timed_out,
    UnreadReason.SERVER_ERROR: failed,
    UnreadReason.INVALID_RESPONSE: unreadable,
}


def person(number: int) -> PersonRef:
    return PersonRef(uuid=UUID(int=number), created_at=datetime(2026, 1, 1, tzinfo=UTC), distinct_ids=(str(number),))


class Store:
    """Persons by number: some are missing, and reading some fails."""

    def __init__(self, bad: Mapping[int, UnreadReason] = {}, missing: Sequence[int] = ()) -> None:
        self.bad, self.missing = bad, set(missing)
        self.requests: list[tuple[Sequence[int], bool]] = []
        self.failures = 0

    async def ask(self, part: Sequence[int], is_first: bool) -> Mapping[int, Known]:
        self.requests.append((part, is_first))
        for number in part:
            if number in self.bad:
                self.failures += 1
                error = ERRORS[self.bad[number]]
                raise error()
        found: dict[int, Known] = {n: person(n) for n in part if n not in self.missing}
        return found | {10**6: person(10**6)}  # a person that was not requested

    def read(self, numbers: Sequence[int]) -> HalvedReads[int, Known]:
        return anyio.run(read_halving, [numbers], self.ask)


@pytest.mark.slow
@settings(deadline=None)
@given(
    count=st.integers(1, 200),
    bad=st.dictionaries(st.integers(0, 199), st.sampled_from(sorted(ERRORS, key=lambda why: why.name)), max_size=3),
    missing=st.sets(st.integers(0, 199)),
)
def test_every_readable_person_is_read_despite_three_unreadable_ones(
    count: int, bad: dict[int, UnreadReason], missing: set[int]
) -> None:
    store = Store(bad, sorted(missing))
    read = store.read(range(count))
    assert read.results.keys() == set(range(count))
    for number, result in read.results.items():
        if number in bad:
            assert result == Unread(bad[number])
        elif number in missing:
            assert result == Unread(UnreadReason.LEFT_OUT)
        else:
            assert result == person(number)
    in_failed = {n for part, _ in store.requests if not bad.keys().isdisjoint(part) for n in part}
    assert set(read.left_out) == set(range(count)) & missing - bad.keys()
    assert read.maybe_shown == in_failed & set(read.left_out)
    assert (read.failed_with is None) == any(n not in bad for n in range(count))


@pytest.mark.slow
@settings(deadline=None)
@given(count=st.integers(1, 400), bad=st.sets(st.integers(0, 399)))
def test_each_person_has_one_result_and_failures_are_bounded(count: int, bad: set[int]) -> None:
    store = Store(dict.fromkeys(bad, UnreadReason.TIMED_OUT))
    read = store.read(range(count))
    assert read.results.keys() == set(range(count))
    assert store.failures <= MAX_FAILURES
    assert all(result == person(n) for n, result in read.results.items() if not isinstance(result, Unread))
    assert all(isinstance(read.results[n], Unread) for n in bad if n < count)
    assert not any(result == Unread(UnreadReason.LEFT_OUT) for result in read.results.values())


@pytest.mark.parametrize("why", ERRORS)
def test_a_server_that_fails_for_everyone_is_not_asked_for_each_person(why: UnreadReason) -> None:
    store = Store(dict.fromkeys(range(200), why))
    read = store.read(range(200))
    assert isinstance(read.failed_with, type(ERRORS[why]()))
    assert set(read.results.values()) <= {Unread(why), Unread(UnreadReason.NOT_ATTEMPTED)}
    assert sum(len(part) == 1 for part, _ in store.requests) == MAX_FAILED_SINGLES
    assert len(store.requests) <= 13


def test_three_unreadable_persons_in_front_leave_the_others_readable() -> None:
    store = Store(dict.fromkeys(range(3), UnreadReason.SERVER_ERROR))
    read = store.read(range(200))
    assert [n for n, result in read.results.items() if isinstance(result, Unread)] == [0, 1, 2]


def test_only_the_request_for_the_whole_batch_is_a_first_attempt() -> None:
    store = Store({5: UnreadReason.TIMED_OUT})
    store.read(range(10))
    assert [part for part, is_first in store.requests if is_first] == [range(10)]


@pytest.mark.parametrize(
    "error",
    [
        failed(503, retry_after_s=3_601.0),
        RateLimited(429, **WHERE),
        ConnectFailed("refused", sent=False, **WHERE),
    ],
)
async def test_an_error_that_smaller_parts_cannot_avoid_ends_the_read(error: PostHogError) -> None:
    async def ask(_part: Sequence[int], _is_first: bool) -> Mapping[int, Known]:
        raise error

    with pytest.raises(type(error)):
        await read_halving([range(10)], ask)


async def test_an_error_independent_of_size_also_ends_reads_of_single_persons() -> None:
    async def ask(_part: Sequence[int], _is_first: bool) -> Mapping[int, Known]:
        raise ConnectFailed("refused", sent=False, **WHERE)

    with pytest.raises(ConnectFailed):
        await read_halving([[1], [2]], ask)
