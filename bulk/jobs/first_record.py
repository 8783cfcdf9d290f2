"""The first record of a job's journal, from its plan. Pure, but for the random name of the job."""

import secrets

from bulk.journal.records import FORMAT, JobOpened
from bulk.operations import without_values
from bulk.plan.plan_file import Plan
from bulk.report.requests import due_in
from bulk.selection.input_findings import by_kind
from bulk.selection.inputs.coverage import coverage_of


def first_record(plan: Plan, at: float) -> JobOpened:
    """Return the record that opens the job of a plan.

    Arguments:
        plan: the plan.
        at: the server's time in seconds since the epoch.
    """
    header = plan.header
    summary = header.selection.get("summary")
    return JobOpened(
        format=FORMAT,
        job=secrets.token_hex(8),
        host=header.host,
        project=header.project_id,
        operation=without_values(header.operation),
        # no values, no identifiers (guarantee 27)
        selection=summary if isinstance(summary, dict) else {},
        plan_digest=plan.digest,
        count=plan.count,
        planned_at=header.created_at,
        at=at,
        coverage=coverage_of(by_kind(plan.findings)),
        record=header.record,
        due=due_in(plan.findings),
    )
