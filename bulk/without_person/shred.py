"""Destroys the plan of a job for events without a person, and records that in its journal."""

import os
from pathlib import Path

from bulk.errors import PlanError, Refused
from bulk.files.job_file_kinds import PLAN_SUFFIX, is_without_person_plan
from bulk.files.private_files import head_of
from bulk.jobs.destruction import destroy, is_overwritten
from bulk.jobs.job_files import journal_of, plan_of, recorded_digest
from bulk.jobs.shred import Shredded
from bulk.progress.file_reading import OnOverwrite
from bulk.sanitize import file_word
from bulk.without_person.job_files import recorded_journal
from bulk.without_person.plan import read_plan
from bulk.without_person.records import (
    PlanShredded,
    WithoutPersonStates,
    is_journal_without_person,
    may_become_journal,
    open_journal,
)
from bulk.without_person.report import build_without_person_report, iso


def find_job(named: Path, plan: Path | None) -> tuple[Path | None, Path] | None:
    """Return journal and plan of such a job, without a journal if none of the usual name can be its own.

    Arguments:
        named: the journal, or the plan.
        plan: the plan, if it is given too.

    Returns:
        None if these are files of another kind of job.

    Raises:
        FileTrouble: the plan cannot be read.
    """
    usual = journal_of(named)
    if is_without_person_plan(head_of(named)):
        return usual if _may_record(usual, named) else None, named
    if _is_begun(named) and os.path.lexists(usual) and _may_record_any(usual):
        return usual, named
    plan = plan or plan_of(named)
    is_such = is_journal_without_person(named) or (_may_record_any(named) and is_without_person_plan(head_of(plan)))
    return (named, plan) if is_such else None


def _may_record(journal: Path, plan: Path) -> bool:
    """Return whether a journal records a plan, or may have before it was damaged or cut."""
    return _may_record_any(journal) and recorded_digest(journal) in (None, read_plan(plan).digest)


def _may_record_any(journal: Path) -> bool:
    return is_journal_without_person(journal) or may_become_journal(journal)


async def shred_without_person(
    journal: Path | None, plan: Path, *, unfinished: bool, now: float, on_overwrite: OnOverwrite | None = None
) -> Shredded:
    """Overwrite and remove the plan of a job, and record that in its journal, before and after.

    Arguments:
        journal: of the job; None, or one without a record, if none is at hand in which the destruction can be recorded.
        plan: its plan.
        unfinished: also accept a job that is not complete, and a plan that no journal at hand records.
        now: seconds since the epoch.
        on_overwrite: called while the plan is overwritten.

    Raises:
        JournalBusy: another process works on the job.
        Refused: the job is not complete, the plan is another job's, or no journal or another one records it.
        FileTrouble: a file cannot be read, overwritten or removed.
    """
    if journal is None or not os.path.lexists(journal):  # noqa: ASYNC240 - nothing else runs meanwhile
        return _shred_without_record(plan, unfinished=unfinished, now=now, on_overwrite=on_overwrite)
    states = WithoutPersonStates()
    opened = open_journal(journal, states)
    async with opened.writer() as writer:
        if states.opened is None:  # a process that began the job was killed before it recorded anything
            return _shred_without_record(plan, unfinished=unfinished, now=now, on_overwrite=on_overwrite)
        found = _has_plan(journal, plan, states, unfinished=unfinished)
        if found or _is_destruction_open(states):
            writer.append(PlanShredded(at=now))
            await writer.durable()
            if found:
                destroy(plan, on_overwrite)
            states.apply(record := PlanShredded(at=now, done=True))
            writer.append(record)
            await writer.durable()
    at = build_without_person_report(states).shredded_at
    return Shredded(removed=(plan,) if found else (), kept=(journal,), shredded_at=at or "")


def submission_files_to_shred(journal: Path | None, plan: Path, *, unfinished: bool) -> tuple[Path, ...]:
    """Return the files that `shred_without_person` with the same arguments destroys; changes nothing.

    Raises:
        JournalBusy, Refused, FileTrouble: as `shred_without_person` does.
    """
    states = WithoutPersonStates()
    if journal is not None and os.path.lexists(journal):
        opened = open_journal(journal, states)
        try:
            if states.opened is not None:
                return (plan,) if _has_plan(journal, plan, states, unfinished=unfinished) else ()
        finally:
            opened.close()
    if not is_overwritten(plan):
        _check_no_record(plan, unfinished=unfinished)
    return (plan,)


def _has_plan(journal: Path, plan: Path, states: WithoutPersonStates, *, unfinished: bool) -> bool:
    """Return whether the plan of a job is there, after a check that it may be destroyed."""
    report, found = build_without_person_report(states), os.path.lexists(plan)
    is_rest = found and _is_destruction_open(states) and is_overwritten(plan)
    if found and not is_rest and read_plan(plan).digest != report.plan_digest:
        raise Refused(f"{plan} is the plan of another job", "name the plan of this job with --plan")
    if report.exit_code and not unfinished:
        raise Refused(
            f"the job of {journal} is not complete: {report.verdict.partition(': ')[2].partition('; ')[0]}",
            f"see posthog-bulk status {file_word(str(journal))} for what to do, or give --unfinished",
        )
    if not found and states.shredded is None:
        raise PlanError(plan, "no such file", "name the plan of the job with --plan")
    return found


def _is_destruction_open(states: WithoutPersonStates) -> bool:
    """Return whether a process began to destroy the plan and did not record that it is gone."""
    return states.shredded is not None and not states.shredded.done


def _shred_without_record(path: Path, *, unfinished: bool, now: float, on_overwrite: OnOverwrite | None) -> Shredded:
    """Overwrite and remove a plan of which no journal at hand records a job; one that is overwritten is only removed.

    Raises:
        Refused: a journal beside it does, or one elsewhere may and `unfinished` is false.
        FileTrouble: a file cannot be read, overwritten or removed.
    """
    if not is_overwritten(path):
        _check_no_record(path, unfinished=unfinished)
    destroy(path, on_overwrite)
    return Shredded(removed=(path,), kept=(), shredded_at=iso(now))


def _check_no_record(path: Path, *, unfinished: bool) -> None:
    if (journal := recorded_journal(read_plan(path))) is not None:
        raise Refused(
            f"{path} was run: its journal is {journal}",
            f"run posthog-bulk shred {file_word(str(journal))} --plan {file_word(str(path))}",
        )
    if not unfinished:
        raise Refused(
            f"no journal beside {path} records it: if it was run, its requests may still be open",
            "name its journal, or give --unfinished: the destruction of the plan is then recorded nowhere",
        )


def _is_begun(plan: Path) -> bool:
    """Return whether a file is a plan whose destruction was interrupted."""
    return plan.name.endswith(PLAN_SUFFIX) and plan.is_file() and is_overwritten(plan)
