"""The table of session recordings: one row per recording, with the distinct IDs that it was captured under.

A deletion marks a row, and a nightly job removes marked rows after a grace period (contract 6.7).
"""

from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec


class RecordingView(msgspec.Struct, frozen=True, kw_only=True):
    """One recording as a test sees it."""

    session_id: str
    distinct_ids: tuple[str, ...]
    started_at: datetime
    is_deleted: bool


class Recording(msgspec.Struct, kw_only=True):
    """One recording; `marked_us` is when a deletion marked it."""

    session_id: str
    distinct_ids: tuple[str, ...]
    started_us: int
    marked_us: int | None = None


class Recordings:
    """The recordings by session ID, and the sessions of each distinct ID."""

    def __init__(self) -> None:
        self._by_session: dict[str, Recording] = {}
        self._sessions: dict[str, list[str]] = {}
        # the oldest mark first
        self._marked: deque[tuple[int, str]] = deque()

    def __len__(self) -> int:
        return len(self._by_session)

    def add(self, session_id: str, distinct_ids: tuple[str, ...], started_us: int) -> None:
        """Add a recording.

        Raises:
            ValueError: there is a recording with this session ID.
        """
        if session_id in self._by_session:
            raise ValueError(f"there is a recording with the session ID {session_id} already")
        self._by_session[session_id] = Recording(
            session_id=session_id, distinct_ids=distinct_ids, started_us=started_us
        )
        for each in distinct_ids:
            self._sessions.setdefault(each, []).append(session_id)

    def get(self, session_id: str) -> Recording | None:
        """Return a recording, marked or not; None if its row is gone or never was."""
        return self._by_session.get(session_id)

    def of(self, distinct_ids: Iterable[str]) -> list[Recording]:
        """Return the recordings of distinct IDs, each once, in the order of their session IDs."""
        sessions = {session for each in distinct_ids for session in self._sessions.get(each, ())}
        return [self._by_session[session] for session in sorted(sessions)]

    def mark(self, session_ids: Iterable[str], at_us: int) -> int:
        """Mark recordings as deleted, and return how many were not marked before."""
        marked = 0
        for session_id in session_ids:
            recording = self._by_session.get(session_id)
            if recording is not None and recording.marked_us is None:
                recording.marked_us = at_us
                self._marked.append((at_us, session_id))
                marked += 1
        return marked

    def remove_marked(self, up_to_us: int) -> None:
        """Remove the rows that were marked at or before a time."""
        while self._marked and self._marked[0][0] <= up_to_us:
            _, session_id = self._marked.popleft()
            for distinct_id in self._by_session.pop(session_id).distinct_ids:
                self._sessions[distinct_id].remove(session_id)

    def rows(self) -> Iterator[tuple[Recording, str]]:
        """Yield each recording with each of its distinct IDs."""
        for recording in self._by_session.values():
            for distinct_id in recording.distinct_ids:
                yield recording, distinct_id
