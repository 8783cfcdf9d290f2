"""Keeps what persons have directly before a job changes them, on disk before the change is sent (guarantee 36).

An entry is written for each target of which nothing was sent yet, from the read on which the change rests. Once
something was sent, the entry stays: a later read may show the change itself. Only a property that may have been hidden
is added, as soon as a read shows it: the job removes it and would not have added it.
"""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType

import anyio
import msgspec

from bulk.errors import FileTrouble
from bulk.journal.job_log import JobLog
from bulk.journal.storage import Journal
from bulk.journal.writer import JournalWriter
from bulk.plan.plan_file import Plan
from bulk.states import Axis, Properties
from bulk.undo.before_records import FORMAT, Before, BeforeOpened, BeforeRecord, before_framing, explain_damage

_OTHER_NAME = "make a new plan with another --keep-before, or move that file away"
_UNTOUCHED = Properties.NOT_STARTED


class BeforeImage:
    """The open before-image of a job.

    Arguments:
        job: the job, which is open.
        writer: appends to the file.
        kept: a byte per target, 1 if the file has an entry.
        incomplete: the last entries that may lack hidden properties, by target number.
    """

    def __init__(
        self, job: JobLog, writer: JournalWriter[BeforeRecord], kept: bytearray, incomplete: dict[int, Before]
    ) -> None:
        self._job = job
        self._writer = writer
        self._kept = kept
        self._incomplete = incomplete

    async def keep(
        self, had: Mapping[int, Mapping[str, object]], unseen: Mapping[int, tuple[str, ...]] = MappingProxyType({})
    ) -> None:
        """Return when what these targets have is on disk.

        Arguments:
            had: by target number in ascending order, those of the job's properties that the person has.
            unseen: by target number, those that it is to lose and may have, but hidden.

        Raises:
            WriteFailed: the file cannot be written or synced; nothing may be sent.
        """
        target_states = self._job.target_states
        new = [n for n in had if not self._kept[n] or target_states.state(Axis.PROPERTIES, n) is _UNTOUCHED]
        completed = (
            [entry for n in had if n not in new and (entry := self._completed(n, had[n]))] if self._incomplete else []
        )
        if not new and not completed:
            return
        for entry in completed:
            self._append(entry)
        changes = self._job.own_values(new)
        for number, target in self._job.targets(new).items():
            self._append(
                Before(
                    target=number,
                    uuid=target.uuid,
                    created_at=target.created_at,
                    distinct_id=target.distinct_id,
                    had=dict(had[number]),
                    change=changes.get(number),
                    unseen=unseen.get(number, ()),
                )
            )
            self._kept[number] = 1
        await self._writer.durable()

    def _append(self, entry: Before) -> None:
        self._writer.append(entry)
        note_incomplete(self._incomplete, entry)

    def _completed(self, number: int, has: Mapping[str, object]) -> Before | None:
        """Return the entry of a target with the properties that were hidden; None if it has none of them."""
        entry = self._incomplete.get(number)
        shown = {key: has[key] for key in entry.unseen if key in has} if entry else {}
        if entry is None or not shown:
            return None
        unseen = tuple(key for key in entry.unseen if key not in shown)
        return msgspec.structs.replace(entry, had={**entry.had, **shown}, unseen=unseen)


def note_incomplete(incomplete: dict[int, Before], entry: Before) -> None:
    """Keep an entry that may lack hidden properties, and forget an earlier one of its target."""
    if entry.unseen:
        incomplete[entry.target] = entry
    else:
        incomplete.pop(entry.target, None)


def before_path(plan: Plan) -> Path | None:
    """Return the file in which the job of a plan keeps what persons had; None if it keeps nothing."""
    name = plan.header.operation.get("keep_before")  # the operation may be unknown to this version, which is said later
    return Path(name) if isinstance(name, str) else None


def refuse_foreign(plan: Plan, journal: Path) -> None:
    """Check, before anything is written, that the before-image of a job does not exist or is its own.

    Arguments:
        plan: of the job.
        journal: of the job.

    Raises:
        FileTrouble: the file exists and is another one, is the journal, or has entries of a job whose journal is gone.
    """
    path = before_path(plan)
    if path is not None and os.path.realpath(path) == os.path.realpath(journal):
        raise FileTrouble(
            path, "is the journal and cannot be the before-image too", "make a new plan with another --keep-before"
        )
    if path is None or not os.path.lexists(path):
        return
    entries = _read_own(path, plan)
    if entries and not os.path.lexists(journal):
        raise FileTrouble(path, f"has entries of this plan, but its journal {journal} does not exist", _OTHER_NAME)


@asynccontextmanager
async def kept_before(job: JobLog) -> AsyncIterator[BeforeImage | None]:
    """Open the before-image of a job until the context ends; None if the job keeps none.

    Raises:
        FileTrouble: the file exists and is another one, is missing although something was sent, or cannot be written.
    """
    path = before_path(job.plan)
    if path is None:
        yield None
        return
    has_sent = job.target_states.next_attempt > 0
    if has_sent and not _exists(path):
        raise FileTrouble(
            path, "is missing, and it has what persons had before this job changed them", "put it back, then run again"
        )
    kept, incomplete, opened = bytearray(job.plan.count), dict[int, Before](), list[BeforeOpened]()

    def replay(record: BeforeRecord) -> None:
        if isinstance(record, BeforeOpened):
            opened.append(_checked(record, path, job.plan))
        else:
            kept[record.target] = 1
            note_incomplete(incomplete, record)

    writer = Journal.open(path, before_framing(), replay).writer()
    try:
        if not opened:
            writer.append(_opened(job.plan))
            await writer.durable()
        yield BeforeImage(job, writer, kept, incomplete)
    finally:
        with anyio.CancelScope(shield=True):
            await writer.aclose()


def _exists(path: Path) -> bool:
    return os.path.lexists(path)


def _opened(plan: Plan) -> BeforeOpened:
    header = plan.header
    return BeforeOpened(
        format=FORMAT,
        plan_digest=plan.digest,
        host=header.host,
        project=header.project_id,
        operation=header.operation,
        count=plan.count,
    )


def _checked(record: BeforeOpened, path: Path, plan: Plan) -> BeforeOpened:
    if record.plan_digest != plan.digest or record.count != plan.count:
        raise FileTrouble(path, "is the before-image of another job", _OTHER_NAME)
    return record


def _read_own(path: Path, plan: Plan) -> int:
    """Return the number of entries; raises FileTrouble if the file is not this job's before-image."""
    entries = 0

    def replay(record: BeforeRecord) -> None:
        nonlocal entries
        if isinstance(record, BeforeOpened):
            _checked(record, path, plan)
        else:
            entries += 1

    with explain_damage(path, foreign="exists and is not a before-image of this job", fix=_OTHER_NAME):
        Journal.read(path, before_framing(), replay)
    return entries
