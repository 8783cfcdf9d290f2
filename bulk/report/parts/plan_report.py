"""What a plan adds to a report: the project's name, the input check, and, unless redacted, the values it was made for.

Pure.
"""

from typing import Any

import msgspec

from bulk.plan.plan_file import Plan


class PlanValues(msgspec.Struct, frozen=True, kw_only=True):
    """What identifies persons, or may: a report that is to be anonymous does not have it.

    Arguments:
        operation: with the values of the properties.
        selection: with the values of its filters, or with its query.
        input_file: the name of the input file; None for a stream, for values and for a filter.
        input_sha256: of the content of the input, as `sha256:` and hex digits; None for a filter.
    """

    operation: dict[str, Any]
    selection: dict[str, Any]
    input_file: str | None
    input_sha256: str | None

    def __repr__(self) -> str:
        return "PlanValues()"


class PlanReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the plan adds: the project's name and the findings about the input, with its line numbers.

    Arguments:
        file_digest: the plan's digest, which was approved: of all lines but the last.
        project_name: as the server returns it.
        created_at: ISO 8601 in UTC.
        findings: of the input check.
        file_sha256: of the whole file, as `sha256sum` computes it.
        values: None where the report is redacted.
    """

    file_digest: str
    project_name: str
    created_at: str
    findings: list[Any]
    file_sha256: str = ""
    values: PlanValues | None = None


def plan_report(plan: Plan, *, values: bool) -> PlanReport:
    """Return what a plan adds to a report.

    Arguments:
        plan: the plan.
        values: whether the report shows values that may identify persons.
    """
    return PlanReport(
        file_digest=plan.digest,
        project_name=plan.header.project_name,
        created_at=plan.header.created_at,
        findings=list(plan.findings),
        file_sha256=plan.file_digest,
        values=_values(plan) if values else None,
    )


def _values(plan: Plan) -> PlanValues:
    details = plan.header.selection.get("details")
    selection = details if isinstance(details, dict) else {}
    file = selection.get("file")
    return PlanValues(
        operation=plan.header.operation,
        selection=selection,
        input_file=file if isinstance(file, str) else None,
        input_sha256=None if plan.content is None else plan.content.digest,
    )
