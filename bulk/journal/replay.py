"""Opens a job's journal and replays its records into `TargetStates`: joins the file and what its records mean."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from pathlib import Path

import msgspec

from bulk.errors import JournalEmpty, JournalError
from bulk.files.job_file_kinds import how_to_give_journal, is_plan
from bulk.files.private_files import open_regular
from bulk.journal.framing import Framing, TornTail
from bulk.journal.records import FORMAT, JobOpened, Record
from bulk.journal.storage import Journal
from bulk.journal.target_states import TargetStates
from bulk.progress.file_reading import OnRead

_CHUNK = 1 << 20
_FORMAT = re.compile(rb'\{"n":0,"(?:type":"job_opened|k":"job)","format":([0-9]{1,9}),')
"""The start of the first line in every format so far; format 1 has `k` instead of `type`."""


class JournalFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Facts about a journal's file, for reports."""

    digest: str
    lines: int
    torn_tail_bytes: int


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


def replay_journal(path: Path, *, on_read: OnRead | None = None) -> tuple[TargetStates, JournalFacts]:
    """Replay a journal without locking or changing it; another process may be writing it.

    Arguments:
        path: the journal.
        on_read: called while the file is read.

    Raises:
        FileTrouble: it is damaged, of another format, or cannot be read.
    """
    target_states = TargetStates()
    refuse_other_file(path)
    with _explaining(path):
        end = Journal.read(path, framing(), target_states.apply, on_read=on_read)
    if target_states.job is None:
        raise JournalEmpty(path)
    complete = end.offset if isinstance(end, TornTail) else end.size
    digest, size = _digest(path, complete)
    return target_states, JournalFacts(
        digest=digest, lines=target_states.run_stats.lines, torn_tail_bytes=size - complete
    )


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
    """Refuse a plan, and a journal of another format, before the file is locked, repaired or replayed.

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
    stated = _FORMAT.match(head)
    if stated and int(stated[1]) != FORMAT:
        raise JournalError(
            path,
            f"has journal format {int(stated[1])}, which this version of posthog-bulk cannot read (it uses {FORMAT})",
            "finish and report this job with the version that began it",
        )


def _digest(path: Path, complete: int) -> tuple[str, int]:
    """Return the SHA-256 of the journal's complete lines, and the file's size."""
    digest = sha256()

    fd = open_regular(path, os.O_RDONLY, JournalError)
    try:
        remaining = complete
        while remaining and (piece := os.read(fd, min(_CHUNK, remaining))):
            digest.update(piece)
            remaining -= len(piece)
        return f"sha256:{digest.hexdigest()}", max(complete, os.fstat(fd).st_size)
    finally:
        os.close(fd)
