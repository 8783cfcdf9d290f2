"""Planning an unset or an update: how many of the selected persons have each property, and what a name may mean."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from asyncclient import Limits, PostHogClient, PropertyFilter, RateLimits
from asyncclient.testing import Fault, LocalPostHog
from bulk import (
    ByActivity,
    ByDistinctIds,
    ByEmails,
    ByFilter,
    ByPersonIds,
    ByQuery,
    DeletePersons,
    UnsetProperties,
    UpdateProperties,
    make_plan,
)
from bulk.cli.display.plan.plan_review import format_review
from bulk.errors import Refused
from bulk.plan.plan_file import Plan
from bulk.selection.input_findings import by_kind

PERSONS = 300
FREE = (PropertyFilter("plan", "free"),)


@pytest.fixture
async def server() -> AsyncIterator[LocalPostHog]:
    async with LocalPostHog(persons=PERSONS, seed=3) as running:
        yield running


@pytest.fixture
async def client(server: LocalPostHog) -> AsyncIterator[PostHogClient]:
    async with PostHogClient(
        host=server.url,
        personal_api_key=server.personal_api_key,
        project_id=server.project_id,
        limits=Limits(RateLimits.off()),
    ) as opened:
        yield opened


def counts(plan: Plan) -> dict[str, int]:
    return {one["key"]: one["count"] for one in by_kind(plan.findings)["properties"]["of"]}


def closest(plan: Plan) -> dict[str, str | None]:
    return {one["key"]: one["closest"] for one in by_kind(plan.findings)["properties"]["of"]}


def having(server: LocalPostHog, plan: Plan, key: str) -> int:
    """How many targets have a property by the server's own records."""
    found = [server.world.person(str(target.uuid)) for target in plan.iter()]
    return sum(person is not None and key in person.properties for person in found)


def reads(server: LocalPostHog) -> list[str]:
    return [request.action for request in server.requests]


def review(plan: Plan) -> str:
    return format_review(plan, rate_limits="posthog", batch_size=250)


def some_ids() -> list[str]:
    return [f"user-{number}" for number in range(40)]


SELECTIONS: dict[str, Callable[[LocalPostHog], Any]] = {
    "distinct IDs": lambda _: ByDistinctIds(some_ids()),
    "UUIDs": lambda server: ByPersonIds([str(uuid) for uuid in server.world.iter_uuids()][:40]),
    "emails": lambda _: ByEmails([f"user{number}@example.com" for number in range(40)]),
    "emails and distinct IDs": lambda _: ByEmails(
        [f"user{number}@example.com" for number in range(40)], keys=("email", "distinct_id")
    ),
    "a filter": lambda _: ByFilter(properties=FREE),
    "everyone": lambda _: ByFilter(everyone=True),
    "an activity": lambda _: ByActivity(created_before=datetime(2024, 1, 1, 1, tzinfo=UTC)),
    "a query": lambda _: ByQuery(query="SELECT id FROM persons WHERE properties.plan = 'pro'"),
    "a query of distinct IDs": lambda _: ByQuery(
        query="SELECT distinct_id FROM person_distinct_ids WHERE distinct_id LIKE 'user-1%'"
    ),
}


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("operation", ["unset", "update"])
@pytest.mark.parametrize("selection", SELECTIONS)
async def test_each_property_is_counted_without_a_further_request(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path, operation: str, selection: str
) -> None:
    keys = ("email", "name", "plan")
    changes: Any = (
        UnsetProperties(keys=keys) if operation == "unset" else UpdateProperties(properties=dict.fromkeys(keys, "x"))
    )
    chosen = SELECTIONS[selection](server)
    with await make_plan(client, DeletePersons(), chosen, tmp_path / "delete.plan.jsonl"):
        requests = reads(server)
        server.requests.clear()
    with await make_plan(client, changes, chosen, tmp_path / "x.plan.jsonl") as plan:
        assert plan.count
        assert counts(plan) == {key: having(server, plan, key) for key in keys}
        if (operation, selection) != ("unset", "everyone"):  # which looks for the persons that have them
            assert reads(server) == requests


async def test_a_name_that_no_person_has_gets_a_warning_and_the_closest_name(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path
) -> None:
    ids = some_ids()
    operation = UnsetProperties(keys=("EMAIL", "plan", "zzz"))
    with await make_plan(client, operation, ByDistinctIds(ids), tmp_path / "x.plan.jsonl") as plan:
        assert counts(plan) == {"EMAIL": 0, "plan": having(server, plan, "plan"), "zzz": 0}
        assert closest(plan) == {"EMAIL": "email", "plan": None, "zzz": None}
        text = review(plan)
    assert "Warning: no person of the plan has the property EMAIL; did you mean email?" in text
    assert (
        "Warning: no person of the plan has the property zzz; check how it is spelled and whether PostHog hides it "
        "from the user of this key, unless update is to add it." in text
    )
    assert ["Persons", "that", "have", "plan", str(len(ids))] in [line.split() for line in text.splitlines()]
    assert reads(server).count("batch_by_uuids") == 1  # the only request for the names


async def test_an_update_of_a_property_that_no_person_has_gets_the_same_warning(
    client: PostHogClient, tmp_path: Path
) -> None:
    operation = UpdateProperties(properties={"plann": "pro"})
    with await make_plan(client, operation, ByFilter(properties=FREE), tmp_path / "x.plan.jsonl") as plan:
        assert "no person of the plan has the property plann; did you mean plan?" in review(plan)


@pytest.mark.parametrize("operation", [UnsetProperties(keys=("emial",)), UpdateProperties(properties={"emial": None})])
async def test_an_unset_by_activity_selects_all_its_persons_and_warns(
    client: PostHogClient, tmp_path: Path, operation: Any
) -> None:
    selection = SELECTIONS["an activity"](None)
    with await make_plan(client, operation, selection, tmp_path / "x.plan.jsonl") as plan:
        assert plan.count == 120
        text = review(plan)
    assert "no person of the plan has the property emial; did you mean email?" in text
    assert ["Persons", "that", "have", "emial", "0"] in [line.split() for line in text.splitlines()]


@pytest.mark.parametrize("selection", [ByFilter(everyone=True), ByFilter(properties=FREE)])
async def test_an_unset_that_selects_no_person_says_what_the_name_may_mean(
    client: PostHogClient, tmp_path: Path, selection: ByFilter
) -> None:
    with pytest.raises(Refused, match="no selected person has any of the properties") as caught:
        await make_plan(client, UnsetProperties(keys=("emial", "zzz")), selection, tmp_path / "x.plan.jsonl")
    assert caught.value.__notes__ == ["Did you mean email instead of emial?"]
    assert "email" not in str(caught.value)  # which the log has


async def test_a_server_that_cannot_return_names_does_not_fail_the_plan(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path
) -> None:
    ids = some_ids()
    server.faults.add(Fault("status", action="batch_by_uuids", status=400))
    operation = UnsetProperties(keys=("emial",))
    with await make_plan(client, operation, ByDistinctIds(ids), tmp_path / "x.plan.jsonl") as plan:
        assert (counts(plan), closest(plan)) == ({"emial": 0}, {"emial": None})


async def test_a_deletion_counts_no_property(client: PostHogClient, tmp_path: Path) -> None:
    with await make_plan(client, DeletePersons(), ByFilter(properties=FREE), tmp_path / "x.plan.jsonl") as plan:
        assert "properties" not in by_kind(plan.findings)
