"""Who ordered a job, when and why; what it does to which persons; what is due when. Pure."""

import json
from collections.abc import Iterator
from typing import Any

from bulk.formatting import count_of, format_count, format_time
from bulk.operations import describe as describe_operation
from bulk.report.parts.copies import CopyReport
from bulk.report.rendering.document import Block, Commands, Row, Section, Table
from bulk.report.rendering.sections.request_rows import SHREDDED, due_table_rows
from bulk.report.report import Report, is_finished
from bulk.requests.job_record import JobRecord
from bulk.selection.selections import describe as describe_selection

NOT_RECORDED = "not recorded"
IN_EACH_ROW = "in each row of the requests"
_REDACTED = "left out of this report"
_WITHOUT_PLAN = "This report was made without the plan, so it identifies no person."
_NUMBERS_NOTE = "Persons are numbered from 0, in the order of the plan; lines from 1, in the order of the input."
_WHO_NOTE = "posthog-bulk show PLAN --target N shows the person with number N."
_RESUME = ("To resume (or the command that started the job)", "posthog-bulk run PLAN")


def record_section(report: Report) -> Section:
    """Return who ordered the job, approved it and ran it, when, and why."""
    record = report.record or JobRecord()
    missing = IN_EACH_ROW if report.selection.get("kind") == "requests" else NOT_RECORDED
    rows: list[Row] = [
        ("Operator", record.operator or NOT_RECORDED),
        ("Reason", record.reason or NOT_RECORDED),
        ("Approver", record.approver or NOT_RECORDED),
        ("Reference", record.reference or missing),
        ("Received", record.received or missing),
        ("Planned", _time(report.planned_at)),
        ("Approved", _approved(report)),
        ("Job started", _time(report.opened_at)),
        ("Last activity", _time(report.last_entry_at)),
        *(_copy(copy) for copy in report.copies),
        *([("Plan destroyed", _time(report.shredded_at))] if report.shredded_at else []),
    ]
    return Section(title="Who, when and why", blocks=(Table(headings=(), rows=tuple(rows)),))


def operation_section(report: Report) -> Section:
    """Return the operation and the selection in words, and the input."""
    project = str(report.project_id)
    if report.plan is not None:
        project += f" ({report.plan.project_name})"
    rows: list[Row] = [
        ("Operation", describe_operation(report.operation)),
        *_new_values(report),
        ("Selection", _selection(report)),
        *_query(report),
        *_input(report),
        *_without_person(report),
        ("Persons", format_count(report.count)),
        ("Host", report.host),
        ("Project", project),
    ]
    blocks: list[Block] = [Table(headings=(), rows=tuple(rows)), _NUMBERS_NOTE]
    blocks.append(_WITHOUT_PLAN if report.plan is None else _WHO_NOTE)
    if report.shredded_at is not None:
        blocks.append(SHREDDED)
    elif not is_finished(report):
        blocks.append(Commands(lines=(_RESUME,)))
    return Section(title="What was ordered", blocks=tuple(blocks))


def due_section(report: Report) -> Section | None:
    """Return what is due when; None for a job without a date of receipt."""
    if not report.due:
        return None
    rows = tuple(due_table_rows(report.due))
    headings = ("Due on", "Requests", "Open", "State", "Done late", "Weekend purges left")
    caption = f"Requests by due date, as of {_time(report.last_entry_at)}"
    note = "A request is due one month after its receipt (Art. 12(3) GDPR)."
    table = Table(headings=headings, rows=rows, numeric=frozenset({1, 2, 5}), caption=caption)
    return Section(title="What is due when", blocks=(note, table))


def _copy(copy: CopyReport) -> Row:
    gaps = [f"{format_count(copy.missing)} were gone"] if copy.missing else []
    gaps += [f"{format_count(copy.unread)} could not be read"] if copy.unread else []
    of_whom = f" ({', '.join(gaps)})" if gaps else ""
    said = f"{_time(copy.at)}, with {count_of(copy.persons, 'person')}{of_whom}; SHA-256 {copy.sha256}"
    return "Copy for handing out made", said


def _approved(report: Report) -> str:
    if report.approved_at is None:
        return "no"
    approved = _time(report.approved_at)
    return f"{approved}, for the approval digest below" if report.approved_how == "digest" else approved


def _selection(report: Report) -> str:
    values = None if report.plan is None else report.plan.values
    return describe_selection(report.selection if values is None else values.selection or report.selection)


def _new_values(report: Report) -> Iterator[Row]:
    """Yield the values that an update sets; a redacted report has only the keys, which are in the operation."""
    values = None if report.plan is None else report.plan.values
    properties = None if values is None else values.operation.get("properties")
    if isinstance(properties, dict):
        for key, value in properties.items():
            yield f"New value of {key}", _json(value)


def _query(report: Report) -> Iterator[Row]:
    values = None if report.plan is None else report.plan.values
    query = None if values is None else values.selection.get("query")
    if isinstance(query, str):
        yield "Query", " ".join(query.split())
        assert values is not None
        if given := values.selection.get("values"):
            yield "Values of the query", _json(given)


def _input(report: Report) -> Iterator[Row]:
    if report.plan is None or report.selection.get("kind") not in ("distinct_ids", "person_ids", "emails", "requests"):
        return
    values = report.plan.values
    if values is None:
        yield "Input file", _REDACTED
        return
    if values.input_file is not None:
        yield "Input file", values.input_file
    if values.input_sha256 is not None:
        yield "SHA-256 of the input", values.input_sha256.removeprefix("sha256:")
    if report.input is not None and report.input.lines:
        yield "Input lines", format_count(report.input.lines)


def _without_person(report: Report) -> Iterator[Row]:
    """Yield how many lines have no person, since when that is known, and who confirmed it."""
    found = report.input
    if found is None or not found.expected:
        return
    by = f" by {found.expected_by}" if found.expected_by else ""
    confirmed = f"confirmed{by} at {_time(found.expected_at)}"
    held = f"PostHog held no person for {count_of(found.expected, 'line')}"
    yield "Lines without a person", f"{held}, checked at {_time(report.planned_at)}; {confirmed}"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _time(when: str | None) -> str:
    return format_time(when, seconds=True)
