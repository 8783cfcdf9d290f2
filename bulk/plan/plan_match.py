"""Decides whether an existing plan is for an operation and a selection, the content of its input included."""

import json
from pathlib import Path
from typing import Any

import msgspec

from bulk.errors import Refused
from bulk.files.content_meter import InputContent
from bulk.files.json_lines import encode_line
from bulk.formatting import count_of, format_count
from bulk.operations import Operation, to_dict
from bulk.plan.plan_file import Plan
from bulk.plan.plan_lines import PlanHeader
from bulk.property_checks import equal
from bulk.requests.job_record import JobRecord
from bulk.selection.input_lines import read_content
from bulk.selection.selections import Selection


class ChangedInput(Refused):
    """The input of a selection holds something else than when the plan was made."""


class JobIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """What a job is, apart from the content of its input, in the form in which a plan's header holds it.

    Arguments:
        operation: the operation with its parameters.
        details: the selection with its values.
        host: the origin of the server.
        project_id: the project.
    """

    operation: dict[str, Any]
    details: dict[str, Any]
    host: str
    project_id: int

    def __repr__(self) -> str:  # the operation and the selection may hold personal data
        return f"JobIdentity(host={self.host!r}, project_id={self.project_id})"


def identity_of(operation: Operation, selection: Selection, *, host: str, project_id: int) -> JobIdentity:
    """Return the identity of a job for these arguments."""
    return JobIdentity(
        operation=_as_json(to_dict(operation)),
        details=_as_json(selection.details()),
        host=host,
        project_id=project_id,
    )


def has_identity(header: PlanHeader, identity: JobIdentity) -> bool:
    """Return whether a plan is for this job, as far as its header says."""
    return (
        header.project_id == identity.project_id
        and header.host == identity.host
        and equal(header.operation, identity.operation)
        and equal(header.selection.get("details"), identity.details)
    )


def check_plan_matches(plan: Plan, operation: Operation, selection: Selection | None) -> None:
    """Check that an existing plan is for this operation and selection; this reads the selection's input.

    Arguments:
        plan: the existing plan.
        operation: the operation requested.
        selection: the selection requested; None to accept that of the plan.

    Raises:
        Refused: the plan is for another operation or selection.
        ChangedInput: the input has changed since the plan was made.
        FileTrouble: the input cannot be read.
    """
    if not equal(plan.header.operation, _as_json(to_dict(operation))):
        raise _other(plan.path, "operation")
    if selection is None:
        return
    if not equal(plan.header.selection.get("details"), _as_json(selection.details())):
        raise _other(plan.path, "selection")
    if plan.content is None:
        return  # a filter, or a plan of a version that did not record the content
    now = read_content(selection)
    if now is not None and now != plan.content:
        raise ChangedInput(
            f"{describe_change(_details(plan.header), plan.content, now)} ({plan.path})",
            "run that plan for the persons that it lists, or name another plan file for those of the changed input",
        )


def check_record_matches(plan: Plan, record: JobRecord) -> None:
    """Check that an existing plan records the same as is given now; nothing given is accepted, and so is any approver.

    Raises:
        Refused: it records another operator, reason, reference or day.
    """
    given = msgspec.structs.replace(record, approver=None)
    planned = msgspec.structs.replace(plan.header.record or JobRecord(), approver=None)
    if not given.is_empty and given != planned:
        raise Refused(
            f"the existing plan {plan.path} records another operator, reason, reference or day of receipt",
            "leave these options out to use it, or name another plan file",
        )


def describe_change(details: dict[str, Any], planned: InputContent | None, now: InputContent) -> str:
    """Return how an input differs from that of a plan, in words.

    Arguments:
        details: the selection, as the plan's header holds it.
        planned: the content then; None where the plan does not record it.
        now: the content now.
    """
    name = _input_name(details)
    if planned is None:
        return f"{name} cannot be compared with that of the plan, which was made by an earlier version"
    changed = f"{name} changed since the plan was made: "
    difference = planned.difference(now)
    if difference is not None and (difference.added or difference.removed):
        least = "" if difference.is_exact else "at least "
        parts = ((difference.added, "added"), (difference.removed, "removed"))
        changes = " and ".join(f"{least}{count_of(count, 'line')} {what}" for count, what in parts if count)
        return f"{changed}{changes} ({format_count(planned.lines)} then, {format_count(now.lines)} now)"
    if difference is not None:
        return f"{changed}the same {count_of(now.lines, 'line')} in another order or format"
    if planned.lines == now.lines:
        return f"{changed}{count_of(now.lines, 'line')} as then, but not the same"
    return f"{changed}{count_of(planned.lines, 'line')} then, {format_count(now.lines)} now"


def _input_name(details: dict[str, Any]) -> str:
    if isinstance(file := details.get("file"), str):
        return file
    return "standard input" if details.get("input") == "stream" else "the list of values"


def _details(header: PlanHeader) -> dict[str, Any]:
    details = header.selection.get("details")
    return details if isinstance(details, dict) else {}


def _other(path: Path, part: str) -> Refused:
    return Refused(
        f"the existing plan {path} is for another {part}",
        "name another plan file, or give the options that the plan was made with",
    )


def _as_json(value: Any) -> Any:
    return json.loads(encode_line(value))
