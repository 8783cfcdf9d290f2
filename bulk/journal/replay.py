"""Opens the journal of a job and folds it into a ledger: the one place that joins file and meaning."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import msgspec

from bulk.errors import JournalError
from bulk.files.private_files import open_regular
from bulk.journal.framing import Framing, TornTail
from bulk.journal.records import JobOpened, Record
from bulk.journal.storage import Journal
from bulk.journal.target_states import TargetStates

_CHUNK = 1 << 20


class JournalFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a report says of the journal file itself."""

    digest: str
    lines: int
    torn_tail_bytes: int


def framing() -> Framing[Record]:
    """The frame of a job's journal; checksums start from the job's random name."""
    return Framing(Record, job=lambda record: record.job if isinstance(record, JobOpened) else None)


def open_journal(path: Path, target_states: TargetStates) -> Journal[Record]:
    """Open the job's journal under its lock, or make it, and fold what it holds.

    Raises:
        JournalBusy: another process holds it.
        FileTrouble: it is damaged, not private, or cannot be used.
    """
    with _sense(path):
        return Journal.open(path, framing(), target_states.apply)


def replay_journal(path: Path) -> tuple[TargetStates, JournalFacts]:
    """Fold a journal that somebody may be writing at this moment, without lock or change.

    Raises:
        FileTrouble: it is damaged or cannot be read.
    """
    target_states = TargetStates()
    with _sense(path):
        end = Journal.read(path, framing(), target_states.apply)
    if target_states.job is None:
        raise JournalError(path, "is empty: no job was ever opened in it", "give the journal of a job")
    whole = end.offset if isinstance(end, TornTail) else end.size
    digest, size = _digest(path, whole)
    return target_states, JournalFacts(digest=digest, lines=target_states.run_stats.lines, torn_tail_bytes=size - whole)


@contextmanager
def _sense(path: Path) -> Iterator[None]:
    try:
        yield
    except ValueError as problem:
        raise JournalError(
            path, f"holds whole lines that do not fit together ({problem})", "use the version that wrote it"
        ) from problem


def _digest(path: Path, whole: int) -> tuple[str, int]:
    """The SHA-256 of the journal's whole lines, and the file's size."""
    digest = sha256()

    fd = open_regular(path, os.O_RDONLY, JournalError)
    try:
        left = whole
        while left and (piece := os.read(fd, min(_CHUNK, left))):
            digest.update(piece)
            left -= len(piece)
        return f"sha256:{digest.hexdigest()}", max(whole, os.fstat(fd).st_size)
    finally:
        os.close(fd)
