"""Sets of target numbers as the journal writes them: "0-249,300,302-310". Pure."""

from collections.abc import Iterable, Iterator
from io import StringIO
from itertools import islice


def format_ranges(numbers: Iterable[int]) -> str:
    """Ascending, distinct numbers as text, runs joined.

    Arguments:
        numbers: target numbers in ascending order, each once.
    """
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
    """The runs in text that `format_ranges` wrote, each as (first, last + 1).

    Raises:
        ValueError: the text is not such a list, or its runs are not ascending; perhaps only while it is iterated.
    """
    if text.isdecimal():  # most lines of a long journal name one target
        number = int(text)
        return ((number, number + 1),)
    return _runs(text)


def _runs(text: str) -> Iterator[tuple[int, int]]:
    before = -1
    for part in text.split(",") if text else ():
        head, dash, tail = part.partition("-")
        first = int(head)
        last = int(tail) if dash else first
        if not before < first <= last:
            raise ValueError(f"target numbers {part!r} are out of order")
        before = last
        yield first, last + 1


def grouped(numbers: Iterable[int], size: int) -> Iterator[list[int]]:
    """Numbers in lists of at most `size`, in order."""
    rest = iter(numbers)
    while group := list(islice(rest, size)):
        yield group


def expand(text: str) -> list[int]:
    """Every number in text that `format_ranges` wrote."""
    return [number for start, stop in parse_ranges(text) for number in range(start, stop)]


def _part(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"
