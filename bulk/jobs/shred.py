"""Destroys the files of a finished job that identify persons, and keeps the evidence that they were erased.

The journal records it before the first byte is overwritten, and again when the files are gone, so that a process that
is killed in between can be repeated. A file is overwritten from its start, with zeros, and then removed. A file system
that writes changed data elsewhere (copy-on-write, snapshots, SSDs) may keep the old bytes, and so do backups.
"""

import glob
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import msgspec

from bulk.errors import NO_SUCH_FILE, FileTrouble, JournalEmpty, JournalError, Refused
from bulk.files.file_errors import as_file_trouble
from bulk.files.job_file_kinds import receipts_of
from bulk.files.private_files import open_regular
from bulk.formatting import count_of
from bulk.jobs.destruction import destroy, is_overwritten
from bulk.jobs.job_files import plan_of
from bulk.jobs.unstarted_plan import plan_files, plan_to_shred, shred_plan
from bulk.journal.records import FilesShredded, JobOpened, Record
from bulk.journal.replay import open_journal
from bulk.journal.storage import Journal
from bulk.journal.target_states import TargetStates
from bulk.plan.plan_ends import read_footer, read_header
from bulk.progress.file_reading import OnRead
from bulk.report.duty_decision import duty_of
from bulk.report.find import receipts_beside, refuse_receipts
from bulk.requests.receipts import ReceiptsError
from bulk.requests.receipts_writer import complete_receipts
from bulk.sanitize import file_word
from bulk.states import PENDING

BEFORE_IMAGE, PLAN, RECEIPTS = "before_image", "plan", "receipts"
_FIRST_LINE_MAX = 16 << 20


class Shredded(msgspec.Struct, frozen=True, kw_only=True):
    """What was destroyed, and what is left.

    Arguments:
        removed: the files that are gone.
        kept: the files that are left: the journal, and the receipts if there are any; nothing of a plan that was never
            run.
        shredded_at: ISO 8601 in UTC.
    """

    removed: tuple[Path, ...]
    kept: tuple[Path, ...]
    shredded_at: str


async def shred_job(
    journal: str | Path,
    *,
    plan: str | Path | None = None,
    receipts: bool = False,
    unfinished: bool = False,
    now: Callable[[], float] = time.time,
    on_read: Callable[[Path, int, int], None] | None = None,
    on_overwrite: Callable[[Path, int, int], None] | None = None,
) -> Shredded:
    """Overwrite and remove the plan and the before-image of a job, and record that in the journal; nothing is sent.

    Afterwards the persons cannot be read back or named any more. The report still holds, and with the receipts it can
    still be found out whether a person was erased.

    Arguments:
        journal: of the job; or its plan, if it was never run. Nothing can be recorded then, and the receipts, which
            prove nothing, are destroyed too.
        plan: its plan; None for the one of the same name.
        receipts: also destroy the receipts; it can then no longer be found out whether a person was part of the
            job.
        unfinished: also destroy the plan of a job that is not finished, waits for PostHog, or needs attention for
            persons.
        now: returns the time in seconds since the epoch.
        on_read: called while the journal is read: with its path, the bytes read so far, and its size.
        on_overwrite: called while a file is overwritten: with its path, the bytes on disk so far, and its size.

    Returns:
        What was removed and what is left; the same call can be repeated.

    Raises:
        JournalBusy: the job is running.
        Refused: the job is not finished, or the plan belongs to another one.
        FileTrouble: a file cannot be read, overwritten or removed.
    """
    path = Path(journal)
    if (unstarted := plan_to_shred(path, None if plan is None else Path(plan))) is not None:
        removed = shred_plan(unstarted, allow_run=unfinished, on_overwrite=on_overwrite)
        return Shredded(removed=removed, kept=(), shredded_at=_iso(now()))
    opened, target_states, found = _open(
        path, plan_of(path) if plan is None else Path(plan), receipts=receipts, unfinished=unfinished, on_read=on_read
    )
    job = target_states.job
    assert job is not None  # checked when it was opened
    writer = opened.writer()
    at = now()
    async with writer:
        if found or _was_interrupted(target_states):
            kinds = tuple(found) or (target_states.shredded.files if target_states.shredded else ())
            writer.append(FilesShredded(at=at, files=kinds))
            await writer.durable()
            for file in found.values():
                destroy(file, on_overwrite)
            writer.append(FilesShredded(at=at, files=kinds, done=True))
            await writer.durable()
        elif target_states.shredded is not None:
            at = target_states.shredded.at
    left = receipts_beside(path, job)
    return Shredded(
        removed=tuple(found.values()),
        kept=(path,) if left is None else (path, left),
        shredded_at=_iso(at),
    )


def files_to_shred(
    journal: str | Path,
    *,
    plan: str | Path | None = None,
    receipts: bool = False,
    unfinished: bool = False,
    on_read: Callable[[Path, int, int], None] | None = None,
) -> dict[str, Path]:
    """Return the files that `shred_job` with the same arguments destroys, by their kind; changes nothing.

    The kinds are `PLAN`, `BEFORE_IMAGE`, `RECEIPTS`, and those of incomplete ends of a before-image.

    Raises:
        JournalBusy, Refused, FileTrouble: as `shred_job` does.
    """
    path = Path(journal)
    if (unstarted := plan_to_shred(path, None if plan is None else Path(plan))) is not None:
        return {PLAN if file == unstarted else RECEIPTS: file for file in plan_files(unstarted, allow_run=unfinished)}
    whole = plan_of(path) if plan is None else Path(plan)
    opened, _, found = _open(path, whole, receipts=receipts, unfinished=unfinished, on_read=on_read, completes=False)
    opened.close()
    return found


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _open(
    path: Path, plan: Path, *, receipts: bool, unfinished: bool, on_read: OnRead | None, completes: bool = True
) -> tuple[Journal[Record], TargetStates, dict[str, Path]]:
    """Lock the journal, and return it with the state of the job and the files to destroy.

    `completes`: whether receipts that lack their key get it from the plan.
    """
    if not os.path.lexists(path):
        raise JournalError(path, NO_SUCH_FILE, "name the journal of a job that was run")
    target_states = TargetStates()
    opened = open_journal(path, target_states, on_read=on_read)
    try:
        if target_states.job is None:
            raise JournalEmpty(path)
        target_states.close_open()
        if not unfinished:
            _check_finished(path, target_states)
        found = _files(path, target_states.job, target_states, plan, receipts=receipts, completes=completes)
        return opened, target_states, found
    except BaseException:
        opened.close()
        raise


def _check_finished(journal: Path, target_states: TargetStates) -> None:
    pending = target_states.count_with_states(PENDING)
    if pending:
        raise Refused(
            f"the job of {journal} is not finished: {count_of(pending, 'person')} of "
            f"{target_states.count:,} are not done",
            "finish it first, or give --unfinished: the job can then never be finished",
        )
    duty = duty_of(target_states)
    if duty.waiting_for:
        raise Refused(
            f"the job of {journal} still waits for {' and for '.join(duty.waiting_for)}",
            f"wait for that and run posthog-bulk verify {file_word(str(journal))} first, or give --unfinished: "
            "the job can then never be verified",
        )
    if open_causes := [cause for cause in duty.causes if cause.targets is not None]:
        found = "; ".join(f"{count_of(cause.count, 'person')}: {cause.what}" for cause in open_causes)
        raise Refused(
            f"the job of {journal} needs attention, for which the plan may be needed: {found}",
            f"see posthog-bulk status {file_word(str(journal))} for what to do, or give --unfinished",
        )


def _was_interrupted(target_states: TargetStates) -> bool:
    """Return whether a process began to destroy files and did not record that they are gone."""
    return target_states.shredded is not None and not target_states.shredded.done


def _files(
    journal: Path, job: JobOpened, target_states: TargetStates, plan: Path, *, receipts: bool, completes: bool
) -> dict[str, Path]:
    """Return the files to destroy by their kind, after a check that they belong to the job."""
    found: dict[str, Path] = {}
    was_begun = _was_interrupted(target_states)
    if os.path.lexists(plan):
        if not (was_begun and is_overwritten(plan)):
            _check_plan(plan, job, was_begun=was_begun, completes=completes)
            found |= _before_image(plan, job, was_begun=was_begun)  # first, because only the plan names it
        found[PLAN] = plan
    elif target_states.shredded is None:  # with its receipts gone too, a plan that lies elsewhere would be forgotten
        raise JournalError(plan, NO_SUCH_FILE, "name the plan of the job with --plan")
    if receipts:
        usual = receipts_of(journal)
        if (beside := receipts_beside(journal, job)) is not None:
            found[RECEIPTS] = beside
        elif os.path.lexists(usual):
            if not (was_begun and is_overwritten(usual)):
                _refuse_receipts(usual, journal)  # the user asked to destroy them: do not keep them silently
            found[RECEIPTS] = usual
    return found


def _refuse_receipts(receipts: Path, journal: Path) -> NoReturn:
    """Raise the error for receipts that cannot be told to be those of the job.

    Raises:
        ReceiptsError: always; it says what is wrong with them.
    """
    try:
        refuse_receipts(receipts, journal)
    except FileTrouble as error:
        fix = "leave out --receipts, and remove the file yourself if it is that of this job"
        raise ReceiptsError(receipts, error.problem, fix) from None


def _before_image(plan: Path, job: JobOpened, *, was_begun: bool) -> dict[str, Path]:
    """Return the before-image of a job, and the incomplete ends that crashes cut off it.

    Where a file of another job has the name, all of them are left alone: the ends may be those of the other file.
    """
    name = read_header(plan).operation.get("keep_before")
    if not isinstance(name, str):
        return {}
    path, found = _place_of_before_image(Path(name), plan), dict[str, Path]()
    if os.path.lexists(path):
        if not (was_begun and is_overwritten(path)) and not _is_before_image(path, job):
            return {}
        found[BEFORE_IMAGE] = path
    for number, tail in enumerate(sorted(path.parent.glob(f"{glob.escape(path.name)}.torn-*")), 1):
        found[f"{BEFORE_IMAGE}_end_{number}"] = tail
    return found


def _place_of_before_image(recorded: Path, plan: Path) -> Path:
    """Return where the before-image is: where the plan says, or beside the plan, if the job was moved since."""
    beside = plan.with_name(recorded.name)
    return beside if os.path.lexists(beside) and not os.path.lexists(recorded) else recorded


def _is_before_image(path: Path, job: JobOpened) -> bool:
    """Return whether a file is the before-image of a job, damaged or not: its first line says so."""
    fd = open_regular(path, os.O_RDONLY)
    try:
        with as_file_trouble(path, "cannot be read"), os.fdopen(os.dup(fd), "rb") as file:
            first = file.readline(_FIRST_LINE_MAX)
    finally:
        os.close(fd)
    return b'"type":"before_image"' in first and b'"plan_digest":"%b"' % job.plan_digest.encode() in first


def _check_plan(plan: Path, job: JobOpened, *, was_begun: bool, completes: bool) -> None:
    """Check that a plan is that of the job; one whose end is overwritten already is known by its first line."""
    header = read_header(plan)
    try:
        footer = read_footer(plan)
    except FileTrouble:
        if not was_begun:
            raise
        is_same = (header.host, header.project_id) == (job.host, job.project)
    else:
        is_same = footer.digest == job.plan_digest
        if is_same and completes and footer.receipts is not None:  # only the plan has the key that they may lack
            receipts = receipts_of(plan)
            try:
                complete_receipts(receipts, footer.receipts, footer.digest, job=job.job)
            except FileTrouble as error:
                fix = "restore the receipts from a copy, or move the file away"
                raise ReceiptsError(receipts, error.problem, fix) from error
    if not is_same:
        raise Refused(f"{plan} is the plan of another job", "name the plan of this job with --plan")
