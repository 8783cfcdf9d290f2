"""Answers from the files of a job whether persons were erased, or what became of a request. Needs no network."""

import os
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import NoReturn

from bulk.errors import FileTrouble
from bulk.files.job_file_kinds import RECEIPTS_SUFFIX, receipts_of
from bulk.journal.records import JobOpened
from bulk.journal.replay import JournalFacts, read_job, replay_journal
from bulk.journal.target_states import TargetStates
from bulk.plan.plan_file import Plan
from bulk.progress.file_reading import OnRead
from bulk.report.receipt import Receipt, answer_ids, answer_request, build_receipt
from bulk.report.target_history import TargetHistory
from bulk.requests.look_ups import LookUp
from bulk.requests.receipt_lines import NO_JOB, LineEntry
from bulk.requests.receipts import Receipts, ReceiptsError, read_receipts_header


def find_persons(
    journal: str | Path,
    ids: Iterable[str],
    *,
    receipts: str | Path | None = None,
    plan: Plan | None = None,
    on_read: Callable[[Path, int, int], None] | None = None,
    ids_file: Path | None = None,
) -> Receipt:
    """Return whether persons were erased by a job, when, and with what result.

    Arguments:
        journal: of the job.
        ids: distinct IDs, UUIDs or emails, in any mixture.
        receipts: of the job; None for the file beside the journal.
        plan: only needed for receipts whose planning was interrupted and that no run has completed.
        on_read: called while receipts and journal are read, with the path, the bytes read so far, and the size; before
            that while IDs are prepared, with `ids_file`, how many are, and how many there are.
        ids_file: the file that the IDs come from, for `on_read`; None for the receipts.

    Returns:
        One answer per ID, in the order of `ids`; it holds none of the IDs.

    Raises:
        FileTrouble: journal or receipts are damaged, missing, or belong to another job.
    """
    wanted = list(ids)
    opened, digest = _open(Path(journal), receipts, plan, on_read)
    by_id = opened.find(wanted, ids_file=ids_file)
    found = {number: by_id[value] for number, value in enumerate(wanted) if value in by_id}
    target_states, facts, history = _replay(Path(journal), found.values(), on_read)
    answers = answer_ids(len(wanted), found, target_states, history)
    return build_receipt(answers, target_states, facts, reference=None, receipts_digest=digest)


def find_request(
    journal: str | Path,
    reference: str,
    *,
    receipts: str | Path | None = None,
    plan: Plan | None = None,
    on_read: Callable[[Path, int, int], None] | None = None,
) -> Receipt:
    """Return the receipt of one request: found or not, what was done, when, with what proof.

    Arguments:
        journal: of the job.
        reference: of the request, as the input file or the option has it.
        receipts: of the job; None for the file beside the journal.
        plan: only needed for receipts whose planning was interrupted and that no run has completed.
        on_read: called while receipts and journal are read, with the path, the bytes read so far, and the size.

    Returns:
        One answer per line of the request; none if the job has no such request. If the whole job answers the request,
        one answer about all its persons, and one per line that was not selected.

    Raises:
        FileTrouble: journal or receipts are damaged, missing, or belong to another job.
    """
    opened, digest = _open(Path(journal), receipts, plan, on_read)
    lines = opened.request_lines(reference)
    if not lines and reference == _reference_of_job(Path(journal)):
        lines = opened.whole_job()
    target_states, facts, history = _replay(Path(journal), lines, on_read)
    answers = answer_request(lines, target_states, history)
    return build_receipt(answers, target_states, facts, reference=reference, receipts_digest=digest)


def closest_reference(journal: Path, reference: str, *, receipts: Path | None, plan: Plan | None) -> str | None:
    """Return the reference of a request of the job that is spelled most like this one; None if none is close.

    Arguments:
        journal: of the job.
        reference: that no request of the job has.
        receipts, plan: as for `find_request`.

    Raises:
        FileTrouble: journal or receipts are damaged, missing, or belong to another job.
    """
    opened, _ = _open(journal, receipts, plan, None)
    references = {entry.reference or "" for entry in opened.entries() if isinstance(entry, LineEntry)}
    if not any(references):  # the whole job may answer a request
        references.add(_reference_of_job(journal) or "")
    close = get_close_matches(reference, sorted(references), n=1)
    return close[0] if close else None


def _reference_of_job(journal: Path) -> str | None:
    record = read_job(journal).record
    return None if record is None else record.reference


def receipts_beside(journal: Path, job: JobOpened) -> Path | None:
    """Return the receipts of a job: those of the usual name, or others in its folder; None if there are none.

    Two plans for the same persons have the same digest, so receipts that name this job come before those that name
    none yet.
    """
    usual = receipts_of(journal)
    others = sorted(path for path in journal.parent.glob(f"*{RECEIPTS_SUFFIX}") if path != usual)
    found: dict[str, Path] = {}
    for path in (usual, *others):
        try:
            header, footer = read_receipts_header(path)
        except FileTrouble:
            continue
        if footer.plan_digest == job.plan_digest:
            found.setdefault(header.job, path)
    return found.get(job.job) or found.get(NO_JOB)


def _open(
    journal: Path, receipts: str | Path | None, plan: Plan | None, on_read: OnRead | None
) -> tuple[Receipts, str]:
    job = read_job(journal)
    path = receipts_beside(journal, job) if receipts is None else Path(receipts)
    key = None if plan is None else plan.receipts_key
    if path is None:
        if os.path.lexists(receipts_of(journal)):
            refuse_receipts(receipts_of(journal), journal, key=key)
        raise ReceiptsError(
            receipts_of(journal),
            "does not exist",
            "name the receipts with --receipts; a job of an earlier version, or one whose receipts were shredded, "
            "has none",
        )
    opened = Receipts.open(path, key=key, on_read=on_read)
    if opened.footer.plan_digest != job.plan_digest or opened.header.job not in (job.job, NO_JOB):
        refuse_receipts(path, journal, key=key)
    return opened, opened.footer.digest


def refuse_receipts(path: Path, journal: Path, *, key: str | None = None) -> NoReturn:
    """Raise the error for receipts that do not fit a job: they were changed, or they are those of another job.

    Arguments:
        path: the receipts.
        journal: of the job.
        key: the key from the plan, for receipts that do not have it yet.

    Raises:
        ReceiptsError: always; with the number of the line that was changed.
    """
    for _ in Receipts.open(path, key=key).entries():
        pass  # a changed line can look like that of another job
    raise ReceiptsError(path, f"belongs to another job than {journal}", "name the receipts of this job with --receipts")


def _replay(
    journal: Path, found: Iterable[LookUp], on_read: OnRead | None
) -> tuple[TargetStates, JournalFacts, TargetHistory]:
    history = TargetHistory(number for look_up in found for number in look_up.targets)
    target_states, facts = replay_journal(journal, on_read=on_read, also=history.apply)
    target_states.close_open()
    return target_states, facts, history
