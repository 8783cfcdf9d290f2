"""Persons that PostHog's own SDK makes, changed by the engine, read back by every read there is (contract 12)."""

import asyncio
import os
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from posthog import Posthog

from asyncclient import Limits, Person, PostHogClient, RateLimits
from asyncclient.testing import LocalPostHog, ServerOptions
from bulk import ByDistinctIds, Report, UnsetProperties, UpdateProperties, make_plan, run_job

pytestmark = pytest.mark.slow

COUNT = 1_000 if os.environ.get("POSTHOG_BULK_SLOW") == "1" else 400
WAIT_S = 5.0
"""What is not as asked by then never will be: the server lags behind in nothing here."""
BY_REST = range(0, COUNT, 8)
NAMES = [f"sdk-{number}" for number in range(COUNT)]


def make_persons(url: str, token: str, failures: list[Any]) -> None:
    """Persons as an application makes them; every tenth gets a second distinct id."""
    sdk = Posthog(token, host=url, flush_at=100, flush_interval=0.01, gzip=True, on_error=failures.append)
    try:
        for number, name in enumerate(NAMES):
            properties = {"number": number, "plan": "free", "email": f"{name}@example.com"}
            if number % 2:
                sdk.set(distinct_id=name, properties=properties)
            else:
                sdk.capture("signed up", distinct_id=name, properties={"$set": properties})
            if number % 10 == 0:
                sdk.alias(previous_id=name, distinct_id=f"alias-{number}")
    finally:
        sdk.shutdown()


async def everybody(client: PostHogClient) -> list[dict[UUID, Person]]:
    """All persons by each way to read them: listed, one by one, by UUID, by distinct id."""
    listed = {person.uuid: person async for person in client.persons.iter(page_size=300)}
    one_call_per_person = [await client.persons.get(uuid) for uuid in listed]
    by_uuid: dict[UUID, Person] = {}
    by_name: dict[UUID, Person] = {}
    uuids = list(listed)
    for start in range(0, COUNT, 200):
        by_uuid |= await client.persons.batch_by_uuids(uuids[start : start + 200])
        found = await client.persons.batch_by_distinct_ids(NAMES[start : start + 200])
        by_name |= {person.uuid: person for person in found.values()}
    return [listed, {person.uuid: person for person in one_call_per_person}, by_uuid, by_name]


def expected(number: int, changes: dict[str, Any], *without: str) -> dict[str, Any]:
    properties = {"number": number, "plan": "free", "email": f"sdk-{number}@example.com"} | changes
    return {key: value for key, value in properties.items() if key not in without}


class Stage:
    """The server, the client, and where plans and journals go."""

    def __init__(self, server: LocalPostHog, client: PostHogClient, folder: Path) -> None:
        self.server = server
        self.client = client
        self.folder = folder
        self._jobs = 0

    async def job(self, operation: Any, names: list[str]) -> Report:
        self._jobs += 1
        path = self.folder / f"{self._jobs}.plan.jsonl"
        plan = await make_plan(self.client, operation, ByDistinctIds(names), path)
        report = await run_job(self.client, plan, path.with_suffix(".journal"), approve=plan.digest, wait_s=WAIT_S)
        assert report.exit_code == 0
        assert sum(each.targets for each in report.routes) == len(names)
        return report

    async def agrees(self, properties: dict[str, dict[str, Any]]) -> None:
        """Find that world and reads tell the same of everybody."""
        world = self.server.world
        assert world.count() == COUNT
        whose = {world.uuid_of(name): name for name in NAMES}
        assert len(whose) == COUNT
        for uuid, name in whose.items():
            assert uuid is not None
            person = world.person(uuid)
            assert person is not None
            assert person.properties == properties[name]
            more = (f"alias-{name[4:]}",) if name.endswith("0") else ()
            assert person.distinct_ids == (name, *more)
        for read in await everybody(self.client):
            assert {whose[uuid]: person.properties for uuid, person in read.items()} == properties
            assert {uuid: person.distinct_ids[0] for uuid, person in read.items()} == whose


async def test_the_engine_changes_persons_that_the_sdk_created(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bulk.verification.completion_poller.WAITS_S", (0.0,))
    async with LocalPostHog(options=ServerOptions(era="queued")) as server:
        failures: list[Any] = []
        await asyncio.to_thread(make_persons, server.url, server.project_api_key, failures)
        assert failures == []
        assert set(server.request_counts) == {"capture"}
        limits = Limits(RateLimits.off())
        key = server.personal_api_key
        async with PostHogClient(host=server.url, project_id=1, personal_api_key=key, limits=limits) as client:
            stage = Stage(server, client, tmp_path)
            await stage.agrees({name: expected(at, {}) for at, name in enumerate(NAMES)})
            by_rest = [NAMES[at] for at in BY_REST]

            new = {"plan": "pro", "tags": ["a", {"b": None}]}
            await stage.job(UpdateProperties(new, route="capture"), NAMES)
            await stage.agrees({name: expected(at, new) for at, name in enumerate(NAMES)})
            assert "update" not in server.request_counts

            newer = {"plan": "trial", "since": None}
            await stage.job(UpdateProperties(newer, route="rest"), by_rest)
            assert server.request_counts["update"] == len(by_rest)
            after = {name: new | newer if name in by_rest else new for name in NAMES}
            await stage.agrees({name: expected(at, after[name]) for at, name in enumerate(NAMES)})

            await stage.job(UnsetProperties(("email", "since"), route="rest"), by_rest)
            assert server.request_counts["delete_property"] == len(by_rest) + 1
            left = {name: ("email", "since") if name in by_rest else () for name in NAMES}
            await stage.agrees({name: expected(at, after[name], *left[name]) for at, name in enumerate(NAMES)})

            await stage.job(UnsetProperties(("email", "tags", "none_has_it"), route="capture"), NAMES)
            gone = ("email", "since", "tags")
            await stage.agrees({name: expected(at, after[name], *gone) for at, name in enumerate(NAMES)})
            # one person's calls show that PostHog does not hide `none_has_it`, and no event would
            assert server.request_counts["delete_property"] == len(by_rest) + 1 + len(("tags", "none_has_it"))
