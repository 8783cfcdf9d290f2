"""What was asked and done through the API, by person: what tests check at the end.

A byte or two for each person; it draws no conclusions but those asked for.
"""

from array import array
from collections.abc import Iterator

_EVENTS_ASKED = 1
_DELETED = 2
_TOMBSTONED = 4
_HEAVY = 8


class AuditTrail:
    """Flags and counts by person key."""

    def __init__(self, persons: int) -> None:
        self._flags = bytearray(persons)
        self._recordings = array("H", bytes(2 * persons))
        self._heavy = 0

    def events_asked(self, key: int) -> None:
        """Somebody asked for this person's events to be deleted."""
        self._set(key, _EVENTS_ASKED)

    def deleted(self, key: int, *, through_api: bool) -> None:
        """The person was deleted."""
        self._set(key, _TOMBSTONED | (_DELETED if through_api else 0))

    def tombstoned(self, key: int) -> bool:
        """Whether the person was deleted at some time."""
        return bool(self._get(key) & _TOMBSTONED)

    def deleted_after_asking(self) -> Iterator[int]:
        """Persons deleted through the API of whom some call asked for the events to go too."""
        both = _EVENTS_ASKED | _DELETED
        return (key for key, flags in enumerate(self._flags) if flags & both == both)

    def recordings_requested(self, key: int) -> None:
        """Deletion of this person's recordings was started once more."""
        self._reach(key)
        self._recordings[key] = min(self._recordings[key] + 1, 65_535)

    def recordings(self, key: int) -> int:
        """How many times deletion of recordings was started."""
        return self._recordings[key] if key < len(self._recordings) else 0

    def set_heavy(self, key: int, *, heavy: bool) -> None:
        """Mark a person as one that bulk_delete cannot manage in company."""
        was = self.heavy(key)
        if heavy:
            self._set(key, _HEAVY)
        elif was:
            self._flags[key] &= ~_HEAVY
        self._heavy += heavy - was

    def heavy(self, key: int) -> bool:
        """Whether the person is marked as heavy."""
        return bool(self._get(key) & _HEAVY)

    def any_heavy(self) -> bool:
        """Whether anybody is marked as heavy."""
        return self._heavy > 0

    def _get(self, key: int) -> int:
        return self._flags[key] if key < len(self._flags) else 0

    def _set(self, key: int, flags: int) -> None:
        self._reach(key)
        self._flags[key] |= flags

    def _reach(self, key: int) -> None:
        missing = key + 1 - len(self._flags)
        if missing > 0:
            self._flags.extend(bytes(missing))
            self._recordings.extend(array("H", bytes(2 * missing)))
