"""Opens the journal of a job and folds it into a ledger: the one place that joins file and meaning."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from pathlib import Path

from bulk.errors import JournalError
from bulk.files import open_regular
from bulk.journal.framing import Framing, TornTail
from bulk.journal.records import JobOpened, Record
from bulk.journal.storage import Journal
from bulk.ledger import Ledger
from bulk.report import JournalFacts

_CHUNK = 1 << 20


@cache
def framing() -> Framing[Record]:
    """The frame of a job's journal; checksums start from the job's random name.

    It holds nothing of any one journal, and looking through all kinds of records takes milliseconds.
    """
    return Framing(Record, job=lambda record: record.job if isinstance(record, JobOpened) else None)


def open_journal(path: Path, ledger: Ledger) -> Journal[Record]:
    """Open the job's journal under its lock, or make it, and fold what it holds.

    Raises:
        JournalBusy: another process holds it.
        FileTrouble: it is damaged, not private, or cannot be used.
    """
    with _sense(path):
        return Journal.open(path, framing(), ledger.apply)


def read_ledger(path: Path) -> tuple[Ledger, JournalFacts]:
    """Fold a journal that somebody may be writing at this moment, without lock or change.

    Raises:
        FileTrouble: it is damaged or cannot be read.
    """
    ledger = Ledger()
    with _sense(path):
        end = Journal.read(path, framing(), ledger.apply)
    if ledger.job is None:
        raise JournalError(path, "is empty: no job was ever opened in it", "give the journal of a job")
    whole = end.offset if isinstance(end, TornTail) else end.size
    digest, size = _digest(path, whole)
    return ledger, JournalFacts(digest=digest, lines=ledger.tally.lines, torn_tail_bytes=size - whole)


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
