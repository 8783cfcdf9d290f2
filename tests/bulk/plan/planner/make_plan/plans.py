"""A client of a server, and what plans hold and leave behind."""

from pathlib import Path
from typing import Any
from uuid import UUID

from asyncclient import Limits, PostHogClient, PropertyFilter, RateLimits
from asyncclient.testing import LocalPostHog
from bulk.operations import DeletePersons
from bulk.plan.plan_file import Plan
from bulk.selection.selections import ByFilter

OPERATION = DeletePersons(delete_events=True)
FREE = ByFilter(properties=(PropertyFilter("plan", "free"),))


def client_of(server: LocalPostHog, **settings: Any) -> PostHogClient:
    settings.setdefault("limits", Limits(RateLimits.off()))
    settings.setdefault("project_id", server.project_id)
    return PostHogClient(host=server.url, personal_api_key=server.personal_api_key, **settings)


def known_by(plan: Plan) -> list[str | None]:
    return [target.distinct_id for target in plan.iter()]


def uuids(plan: Plan) -> list[UUID]:
    return [target.uuid for target in plan.iter()]


def left_behind(plan_path: Path) -> list[Path]:
    return list(plan_path.parent.iterdir())


def view(server: LocalPostHog, distinct_id: str) -> UUID:
    found = server.world.uuid_of(distinct_id)
    assert found is not None
    return UUID(str(found))
