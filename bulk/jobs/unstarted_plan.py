"""Destroys a plan that was never run, with its receipts, which prove nothing. There is no journal to record it."""

import os
from pathlib import Path

from bulk.errors import FileTrouble, Refused
from bulk.files.job_file_kinds import HEAD_BYTES, PLAN_SUFFIX, is_plan, receipts_of
from bulk.files.private_files import open_regular
from bulk.jobs.destruction import destroy, is_overwritten
from bulk.jobs.job_files import FolderJournals, PlanIdentity, journal_of, plan_of
from bulk.plan.plan_ends import read_footer, read_header
from bulk.plan.plan_lines import with_time
from bulk.progress.file_reading import OnOverwrite
from bulk.requests.receipt_lines import NO_JOB
from bulk.requests.receipts import read_receipts_header
from bulk.sanitize import file_word


def plan_to_shred(named: Path, plan: Path | None) -> Path | None:
    """Return the plan of a job that has no journal; None if there is a journal, or no plan.

    Arguments:
        named: the journal of the job, or its plan.
        plan: the plan, if it is given too.
    """
    if plan is None:
        plan = named if _can_be(named) else plan_of(named)
    journal = journal_of(named) if plan == named else named
    return plan if not os.path.lexists(journal) and _can_be(plan) else None


def shred_plan(plan: Path, *, allow_run: bool, on_overwrite: OnOverwrite | None = None) -> tuple[Path, ...]:
    """Overwrite and remove a plan that was never run, and its receipts; the same call can be repeated after a kill.

    Arguments:
        plan: the plan.
        allow_run: also accept a plan that was run, with a journal that is not at hand; its receipts stay.
        on_overwrite: called while a file is overwritten.

    Returns:
        The files that are gone.

    Raises:
        Refused: it was run: there is a journal of another name, or the receipts say so.
        FileTrouble: a file cannot be read, overwritten or removed.
    """
    removed = plan_files(plan, allow_run=allow_run)
    for path in removed:
        destroy(path, on_overwrite)
    return (plan, *removed[:-1])


def plan_files(plan: Path, *, allow_run: bool) -> tuple[Path, ...]:
    """Return the files that `shred_plan` destroys, the plan last; changes nothing.

    Raises:
        Refused, FileTrouble: as `shred_plan` does.
    """
    if _was_begun(plan):
        return (plan,)
    header, footer = read_header(plan), read_footer(plan)
    identity = PlanIdentity(footer.digest, with_time(header, footer).created_at)
    journal = FolderJournals(plan.parent).find(plan, identity).path
    if os.path.lexists(journal):
        raise Refused(f"{plan} was run: its journal is {journal}", _shred_both(journal, plan))
    receipts = receipts_of(plan)
    removed: list[Path] = []
    if os.path.lexists(receipts):
        if is_overwritten(receipts):  # by an earlier call that was interrupted
            removed.append(receipts)
        else:
            found, end = read_receipts_header(receipts)
            if end.plan_digest == footer.digest and found.job != NO_JOB and not allow_run:
                raise Refused(
                    f"{plan} was run, as its receipts say, and its journal is not beside it",
                    "name the journal, or give --unfinished: the destruction of the plan is then recorded nowhere",
                )
            if end.plan_digest == footer.digest and found.job == NO_JOB:
                removed.append(receipts)
    return (*removed, plan)


def _shred_both(journal: Path, plan: Path) -> str:
    return f"posthog-bulk shred {file_word(str(journal))} --plan {file_word(str(plan))}"


def _can_be(plan: Path) -> bool:
    return _is_plan(plan) or _was_begun(plan)


def _was_begun(plan: Path) -> bool:
    """Return whether an earlier call was interrupted while it overwrote the plan, after the receipts were gone."""
    return plan.name.endswith(PLAN_SUFFIX) and plan.is_file() and is_overwritten(plan)


def _is_plan(path: Path) -> bool:
    try:
        fd = open_regular(path, os.O_RDONLY)
    except FileTrouble:
        return False
    try:
        return is_plan(os.pread(fd, HEAD_BYTES, 0))
    except OSError:
        return False
    finally:
        os.close(fd)
