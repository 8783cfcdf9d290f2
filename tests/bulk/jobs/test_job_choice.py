"""Which of several jobs with the same identity a command continues."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bulk.files.content_meter import InputContent
from bulk.jobs.job_choice import (
    AlreadyFinished,
    InputChanged,
    Resume,
    SeveralJobs,
    StartNew,
    UsePlan,
    choose_job,
)
from bulk.jobs.job_summary import JobState, JobSummary

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
SAME, OTHER = InputContent(digest="sha256:aa", lines=2), InputContent(digest="sha256:bb", lines=3)


def job(name: str, state: JobState, *, content: InputContent | None = SAME, hours_ago: float = 1) -> JobSummary:
    at = (NOW - timedelta(hours=hours_ago)).isoformat()
    return JobSummary(
        plan=Path(f"{name}.plan.jsonl"),
        journal=Path(f"{name}.journal.jsonl"),
        state=state,
        content=content,
        planned_at=at,
        last_entry_at=None if state is JobState.NOT_STARTED else at,
        finished_at=at if state is JobState.FINISHED else None,
    )


UNFINISHED = job("unfinished", JobState.UNFINISHED)
RUNNING = job("running", JobState.RUNNING)
FINISHED = job("finished", JobState.FINISHED, hours_ago=5)
CHANGED = job("changed", JobState.UNFINISHED, content=OTHER)
UNKNOWN = job("unknown", JobState.UNFINISHED, content=None)
FRESH = job("fresh", JobState.NOT_STARTED)
OLDER = job("older", JobState.NOT_STARTED, hours_ago=6)
OUTDATED = job("outdated", JobState.NOT_STARTED, hours_ago=25)
FROM_THE_FUTURE = job("future", JobState.NOT_STARTED, hours_ago=-25)


@pytest.mark.parametrize(
    ("jobs", "expected"),
    [
        ([], StartNew()),
        ([UNFINISHED], Resume(UNFINISHED)),
        ([RUNNING], Resume(RUNNING)),
        ([FINISHED, UNFINISHED, FRESH, CHANGED], Resume(UNFINISHED)),
        ([UNFINISHED, RUNNING], SeveralJobs((UNFINISHED, RUNNING))),
        ([FINISHED], AlreadyFinished(FINISHED)),
        ([FINISHED, CHANGED], AlreadyFinished(FINISHED)),
        ([FINISHED, FRESH], UsePlan(FRESH)),
        ([FINISHED, OLDER], AlreadyFinished(FINISHED)),
        ([OLDER, FRESH], UsePlan(FRESH)),
        ([FRESH, CHANGED], UsePlan(FRESH)),
        ([OUTDATED], StartNew((OUTDATED,))),
        ([FROM_THE_FUTURE], StartNew((FROM_THE_FUTURE,))),
        ([CHANGED], InputChanged(CHANGED, SAME)),
        ([UNKNOWN], InputChanged(UNKNOWN, SAME)),
        ([job("x", JobState.FINISHED, content=OTHER)], StartNew()),
        ([job("x", JobState.NOT_STARTED, content=OTHER)], StartNew()),
    ],
)
def test_the_chosen_job_does_not_depend_on_the_order_of_the_jobs(jobs: list[JobSummary], expected: object) -> None:
    assert choose_job(jobs, SAME, now=NOW) == expected
    assert choose_job(jobs[::-1], SAME, now=NOW) == (
        SeveralJobs(expected.jobs[::-1]) if isinstance(expected, SeveralJobs) else expected
    )


def test_jobs_with_a_filter_have_no_content_to_compare() -> None:
    with_filter = job("x", JobState.UNFINISHED, content=None)
    assert choose_job([with_filter], None, now=NOW) == Resume(with_filter)
