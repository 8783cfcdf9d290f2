"""Sets of targets as one byte per target, 1 for those that are in the set. Pure."""

from collections.abc import Iterable, Iterator


def marked(places: bytearray, wanted: Iterable[int]) -> bytearray:
    """The targets whose place is one of those that are wanted."""
    table = bytearray(256)
    for place in wanted:
        table[place] = 1
    return places.translate(table)


def in_both(one: bytearray, other: bytearray) -> bytearray:
    """The targets that are in both sets, which are of the same length."""
    return bytearray((int.from_bytes(one) & int.from_bytes(other)).to_bytes(len(one)))


def in_either(one: bytearray, other: bytearray) -> bytearray:
    """The targets that are in one of the sets, which are of the same length."""
    return bytearray((int.from_bytes(one) | int.from_bytes(other)).to_bytes(len(one)))


def numbers_of(marks: bytearray) -> Iterator[int]:
    """The numbers of the targets in a set, ascending."""
    at = marks.find(1)
    while at >= 0:
        yield at
        at = marks.find(1, at + 1)
