"""Halves a batch read that fails, so that one person that cannot be read does not fail the read of the others.

The run, planning and exports read by ID and by email this way.

Halves are tried depth first, so that the person at fault is found after about eight failures for a batch of 200. If no
person of the batch could be read so far, the largest part that is left decides whether the rest is tried.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

import msgspec

from asyncclient import InvalidResponse, PostHogError, ServerError, TimedOut
from bulk.posthog.attempt_result import classify_error, raise_if_permanent
from bulk.posthog.person_reads import LEFT_OUT, Unread, UnreadReason

MAX_FAILED_SINGLES = 3
"""Persons that fail alone before the rest of the batch is left unread, if no person of it could be read."""

MAX_FAILED_ALONE = 9
"""Persons that cannot be read even alone, with no success in between, before the read fails with the error."""

MAX_FAILURES = 40
"""Failed requests per batch, halves and single persons together, before the rest is left unread."""

NARROWED = (TimedOut, ServerError, InvalidResponse)
"""Errors that one person's size or content can cause: a slow query, a crash, a body that is too large or malformed."""

K = TypeVar("K")
V = TypeVar("V")
Ask = Callable[[Sequence[K], bool], Awaitable[Mapping[K, V]]]
"""Reads some persons; the second argument says whether this is the first attempt for them."""


class HalvedReads(msgspec.Struct, Generic[K, V], frozen=True):
    """The results of reading a batch.

    Arguments:
        results: what was read of each person, or why nothing was.
        left_out: persons that a response left out, `Unread(LEFT_OUT)` in the results.
        maybe_shown: persons in `left_out` that an undecodable response may have contained.
        failed_with: the last error, where no request of the batch succeeded.
        unread_error: the last error with which a person could not be read even alone.
    """

    results: dict[K, V | Unread]
    left_out: list[K]
    maybe_shown: set[K]
    failed_with: PostHogError | None = None
    unread_error: PostHogError | None = None


async def read_halving(parts: Sequence[Sequence[K]], ask: Ask[K, V]) -> HalvedReads[K, V]:
    """Read persons, and halve every part whose read fails.

    Arguments:
        parts: the persons of each request, in order; no person twice.
        ask: raises one of `NARROWED` where a smaller part may succeed; any other error ends the read.

    Raises:
        PostHogError: an error that a smaller part would end with as well, such as too long a pause.
    """
    results: dict[K, V | Unread] = {}
    left_out: list[K] = []
    maybe_shown: set[K] = set()
    left: list[tuple[Sequence[K], bool]] = [(part, True) for part in reversed(parts) if part]
    succeeded = False
    failures = failed_singles = 0
    last_error: PostHogError | None = None
    unread_error: PostHogError | None = None
    while left:
        is_last_try = not succeeded and failed_singles >= MAX_FAILED_SINGLES
        part, is_first = left.pop(0 if is_last_try else -1)
        try:
            found = await ask(part, is_first)
        except NARROWED as error:
            raise_if_permanent(error)
            last_error, why = error, _reason(error)
            unread_error = error if len(part) == 1 else unread_error
        else:
            succeeded = True
            results.update({key: found.get(key, LEFT_OUT) for key in part})
            missing = [key for key in part if key not in found]
            left_out += missing
            if not is_first:
                maybe_shown.update(missing)
            continue
        failures += 1
        if is_last_try or failures >= MAX_FAILURES:
            not_tried = [key for rest, _ in left for key in rest]
            results |= dict.fromkeys([*part, *not_tried], Unread(UnreadReason.NOT_ATTEMPTED))
            if len(part) == 1:
                results[part[0]] = Unread(why)
            break
        if len(part) == 1:
            results[part[0]] = Unread(why)
            failed_singles += 1
        else:
            middle = len(part) // 2
            left += [(part[middle:], False), (part[:middle], False)]
    return HalvedReads(results, left_out, maybe_shown, None if succeeded else last_error, unread_error)


class FailureCount:
    """Counts the persons that failed alone, so that a server that fails for everyone ends the read."""

    def __init__(self) -> None:
        self._failed_alone: set[object] = set()
        self.last_error: PostHogError | None = None
        """The last error with which a person could not be read even alone."""

    def add(self, read: HalvedReads[K, V]) -> None:
        """Count the persons of a read.

        Raises:
            PostHogError: the last error, once too many persons failed alone with no success in between.
        """
        self.last_error = read.unread_error or self.last_error
        if read.failed_with is None:
            self._failed_alone.clear()
            return
        self._failed_alone |= {key for key, result in read.results.items() if _failed(result)}
        if len(self._failed_alone) >= MAX_FAILED_ALONE:
            raise read.failed_with


def failure_words(error: PostHogError | None) -> str:
    """Return in words what the server did when a person could not be read.

    Arguments:
        error: one of `NARROWED`; None for responses that left the person out, for which the text is empty.
    """
    if error is None:
        return ""
    if isinstance(error, TimedOut):
        return "the server did not respond in time"
    if isinstance(error, InvalidResponse):
        return "the server sent a response that cannot be decoded"
    return f"the server responded with {classify_error(error).response}"


def because_of(error: PostHogError | None) -> str:
    """Return `failure_words` in parentheses, to be added to what could not be read."""
    return f" ({words})" if (words := failure_words(error)) else ""


def _failed(result: object) -> bool:
    """Return whether the read of this person itself failed."""
    return isinstance(result, Unread) and result.why not in (UnreadReason.LEFT_OUT, UnreadReason.NOT_ATTEMPTED)


def _reason(error: PostHogError) -> UnreadReason:
    if isinstance(error, TimedOut):
        return UnreadReason.TIMED_OUT
    return UnreadReason.INVALID_RESPONSE if isinstance(error, InvalidResponse) else UnreadReason.SERVER_ERROR
