"""What a report says: a value computed from a journal, and from its plan where there is one. Pure.

Targets are named by their number in the plan, so that with the plan destroyed a report is anonymous evidence
(promise 25). Rendering to text, Markdown and JSON is in `rendering`.
"""

from datetime import UTC, datetime
from typing import Any

import msgspec

from bulk.journal.replay import JournalFacts
from bulk.journal.run_stats import RunCounts
from bulk.journal.target_states import TargetStates
from bulk.number_ranges import format_ranges, parse_ranges
from bulk.plan.plan_file import Plan
from bulk.states import BAD, MEANING, PENDING, PROVEN, Axis, Events, Person, Properties, Recordings, State
from bulk.version import VERSION

REPORT_FORMAT = 1

USUAL: frozenset[State] = frozenset(
    {
        Person.GONE,
        Person.NOT_ASKED,
        Events.NOT_ASKED,
        Events.QUEUED,
        Events.PURGED,
        Recordings.NOT_ASKED,
        Recordings.REQUESTED,
        Properties.NOT_ASKED,
        Properties.DONE,
    }
)
"""Good ends; reports count them and name the targets of every other state."""


class AxisReport(msgspec.Struct, frozen=True, kw_only=True):
    """One axis: how many targets are in each state; adds up to the plan's count."""

    axis: str
    states: tuple["StateCount", ...]


class StateCount(msgspec.Struct, frozen=True, kw_only=True):
    """Targets in one state. `targets` names them for the states that are not the usual good end."""

    state: str
    meaning: str
    count: int
    targets: str | None = None


class FailureCount(msgspec.Struct, frozen=True, kw_only=True):
    """Targets whose state has this reason."""

    axis: str
    state: str
    reason: str
    count: int
    targets: str


class RouteCount(msgspec.Struct, frozen=True, kw_only=True):
    """Requests on one route that may change something, by how they ended. `targets` counts repeats too."""

    route: str
    attempts: int
    ok: int
    failed: int
    unknown: int
    targets: int


class RunReport(msgspec.Struct, frozen=True, kw_only=True):
    """One process's share of the job. `ended` is None where it was interrupted without a word."""

    purpose: str
    started: str
    version: str
    ended: str | None
    reason: str | None


class PlanReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the plan adds: the project's name and what became of the input. Lines are input line numbers."""

    file_digest: str
    project_name: str
    created_at: str
    findings: list[Any]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a job did to each of its targets, provable from the journal alone.

    `largest_uncovered_s` is the longest time between a deletion row and the deletion of its person: events that came in
    between stay. `verdict` is one sentence, `exit_code` what the command line would end with.
    Times are ISO 8601 in UTC.
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


def exit_code(target_states: TargetStates, *, purged: bool = False) -> int:
    """The exit code that the states of the targets call for: 75, 1 or 0.

    Arguments:
        purged: whether event deletions have to be completed too.
    """
    states = [state for axis in Axis for state in target_states.counts(axis)]
    if any(state in PENDING or (purged and state is Events.QUEUED) for state in states):
        return 75
    return 1 if any(state in BAD for state in states) else 0


def build(target_states: TargetStates, journal: JournalFacts, plan: Plan | None) -> Report:
    """The report of a replayed journal.

    Arguments:
        ledger: after the last record; attempts that nobody answers any more are closed already.
        plan: adds the project's name and what became of the input.

    Raises:
        ValueError: the ledger has no job.
    """
    job = target_states.job
    if job is None:
        raise ValueError("the journal is empty: no job was ever opened in it")
    approved, run_stats = target_states.approved, target_states.run_stats
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
        opened_at=_iso(job.at),
        last_entry_at=_iso(run_stats.last_at),
        approved_at=_iso(approved.at) if approved else None,
        approved_how=approved.how if approved else None,
        verdict=_verdict(target_states),
        exit_code=exit_code(target_states),
        axes=tuple(_axis_report(target_states, axis) for axis in Axis),
        failures=tuple(_failures(target_states)),
        routes=tuple(
            RouteCount(
                route=name,
                attempts=route.attempts,
                ok=route.ok,
                failed=route.failed,
                unknown=route.attempts - route.ok - route.failed,
                targets=route.targets,
            )
            for name, route in sorted(run_stats.routes.items())
        ),
        runs=tuple(_run_report(run) for run in run_stats.runs),
        pauses=run_stats.pauses,
        limits_lowered=run_stats.limits_lowered,
        torn_tail_bytes=journal.torn_tail_bytes,
        plan=None if plan is None else _plan_report(plan),
        largest_uncovered_s=target_states.coverage.largest_uncovered_s,
    )


def _axis_report(target_states: TargetStates, axis: Axis) -> AxisReport:
    return AxisReport(
        axis=axis.value,
        states=tuple(
            StateCount(
                state=state.name.lower(),
                meaning=MEANING[state],
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


_DONE_WORDS = {
    Axis.PERSON: "persons deleted by this job and read back as gone",
    Axis.EVENTS: "persons' events queued for deletion by this job",
    Axis.RECORDINGS: "persons' recordings requested to be deleted, which cannot be verified",
    Axis.PROPERTIES: "persons changed by this job and read back as requested",
}
_BEFORE_WORDS: dict[Axis, tuple[tuple[State, str], ...]] = {
    Axis.PERSON: (
        (Person.GONE_BEFORE, "were already gone"),
        (Person.VANISHED, "disappeared without a deletion by this job"),
    ),
    Axis.PROPERTIES: (
        (Properties.DONE_BEFORE, "were already as requested"),
        (Properties.GONE, "are gone with their properties"),
    ),
}


def _verdict(target_states: TargetStates) -> str:
    axis = target_states.lead
    states = target_states.counts(axis)
    done = sum(states.get(state, 0) for state in PROVEN[axis])
    words = f"{done:,} of {target_states.count:,} {_DONE_WORDS[axis]}"
    for state, what in _BEFORE_WORDS.get(axis, ()):
        if before := states.get(state, 0):
            words += f", {before:,} {what}"
    match exit_code(target_states):
        case 0:
            return f"Done: {words}."
        case 1:
            return f"Finished, but some targets need attention: {words}; the others are listed by number."
        case _:
            return f"Not finished: {words}; run the job again to resume."


def _run_report(run: RunCounts) -> RunReport:
    return RunReport(
        purpose=run.purpose,
        started=_iso(run.started_at),
        version=run.version,
        ended=None if run.ended_at is None else _iso(run.ended_at),
        reason=run.reason,
    )


def _plan_report(plan: Plan) -> PlanReport:
    return PlanReport(
        file_digest=plan.digest,
        project_name=plan.header.project_name,
        created_at=plan.header.created_at,
        findings=list(plan.findings),
    )


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def exit_code_of_verify(report: Report, *, unread: int = 0) -> int:
    """A report's exit code when completed purges are asked for too: 75 while rows are pending.

    Arguments:
        unread: targets that could not be read, so that nothing new is known of them.
    """
    queued = Events.QUEUED.name.lower()
    waiting = any(
        state.state == queued for axis in report.axes if axis.axis == Axis.EVENTS.value for state in axis.states
    )
    return 75 if waiting or unread else report.exit_code
