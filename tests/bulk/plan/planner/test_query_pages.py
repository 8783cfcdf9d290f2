"""Queries of several pages: each person once, whatever the query reads and wherever its pages break off."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import anyio
import pytest
from changed_responses import after, limit_rows, rewrite

from asyncclient import Limits, ListingError, PostHogClient, RateLimits, ServerError
from asyncclient.retry import RetryPolicy
from asyncclient.testing import Fault, LocalPostHog, ServerOptions
from bulk import ByQuery, DeletePersons, PlanProgress, make_plan
from bulk.errors import InputError
from bulk.selection.input_findings import by_kind

PERSONS = 800
ROWS = 250
"""Rows of the largest page for which the server responds."""
QUERIES: dict[str, str] = {
    "persons": "SELECT id FROM persons",
    "events": "SELECT person_id FROM events -- several rows per person",
    "distinct IDs": "SELECT distinct_id FROM person_distinct_ids;",
    "a union": "SELECT id FROM persons WHERE properties.plan = 'free' UNION ALL SELECT person_id FROM events",
}


@pytest.fixture
async def server() -> AsyncIterator[LocalPostHog]:
    async with LocalPostHog(persons=PERSONS, seed=3, options=ServerOptions(seeded_events=True)) as running:
        yield running


@pytest.fixture
async def client(server: LocalPostHog) -> AsyncIterator[PostHogClient]:
    async with PostHogClient(
        host=server.url,
        personal_api_key=server.personal_api_key,
        project_id=server.project_id,
        limits=Limits(RateLimits.off()),
        retry=RetryPolicy(base_s=0.0),
    ) as opened:
        yield opened


def named(server: LocalPostHog, case: str) -> set[UUID]:
    """The persons that the server's own records name."""
    world = server.world
    meets: Callable[[Any], bool] = {
        "events": lambda uuid: bool(world.events(uuid)),
        "a union": lambda uuid: world.person(uuid).properties["plan"] == "free" or bool(world.events(uuid)),  # type: ignore[union-attr]
    }.get(case, lambda _: True)
    return {UUID(str(uuid)) for uuid in world.iter_uuids() if meets(uuid)}


def left(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


async def planned(client: PostHogClient, path: Path, case: str, **options: Any) -> tuple[str, list[UUID], int]:
    """The digest, the persons and the number of rows that the query returned."""
    selection = ByQuery(query=QUERIES[case], everyone=True)
    with await make_plan(client, DeletePersons(), selection, path, **options) as plan:
        return plan.digest, [each.uuid for each in plan.iter()], by_kind(plan.findings)["listed"]["count"]


@pytest.mark.slow
@pytest.mark.parametrize("case", QUERIES)
async def test_pages_name_each_person_once(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path, case: str
) -> None:
    whole = await planned(client, tmp_path / "a.plan.jsonl", case)
    requested = limit_rows(server, ROWS)
    in_pages = await planned(client, tmp_path / "b.plan.jsonl", case)
    assert in_pages == whole
    assert len(set(whole[1])) == len(whole[1])
    assert set(whole[1]) == named(server, case)
    assert sum(rows <= ROWS for rows in requested) >= 4


@pytest.mark.slow
@pytest.mark.parametrize("case", QUERIES)
async def test_planning_that_is_cancelled_between_two_pages_leaves_nothing_and_can_be_repeated(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path, case: str
) -> None:
    digest, *_ = await planned(client, tmp_path / "a.plan.jsonl", case)
    limit_rows(server, ROWS)
    path = tmp_path / "x.plan.jsonl"

    def stop(event: Any) -> None:
        if isinstance(event, PlanProgress) and event.targets > 200:
            scope.cancel()

    with anyio.CancelScope() as scope:
        await planned(client, path, case, on_progress=stop)
    assert (scope.cancelled_caught, path.exists()) == (True, False)
    assert (await planned(client, path, case))[0] == digest


@pytest.mark.slow
async def test_persons_that_are_deleted_and_created_between_two_pages_shift_no_page(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path
) -> None:
    before = named(server, "persons")
    requested = limit_rows(server, ROWS)
    gone, ordered = set[UUID](), sorted(before, key=str)

    def change() -> None:
        if len(requested) > 4 and len(gone) < 20:
            uuid = ordered[len(gone) * 39]
            server.world.remove_person(uuid)
            server.world.add_person([f"late-{len(gone)}"], {})
            gone.add(uuid)

    after(server, "query", change, times=100)
    _, found, _ = await planned(client, tmp_path / "x.plan.jsonl", "persons")
    assert gone
    assert before - gone <= set(found)
    assert len(found) == len(set(found))


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("status", [502, 504, 520, 524])
async def test_a_page_that_fails_is_requested_again_and_no_row_is_lost(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path, status: int
) -> None:
    whole = await planned(client, tmp_path / "a.plan.jsonl", "persons")
    limit_rows(server, ROWS)
    server.faults.add(Fault("status", action="query", status=status, after=5, times=2))
    assert await planned(client, tmp_path / "b.plan.jsonl", "persons") == whole


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("status", action="query", status=400, after=5), InputError),
        (Fault("status", action="query", status=500, after=5), ServerError),
    ],
)
async def test_pages_that_break_off_leave_no_plan(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path, fault: Fault, error: type[Exception]
) -> None:
    limit_rows(server, ROWS)
    server.faults.add(fault)
    with pytest.raises(error):
        await planned(client, tmp_path / "x.plan.jsonl", "persons", retry_for_s=0)
    assert left(tmp_path) == []


async def test_pages_that_do_not_go_on_leave_no_plan(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path
) -> None:
    def first_rows(action: str, body: dict[str, Any]) -> dict[str, Any] | None:
        return {**body, "results": sorted(body["results"], reverse=True)} if action == "query" else None

    rewrite(server, first_rows)
    with pytest.raises(ListingError, match="not in ascending order"):
        await planned(client, tmp_path / "x.plan.jsonl", "persons")
    assert not (tmp_path / "x.plan.jsonl").exists()
