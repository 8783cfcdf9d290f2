"""Counts how many targets have each property of an operation, and finds the closest name of one that none has. Pure."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any
from uuid import UUID

SAMPLE_SIZE = 200
"""Targets whose other properties are read if no target has one of the operation; one batch read has no more."""
NAMES_MAX = 2_000
"""Names of properties that are compared with one that no target has."""


class PropertyCounts:
    """The counts that are collected while a selection is resolved.

    Arguments:
        keys: of the operation.

    Attributes:
        sample: the first targets.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self.sample: list[UUID] = []
        self._counts = dict.fromkeys(keys, 0)
        self._names: set[str] = set()

    def add(self, uuid: UUID, names: Iterable[str]) -> None:
        """Count a target.

        Arguments:
            uuid: the person's.
            names: of its properties; those of the operation at least.
        """
        found = set(names)
        for key in self._counts:
            if key in found:
                self._counts[key] += 1
        self.add_names(found)
        if len(self.sample) < SAMPLE_SIZE:
            self.sample.append(uuid)

    def add_names(self, names: Iterable[str]) -> None:
        """Remember names of properties that persons have."""
        if len(self._names) < NAMES_MAX:
            self._names.update(names)

    @property
    def lacks_names(self) -> bool:
        """Whether no target has one of the properties, and no other property is known to suggest."""
        return not all(self._counts.values()) and self._names <= self._counts.keys()

    def suggestions(self) -> dict[str, str | None]:
        """Return the properties that no target has, each with the name that is spelled most like it, if any is."""
        return {key: closest_name(key, self._names) for key, count in self._counts.items() if not count}

    def to_finding(self) -> list[dict[str, Any]]:
        """Return for each property the number of targets that have it, and the closest name if none has it."""
        closest = self.suggestions()
        return [{"key": key, "count": count, "closest": closest.get(key)} for key, count in self._counts.items()]


def closest_name(key: str, names: Iterable[str]) -> str | None:
    """Return the name that is spelled most like a key, ignoring upper and lower case; None if none is similar.

    Arguments:
        key: of a property.
        names: the key itself does not count.
    """
    by_folded = {name.casefold(): name for name in sorted(names, reverse=True) if name != key}
    found = get_close_matches(key.casefold(), by_folded, n=1)
    return by_folded[found[0]] if found else None
