"""The content of a report in the order in which all formats show it, as sections of sentences and tables. Pure.

Text in a document is not escaped; each format escapes what it writes.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from bulk.formatting import count_of, format_count, format_duration, format_time
from bulk.operations import describe as operation_words
from bulk.report.rendering.findings import (
    discovery_sentences,
    finding_rows,
    finding_sentences,
    orphan_sentences,
)
from bulk.report.report import AxisReport, PlanReport, Report, RouteCount, coverage_in, is_finished
from bulk.selection.input_findings import by_kind
from bulk.selection.inputs.coverage import coverage_of
from bulk.selection.selections import describe as describe_selection
from bulk.states import ending_label
from bulk.targets.reasons import REASON_MEANINGS

Row = tuple[str, ...]


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of cells under headings; without headings, names and values. `numeric` lists right-aligned columns."""

    headings: Row
    rows: tuple[Row, ...]
    numeric: frozenset[int] = frozenset()


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A titled part of a document: sentences, then a table if it has one."""

    title: str
    sentences: tuple[str, ...] = ()
    table: Table | None = None


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A report as title, verdict and sections."""

    title: str
    verdict: str
    sections: tuple[Section, ...]


AXIS_TITLES = {
    "person": "Persons",
    "events": "Events",
    "recordings": "Recordings",
    "properties": "Properties",
}
_EXIT_WORDS = {0: "done", 1: "some persons need attention", 75: "not finished"}
_FAILED = ("Failed without effect", "Failed, effect unknown")
_NUMBERS_NOTE = "Persons are numbered from 0, in the order of the plan; lines from 1, in the order of the input."
_WHO_NOTE = "posthog-bulk show PLAN --target N shows the person with number N."
_RESUME_NOTE = "To resume: posthog-bulk run PLAN, or the command that started the job."


def lay_out(report: Report) -> Document:
    """Return a report as a document."""
    sections = [_identity(report)]
    sections += [_axis(axis, report) for axis in report.axes if not _is_not_requested(axis)]
    sections += _failures(report)
    sections.append(_requests(report))
    sections.append(_runs(report))
    if report.plan is not None:
        sections += _input(report.plan, report)
    return Document(title=f"Report of job {report.job}", verdict=report.duty.sentence, sections=tuple(sections))


def _identity(report: Report) -> Section:
    project = str(report.project_id)
    if report.plan is not None:
        project += f" ({report.plan.project_name})"
    rows: list[Row] = [
        ("Operation", operation_words(report.operation)),
        ("Selection", describe_selection(report.selection)),
        ("Persons", format_count(report.count)),
        *_covered(report),
        ("Host", report.host),
        ("Project", project),
        ("Planned", _time(report.planned_at)),
        ("Approved", _approved(report)),
        ("Job started", _time(report.opened_at)),
        ("Last activity", _time(report.last_entry_at)),
        ("Plan digest", report.plan_digest),
        ("Journal digest", report.journal_digest),
        ("Journal lines", format_count(report.journal_lines)),
        *((("Result of the runs", report.run_verdict),) if report.run_verdict else ()),
        ("Exit code of the run", _exit_code(report)),
        ("Version", report.version),
    ]
    if report.torn_tail_bytes:
        rows.append(("Incomplete last record (ignored)", f"{format_count(report.torn_tail_bytes)} bytes"))
    without = "This report was made without the plan, so it identifies no person."
    who = (_WHO_NOTE,) if report.plan is not None else (without,)
    resume = () if is_finished(report) else (_RESUME_NOTE,)
    return Section(
        title="The job", sentences=(*resume, _NUMBERS_NOTE, *who), table=Table(headings=(), rows=tuple(rows))
    )


def _covered(report: Report) -> Iterable[Row]:
    coverage = coverage_in(report)
    if coverage is not None and coverage.lines:
        yield "Input lines", format_count(coverage.lines)
    if coverage is not None and coverage.not_covered:
        yield "Not covered", coverage.words()


def _exit_code(report: Report) -> str:
    """Return the exit code of the run in words; `exit_code` is that of `verify`, `status` and `report`."""
    words = _EXIT_WORDS.get(report.run_exit_code)
    return f"{report.run_exit_code} ({words})" if words else str(report.run_exit_code)


def _approved(report: Report) -> str:
    if report.approved_at is None:
        return "no"
    approved = _time(report.approved_at)
    return f"{approved}, for the plan digest below" if report.approved_how == "digest" else approved


def _is_not_requested(axis: AxisReport) -> bool:
    return [state.state for state in axis.states] == ["not_requested"]


def _axis(axis: AxisReport, report: Report) -> Section:
    rows = tuple((state.state, format_count(state.count), state.meaning, state.targets or "") for state in axis.states)
    return Section(
        title=AXIS_TITLES.get(axis.axis, axis.axis),
        sentences=_uncovered(report) if axis.axis == "events" else (),
        table=Table(headings=("State", "Persons", "Meaning", "Numbers"), rows=rows, numeric=frozenset({1})),
    )


def _uncovered(report: Report) -> tuple[str, ...]:
    if report.largest_uncovered_s is None:
        return ()
    longest = format_duration(report.largest_uncovered_s)
    return (f"Events captured in the last {longest} before a person was deleted may remain.",)


def _failures(report: Report) -> Iterable[Section]:
    if not report.failures:
        return []
    rows = tuple(
        (
            AXIS_TITLES.get(failure.axis, failure.axis),
            failure.state,
            failure.reason,
            format_count(failure.count),
            failure.targets,
        )
        for failure in report.failures
    )
    headings = ("Section", "State", "Reason", "Persons", "Numbers")
    present = {failure.reason.partition(":")[0] for failure in report.failures}
    return [
        Section(
            title="Reasons",
            sentences=tuple(f"{r.value}: {meaning}." for r, meaning in REASON_MEANINGS.items() if r.value in present),
            table=Table(headings=headings, rows=rows, numeric=frozenset({3})),
        )
    ]


def _changes(route: RouteCount) -> str:
    """Return what the requests of a call delete or change: one call can serve several stages of a job."""
    return ", ".join(AXIS_TITLES.get(axis, axis).lower() for axis in route.axes)


def _time(when: str | None) -> str:
    return format_time(when, seconds=True)


def _requests(report: Report) -> Section:
    rows = tuple(
        (
            route.route,
            _changes(route),
            format_count(route.attempts),
            format_count(route.ok),
            format_count(route.failed),
            format_count(route.unknown),
            format_count(route.targets),
        )
        for route in report.routes
    )
    return Section(
        title="Requests that change data",
        sentences=(
            f"Pauses that the server asked for: {report.pauses}. Rate limits lowered: {report.limits_lowered}.",
        ),
        table=Table(
            headings=("API call", "Deletes or changes", "Requests", "OK", *_FAILED, "Persons (with retries)"),
            rows=rows,
            numeric=frozenset({2, 3, 4, 5, 6}),
        ),
    )


def _runs(report: Report) -> Section:
    rows = tuple(
        (
            str(number),
            run.purpose,
            _time(run.started),
            _time(run.ended),
            ending_label(run.reason) if run.reason else "",
            run.version,
        )
        for number, run in enumerate(report.runs, 1)
    )
    headings = ("Run", "Command", "Started", "Ended", "How it ended", "Version")
    return Section(title="Runs", table=Table(headings=headings, rows=rows, numeric=frozenset({0})))


def _input(plan: PlanReport, report: Report) -> Iterable[Section]:
    findings = by_kind(plan.findings)
    return [
        Section(
            title="Input check",
            sentences=(
                f"The plan was made at {_time(plan.created_at)}. Its digest is {plan.file_digest}.",
                *_planning_requests(findings),
                *discovery_sentences(findings),
                *finding_sentences(findings),
                *orphan_sentences(report.operation, report.selection, coverage_of(findings)),
            ),
            table=Table(
                headings=("Finding", "Count", "Line numbers"),
                rows=tuple(finding_rows(findings)),
                numeric=frozenset({1}),
            ),
        )
    ]


def _planning_requests(findings: dict[str, Any]) -> tuple[str, ...]:
    requests = findings.get("requests")
    if not isinstance(requests, dict):
        return ()
    return (f"Planning sent {count_of(int(requests.get('count', 0)), 'request')}.",)
