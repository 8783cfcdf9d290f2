"""Makes the rows of a receipt, and joins many that follow each other with the same result into one. Pure.

The JSON form of a receipt has each line and each person.
"""

import itertools
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import TypeVar

from bulk.formatting import count_of, format_count, format_range, format_time
from bulk.report.parts.lateness import late_suffix
from bulk.report.receipt import Answer, PersonResult, result_words
from bulk.report.rendering.document import Row
from bulk.states import state_label

T = TypeVar("T")

SINGLE_MAX = 20
"""Lines, IDs or persons up to which each has a row of its own."""
_LISTED_MAX = 5
GROUPED = (
    "A row stands for several lines, IDs or persons if they follow each other with the same result; the JSON form has "
    "each of them."
)


def id_rows(answers: Sequence[Answer]) -> Iterator[Row]:
    """Yield number, result and input lines of IDs."""
    for group in _runs(answers, _said):
        lines = sorted({line for answer in group for line in answer.lines})
        yield _span(answer.number for answer in group), _sentence(group), _numbers(lines)


def line_rows(answers: Sequence[Answer]) -> Iterator[Row]:
    """Yield number, day of receipt, due day, outcome and result of the lines of a request."""
    for group in _runs(answers, lambda one: (one.received, one.due, one.days_late, _outcome(one), _said(one))):
        first = group[0]
        days = first.received or "unknown", first.due or "unknown"
        numbers = _span(answer.number for answer in group) if first.number else ""
        yield numbers, *days, _outcome(first), _sentence(group)


def person_rows(persons: Iterable[PersonResult], axes: Sequence[str]) -> Iterator[Row]:
    """Yield number, states and times of persons, which are sorted by number; `axes` are those that have a column."""

    def cells(person: PersonResult) -> Row:
        times = (person.requested_at, person.done_at, person.purged_at)
        return (
            *(state_label(person.states.get(axis, "not_requested")) for axis in axes),
            *("" if at is None else format_time(at, seconds=True) for at in times),
        )

    for group in _runs([*persons], cells):
        yield _span(person.target for person in group), *cells(group[0])


def _runs(items: Sequence[T], alike: Callable[[T], Hashable]) -> Iterator[list[T]]:
    """Yield the items that follow each other and are alike; each alone if they are few."""
    if len(items) <= SINGLE_MAX:
        yield from ([item] for item in items)
        return
    for _, group in itertools.groupby(items, alike):
        yield [*group]


def _said(answer: Answer) -> Hashable:
    """Return what two answers must have in common to be said in one sentence."""
    if not answer.persons:
        return answer.sentence
    return result_words(answer.result, answer.persons), len(answer.persons)


def _sentence(group: Sequence[Answer]) -> str:
    """Return the result of answers that are alike: with the persons that they are about, and when it was reached."""
    first = group[0]
    found = [person for answer in group for person in answer.persons]
    if len(group) == 1 or not found:
        return first.sentence
    numbers = sorted({person.target for person in found})
    persons = f"{count_of(len(numbers), 'person')} ({format_range(numbers[0], numbers[-1])})"
    said = f"{persons}: {result_words(first.result, first.persons)}"
    said += _times("; read back", [person.done_at for person in found])
    said += _times(", events purged", [person.purged_at for person in found])
    return said + late_suffix(first.days_late, first.result)


def _times(words: str, times: Iterable[str | None]) -> str:
    """Return when something happened, at one time or in a span; nothing if it did not."""
    shown = sorted({format_time(at, seconds=True) for at in times if at is not None})
    if not shown:
        return ""
    return f"{words} at {shown[0]}" if len(shown) == 1 else f"{words} from {shown[0]} to {shown[-1]}"


def _outcome(answer: Answer) -> str:
    words = (answer.outcome or "").replace("_", " ")
    return f"{words}: {answer.reason}" if answer.reason else words


def _span(numbers: Iterable[int]) -> str:
    """Return the first and the last of ascending numbers, with how many they are if some are missing between them."""
    ordered = [*numbers]
    whole = format_range(ordered[0], ordered[-1])
    is_whole = ordered[-1] - ordered[0] == len(ordered) - 1
    return whole if is_whole else f"{whole} ({len(ordered):,} of these)"


def _numbers(numbers: Sequence[int]) -> str:
    """Return ascending numbers: a few one by one, many as a span; nothing for none."""
    if len(numbers) <= _LISTED_MAX:
        return ", ".join(map(format_count, numbers))
    return _span(numbers)
