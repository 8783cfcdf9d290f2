"""Sets of targets as byte arrays: one byte per target, 1 for the targets in the set. Pure."""

from collections.abc import Iterable, Iterator


def marked(codes: bytearray, selected: Iterable[int]) -> bytearray:
    """Return the set of targets whose code is one of these."""
    table = bytearray(256)
    for code in selected:
        table[code] = 1
    return codes.translate(table)


def in_both(one: bytearray, other: bytearray) -> bytearray:
    """Return the intersection of two sets of the same length."""
    return bytearray((int.from_bytes(one) & int.from_bytes(other)).to_bytes(len(one)))


def in_either(one: bytearray, other: bytearray) -> bytearray:
    """Return the union of two sets of the same length."""
    return bytearray((int.from_bytes(one) | int.from_bytes(other)).to_bytes(len(one)))


def numbers_of(members: bytearray) -> Iterator[int]:
    """Yield the numbers of the targets in a set, in ascending order."""
    number = members.find(1)
    while number >= 0:
        yield number
        number = members.find(1, number + 1)


def without(one: bytearray, other: bytearray) -> bytearray:
    """Return the first of two sets of the same length without the members of the second."""
    return bytearray((int.from_bytes(one) & ~int.from_bytes(other)).to_bytes(len(one)))
