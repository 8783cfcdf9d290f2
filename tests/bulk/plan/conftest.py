"""A local server with 60 persons, and a client of it that retries at once; some modules have their own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from asyncclient import Limits, PostHogClient, RateLimits, RetryPolicy
from asyncclient.testing import LocalPostHog


@pytest.fixture(autouse=True)
def second_looks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Confirm absences at once: these tests are about results, not times."""
    monkeypatch.setattr("bulk.posthog.person_reader.CONFIRM_AFTER_S", 0.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of a plan in a folder of its own."""
    folder = tmp_path / "plans"
    folder.mkdir()
    return folder / "erase.plan.jsonl"


@pytest.fixture
async def server() -> AsyncIterator[LocalPostHog]:
    async with LocalPostHog(persons=60, seed=1) as running:
        yield running


@pytest.fixture
async def client(server: LocalPostHog) -> AsyncIterator[PostHogClient]:
    async with PostHogClient(
        host=server.url,
        personal_api_key=server.personal_api_key,
        project_id=1,
        limits=Limits(RateLimits.off()),
        retry=RetryPolicy(base_s=0.0),
    ) as opened:
        yield opened
