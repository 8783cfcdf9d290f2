"""The copy of a plan's persons lacks no person and no distinct ID because one response leaves it out (guarantee 11)."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from changed_responses import Body, rewrite

from asyncclient import Limits, PostHogClient, PostHogError, RateLimits, RetryPolicy
from asyncclient.testing import Fault, LocalPostHog
from bulk import ByDistinctIds, DeletePersons, make_plan
from bulk.jobs.plan_copy import PlanPersons, export_plan

MANY = [f"many-{number:02}" for number in range(14)]


class Copying:
    """A plan for three persons; the second has 14 distinct IDs."""

    def __init__(self, server: LocalPostHog, client: PostHogClient, plan: Any) -> None:
        self.server = server
        self.client = client
        self._plan = plan

    async def copy(self) -> tuple[list[int], PlanPersons]:
        """Return how many distinct IDs each person of the copy has, and what became of the targets."""
        found = PlanPersons()
        lines = [line async for line in export_plan(self.client, self._plan, found, retry_for_s=0.0)]
        return [len(json.loads(line)["distinct_ids"]) for line in lines], found


@pytest.fixture
async def copying(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Copying]:
    monkeypatch.setattr("bulk.posthog.person_reader.CONFIRM_AFTER_S", 0.0)
    async with LocalPostHog(persons=0) as server:
        for ids in (["one"], MANY, ["two"]):
            server.world.add_person(ids, {"plan": "pro"})
        async with PostHogClient(
            host=server.url,
            personal_api_key=server.personal_api_key,
            project_id=1,
            limits=Limits(RateLimits.off()),
            retry=RetryPolicy(attempts=1),
        ) as client:
            selection = ByDistinctIds(["one", "many-03", "two"])
            with await make_plan(client, DeletePersons(), selection, tmp_path / "plan.jsonl") as plan:
                yield Copying(server, client, plan)


def change_first(server: LocalPostHog, action: str, times: int, change: Callable[[Body], Body]) -> None:
    """Change the first responses to a call."""
    left = [times]

    def changed(name: str, body: Body) -> Body | None:
        if name != action or not left[0]:
            return None
        left[0] -= 1
        return change(body)

    rewrite(server, changed)


@pytest.mark.parametrize("kept", [0, 1, 2])
async def test_persons_that_one_batch_read_leaves_out_are_in_the_copy(copying: Copying, kept: int) -> None:
    change_first(copying.server, "batch_by_uuids", 1, lambda body: {"results": dict([*body["results"].items()][:kept])})
    counts, found = await copying.copy()
    assert (counts, found.missing, found.unread) == ([1, 14, 1], [], [])


async def test_a_404_for_a_person_that_a_batch_read_shows_is_not_believed(copying: Copying) -> None:
    copying.server.faults.add(Fault("status", status=404, action="retrieve", times=1))
    counts, found = await copying.copy()
    assert (counts, found.missing, found.unread) == ([1, 14, 1], [], [])


async def test_a_person_that_is_deleted_meanwhile_is_missing(copying: Copying) -> None:
    copying.server.faults.add(Fault("status", status=404, action="retrieve"))
    counts, found = await copying.copy()
    assert (counts, found.missing, found.unread) == ([1, 1], [1], [])


@pytest.mark.parametrize(("times", "counts", "unread"), [(1, [1, 14, 1], []), (2, [1, 1], [1])])
async def test_a_read_that_shows_fewer_distinct_ids_than_the_batch_read_is_not_taken(
    copying: Copying, times: int, counts: list[int], unread: list[int]
) -> None:
    change_first(copying.server, "retrieve", times, lambda body: {**body, "distinct_ids": body["distinct_ids"][:3]})
    copied, found = await copying.copy()
    assert (copied, found.missing, found.unread) == (counts, [], unread)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("intermediary", sender="login_page_200", times=1),
        Fault("page", page="json", times=1),
        Fault("cut_body", times=1),
        Fault("status", status=409, times=1),
        Fault("status", status=503, times=1),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}",
)
@pytest.mark.parametrize("action", ["batch_by_uuids", "retrieve"])
async def test_no_response_that_is_no_answer_makes_a_person_missing(copying: Copying, fault: Any, action: str) -> None:
    copying.server.faults.add(msgspec.structs.replace(fault, action=action))
    try:
        counts, found = await copying.copy()
    except PostHogError:
        return
    assert not found.missing
    assert len(counts) + len(found.unread) == 3
