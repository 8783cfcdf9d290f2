"""A twin: a copy of the product with one deliberate mistake."""

from typing import NamedTuple


class Cut(NamedTuple):
    """One textual change of one file; the old text must occur exactly once."""

    file: str
    old: str
    new: str


class Twin(NamedTuple):
    """The product with one mistake in it.

    Attributes:
        guarantee: the number of the guarantee that the mistake breaks.
        says: the mistake, in a few words.
        tests: tests that must fail, every one of them.
        cuts: the changes that make the mistake.
    """

    guarantee: int
    says: str
    tests: tuple[str, ...]
    cuts: tuple[Cut, ...]


def twin(guarantee: int, says: str, test: str | tuple[str, ...], *changes: str) -> Twin:
    """Return a row of the table.

    Arguments:
        guarantee: the number of the guarantee in GUARANTEES.md.
        says: the mistake, in a few words.
        test: one or several test IDs, relative to tests/.
        changes: file, old text and new text of each change.
    """
    assert changes
    assert len(changes) % 3 == 0
    tests = (test,) if isinstance(test, str) else test
    cuts = tuple(Cut(*changes[at : at + 3]) for at in range(0, len(changes), 3))
    return Twin(guarantee, says, tuple(f"tests/{each}" for each in tests), cuts)
