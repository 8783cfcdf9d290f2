"""Plans of a few targets, whose IDs and times follow from their numbers."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from bulk.plan.plan_file import Plan, PlanHeader, Target
from bulk.plan.plan_writer import PlanWriter

CREATED = datetime(2026, 5, 4, 3, 2, 1, 123456, tzinfo=UTC)
HEADER = PlanHeader(
    format=1,
    project_id=42,
    project_name="Größe \u2028",
    host="https://eu.posthog.com",
    operation={"kind": "delete", "delete_events": True},
    selection={"kind": "distinct_ids"},
    created_at="2026-11-23T12:00:00Z",
    version="0.1.0",
)


def uuid_of(number: int) -> UUID:
    return UUID(int=number * 0x1_0000_0001 + 7)


def write_plan(path: Path, count: int, **extra: Any) -> Plan:
    with PlanWriter.create(path, HEADER) as writer:
        for number in range(count):
            writer.add(uuid_of(number), CREATED + timedelta(seconds=number), f"id-{number}" if number % 3 else None)
        return writer.finish(**extra)


def target_of(number: int) -> Target:
    return Target(
        number=number,
        uuid=uuid_of(number),
        created_at=CREATED + timedelta(seconds=number),
        distinct_id=f"id-{number}" if number % 3 else None,
    )
