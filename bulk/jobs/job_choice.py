"""Chooses the job that a plan-and-run command continues, among the jobs with the same identity. Pure."""

from datetime import datetime, timedelta

import msgspec

from bulk.files.content_meter import InputContent
from bulk.jobs.job_summary import JobState, JobSummary

MAX_UNSTARTED_AGE = timedelta(days=1)
"""Age from which a plan that was never started is not used by itself: persons may match the selection no more."""


class Resume(msgspec.Struct, frozen=True):
    """Continue this job, which is approved and not finished."""

    job: JobSummary


class UsePlan(msgspec.Struct, frozen=True):
    """Use the plan of this job, of which nothing was started."""

    job: JobSummary


class AlreadyFinished(msgspec.Struct, frozen=True):
    """Do nothing: this job is finished."""

    job: JobSummary


class InputChanged(msgspec.Struct, frozen=True):
    """Do nothing: this job is not finished, and its input holds something else now."""

    job: JobSummary
    now: InputContent


class SeveralJobs(msgspec.Struct, frozen=True):
    """Do nothing: several jobs are not finished, and only the user knows which one to continue."""

    jobs: tuple[JobSummary, ...]


class StartNew(msgspec.Struct, frozen=True):
    """Make a plan. `outdated` are jobs that were never started, with plans too old to be used by themselves."""

    outdated: tuple[JobSummary, ...] = ()


Choice = Resume | UsePlan | AlreadyFinished | InputChanged | SeveralJobs | StartNew


def choose_job(jobs: list[JobSummary], content: InputContent | None, *, now: datetime) -> Choice:
    """Return what a command does.

    Arguments:
        jobs: the jobs with the same operation, selection, host and project.
        content: the present content of the command's input; None for a filter.
        now: the time, with its zone.
    """
    same = [job for job in jobs if job.content == content]
    if active := [job for job in same if _is_active(job)]:
        return Resume(active[0]) if len(active) == 1 else SeveralJobs(tuple(active))
    unstarted = [job for job in same if job.state is JobState.NOT_STARTED]
    usable = [job for job in unstarted if abs(now - _time(job.planned_at)) <= MAX_UNSTARTED_AGE]
    plan = max(usable, key=lambda job: _time(job.planned_at), default=None)
    finished = max(
        (job for job in same if job.state is JobState.FINISHED), key=lambda job: _time(job.finished_at), default=None
    )
    if plan is not None and (finished is None or _time(plan.planned_at) > _time(finished.finished_at)):
        return UsePlan(plan)
    if finished is not None:
        return AlreadyFinished(finished)
    if content is not None and (changed := [job for job in jobs if job.content != content and _is_active(job)]):
        return InputChanged(max(changed, key=lambda job: _time(job.last_entry_at)), content)
    return StartNew(tuple(unstarted))


def _is_active(job: JobSummary) -> bool:
    return job.state in (JobState.UNFINISHED, JobState.RUNNING)


def _time(text: str | None) -> datetime:
    return datetime.fromisoformat(text or "0001-01-01T00:00:00+00:00")
