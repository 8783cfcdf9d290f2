"""A journal belongs to one job; the refusal names what differs (guarantee 6)."""

from typing import Any

import msgspec
import pytest

from bulk.errors import Refused
from bulk.journal.binding import check_binding
from bulk.journal.records import FORMAT, JobOpened
from bulk.plan.plan_file import FORMAT as PLAN_FORMAT
from bulk.plan.plan_file import Plan, PlanHeader

OPENED = JobOpened(
    format=FORMAT,
    job="j",
    host="https://eu.posthog.com",
    project=42,
    operation={"name": "delete_persons", "delete_events": True},
    selection={"kind": "everyone"},
    plan_digest="sha256:1",
    count=7,
    planned_at="2026-11-23T12:00:00Z",
    at=1.0,
)


def plan() -> Plan:
    header = PlanHeader(
        format=PLAN_FORMAT,
        project_id=42,
        project_name="P",
        host="https://eu.posthog.com",
        operation={"name": "delete_persons", "delete_events": True},
        selection={},
        created_at="2026-11-23T12:00:00Z",
        version="1",
    )
    made: Any = Plan.__new__(Plan)
    made.header, made.digest, made.count = header, "sha256:1", 7
    return made  # type: ignore[no-any-return]


def test_the_journal_of_the_plan_is_accepted() -> None:
    check_binding("x", OPENED, plan())


@pytest.mark.parametrize(
    ("field", "value", "name"),
    [
        ("host", "https://us.posthog.com", "host"),
        ("project", 43, "project"),
        ("operation", {"name": "delete_persons", "delete_events": False}, "operation"),
        ("plan_digest", "sha256:2", "plan digest"),
        ("count", 8, "count"),
        ("planned_at", "2026-11-23T12:00:01Z", "time of planning"),
    ],
)
def test_a_journal_of_another_job_is_refused_with_what_differs(field: str, value: Any, name: str) -> None:
    with pytest.raises(Refused, match=f"its {name} is"):
        check_binding("x", msgspec.structs.replace(OPENED, **{field: value}), plan())
