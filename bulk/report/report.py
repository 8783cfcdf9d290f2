"""A report, computed from a replayed journal and, if at hand, its plan. Pure.

Targets are named by their number in the plan, so that a report is anonymous evidence once the plan is destroyed
(guarantee 25). `rendering` turns a report into text, Markdown, JSON and HTML.
"""

from typing import Any

import msgspec

from bulk.journal.replay import JournalFacts
from bulk.journal.run_stats import RunCounts, RunStats
from bulk.journal.target_states import TargetStates
from bulk.number_ranges import format_ranges, parse_ranges
from bulk.plan.plan_file import Plan
from bulk.report.duty import Duty, DutyState
from bulk.report.duty_decision import duty_of
from bulk.report.parts.activity import (
    ResponseCount,
    TimelineEntry,
    WaitCount,
    iso,
    responses_of,
    timeline_of,
    waits_of,
)
from bulk.report.parts.copies import CopyReport, copies_of
from bulk.report.parts.input_report import InputReport, input_report
from bulk.report.parts.plan_report import PlanReport, plan_report
from bulk.report.requests import due_of, record_of
from bulk.report.target_history import DoneTimes
from bulk.report.verdict import exit_code, verdict_of
from bulk.requests.due_dates import DueCount
from bulk.requests.job_record import JobRecord
from bulk.requests.receipts import Receipts
from bulk.selection.input_findings import by_kind
from bulk.selection.inputs.coverage import InputCoverage, coverage_of
from bulk.states import (
    PENDING,
    STATE_MEANINGS,
    Axis,
    Events,
    Person,
    Properties,
    Recordings,
    State,
    axis_of,
)
from bulk.version import VERSION

REPORT_FORMAT = 2

USUAL: frozenset[State] = frozenset(
    {
        Person.DELETED_CONFIRMED,
        Person.NOT_REQUESTED,
        Events.NOT_REQUESTED,
        Events.QUEUED,
        Events.PURGED,
        Recordings.NOT_REQUESTED,
        Recordings.REQUESTED,
        Recordings.DELETED,
        Properties.NOT_REQUESTED,
        Properties.CHANGED_CONFIRMED,
    }
)
"""The usual good final states: reports count their targets, and list the targets of all other states."""


class AxisReport(msgspec.Struct, frozen=True, kw_only=True):
    """The number of targets per state on one axis; adds up to the plan's count."""

    axis: str
    states: tuple["StateCount", ...]


class StateCount(msgspec.Struct, frozen=True, kw_only=True):
    """The targets in one state. `targets` lists their numbers, unless it is a usual good final state."""

    state: str
    meaning: str
    count: int
    targets: str | None = None


class FailureCount(msgspec.Struct, frozen=True, kw_only=True):
    """The targets in one state for one reason."""

    axis: str
    state: str
    reason: str
    count: int
    targets: str


class RouteCount(msgspec.Struct, frozen=True, kw_only=True):
    """Requests of one API call that may change `axes`, by outcome. `targets` includes retries."""

    route: str
    axes: tuple[str, ...]
    attempts: int
    ok: int
    failed: int
    unknown: int
    targets: int


class RunReport(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the job. `ended` is None if the process died before it could record its end."""

    purpose: str
    started: str
    version: str
    ended: str | None
    reason: str | None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a job did to each of its targets, as its journal proves.

    `duty` says whether the job is complete; `verdict` is its sentence, and `exit_code` follows from it, as the code of
    `report`, `status` and `verify`. `run_verdict` is what the runs did, in one sentence, and `run_exit_code` the exit
    code of a run; in the report that `run_job` returns, `verdict` and `exit_code` are these. `largest_uncovered_s` is
    the longest time between a deletion row and the deletion of its person: events captured in between may remain.
    `torn_tail_bytes` is the length of an incomplete last record, which is ignored, and `torn_tail_reason` says what is
    wrong with it. `input` says which input the plan does not cover, and is None where neither journal nor plan tells.
    `record` is who ordered the job and why; None if nothing was given. `due` is what is due on which day, as of the
    journal's last record. `shredded_at` is when the plan was destroyed, and `copies` are those of the persons that were
    made for handing out. `journal_sha256` is that of the journal's file, and `journal_digest` that of its first
    `journal_bytes` bytes, which are its complete records: the same where the last record is complete. Times are ISO
    8601 in UTC.
    """

    format: int
    version: str
    job: str
    host: str
    project_id: int
    operation: dict[str, Any]
    selection: dict[str, Any]
    plan_digest: str
    journal_digest: str
    journal_lines: int
    count: int
    planned_at: str
    opened_at: str
    last_entry_at: str
    approved_at: str | None
    approved_how: str | None
    verdict: str
    exit_code: int
    axes: tuple[AxisReport, ...]
    failures: tuple[FailureCount, ...]
    routes: tuple[RouteCount, ...]
    runs: tuple[RunReport, ...]
    pauses: int
    limits_lowered: int
    torn_tail_bytes: int
    plan: PlanReport | None
    largest_uncovered_s: float | None = None
    input: InputReport | None = None
    duty: Duty = Duty(state="needs_attention", sentence="Needs attention: nothing is known.")
    run_verdict: str = ""
    run_exit_code: int = 75
    record: JobRecord | None = None
    due: tuple[DueCount, ...] = ()
    shredded_at: str | None = None
    copies: tuple[CopyReport, ...] = ()
    timeline: tuple[TimelineEntry, ...] = ()
    waits: tuple[WaitCount, ...] = ()
    responses: tuple[ResponseCount, ...] = ()
    journal_sha256: str = ""
    journal_bytes: int = 0
    torn_tail_reason: str | None = None


def build_report(
    target_states: TargetStates,
    journal: JournalFacts,
    plan: Plan | None,
    receipts: Receipts | None = None,
    *,
    done_times: DoneTimes | None = None,
    values: bool = False,
) -> Report:
    """Return the report of a replayed journal.

    Arguments:
        target_states: the state after the last record, with no open attempts (`close_open`).
        journal: facts about the journal's file.
        plan: adds the project's name and the findings about the input.
        receipts: tell which requests are done.
        done_times: tell which requests were done late.
        values: whether the plan also adds values that may identify persons.

    Raises:
        ValueError: the journal opened no job.
    """
    job = target_states.job
    if job is None:
        raise ValueError("the journal is empty")
    approved, run_stats = target_states.approved, target_states.run_stats
    coverage = _coverage(target_states, plan)
    duty = duty_of(target_states, coverage)
    return Report(
        format=REPORT_FORMAT,
        version=VERSION,
        job=job.job,
        host=job.host,
        project_id=job.project,
        operation=job.operation,
        selection=job.selection,
        plan_digest=job.plan_digest,
        journal_digest=journal.digest,
        journal_lines=journal.lines,
        count=job.count,
        planned_at=job.planned_at,
        opened_at=iso(job.at),
        last_entry_at=iso(run_stats.last_at),
        approved_at=iso(approved.at) if approved else None,
        approved_how=approved.how if approved else None,
        verdict=duty.sentence,
        exit_code=duty.exit_code,
        axes=tuple(_axis_report(target_states, axis) for axis in Axis),
        failures=tuple(_failures(target_states)),
        routes=_route_counts(run_stats),
        runs=tuple(_run_report(run) for run in run_stats.runs),
        pauses=run_stats.pauses,
        limits_lowered=run_stats.limits_lowered,
        torn_tail_bytes=journal.torn_tail_bytes,
        plan=None if plan is None else plan_report(plan, values=values),
        largest_uncovered_s=target_states.coverage.largest_uncovered_s,
        input=None if coverage is None else _input_report(coverage, target_states),
        duty=duty,
        run_verdict=verdict_of(target_states, coverage),
        run_exit_code=exit_code(target_states),
        record=record_of(target_states),
        due=due_of(target_states, receipts, done_times, is_open=duty.state != DutyState.COMPLETE.value),
        shredded_at=None if target_states.plan_shredded is None else iso(target_states.plan_shredded.at),
        copies=copies_of(target_states.copies),
        timeline=timeline_of(run_stats),
        waits=waits_of(run_stats),
        responses=responses_of(run_stats),
        journal_sha256=journal.file_digest,
        journal_bytes=journal.size,
        torn_tail_reason=journal.torn_reason,
    )


def _coverage(target_states: TargetStates, plan: Plan | None) -> InputCoverage | None:
    """Return what the plan covers of its input; None if it has no input, or neither journal nor plan tells."""
    coverage = target_states.input_coverage
    if coverage is None and plan is not None:  # an earlier version began the job
        return target_states.as_expected(coverage_of(by_kind(plan.findings)))
    return coverage


def _input_report(coverage: InputCoverage, target_states: TargetStates) -> InputReport:
    expected = target_states.unmatched_expected
    return input_report(
        coverage,
        expected_at=iso(expected.at) if expected else None,
        expected_by=expected.operator if expected else None,
    )


def with_run_verdict(report: Report) -> Report:
    """Return a report with the verdict and the exit code of a run."""
    return msgspec.structs.replace(report, verdict=report.run_verdict, exit_code=report.run_exit_code)


def with_duty_verdict(report: Report) -> Report:
    """Return a report with the verdict and the exit code of its duty, which is what a document shows."""
    return msgspec.structs.replace(report, verdict=report.duty.sentence, exit_code=report.duty.exit_code)


def _axis_report(target_states: TargetStates, axis: Axis) -> AxisReport:
    return AxisReport(
        axis=axis.value,
        states=tuple(
            StateCount(
                state=state.name.lower(),
                meaning=STATE_MEANINGS[state],
                count=count,
                targets=None if state in USUAL else format_ranges(target_states.numbers(axis, (state,))),
            )
            for state, count in target_states.counts(axis).items()
        ),
    )


def _failures(target_states: TargetStates) -> list[FailureCount]:
    found: list[FailureCount] = []
    for axis in Axis:
        for reason, state, numbers in target_states.reasons(axis):
            targets = format_ranges(numbers)
            found.append(
                FailureCount(
                    axis=axis.value,
                    state=state.name.lower(),
                    reason=reason,
                    count=sum(stop - start for start, stop in parse_ranges(targets)),
                    targets=targets,
                )
            )
    return found


def _route_counts(run_stats: RunStats) -> tuple[RouteCount, ...]:
    return tuple(
        RouteCount(
            route=name,
            axes=changed,
            attempts=route.attempts,
            ok=route.ok,
            failed=route.failed,
            unknown=route.attempts - route.ok - route.failed,
            targets=route.targets,
        )
        for (name, changed), route in run_stats.routes.items()
    )


def _run_report(run: RunCounts) -> RunReport:
    return RunReport(
        purpose=run.purpose,
        started=iso(run.started_at),
        version=run.version,
        ended=None if run.ended_at is None else iso(run.ended_at),
        reason=run.reason,
    )


def is_finished(report: Report) -> bool:
    """Return whether no later run of the job has anything left to do."""
    pending = {(axis_of(state).value, state.name.lower()) for state in PENDING}
    return not any((axis.axis, state.state) in pending for axis in report.axes for state in axis.states)
