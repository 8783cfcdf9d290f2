"""Erase, clean or change many PostHog persons, with proof: plan, run, resume, verify, report.

Names are imported when they are first used, so that the command line can show its help without the engine.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bulk.engine import run_job, verify_job
    from bulk.errors import BreakerOpened, BulkError, FileTrouble, JournalBusy, NotFinished, Refused
    from bulk.operations import (
        DeleteEvents,
        DeletePersons,
        DeleteRecordings,
        Operation,
        RouteChoice,
        UnsetProperties,
        UpdateProperties,
    )
    from bulk.plan import Plan, load_plan
    from bulk.plan_lines import PlanFooter, PlanHeader, Target
    from bulk.planner import make_plan
    from bulk.progress import JobEvent, PlanProgress
    from bulk.report import Report
    from bulk.reporting import read_report
    from bulk.selection import ByDistinctIds, ByEmails, ByFilter, ByPersonIds, Selection, Source

_HOME = {
    "BreakerOpened": "errors",
    "BulkError": "errors",
    "ByDistinctIds": "selection",
    "ByEmails": "selection",
    "ByFilter": "selection",
    "ByPersonIds": "selection",
    "DeleteEvents": "operations",
    "DeletePersons": "operations",
    "DeleteRecordings": "operations",
    "FileTrouble": "errors",
    "JobEvent": "progress",
    "JournalBusy": "errors",
    "NotFinished": "errors",
    "Operation": "operations",
    "Plan": "plan",
    "PlanFooter": "plan_lines",
    "PlanHeader": "plan_lines",
    "PlanProgress": "progress",
    "Refused": "errors",
    "Report": "report",
    "RouteChoice": "operations",
    "Selection": "selection",
    "Source": "selection",
    "Target": "plan_lines",
    "UnsetProperties": "operations",
    "UpdateProperties": "operations",
    "load_plan": "plan",
    "make_plan": "planner",
    "read_report": "reporting",
    "run_job": "engine",
    "verify_job": "engine",
}

__all__ = [
    "BreakerOpened",
    "BulkError",
    "ByDistinctIds",
    "ByEmails",
    "ByFilter",
    "ByPersonIds",
    "DeleteEvents",
    "DeletePersons",
    "DeleteRecordings",
    "FileTrouble",
    "JobEvent",
    "JournalBusy",
    "NotFinished",
    "Operation",
    "Plan",
    "PlanFooter",
    "PlanHeader",
    "PlanProgress",
    "Refused",
    "Report",
    "RouteChoice",
    "Selection",
    "Source",
    "Target",
    "UnsetProperties",
    "UpdateProperties",
    "load_plan",
    "make_plan",
    "read_report",
    "run_job",
    "verify_job",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'bulk' has no attribute {name!r}")
    return getattr(import_module(f"bulk.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
