"""What a report shows and in which order, as plain values that every format lays out in its own way. Pure.

All text in a document is as it came; each format escapes what it writes.
"""

import math
from collections.abc import Iterable
from typing import Any

import msgspec

from bulk.operations import describe as operation_words
from bulk.report.report import AxisReport, PlanReport, Report
from bulk.selection.input_findings import by_kind
from bulk.selection.selections import describe as describe_selection
from bulk.targets.reasons import REASON_MEANING

Row = tuple[str, ...]


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of cells under headings. A table without headings is a list of names and values."""

    headings: Row
    rows: tuple[Row, ...]
    numeric: frozenset[int] = frozenset()


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A titled part: sentences, then a table where there is one."""

    title: str
    sentences: tuple[str, ...] = ()
    table: Table | None = None


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A report laid out."""

    title: str
    verdict: str
    sections: tuple[Section, ...]


AXIS_TITLES = {
    "person": "Persons",
    "events": "Events",
    "recordings": "Recordings",
    "properties": "Properties",
}
_NUMBERS_NOTE = "Targets and lines are named by their numbers: targets in the plan from 0, lines in the input from 1."


def lay_out(report: Report) -> Document:
    """Return what to show of a report."""
    sections = [_identity(report)]
    sections += [_axis(axis, report) for axis in report.axes if not _was_not_asked(axis)]
    sections += _failures(report)
    sections.append(_requests(report))
    sections.append(_runs(report))
    if report.plan is not None:
        sections += _input(report.plan)
    return Document(title=f"Report of job {report.job}", verdict=report.verdict, sections=tuple(sections))


def figure(number: int) -> str:
    """A count with its thousands apart."""
    return f"{number:,}"


def _identity(report: Report) -> Section:
    project = str(report.project_id)
    if report.plan is not None:
        project += f" ({report.plan.project_name})"
    rows: list[Row] = [
        ("Operation", operation_words(report.operation)),
        ("Selection", describe_selection(report.selection)),
        ("Targets", figure(report.count)),
        ("Host", report.host),
        ("Project", project),
        ("Planned", report.planned_at),
        ("Approved", _approved(report)),
        ("First entry", report.opened_at),
        ("Last entry", report.last_entry_at),
        ("Plan digest", report.plan_digest),
        ("Journal digest", report.journal_digest),
        ("Journal lines", figure(report.journal_lines)),
        ("Exit code of run", str(report.exit_code)),
        ("Version", report.version),
    ]
    if report.torn_tail_bytes:
        rows.append(("Incomplete last record (ignored)", f"{figure(report.torn_tail_bytes)} bytes"))
    without = () if report.plan is not None else ("The plan was not there, so this report identifies no person.",)
    return Section(title="The job", sentences=(_NUMBERS_NOTE, *without), table=Table(headings=(), rows=tuple(rows)))


def _approved(report: Report) -> str:
    if report.approved_at is None:
        return "no"
    return f"{report.approved_at}, {report.approved_how}" if report.approved_how else report.approved_at


def _was_not_asked(axis: AxisReport) -> bool:
    return [state.state for state in axis.states] == ["not_asked"]


def _axis(axis: AxisReport, report: Report) -> Section:
    rows = tuple((state.state, figure(state.count), state.meaning, state.targets or "") for state in axis.states)
    return Section(
        title=AXIS_TITLES.get(axis.axis, axis.axis),
        sentences=_uncovered(report) if axis.axis == "events" else (),
        table=Table(headings=("State", "Targets", "Meaning", "Which"), rows=rows, numeric=frozenset({1})),
    )


def _uncovered(report: Report) -> tuple[str, ...]:
    if report.largest_uncovered_s is None:
        return ()
    longest = figure(math.ceil(report.largest_uncovered_s))
    what = "between the time of a deletion row and the deletion of its person; events captured in between stay"
    return (f"Largest uncovered window: {longest} s {what}.",)


def _failures(report: Report) -> Iterable[Section]:
    if not report.failures:
        return []
    rows = tuple(
        (failure.axis, failure.state, failure.reason, figure(failure.count), failure.targets)
        for failure in report.failures
    )
    headings = ("Axis", "State", "Reason", "Targets", "Which")
    given = {failure.reason.partition(":")[0] for failure in report.failures}
    return [
        Section(
            title="Reasons",
            sentences=tuple(f"{r.value}: {meaning}." for r, meaning in REASON_MEANING.items() if r.value in given),
            table=Table(headings=headings, rows=rows, numeric=frozenset({3})),
        )
    ]


def _requests(report: Report) -> Section:
    rows = tuple(
        (
            route.route,
            figure(route.attempts),
            figure(route.ok),
            figure(route.failed),
            figure(route.unknown),
            figure(route.targets),
        )
        for route in report.routes
    )
    return Section(
        title="Requests that change something",
        sentences=(f"Pauses that the server asked for: {report.pauses}. Limits lowered: {report.limits_lowered}.",),
        table=Table(
            headings=("Route", "Attempts", "Ok", "Failed", "Unknown", "Targets sent (including retries)"),
            rows=rows,
            numeric=frozenset({1, 2, 3, 4, 5}),
        ),
    )


def _runs(report: Report) -> Section:
    rows = tuple(
        (str(number), run.purpose, run.started, run.ended or "not known", run.reason or "", run.version)
        for number, run in enumerate(report.runs, 1)
    )
    headings = ("Run", "For", "Started", "Ended", "Reason", "Version")
    return Section(title="Runs", table=Table(headings=headings, rows=rows, numeric=frozenset({0})))


_FINDING_TITLES = {
    "lines": "Lines read",
    "listed": "Persons listed",
    "unmatched": "Lines that matched no person",
    "unread": "Lines whose person could not be read",
    "duplicates": "Lines that repeat an earlier one",
    "aliases": "Lines that name a person already selected",
    "requests": "Requests made to plan",
}


def _input(plan: PlanReport) -> Iterable[Section]:
    findings = by_kind(plan.findings)
    return [
        Section(
            title="The input",
            sentences=(
                f"The plan was made at {plan.created_at}; its file has the digest {plan.file_digest}.",
                *discovery_sentences(findings),
            ),
            table=Table(
                headings=("Finding", "Count", "Which lines"),
                rows=tuple(finding_rows(findings)),
                numeric=frozenset({1}),
            ),
        )
    ]


def finding_rows(findings: dict[str, Any]) -> Iterable[Row]:
    """A plan's findings by kind as rows: what, how many, which lines."""
    for kind, title in _FINDING_TITLES.items():
        if isinstance(one := findings.get(kind), dict) and (one.get("count") or kind in ("lines", "unmatched")):
            yield title, figure(int(one.get("count", 0))), _which(one)
    refused = findings.get("refused")
    if isinstance(refused, dict) and isinstance(reasons := refused.get("reasons"), dict):
        for reason, one in sorted(reasons.items()):
            yield f"Lines refused: {reason}", figure(int(one.get("count", 0))), _which(one)
    many = findings.get("many_distinct_ids")
    if isinstance(many, dict) and many.get("count"):
        title = f"Persons with {many.get('threshold')} or more distinct ids"
        yield title, figure(int(many["count"])), ""


_DISCOVERED = {
    "query": "Who has the properties was asked by query",
    "listing": "Who has the properties was found by listing persons and looking at each",
}


def discovery_sentences(findings: dict[str, Any]) -> Iterable[str]:
    """How the persons that have the properties were found, and what may be missed that way; nothing where all count."""
    one = findings.get("discovery")
    if not isinstance(one, dict) or one.get("by") not in _DISCOVERED:
        return
    sentence = _DISCOVERED[one["by"]]
    if why := one.get("why"):
        sentence += f" ({why})"
    if without := one.get("without"):
        sentence += f"; {figure(int(without))} persons without them were left out"
    if gone := one.get("gone"):
        sentence += f"; {figure(int(gone))} persons that the query names do not exist any more"
    if unread := one.get("unread"):
        sentence += f"; {figure(int(unread))} persons that the query names could not be read and are not in the plan"
    yield f"{sentence}."
    if may_miss := one.get("may_miss"):
        yield f"Not covered: {may_miss}."


def _which(finding: dict[str, Any]) -> str:
    return str(finding.get("lines", "")) + (",..." if finding.get("cut") else "")
