"""Opens a job's journal and replays its records into `TargetStates`: joins the file and what its records mean."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from pathlib import Path

import msgspec

from bulk.errors import JournalEmpty, JournalError
from bulk.files.file_errors import as_file_trouble
from bulk.files.job_file_kinds import (
    how_to_give_journal,
    is_no_job_file,
    is_plan,
    is_without_person_journal,
    other_kind,
)
from bulk.files.private_files import open_regular
from bulk.journal.framing import Framing, TornTail
from bulk.journal.records import FORMAT, JobOpened, Record
from bulk.journal.storage import Journal, pieces
from bulk.journal.target_states import TargetStates
from bulk.progress.file_reading import OnRead

_CHUNK = 1 << 20
_TAIL_BYTES = 256
"""Bytes before the place at which a reading continues that must be unchanged; a line ends with its checksum."""
_FORMAT = re.compile(rb'\{"n":0,"(?:type":"job_opened|k":"job)","format":([0-9]{1,9}),')
"""The start of the first line in every format so far; format 1 has `k` instead of `type`."""


class JournalFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Facts about a journal's file, for reports.

    Arguments:
        digest: of the complete records.
        lines: number of complete records.
        torn_tail_bytes: length of an incomplete last record.
        size: bytes of the complete records.
        file_digest: of the whole file; the same as `digest` where the last record is complete.
        torn_reason: what is wrong with an incomplete last record, as the end of a sentence about its line.
    """

    digest: str
    lines: int
    torn_tail_bytes: int
    size: int = 0
    file_digest: str = ""
    torn_reason: str | None = None


@cache
def framing() -> Framing[Record]:
    """Return the frame of a job's journal; its checksums start from the job's random name.

    It is made once, because inspecting all types of records takes milliseconds, and it holds no state of a journal.
    """
    return Framing(Record, job=lambda record: record.job if isinstance(record, JobOpened) else None)


def open_journal(path: Path, target_states: TargetStates, *, on_read: OnRead | None = None) -> Journal[Record]:
    """Open or create the job's journal, lock it, and apply its records to the target states.

    Arguments:
        path: the journal.
        target_states: states without a job.
        on_read: called while the file is read.

    Raises:
        JournalBusy: another process holds it.
        FileTrouble: it is damaged, of another format, not private, or cannot be used.
    """
    refuse_other_file(path)
    with _explaining(path):
        return Journal.open(path, framing(), target_states.apply, on_read=on_read)


def read_job(path: Path) -> JobOpened:
    """Return the first record of a journal; the others are not read.

    Raises:
        FileTrouble: it is damaged, of another format, or cannot be read.
    """
    refuse_other_file(path)
    reader = framing().reader(path)
    fd = open_regular(path, os.O_RDONLY, JournalError)
    try:
        for piece in pieces(path, fd, 0):
            for record in reader.feed(piece):
                if isinstance(record, JobOpened):
                    return record
                raise JournalError(path, "does not begin with a job", "name the journal of a job that was run")
    finally:
        os.close(fd)
    raise JournalEmpty(path)


def replay_journal(
    path: Path, *, on_read: OnRead | None = None, also: Callable[[Record], None] | None = None
) -> tuple[TargetStates, JournalFacts]:
    """Replay a journal without locking or changing it; another process may be writing it.

    Arguments:
        path: the journal.
        on_read: called while the file is read.
        also: called with every record in order.

    Raises:
        FileTrouble: it is damaged, of another format, or cannot be read.
    """
    target_states = TargetStates()

    def apply(record: Record) -> None:
        target_states.apply(record)
        if also is not None:
            also(record)

    refuse_other_file(path)
    with _explaining(path):
        end = Journal.read(path, framing(), target_states.apply if also is None else apply, on_read=on_read)
    if target_states.job is None:
        raise JournalEmpty(path)
    complete = end.offset if isinstance(end, TornTail) else end.size
    digest, file_digest, size = _digests(path, complete)
    return target_states, JournalFacts(
        digest=digest,
        lines=target_states.run_stats.lines,
        torn_tail_bytes=size - complete,
        size=complete,
        file_digest=file_digest,
        torn_reason=end.reason if isinstance(end, TornTail) else None,
    )


class JournalFollower:
    """Replays a journal that another process writes: all of it once, and from then on what was appended.

    Arguments:
        path: the journal.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._start_over(None)

    def _start_over(self, file: tuple[int, int] | None) -> None:
        self._file = file
        self._end = 0
        self._tail = b""
        self._reader = framing().reader(self._path)
        self._target_states = TargetStates()

    def read(self, *, on_read: OnRead | None = None) -> TargetStates:
        """Return the states after the last complete record, which the next call changes.

        A journal that was replaced, or cut by a repair, is replayed from its start. Damage to records that an earlier
        call has read is not noticed.

        Arguments:
            on_read: called while the file is read.

        Raises:
            FileTrouble: it is damaged, of another format, or cannot be read.
        """
        refuse_other_file(self._path)
        fd = open_regular(self._path, os.O_RDONLY, JournalError)
        try:
            with as_file_trouble(self._path, "cannot be read", JournalError):
                status = os.fstat(fd)
                file = status.st_dev, status.st_ino
                tail = os.pread(fd, len(self._tail), self._end - len(self._tail))
            if (file, tail) != (self._file, self._tail):
                self._start_over(file)
            with _explaining(self._path):
                for piece in pieces(self._path, fd, self._end):
                    for record in self._reader.feed(piece):
                        self._target_states.apply(record)
                    self._end += len(piece)
                    self._tail = (self._tail + piece)[-_TAIL_BYTES:]
                    if on_read is not None:
                        on_read(self._path, self._end, status.st_size)
        finally:
            os.close(fd)
        if self._target_states.job is None:
            raise JournalEmpty(self._path)
        return self._target_states


@contextmanager
def _explaining(path: Path) -> Iterator[None]:
    """Turn a record that contradicts the earlier ones into an error that names the journal."""
    try:
        yield
    except ValueError as problem:
        raise JournalError(
            path, f"has intact lines that contradict each other ({problem})", "use the version that wrote it"
        ) from problem


def refuse_other_file(path: Path) -> None:
    """Refuse a file that is no journal, and a journal of another format, before it is locked, repaired or replayed.

    Raises:
        JournalError: it is such a file, or cannot be read.
    """
    if not os.path.lexists(path):
        return
    fd = open_regular(path, os.O_RDONLY, JournalError)
    try:
        head = os.read(fd, 128)
    finally:
        os.close(fd)
    if is_plan(head):
        raise JournalError(path, "is a plan, not a journal", how_to_give_journal(path))
    if kind := other_kind(head):
        raise JournalError(path, f"is {kind}, not a journal", how_to_give_journal(path))
    if is_no_job_file(head):
        raise JournalError(path, "is not a journal", how_to_give_journal(path))
    if is_without_person_journal(head):
        problem = "is the journal of a job for events without a person, which this cannot use"
        raise JournalError(path, problem, "give it to verify, status, report or shred")
    stated = _FORMAT.match(head)
    if stated and int(stated[1]) != FORMAT:
        raise JournalError(
            path,
            f"has journal format {int(stated[1])}, which this version of posthog-bulk cannot read (it uses {FORMAT})",
            "finish and report this job with the version that began it",
        )


def _digests(path: Path, complete: int) -> tuple[str, str, int]:
    """Return the SHA-256 of the journal's complete lines and of its whole file, and the file's size."""
    digest = sha256()

    fd = open_regular(path, os.O_RDONLY, JournalError)
    try:
        remaining = complete
        while remaining and (piece := os.read(fd, min(_CHUNK, remaining))):
            digest.update(piece)
            remaining -= len(piece)
        whole, size = digest.copy(), complete - remaining
        while piece := os.read(fd, _CHUNK):
            whole.update(piece)
            size += len(piece)
        return f"sha256:{digest.hexdigest()}", f"sha256:{whole.hexdigest()}", max(complete, size)
    finally:
        os.close(fd)
