"""AuditTrail: what was requested and done through the API per person, for tests to check at the end.

It takes a few bytes per person.
"""

from array import array
from collections.abc import Iterator

_EVENTS_REQUESTED = 1
_DELETED = 2
_TOMBSTONED = 4
_HEAVY = 8


class AuditTrail:
    """Flags and counts per person key."""

    def __init__(self, persons: int) -> None:
        self._flags = bytearray(persons)
        self._recordings = array("H", bytes(2 * persons))
        self._heavy = 0

    def mark_events_requested(self, key: int) -> None:
        """Record that the deletion of this person's events was requested."""
        self._set(key, _EVENTS_REQUESTED)

    def mark_deleted(self, key: int, *, through_api: bool) -> None:
        """Record that the person was deleted."""
        self._set(key, _TOMBSTONED | (_DELETED if through_api else 0))

    def was_deleted(self, key: int) -> bool:
        """Return whether the person was ever deleted."""
        return bool(self._get(key) & _TOMBSTONED)

    def deleted_with_events_requested(self) -> Iterator[int]:
        """Yield the persons deleted through the API whose event deletion was requested too."""
        both = _EVENTS_REQUESTED | _DELETED
        return (key for key, flags in enumerate(self._flags) if flags & both == both)

    def mark_recordings_requested(self, key: int) -> None:
        """Record another request to delete this person's recordings."""
        self._reach(key)
        self._recordings[key] = min(self._recordings[key] + 1, 65_535)

    def recording_requests(self, key: int) -> int:
        """Return how often deletion of the person's recordings was requested."""
        return self._recordings[key] if key < len(self._recordings) else 0

    def set_heavy(self, key: int, *, heavy: bool) -> None:
        """Mark a person as too heavy for a bulk_delete with other persons."""
        was = self.is_heavy(key)
        if heavy:
            self._set(key, _HEAVY)
        elif was:
            self._flags[key] &= ~_HEAVY
        self._heavy += heavy - was

    def is_heavy(self, key: int) -> bool:
        """Return whether the person is marked as heavy."""
        return bool(self._get(key) & _HEAVY)

    def has_heavy(self) -> bool:
        """Return whether any person is marked as heavy."""
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
