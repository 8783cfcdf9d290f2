"""Planning by activity and by query against the local server: exactly the persons that its own records name."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import anyio
import pytest

from asyncclient import Limits, PermissionDenied, PostHogClient, PropertyFilter, RateLimits
from asyncclient.retry import RetryPolicy
from asyncclient.testing import LocalPostHog, ServerOptions
from bulk import ByActivity, ByQuery, DeletePersons, PlanProgress, make_plan
from bulk.errors import InputError, Refused
from bulk.plan.plan_file import Plan
from bulk.selection.input_findings import by_kind

NOW = datetime(2026, 11, 29, 19, 42, 7, tzinfo=UTC)
MIDDLE = datetime(2024, 1, 1, 2, 30, tzinfo=UTC)
TWO_YEARS = datetime(2024, 11, 29, tzinfo=UTC)
OPERATION = DeletePersons(delete_events=True)


@pytest.fixture
async def server() -> AsyncIterator[LocalPostHog]:
    options = ServerOptions(seeded_events=True)
    async with LocalPostHog(persons=600, seed=3, options=options, clock=NOW.timestamp) as running:
        yield running


def client_of(server: LocalPostHog) -> PostHogClient:
    return PostHogClient(
        host=server.url,
        personal_api_key=server.personal_api_key,
        project_id=server.project_id,
        limits=Limits(RateLimits.off()),
        retry=RetryPolicy(),
    )


@pytest.fixture
async def client(server: LocalPostHog) -> AsyncIterator[PostHogClient]:
    async with client_of(server) as opened:
        yield opened


def those(server: LocalPostHog, test: Callable[[Any, list[datetime]], bool]) -> set[UUID]:
    """The persons of whom the server's own records say so."""
    world = server.world
    return {
        UUID(str(uuid))
        for uuid in world.iter_uuids()
        if test(world.person(uuid), [event.timestamp for event in world.events(uuid)])
    }


def uuids(plan: Plan) -> list[UUID]:
    return [target.uuid for target in plan.iter()]


def left_behind(folder: Path) -> list[Path]:
    return list(folder.iterdir())


FREE = (PropertyFilter("plan", "free"),)
PRO = "SELECT id FROM persons WHERE properties.plan = {plan}"
CASES: dict[str, tuple[Any, Callable[[Any, list[datetime]], bool]]] = {
    "created before": (ByActivity(created_before=MIDDLE), lambda p, _: p.created_at < MIDDLE),
    "created after": (ByActivity(created_after=MIDDLE), lambda p, _: p.created_at >= MIDDLE),
    "identified": (ByActivity(identified=True), lambda p, _: p.is_identified),
    "anonymous": (ByActivity(identified=False), lambda p, _: not p.is_identified),
    "inactive": (ByActivity(inactive_since="730d"), lambda _, events: not any(at >= TWO_YEARS for at in events)),
    "inactive, anonymous and free": (
        ByActivity(inactive_since=TWO_YEARS, identified=False, properties=FREE),
        lambda p, events: (
            not p.is_identified and p.properties.get("plan") == "free" and not any(at >= TWO_YEARS for at in events)
        ),
    ),
    "with an email": (
        ByActivity(identified=True, email="user10@example.com"),
        lambda p, _: p.is_identified and p.properties.get("email") == "user10@example.com",
    ),
    "a query of person IDs": (ByQuery(query=PRO, values={"plan": "pro"}), lambda p, _: p.properties["plan"] == "pro"),
    "a query with a comment at its end": (
        ByQuery(query=f"{PRO} -- all of them", values={"plan": "pro"}),
        lambda p, _: p.properties["plan"] == "pro",
    ),
    "a query with a comment after its semicolon": (
        ByQuery(query=f"{PRO}; -- all of them", values={"plan": "pro"}),
        lambda p, _: p.properties["plan"] == "pro",
    ),
    "a union of queries": (
        ByQuery(
            query="SELECT id FROM persons WHERE properties.plan = 'pro' UNION ALL "
            "(SELECT person_id FROM events WHERE timestamp >= fromUnixTimestamp({at}))",
            values={"at": 1767225600},
        ),
        lambda p, events: p.properties["plan"] == "pro" or any(at >= datetime(2026, 1, 1, tzinfo=UTC) for at in events),
    ),
    "a union of distinct IDs": (
        ByQuery(
            query="SELECT distinct_id FROM person_distinct_ids WHERE distinct_id LIKE 'user-1%' UNION DISTINCT "
            "SELECT distinct_id FROM person_distinct_ids WHERE distinct_id LIKE 'user-11%'"
        ),
        lambda p, _: any(each.startswith("user-1") for each in p.distinct_ids),
    ),
    "a query of events": (
        ByQuery(
            query="SELECT person_id FROM events WHERE timestamp >= fromUnixTimestamp({at});", values={"at": 1767225600}
        ),
        lambda _, events: any(at >= datetime(2026, 1, 1, tzinfo=UTC) for at in events),
    ),
    "a query of distinct IDs": (
        ByQuery(query="SELECT distinct_id FROM person_distinct_ids WHERE distinct_id LIKE 'user-1%'"),
        lambda p, _: any(each.startswith("user-1") for each in p.distinct_ids),
    ),
    "a query with an activity and a filter": (
        ByQuery(query="SELECT id FROM persons", activity=ByActivity(created_before=MIDDLE), properties=FREE),
        lambda p, _: p.properties["plan"] == "free" and p.created_at < MIDDLE,
    ),
    "distinct IDs with an activity": (
        ByQuery(query="SELECT distinct_id FROM person_distinct_ids", activity=ByActivity(identified=False)),
        lambda p, _: not p.is_identified,
    ),
}


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("case", CASES)
async def test_a_plan_has_exactly_the_persons_that_the_records_name(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path, case: str
) -> None:
    selection, test = CASES[case]
    expected = those(server, test)
    assert 0 < len(expected) < 600
    with await make_plan(client, OPERATION, selection, tmp_path / "x.plan.jsonl", now=NOW.timestamp) as plan:
        found = uuids(plan)
        assert set(found) == expected
        assert len(found) == len(expected)
        query = selection.text if isinstance(selection, ByQuery) else selection.query()
        assert plan.header.selection["details"]["query"] == query
        assert by_kind(plan.findings)["query"]["as_of"] == NOW.isoformat()
        assert "last minutes" in by_kind(plan.findings)["query"]["lags"]


@pytest.mark.slow
async def test_the_same_data_gives_the_same_plan_whenever_planning_was_cancelled(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path
) -> None:
    selection = ByActivity(inactive_since="730d", identified=False)
    seconds = count(NOW.timestamp(), 7)  # a plan that is made again is made later
    with await make_plan(client, OPERATION, selection, tmp_path / "a.plan.jsonl", now=NOW.timestamp) as plan:
        digest = plan.digest
    total = len(server.requests)
    for requests in range(1, total + 1):
        before = len(server.requests)

        def stop(event: Any, until: int = before + requests) -> None:
            if isinstance(event, PlanProgress) and len(server.requests) >= until:
                scope.cancel()

        path = tmp_path / f"{requests}.plan.jsonl"
        with anyio.CancelScope() as scope:
            await make_plan(client, OPERATION, selection, path, now=lambda: next(seconds), on_progress=stop)
        if scope.cancelled_caught:
            assert not path.exists()
        path.unlink(missing_ok=True)
        with await make_plan(client, OPERATION, selection, path, now=lambda: next(seconds)) as plan:
            assert plan.digest == digest
            assert plan.header.created_at > NOW.isoformat()


async def test_a_person_that_the_store_lost_is_left_out_and_counted(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path
) -> None:
    lost = next(uuid for uuid in server.world.iter_uuids() if not server.world.person(uuid).is_identified)  # type: ignore[union-attr]
    server.world.orphan(lost)
    selection = ByActivity(identified=False)
    with await make_plan(client, OPERATION, selection, tmp_path / "x.plan.jsonl", now=NOW.timestamp) as plan:
        assert UUID(str(lost)) not in uuids(plan)
        assert by_kind(plan.findings)["query"]["gone"] == 1
        assert by_kind(plan.findings)["listed"]["count"] == plan.count + 1


async def test_placeholder_ids_in_the_result_of_a_query_are_left_out_unless_they_are_allowed(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path
) -> None:
    shared = server.world.add_person(["undefined"], {})
    text = "SELECT distinct_id FROM person_distinct_ids WHERE distinct_id IN ('undefined', 'user-1', 'user-2')"
    with await make_plan(client, OPERATION, ByQuery(query=text), tmp_path / "a.plan.jsonl") as plan:
        assert plan.count == 2
        assert by_kind(plan.findings)["query"]["placeholders"] == 1
    allowed = ByQuery(query=text, allow_shared_ids=True)
    with await make_plan(client, OPERATION, allowed, tmp_path / "b.plan.jsonl") as plan:
        assert UUID(str(shared)) in uuids(plan)


@pytest.mark.parametrize(
    ("query", "error", "says"),
    [
        ("SELECT id, created_at FROM persons", InputError, "'id', 'created_at': select one column"),
        ("SELECT id AS who FROM persons", InputError, "is named 'who': name it person_id or distinct_id"),
        ("SELECT created_at AS id FROM persons", Refused, "not a UUID"),
        ("SELECT distinct_id AS person_id FROM person_distinct_ids", Refused, "not a UUID"),
        ("SELECT id FROM people", InputError, "Unknown table"),
        ("SELECT id FROM persons) UNION (SELECT id FROM persons", InputError, "closes a parenthesis"),
        ("SELECT id FROM persons WHERE", InputError, "does not accept the query"),
        ("SELECT person_id AS distinct_id FROM events", Refused, "distinct_id of the query holds UUIDs"),
        ("SELECT id FROM persons WHERE properties.plan = 'none'", Refused, "no person matches"),
    ],
)
async def test_a_query_that_names_no_persons_ends_the_planning(
    client: PostHogClient, tmp_path: Path, query: str, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        await make_plan(client, OPERATION, ByQuery(query=query), tmp_path / "x.plan.jsonl")
    assert not left_behind(tmp_path)


async def test_a_key_that_must_not_query_is_told_which_scope_it_lacks(server: LocalPostHog, tmp_path: Path) -> None:
    server.reconfigure(scopes=("person:write", "project:read"))
    async with client_of(server) as client:
        for selection in (ByActivity(identified=True), ByQuery(query="SELECT id FROM persons")):
            with pytest.raises(PermissionDenied, match="query:read"):
                await make_plan(client, OPERATION, selection, tmp_path / "x.plan.jsonl")


@pytest.mark.slow
async def test_a_plan_of_many_pages_has_the_persons_of_the_records(
    tmp_path: Path, case_count: Callable[[int, int], int]
) -> None:
    persons = case_count(25_000, 100_000)
    options = ServerOptions(seeded_events=True)
    async with (
        LocalPostHog(persons=persons, options=options, clock=NOW.timestamp) as server,
        client_of(server) as client,
    ):
        since = NOW.replace(hour=0, minute=0, second=0) - timedelta(days=730)
        expected = those(server, lambda p, events: not p.is_identified and not any(at >= since for at in events))
        selection, seconds = ByActivity(inactive_since="730d", identified=False), count(NOW.timestamp(), 7)

        def stop(event: Any) -> None:
            if isinstance(event, PlanProgress) and event.targets > 1_000:
                scope.cancel()

        digests = set()
        for name in ("a", "b"):
            path = tmp_path / f"{name}.plan.jsonl"
            with anyio.CancelScope() as scope:
                await make_plan(client, OPERATION, selection, path, now=lambda: next(seconds), on_progress=stop)
            assert (scope.cancelled_caught, path.exists()) == (True, False)
            with await make_plan(client, OPERATION, selection, path, now=lambda: next(seconds)) as plan:
                assert set(uuids(plan)) == expected
                assert plan.count == len(expected)
                digests.add(plan.digest)
        assert len(digests) == 1
