"""The content of a report in the order in which all formats show it, as sections of sentences and tables. Pure.

Text in a document is not escaped; each format escapes what it writes.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from bulk.formatting import format_count, format_duration, format_time
from bulk.operations import describe as operation_words
from bulk.report.report import AxisReport, PlanReport, Report
from bulk.selection.input_findings import by_kind
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
_NUMBERS_NOTE = "Targets are numbered from 0, in the order of the plan; lines from 1, in the order of the input."


def lay_out(report: Report) -> Document:
    """Return a report as a document."""
    sections = [_identity(report)]
    sections += [_axis(axis, report) for axis in report.axes if not _is_not_requested(axis)]
    sections += _failures(report)
    sections.append(_requests(report))
    sections.append(_runs(report))
    if report.plan is not None:
        sections += _input(report.plan)
    return Document(title=f"Report of job {report.job}", verdict=report.verdict, sections=tuple(sections))


def _identity(report: Report) -> Section:
    project = str(report.project_id)
    if report.plan is not None:
        project += f" ({report.plan.project_name})"
    rows: list[Row] = [
        ("Operation", operation_words(report.operation)),
        ("Selection", describe_selection(report.selection)),
        ("Targets", format_count(report.count)),
        ("Host", report.host),
        ("Project", project),
        ("Planned", format_time(report.planned_at)),
        ("Approved", _approved(report)),
        ("First record", format_time(report.opened_at)),
        ("Last record", format_time(report.last_entry_at)),
        ("Plan digest", report.plan_digest),
        ("Journal digest", report.journal_digest),
        ("Journal lines", format_count(report.journal_lines)),
        ("Exit code", str(report.exit_code)),
        ("Version", report.version),
    ]
    if report.torn_tail_bytes:
        rows.append(("Incomplete last record (ignored)", f"{format_count(report.torn_tail_bytes)} bytes"))
    without = () if report.plan is not None else ("This report was made without the plan, so it identifies no person.",)
    return Section(title="The job", sentences=(_NUMBERS_NOTE, *without), table=Table(headings=(), rows=tuple(rows)))


def _approved(report: Report) -> str:
    if report.approved_at is None:
        return "no"
    approved = format_time(report.approved_at)
    return f"{approved}, {report.approved_how}" if report.approved_how else approved


def _is_not_requested(axis: AxisReport) -> bool:
    return [state.state for state in axis.states] == ["not_requested"]


def _axis(axis: AxisReport, report: Report) -> Section:
    rows = tuple((state.state, format_count(state.count), state.meaning, state.targets or "") for state in axis.states)
    return Section(
        title=AXIS_TITLES.get(axis.axis, axis.axis),
        sentences=_uncovered(report) if axis.axis == "events" else (),
        table=Table(headings=("State", "Targets", "Meaning", "Target numbers"), rows=rows, numeric=frozenset({1})),
    )


def _uncovered(report: Report) -> tuple[str, ...]:
    if report.largest_uncovered_s is None:
        return ()
    longest = format_duration(report.largest_uncovered_s)
    what = "between a deletion row and the deletion of its person; events captured in between stay"
    return (f"Largest uncovered window: {longest} {what}.",)


def _failures(report: Report) -> Iterable[Section]:
    if not report.failures:
        return []
    rows = tuple(
        (failure.axis, failure.state, failure.reason, format_count(failure.count), failure.targets)
        for failure in report.failures
    )
    headings = ("Axis", "State", "Reason", "Targets", "Target numbers")
    present = {failure.reason.partition(":")[0] for failure in report.failures}
    return [
        Section(
            title="Reasons",
            sentences=tuple(f"{r.value}: {meaning}." for r, meaning in REASON_MEANINGS.items() if r.value in present),
            table=Table(headings=headings, rows=rows, numeric=frozenset({3})),
        )
    ]


def _requests(report: Report) -> Section:
    rows = tuple(
        (
            route.route,
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
            headings=("API call", "Attempts", "OK", "Failed", "Unknown", "Targets sent (including retries)"),
            rows=rows,
            numeric=frozenset({1, 2, 3, 4, 5}),
        ),
    )


def _runs(report: Report) -> Section:
    rows = tuple(
        (
            str(number),
            run.purpose,
            format_time(run.started),
            format_time(run.ended),
            ending_label(run.reason) if run.reason else "",
            run.version,
        )
        for number, run in enumerate(report.runs, 1)
    )
    headings = ("Run", "Command", "Started", "Ended", "Reason", "Version")
    return Section(title="Runs", table=Table(headings=headings, rows=rows, numeric=frozenset({0})))


_FINDING_TITLES = {
    "lines": "Lines read",
    "listed": "Persons listed",
    "unmatched": "Lines that matched no person",
    "unread": "Lines whose person could not be read",
    "duplicates": "Lines that repeat an earlier one",
    "aliases": "Lines that name a person already selected",
    "requests": "Requests sent while planning",
}


def _input(plan: PlanReport) -> Iterable[Section]:
    findings = by_kind(plan.findings)
    return [
        Section(
            title="Input check",
            sentences=(
                f"The plan was made at {format_time(plan.created_at)}. Its digest is {plan.file_digest}.",
                *discovery_sentences(findings),
            ),
            table=Table(
                headings=("Finding", "Count", "Line numbers"),
                rows=tuple(finding_rows(findings)),
                numeric=frozenset({1}),
            ),
        )
    ]


def finding_rows(findings: dict[str, Any]) -> Iterable[Row]:
    """Yield a plan's findings as rows: the finding, its count, and the line numbers."""
    for kind, title in _FINDING_TITLES.items():
        if isinstance(one := findings.get(kind), dict) and (one.get("count") or kind in ("lines", "unmatched")):
            yield title, format_count(int(one.get("count", 0))), _which(one)
    refused = findings.get("refused")
    if isinstance(refused, dict) and isinstance(reasons := refused.get("reasons"), dict):
        for reason, one in sorted(reasons.items()):
            yield f"Lines refused: {reason}", format_count(int(one.get("count", 0))), _which(one)
    many = findings.get("many_distinct_ids")
    if isinstance(many, dict) and many.get("count"):
        title = f"Persons with {many.get('threshold')} or more distinct IDs"
        yield title, format_count(int(many["count"])), ""


_DISCOVERED = {
    "query": "A query found the persons that have the properties",
    "listing": "The persons that have the properties were found by listing persons and checking each",
}


def discovery_sentences(findings: dict[str, Any]) -> Iterable[str]:
    """Yield how the persons that have the properties were found, and what that may miss; nothing if not needed."""
    one = findings.get("discovery")
    if not isinstance(one, dict) or one.get("by") not in _DISCOVERED:
        return
    sentence = _DISCOVERED[one["by"]]
    if why := one.get("why"):
        sentence += f" ({why})"
    if without := one.get("without"):
        sentence += f"; {format_count(int(without))} persons without them were left out"
    if gone := one.get("gone"):
        sentence += f"; {format_count(int(gone))} persons in the result of the query do not exist any more"
    if unread := one.get("unread"):
        found = f"{format_count(int(unread))} persons in the result of the query"
        sentence += f"; {found} could not be read and are not in the plan"
    yield f"{sentence}."
    if may_miss := one.get("may_miss"):
        yield f"Not covered: {may_miss}."


def _which(finding: dict[str, Any]) -> str:
    return str(finding.get("lines", "")) + (",..." if finding.get("cut") else "")
