"""What a deliberately broken twin is."""

from typing import NamedTuple


class Cut(NamedTuple):
    """One textual change of one file; the old text must be there exactly once."""

    file: str
    old: str
    new: str


class Twin(NamedTuple):
    """The product with one slip in it.

    Attributes:
        promise: the number of the promise that the slip breaks.
        says: what the slip is, in a few words.
        tests: the tests that must go red, each of them.
        cuts: the slip.
    """

    promise: int
    says: str
    tests: tuple[str, ...]
    cuts: tuple[Cut, ...]


def twin(promise: int, says: str, test: str | tuple[str, ...], *changes: str) -> Twin:
    """A row of the table.

    Arguments:
        test: one node id below tests/, or several.
        changes: file, old text, new text, and so on.
    """
    assert changes
    assert len(changes) % 3 == 0
    tests = (test,) if isinstance(test, str) else test
    cuts = tuple(Cut(*changes[at : at + 3]) for at in range(0, len(changes), 3))
    return Twin(promise, says, tuple(f"tests/{each}" for each in tests), cuts)
