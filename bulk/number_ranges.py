"""Target numbers as text, the way journals and reports hold them: "0-249,300,302-310". Pure."""

from collections.abc import Iterable, Iterator
from io import StringIO


def format_ranges(numbers: Iterable[int]) -> str:
    """Return ascending, distinct numbers as text, with consecutive ones joined.

    Arguments:
        numbers: in ascending order, each once.
    """
    if isinstance(numbers, list) and numbers and numbers == [*range(numbers[0], numbers[0] + len(numbers))]:
        return _part(numbers[0], numbers[-1])  # as for nearly every batch
    text = StringIO()
    first = last = -1
    for number in numbers:
        if number == last + 1 and first >= 0:
            last = number
            continue
        if first >= 0:
            text.write(_part(first, last) + ",")
        first = last = number
    if first >= 0:
        text.write(_part(first, last))
    return text.getvalue()


def parse_ranges(text: str) -> Iterable[tuple[int, int]]:
    """Return the ranges in text that `format_ranges` wrote, each as (first, last + 1).

    Raises:
        ValueError: the text is no such list, or not ascending; possibly only while the result is iterated.
    """
    if text.isdecimal():  # most lines of a long journal name one target
        number = int(text)
        return ((number, number + 1),)
    return _ranges(text)


def _ranges(text: str) -> Iterator[tuple[int, int]]:
    previous_last = -1
    for part in text.split(",") if text else ():
        head, dash, tail = part.partition("-")
        first = int(head)
        last = int(tail) if dash else first
        if not previous_last < first <= last:
            raise ValueError(f"target numbers {part!r} are out of order")
        previous_last = last
        yield first, last + 1


def expand(text: str) -> list[int]:
    """Return every number in text that `format_ranges` wrote."""
    return [number for start, stop in parse_ranges(text) for number in range(start, stop)]


def _part(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"
