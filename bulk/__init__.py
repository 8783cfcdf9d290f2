"""Erase, clean or change many PostHog persons, with proof: plan, run, resume, verify, report.

The same pair of calls starts a job and resumes it after any interruption:

    plan = await make_plan(client, DeletePersons(), ByDistinctIds("leavers.txt"), "erase.plan.jsonl", reuse=True)
    report = await run_job(client, plan, "erase.journal.jsonl", approve=plan.digest)

Names are imported when they are first used, so that the command line can show its help without the engine.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bulk.engine import plan_reappeared, run_job, verify_job
    from bulk.errors import BreakerOpened, BulkError, FileTrouble, JournalBusy, NotFinished, Refused
    from bulk.events import JobEvent, PlanEvent, PlanProgress
    from bulk.jobs.shred import Shredded, shred_job
    from bulk.operations import (
        DeleteEvents,
        DeletePersons,
        DeleteRecordings,
        Operation,
        RouteChoice,
        Rows,
        UnsetProperties,
        UpdatePerPerson,
        UpdateProperties,
    )
    from bulk.plan.plan_file import Plan, load_plan
    from bulk.plan.plan_lines import PlanFooter, PlanHeader, RecordingNote, Target
    from bulk.plan.planner import make_plan
    from bulk.property_checks import DesiredProperties
    from bulk.report.find import find_persons, find_request
    from bulk.report.load import read_report
    from bulk.report.receipt import Receipt
    from bulk.report.report import Report
    from bulk.requests.due_dates import DueCount
    from bulk.requests.job_record import JobRecord
    from bulk.selection.conditions.protection import Protect
    from bulk.selection.conditions.query_selections import ByActivity, ByQuery
    from bulk.selection.selections import ByDistinctIds, ByEmails, ByFilter, ByPersonIds, ByRequests, Selection, Source
    from bulk.selection.values.row_lines import EmptyIs
    from bulk.selection.values.row_selection import ByRows, RowSource, open_rows
    from bulk.undo.revert import plan_revert

_HOME = {
    "BreakerOpened": "errors",
    "BulkError": "errors",
    "ByActivity": "selection.conditions.query_selections",
    "ByDistinctIds": "selection.selections",
    "ByEmails": "selection.selections",
    "ByFilter": "selection.selections",
    "ByPersonIds": "selection.selections",
    "ByQuery": "selection.conditions.query_selections",
    "ByRequests": "selection.selections",
    "ByRows": "selection.values.row_selection",
    "DeleteEvents": "operations",
    "DeletePersons": "operations",
    "DeleteRecordings": "operations",
    "DesiredProperties": "property_checks",
    "DueCount": "requests.due_dates",
    "EmptyIs": "selection.values.row_lines",
    "FileTrouble": "errors",
    "find_persons": "report.find",
    "find_request": "report.find",
    "JobEvent": "events",
    "JobRecord": "requests.job_record",
    "JournalBusy": "errors",
    "load_plan": "plan.plan_file",
    "make_plan": "plan.planner",
    "NotFinished": "errors",
    "open_rows": "selection.values.row_selection",
    "Operation": "operations",
    "Plan": "plan.plan_file",
    "plan_reappeared": "engine",
    "plan_revert": "undo.revert",
    "PlanEvent": "events",
    "PlanFooter": "plan.plan_lines",
    "PlanHeader": "plan.plan_lines",
    "PlanProgress": "events",
    "Protect": "selection.conditions.protection",
    "read_report": "report.load",
    "Receipt": "report.receipt",
    "RecordingNote": "plan.plan_lines",
    "Refused": "errors",
    "Report": "report.report",
    "RouteChoice": "operations",
    "Rows": "operations",
    "RowSource": "selection.values.row_selection",
    "run_job": "engine",
    "Selection": "selection.selections",
    "shred_job": "jobs.shred",
    "Shredded": "jobs.shred",
    "Source": "selection.selections",
    "Target": "plan.plan_lines",
    "UnsetProperties": "operations",
    "UpdatePerPerson": "operations",
    "UpdateProperties": "operations",
    "verify_job": "engine",
}

__all__ = [
    "BreakerOpened",
    "BulkError",
    "ByActivity",
    "ByDistinctIds",
    "ByEmails",
    "ByFilter",
    "ByPersonIds",
    "ByQuery",
    "ByRequests",
    "ByRows",
    "DeleteEvents",
    "DeletePersons",
    "DeleteRecordings",
    "DesiredProperties",
    "DueCount",
    "EmptyIs",
    "FileTrouble",
    "JobEvent",
    "JobRecord",
    "JournalBusy",
    "NotFinished",
    "Operation",
    "Plan",
    "PlanEvent",
    "PlanFooter",
    "PlanHeader",
    "PlanProgress",
    "Protect",
    "Receipt",
    "RecordingNote",
    "Refused",
    "Report",
    "RouteChoice",
    "RowSource",
    "Rows",
    "Selection",
    "Shredded",
    "Source",
    "Target",
    "UnsetProperties",
    "UpdatePerPerson",
    "UpdateProperties",
    "find_persons",
    "find_request",
    "load_plan",
    "make_plan",
    "open_rows",
    "plan_reappeared",
    "plan_revert",
    "read_report",
    "run_job",
    "shred_job",
    "verify_job",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'bulk' has no attribute {name!r}")
    return getattr(import_module(f"bulk.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
