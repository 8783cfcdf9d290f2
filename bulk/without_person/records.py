"""The journal of a job for events without a person: its records, and the state that they lead to.

The frame, the lock and the file are those of every journal. No record holds a distinct ID (guarantee 27).
"""

import os
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from bulk.errors import NO_SUCH_FILE, JournalEmpty, JournalError
from bulk.files.file_errors import fix_of_missing
from bulk.files.job_file_kinds import begins_without_person_journal, is_without_person_journal
from bulk.files.private_files import head_of
from bulk.journal.framing import Framing
from bulk.journal.storage import Journal

FORMAT = 1
MAX_ACTIVE = 5
"""Requests of a project that may be active at once (contract 13)."""
COMPLETED, MISSING = "completed", "missing"
ACTIVE_STATUSES = frozenset({"draft", "pending", "approved", "in_progress", "queued"})
"""The statuses of a request with which PostHog is not done (contract 13)."""
_FINAL = frozenset({COMPLETED, "failed", "rejected"})


class _Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type"):
    pass


class WithoutPersonOpened(_Record, frozen=True, tag="submissions_opened"):
    """The first line: the job, and how many distinct IDs each of its requests has."""

    format: int
    job: str
    host: str
    project: int
    plan_digest: str
    chunks: tuple[int, ...]
    version: str
    at: float


class WithoutPersonApproved(_Record, frozen=True, tag="approved"):
    """A user approved the submission of so many distinct IDs, with so many events as the server counted them."""

    ids: int
    events: int
    at: float


class RequestIntended(_Record, frozen=True, tag="submission_intended"):
    """The request of a chunk is about to leave, with this submission ID; on disk before it does."""

    chunk: int
    submission: str
    at: float


class RequestState(_Record, frozen=True, tag="submission_state"):
    """PostHog has the request of a chunk, in this state; `status` is "missing" if two reads did not find it."""

    chunk: int
    request: str
    status: str
    at: float
    events: int | None = None


class RequestRefused(_Record, frozen=True, tag="submission_refused"):
    """PostHog refused the request of a chunk because so many of the project are active, so it does not have it."""

    chunk: int
    active: int
    at: float


class PlanShredded(_Record, frozen=True, tag="plan_shredded"):
    """The plan is about to be overwritten and removed or, with `done`, is gone."""

    at: float
    done: bool = False


WithoutPersonRecord = (
    WithoutPersonOpened | WithoutPersonApproved | RequestIntended | RequestState | RequestRefused | PlanShredded
)


class ChunkState(msgspec.Struct):
    """How far the request of one chunk is.

    Arguments:
        ids: how many distinct IDs it has.
        intended_at: when it was first about to leave; None before, and after PostHog refused it.
        request: its ID at PostHog; None while it is not known to be there.
        status: as last read.
        events: how many events it deletes, if PostHog says so.
        submitted_at: when PostHog was first known to have it.
        checked_at: when its state was last recorded.
    """

    ids: int
    intended_at: float | None = None
    request: str | None = None
    status: str | None = None
    events: int | None = None
    submitted_at: float | None = None
    checked_at: float | None = None

    @property
    def is_final(self) -> bool:
        """Whether PostHog does nothing more with it."""
        return self.status in _FINAL

    @property
    def failed(self) -> bool:
        """Whether PostHog ended it without deleting all its events, or its state is not known to this version."""
        return self.request is not None and self.status != COMPLETED and self.status not in ACTIVE_STATUSES


class WithoutPersonStates:
    """The state of a job, replayed from its journal."""

    def __init__(self) -> None:
        self.opened: WithoutPersonOpened | None = None
        self.approved: WithoutPersonApproved | None = None
        self.shredded: PlanShredded | None = None
        self.chunks: list[ChunkState] = []
        self.is_full = False
        """Whether the project had as many active requests as it may have when the last one was submitted."""

    @property
    def is_submitted(self) -> bool:
        """Whether PostHog has all requests."""
        return self.opened is not None and all(chunk.request is not None for chunk in self.chunks)

    def apply(self, record: WithoutPersonRecord) -> None:
        """Take in the next record."""
        match record:
            case WithoutPersonOpened():
                self.opened = record
                self.chunks = [ChunkState(ids=count) for count in record.chunks]
            case WithoutPersonApproved():
                self.approved = record
            case RequestIntended():
                chunk = self.chunks[record.chunk - 1]
                chunk.intended_at = record.at if chunk.intended_at is None else chunk.intended_at
                self.is_full = False
            case RequestRefused():
                self.chunks[record.chunk - 1].intended_at = None
                self.is_full = True
            case RequestState():
                chunk = self.chunks[record.chunk - 1]
                chunk.submitted_at = record.at if chunk.submitted_at is None else chunk.submitted_at
                chunk.request, chunk.status, chunk.checked_at = record.request, record.status, record.at
                chunk.events = chunk.events if record.events is None else record.events
            case PlanShredded():
                self.shredded = record


@cache
def framing() -> Framing[WithoutPersonRecord]:
    """Return the frame of such a journal; its checksums start from the job's random name."""
    kind: Any = WithoutPersonRecord
    return Framing(kind, job=lambda record: record.job if isinstance(record, WithoutPersonOpened) else None)


def is_journal_without_person(path: Path) -> bool:
    """Return whether a file is the journal of a job for events without a person."""
    return is_without_person_journal(head_of(path))


def may_become_journal(path: Path) -> bool:
    """Return whether a file can become such a journal: it does not exist, or was cut before it recorded anything."""
    if not os.path.lexists(path):
        return True
    return path.is_file() and begins_without_person_journal(head_of(path))


def read_states(path: Path) -> WithoutPersonStates:
    """Return the state of a job; its journal is neither locked nor changed.

    Raises:
        FileTrouble: the journal is damaged, or cannot be read.
    """
    states = WithoutPersonStates()
    if not os.path.lexists(path):
        raise JournalError(path, NO_SUCH_FILE, fix_of_missing(path))
    Journal.read(path, framing(), states.apply)
    _check(path, states)
    return states


def open_journal(path: Path, states: WithoutPersonStates) -> Journal[WithoutPersonRecord]:
    """Open or create the journal, lock it, and replay it.

    Arguments:
        path: the journal.
        states: without a job.

    Raises:
        JournalBusy: another process works on the job.
        FileTrouble: the journal is damaged, of another kind, or cannot be used.
    """
    refuse_other_journal(path)
    journal = Journal.open(path, framing(), states.apply)
    try:
        if states.opened is not None:
            _check(path, states)
    except BaseException:
        journal.close()
        raise
    return journal


def refuse_other_journal(path: Path) -> None:
    """Raise JournalError if a file that exists is another kind of journal, or none."""
    if not may_become_journal(path) and not is_journal_without_person(path):
        raise JournalError(path, "is not a journal of events without a person", "name another file with --journal")


def _check(path: Path, states: WithoutPersonStates) -> None:
    if states.opened is None:
        raise JournalEmpty(path)
    if states.opened.format != FORMAT:
        problem = f"has format {states.opened.format}, but this version reads format {FORMAT}"
        raise JournalError(path, problem, "use the version that wrote it")
