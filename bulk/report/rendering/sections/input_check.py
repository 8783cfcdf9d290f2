"""The input check of the plan. Pure."""

from typing import Any

from bulk.formatting import count_of, format_time
from bulk.report.rendering.document import Block, Section, Table
from bulk.report.rendering.findings import discovery_sentences, finding_rows, finding_sentences, orphan_sentences
from bulk.report.report import Report
from bulk.selection.input_findings import by_kind
from bulk.selection.inputs.coverage import coverage_of


def input_section(report: Report) -> Section | None:
    """Return what the plan found in its input, by line number; None without the plan."""
    if report.plan is None:
        return None
    findings = by_kind(report.plan.findings)
    sentences = (
        f"The plan was made at {format_time(report.plan.created_at, seconds=True)}.{_planning_requests(findings)}",
        *discovery_sentences(findings),
        *finding_sentences(findings),
        *orphan_sentences(report.operation, report.selection, coverage_of(findings)),
    )
    table: Block = Table(
        headings=("Finding", "Count", "Person numbers" if "revert" in findings else "Line numbers"),
        rows=tuple(finding_rows(findings)),
        numeric=frozenset({1}),
        caption="Findings about the input",
    )
    return Section(title="Input check", blocks=(*sentences, table))


def _planning_requests(findings: dict[str, Any]) -> str:
    requests = findings.get("requests")
    if not isinstance(requests, dict):
        return ""
    return f" Planning sent {count_of(int(requests.get('count', 0)), 'request')}."
