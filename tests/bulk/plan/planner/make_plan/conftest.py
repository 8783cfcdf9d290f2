"""A local server with 1,200 persons, and a client of it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from asyncclient import PostHogClient
from asyncclient.testing import LocalPostHog, ServerOptions
from tests.bulk.plan.planner.make_plan.plans import client_of


@pytest.fixture
async def server() -> AsyncIterator[LocalPostHog]:
    async with LocalPostHog(persons=1200, seed=3, options=ServerOptions(project_name="Acme")) as running:
        yield running


@pytest.fixture
async def client(server: LocalPostHog) -> AsyncIterator[PostHogClient]:
    async with client_of(server) as opened:
        yield opened


@pytest.fixture
def plan_path(tmp_path: Path) -> Path:
    return tmp_path / "x.plan.jsonl"
