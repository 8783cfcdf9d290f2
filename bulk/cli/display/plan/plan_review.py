"""The review of a plan: what the user reads before approving it. Reads the plan file; sends nothing."""

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import chain, repeat
from typing import Any

from bulk.cli.display.plan.cost_lines import Row, cost_rows
from bulk.cli.display.plan.own_values import VALUE_MAX, own_values_cell
from bulk.formatting import count_of, format_count, format_time
from bulk.operations import (
    DeleteEvents,
    DeletePersons,
    Operation,
    PropertyOperation,
    UnsetProperties,
    UpdatePerPerson,
    UpdateProperties,
    from_dict,
)
from bulk.operations import describe as describe_operation
from bulk.plan.plan_file import Plan, Target, short_digest
from bulk.plan.value_counts import value_totals
from bulk.report.rendering.document import Table
from bulk.report.rendering.findings import (
    discovery_sentences,
    finding_rows,
    finding_sentences,
    orphan_sentences,
)
from bulk.report.rendering.sections.request_rows import record_rows
from bulk.report.rendering.text import WIDTH, table_lines
from bulk.report.requests import due_in
from bulk.requests.due_dates import days_after, due_date, late_words, parse_received
from bulk.sanitize import file_word, plain
from bulk.selection.input_findings import by_kind
from bulk.selection.inputs.coverage import InputCoverage, coverage_of
from bulk.selection.selections import describe

SAMPLE_SIZE = 5
LINES_NAMED = 60
"""Characters of the line numbers of overdue requests up to which they are beside their count, too."""


def format_review(
    plan: Plan,
    *,
    rate_limits: str,
    batch_size: int,
    width: int = WIDTH,
    expect_unmatched: int | None = None,
    today: date | None = None,
) -> str:
    """Return the review of a plan as text.

    Arguments:
        plan: the plan.
        rate_limits: as the option --rate-limits gives them.
        batch_size: persons per bulk request.
        width: the columns that the tables may take.
        expect_unmatched: how many input lines the user expects to match no person.
        today: the day in UTC, for what is overdue; None for that of the planning.
    """
    header, findings = plan.header, by_kind(plan.findings)
    coverage = coverage_of(findings, expect_unmatched=expect_unmatched)
    operation = from_dict(header.operation)
    own = isinstance(operation, UpdatePerPerson)
    rows: list[Row] = [
        ("Plan", plain(plan.path)),
        ("Project", f"{header.project_id} ({plain(header.project_name)}) on {plain(header.host)}"),
        ("Operation", plain(describe_operation(header.operation))),
        *_value_rows(operation, findings),
        _undo_row(operation),
        ("Selected", plain(describe(header.selection.get("details", {})))),
        *_query_rows(header.selection.get("details", {})),
        *((title, plain(text, limit=None)) for title, text in record_rows(header.record)),
        *_due_rows(plan, findings, today),
        ("Persons", format_count(plan.count)),
        *_coverage_rows(coverage),
        *_planning_rows(findings),
        *cost_rows(
            operation,
            plan.count,
            rate_limits=rate_limits,
            batch_size=batch_size,
            totals=value_totals(plan.findings),
        ),
        ("Digest", f"{plan.digest} (short form: {short_digest(plan.digest)})"),
        ("SHA-256 of the file", plan.file_digest.removeprefix("sha256:")),
    ]
    sentences = (
        *discovery_sentences(findings),
        *finding_sentences(findings),
        *orphan_sentences(header.operation, header.selection.get("summary", {}), coverage),
        *_unmatched_sentences(coverage),
    )
    lines = [
        *aligned_rows(rows),
        "",
        f"Sample: {min(SAMPLE_SIZE, plan.count)} of {format_count(plan.count)}",
        *(f"  {line}" for line in table_lines(_sample(plan, own=own), width=width - 2)),
        "",
        "Input check",
        *(f"  {line}" for line in table_lines(_findings(findings), width=width - 2)),
        *(f"  {plain(sentence, limit=None)}" for sentence in sentences),
    ]
    return "\n".join(lines)


def aligned_rows(rows: list[Row]) -> Iterator[str]:
    """Return headings and texts in two columns, one line per row."""
    width = max(len(heading) for heading, _ in rows)
    return (f"{heading:<{width}}  {text}" for heading, text in rows)


def run_command_line(plan: Plan) -> str:
    """Return the command line that runs a plan."""
    return f"posthog-bulk run {file_word(str(plan.path))} --approve {short_digest(plan.digest)}"


def _value_rows(operation: Operation, findings: dict[str, Any]) -> Iterator[Row]:
    """Return the values that an update sets, or for values per person how many get or lose each property.

    Only the plan and its review contain values.
    """
    if isinstance(operation, UpdatePerPerson):
        yield from zip(chain(("Values",), repeat("")), value_count_lines(findings.get("values", {})), strict=False)
    if not isinstance(operation, UpdateProperties):
        return
    for heading, (key, value) in zip(chain(("Values",), repeat("")), operation.properties.items(), strict=False):
        text = json.dumps(value, ensure_ascii=False)
        yield heading, f"{plain(key)} = {plain(text, limit=VALUE_MAX)}"


def value_count_lines(values: dict[str, Any]) -> Iterator[str]:
    """Yield for each property how many persons get a value of their own, and how many lose it.

    Arguments:
        values: the finding of that kind.
    """
    for one in values.get("of", ()):
        parts = [f"set for {count_of(one['set'], 'person')}"] if one["set"] or not one["unset"] else []
        parts += [f"removed from {count_of(one['unset'], 'person')}"] if one["unset"] else []
        yield f"{plain(one['key'])}: {', '.join(parts)}"


def _undo_row(operation: Operation) -> Row:
    """Return whether a before-image is kept, or what cannot be undone."""
    if isinstance(operation, PropertyOperation) and operation.keep_before is not None:
        file = file_word(operation.keep_before)
        return "Before-image", f"kept in {plain(file)}; to undo: posthog-bulk revert {file} -o revert.plan.jsonl"
    return "Cannot be undone", describe_irreversible(operation)


def _query_rows(details: dict[str, Any]) -> Iterator[Row]:
    """Yield the user's own query and its values; the row Selected describes every other query."""
    query = details.get("query")
    if details.get("kind") != "query" or not isinstance(query, str):
        return
    yield "Query", plain(" ".join(query.split()), limit=None)
    for heading, (name, value) in zip(
        chain(("Query values",), repeat("")), (details.get("values") or {}).items(), strict=False
    ):
        yield heading, f"{plain(name)} = {plain(json.dumps(value, ensure_ascii=False), limit=VALUE_MAX)}"


def describe_irreversible(operation: Operation) -> str:
    """Return what an operation cannot bring back, and what it leaves for good."""
    match operation:
        case UpdateProperties() | UpdatePerPerson():
            return "the previous values are not kept; to keep them, plan with --keep-before FILE"
        case UnsetProperties():
            return "the removed values are not kept; to keep them, plan with --keep-before FILE"
        case DeletePersons():
            kept = {"events": operation.delete_events, "recordings": operation.delete_recordings}
            stay = [what for what, is_deleted in kept.items() if not is_deleted]
            if not stay:
                return "deleted persons, events and recordings do not come back"
            options = " ".join(f"--delete-{what}" for what in stay)
            return (
                f"deleted persons do not come back; their {' and '.join(stay)} stay, and cannot be deleted afterwards: "
                f"to delete them with the persons, plan with {options}"
            )
        case DeleteEvents():
            return "deleted events do not come back"
        case _:
            return "deleted recordings do not come back"


def _due_rows(plan: Plan, findings: dict[str, Any], today: date | None) -> Iterator[Row]:
    """Yield how many requests are due on which day, and how many of them are overdue."""
    days = due_in(plan.findings)
    planned = datetime.fromisoformat(plan.header.created_at).date()
    today = today or planned
    if days:
        first, last, requests = days[0].due, days[-1].due, sum(one.requests for one in days)
        until = f"from {first} to {last}" if first != last else first
        yield "Erasure requests", f"{format_count(requests)}, due {until}"
        if overdue := sum(one.requests for one in days if days_after(one.due, today)):
            by = count_of(days_after(first, today), "day")
            lines = findings.get("overdue", {})
            are_listed = bool(lines) and today == planned and len(lines["lines"]) <= LINES_NAMED
            which = f" (line{'s' * (lines['count'] != 1)} {lines['lines']})" if are_listed else ""
            if overdue == 1:
                yield "", f"1 of them is OVERDUE, by {by}{which}"
            else:
                yield "", f"{format_count(overdue)} of them are OVERDUE, by up to {by}{which}"
        latest = due_date(planned + timedelta(days=1))
        if date.fromisoformat(last) > latest:  # by a day, because the day of receipt is that of any time zone
            yield "", "received in the future: check the day of receipt of the requests that are due last"
    elif plan.header.record is not None and (received := parse_received(plan.header.record.received or "")):
        due = due_date(received).isoformat()
        late = late_words(days_after(due, today), is_done=False)
        yield "Due", f"{due}, {late}" if late else due


def _coverage_rows(coverage: InputCoverage) -> Iterator[Row]:
    if words := coverage.words():
        yield "Not covered", words
    if expected := coverage.expected_words():
        yield "As expected", expected


def _unmatched_sentences(coverage: InputCoverage) -> Iterator[str]:
    """Yield how to record that the lines without a person have none, so that the job can become complete."""
    if (count := coverage.unmatched) and not coverage.unmatched_expected:
        line, then = ("this line", "the line then counts") if count == 1 else ("these lines", "the lines then count")
        yield f"If no person should exist for {line}, add --expect-unmatched {count} to the run: {then} as covered."


def _planning_rows(findings: dict[str, dict[str, Any]]) -> Iterator[Row]:
    if "requests" in findings:
        yield "Planning", f"sent {count_of(int(findings['requests'].get('count', 0)), 'request')}"


def _sample(plan: Plan, *, own: bool) -> Table:
    return Table(
        headings=("No.", "UUID", "Created", "Distinct ID", *(["Values"] if own else [])),
        rows=tuple(
            (
                str(target.number),
                str(target.uuid),
                format_time(target.created_at),
                target.distinct_id or "",
                *([own_values_cell(plan.changes([target.number])[target.number])] if own else []),
            )
            for target in _spread(plan)
        ),
    )


def _spread(plan: Plan) -> Iterator[Target]:
    """Return a few targets at equal distances across the plan."""
    shown = min(SAMPLE_SIZE, plan.count)
    for index in range(shown):
        number = index * plan.count // shown
        yield from plan.targets(number, number + 1)


def _findings(findings: dict[str, dict[str, Any]]) -> Table:
    return Table(
        headings=("Finding", "Count", "Which" if "revert" in findings else "Lines"),
        rows=tuple(finding_rows(findings)),
        numeric=frozenset({1}),
    )
