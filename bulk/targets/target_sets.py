"""Sets of targets as one byte per target, 1 for those that are in the set. Pure."""

from collections.abc import Iterable, Iterator


def marked(codes: bytearray, wanted: Iterable[int]) -> bytearray:
    """The targets whose code is one of those that are wanted."""
    table = bytearray(256)
    for code in wanted:
        table[code] = 1
    return codes.translate(table)


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
