"""The files of jobs for events without a person: finds plans by their distinct IDs, journals by their plan."""

from collections.abc import Iterator
from pathlib import Path

from bulk.errors import NO_SUCH_FILE, FileTrouble, PlanError
from bulk.files.job_file_kinds import JOURNAL_SUFFIX, PLAN_SUFFIX, is_without_person_plan
from bulk.files.private_files import head_of
from bulk.jobs.job_files import files_named, journal_of, recorded_digest
from bulk.without_person.plan import WithoutPersonPlan, read_plan, read_plan_header
from bulk.without_person.records import is_journal_without_person, read_states
from bulk.without_person.report import WithoutPersonReport, build_without_person_report


def find_plans(folder: Path, host: str, project_id: int, ids_digest: str) -> list[Path]:
    """Return the plans of a folder for these distinct IDs in this project.

    Raises:
        FileTrouble: the folder or such a plan cannot be read.
    """
    return [path for path in files_named(folder, PLAN_SUFFIX) if _is_for(path, host, project_id, ids_digest)]


def _is_for(path: Path, host: str, project_id: int, ids_digest: str) -> bool:
    if not is_without_person_plan(head_of(path)):
        return False
    try:
        return read_plan_header(path).is_for(host, project_id, ids_digest)
    except PlanError as error:
        if error.problem == NO_SUCH_FILE:  # removed meanwhile, by a process that has found that it is not the first
            return False
        raise


def recorded_journal(plan: WithoutPersonPlan) -> Path | None:
    """Return the journal that records the job of a plan: the one of the usual name, or another beside it; or None."""
    beside = files_named(plan.path.parent, JOURNAL_SUFFIX)
    return next((path for path in (journal_of(plan.path), *beside) if recorded_digest(path) == plan.digest), None)


def list_without_person(folder: Path) -> Iterator[tuple[Path, WithoutPersonReport | str]]:
    """Yield the journals of such jobs in a folder, each with its report, or with why there is none.

    A plan that no journal beside it records takes the place of its journal.
    """
    for path in files_named(folder, PLAN_SUFFIX):
        if is_without_person_plan(head_of(path)):
            try:
                was_run = recorded_journal(read_plan(path)) is not None
            except FileTrouble as error:
                yield path, str(error)
                continue
            if not was_run:
                yield path, f"{path} is a plan for events without a person; no journal beside it records it"
    for path in files_named(folder, JOURNAL_SUFFIX):
        if is_journal_without_person(path):
            try:
                yield path, build_without_person_report(read_states(path))
            except FileTrouble as error:
                yield path, str(error)
