"""One table that a reader can add up: from input lines to persons, and from persons to results. Pure."""

from collections.abc import Iterator

from bulk.formatting import format_count
from bulk.report.parts.input_report import InputReport
from bulk.report.rendering.document import AXIS_TITLES, Row, Section, Table
from bulk.report.report import AxisReport, Report
from bulk.selection.input_findings import by_kind
from bulk.states import state_label

_NOTE = "The rows with + and - add up to the next row with =."
_PLAN = "Persons in the plan"
_Step = tuple[str, str, int]
"""A sign, what was counted, and the number."""


def counts_section(report: Report) -> Section:
    """Return the counts of a report as a table with a sum for the plan and for each kind of result."""
    steps = [*_to_persons(report), ("=", _PLAN, report.count)]
    for axis in report.axes:
        if not is_not_requested(axis):
            steps += _results(axis)
    rows: tuple[Row, ...] = tuple((sign, words, format_count(count)) for sign, words, count in steps)
    totals = frozenset(number for number, (sign, _, _) in enumerate(steps) if sign == "=")
    table = Table(
        headings=("Sign", "What was counted", "Number"),
        rows=rows,
        numeric=frozenset({2}),
        caption="From the input to the persons of the plan, and from these to the results",
        totals=totals,
    )
    return Section(title="Counts", blocks=(_NOTE, table))


def is_not_requested(axis: AxisReport) -> bool:
    """Return whether the operation leaves an axis alone."""
    return [state.state for state in axis.states] == ["not_requested"]


def _to_persons(report: Report) -> Iterator[_Step]:
    """Yield how the persons of the plan follow from the input; the last step balances what the counts leave open."""
    findings = {} if report.plan is None else by_kind(report.plan.findings)
    if report.input is not None and report.input.lines:
        yield from _lines(report.input, report.count, findings)
    elif "revert" in findings:
        yield from _reverted(findings["revert"])
    elif listed := _count(findings, "listed"):
        yield "+", "Persons that the server listed", listed
        if listed != report.count:
            yield _balance(report.count - listed, "Not selected: conditions not met, protected or not readable")
    else:
        yield "+", "Persons that the selection names", report.count


def _lines(covered: InputReport, count: int, findings: dict[str, dict[str, object]]) -> Iterator[_Step]:
    yield "+", "Input lines", covered.lines
    repeated, aliases = _count(findings, "duplicates") - covered.repeated, _count(findings, "aliases")
    steps = (
        ("Lines that matched no person" + ", as expected" * (covered.expected > 0), covered.unmatched),
        ("Lines refused", covered.refused),
        ("Lines whose person could not be read", covered.unread),
        ("Lines whose person is protected", covered.protected),
        ("Lines that repeat one of these", covered.repeated),
        ("Lines that repeat another line", repeated if findings else 0),
        ("Lines that name a person already selected", aliases),
        ("Blank lines", _count(findings, "blank")),
    )
    left = covered.lines
    for words, number in steps:
        if number > 0:
            yield "-", words, number
            left -= number
    if left < count:
        yield _balance(count - left, "Further persons of lines that match several")
    elif left > count:
        without = "Lines that repeat another line, or name a person already selected"
        yield _balance(count - left, without if not findings else "Lines whose persons other lines select")


def _reverted(revert: dict[str, object]) -> Iterator[_Step]:
    """Yield the persons of a before-image, and those of them that are left as they are."""
    yield "+", "Persons of the before-image", _count({"revert": revert}, "revert")
    for kind, words in (
        ("changed", "Persons that others changed"),
        ("as_before", "Persons that are already as before"),
        ("gone", "Persons that were deleted or merged"),
        ("unread", "Persons that could not be read"),
    ):
        left = revert.get(kind)
        if isinstance(left, dict) and (number := _count({kind: left}, kind)):
            yield "-", words, number


def _results(axis: AxisReport) -> Iterator[_Step]:
    title = AXIS_TITLES.get(axis.axis, axis.axis)
    for state in axis.states:
        yield "+", f"{title}: {state_label(state.state)}", state.count
    yield "=", f"{title}: all persons in the plan", sum(state.count for state in axis.states)


def _balance(number: int, words: str) -> _Step:
    return "+" if number > 0 else "-", words, abs(number)


def _count(findings: dict[str, dict[str, object]], kind: str) -> int:
    value = findings.get(kind, {}).get("count", 0)
    return value if isinstance(value, int) else 0
