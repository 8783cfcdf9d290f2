"""Halves a batch read that fails, so that one person that cannot be read does not fail the read of the others.

Halves are tried depth first, so that the person at fault is found after about eight failures for a batch of 200. If no
person of the batch could be read so far, the largest part that is left decides whether the rest is tried.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

import msgspec

from asyncclient import InvalidResponse, PostHogError, ServerError, TimedOut
from bulk.posthog.attempt_result import raise_if_permanent
from bulk.posthog.person_reads import LEFT_OUT, Known, Present, ReadResult, Unread, UnreadReason

MAX_FAILED_SINGLES = 3
"""Persons that fail alone before the rest of the batch is left unread, if no person of it could be read."""

MAX_FAILURES = 40
"""Failed requests per batch, halves and single persons together, before the rest is left unread."""

NARROWED = (TimedOut, ServerError, InvalidResponse)
"""Errors that one person's size or content can cause: a slow query, a crash, a body that is too large or malformed."""

K = TypeVar("K")
Ask = Callable[[Sequence[K], bool], Awaitable[Mapping[K, Known]]]
"""Reads some persons; the second argument says whether this is the first attempt for them."""


class HalvedReads(msgspec.Struct, Generic[K], frozen=True):
    """The results of reading a batch.

    Arguments:
        results: one entry per person.
        left_out: persons that a response left out, `Unread(LEFT_OUT)` in the results.
        maybe_shown: those of them that a failed request was for: a response that cannot be decoded may have shown them.
        failed_with: the last error, where no request of the batch succeeded.
    """

    results: dict[K, ReadResult]
    left_out: list[K]
    maybe_shown: set[K]
    failed_with: PostHogError | None = None


async def read_halving(parts: Sequence[Sequence[K]], ask: Ask[K]) -> HalvedReads[K]:
    """Read persons, and halve every part whose read fails.

    Arguments:
        parts: the persons of each request, in order; no person twice.
        ask: raises one of `NARROWED` where a smaller part may succeed; any other error ends the read.

    Raises:
        PostHogError: an error that a smaller part would end with as well, such as too long a pause.
    """
    results: dict[K, ReadResult] = {}
    left_out: list[K] = []
    maybe_shown: set[K] = set()
    left: list[tuple[Sequence[K], bool]] = [(part, True) for part in reversed(parts) if part]
    succeeded = False
    failures = failed_singles = 0
    last_error: PostHogError | None = None
    while left:
        is_last_try = not succeeded and failed_singles >= MAX_FAILED_SINGLES
        part, is_first = left.pop(0 if is_last_try else -1)
        try:
            found = await ask(part, is_first)
        except NARROWED as error:
            raise_if_permanent(error)
            last_error, why = error, _reason(error)
        else:
            succeeded = True
            read = {key: LEFT_OUT if (person := found.get(key)) is None else Present(person) for key in part}
            missing = [key for key, result in read.items() if result is LEFT_OUT]
            left_out += missing
            if not is_first:
                maybe_shown.update(missing)
            results |= read
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
    return HalvedReads(results, left_out, maybe_shown, None if succeeded else last_error)


def _reason(error: PostHogError) -> UnreadReason:
    if isinstance(error, TimedOut):
        return UnreadReason.TIMED_OUT
    return UnreadReason.INVALID_RESPONSE if isinstance(error, InvalidResponse) else UnreadReason.SERVER_ERROR
