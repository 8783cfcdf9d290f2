"""A property that PostHog may hide does not count as absent until a call has shown that it is not (guarantee 11)."""

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import pytest

from asyncclient import Limits, PostHogClient, RateLimits, RetryPolicy
from asyncclient.testing import Fault, PersonalKey
from bulk import UnsetProperties, UpdateProperties, make_plan, open_rows, run_job, verify_job
from bulk.cli.exit_codes import ExitCode, exit_code
from bulk.errors import PropertyHidden
from bulk.journal import records
from bulk.undo.revert import plan_revert

OTHER_KEY = PersonalKey(key="phx_key_of_a_user_who_sees_the_property")
HIDDEN: dict[str, Any] = {"hidden_properties": ("salary",), "more_keys": (OTHER_KEY,)}
ROUTES = ["rest", "capture"]
REFUSED = "the property salary of no person and refuses to remove it"


def give(a: Any, uuids: Sequence[Any] | None = None, **properties: Any) -> None:
    """Give persons properties, all of them by default."""
    for uuid in a.everybody if uuids is None else uuids:
        a.server.world.set_properties(uuid, properties)


def removed(a: Any) -> list[Any]:
    """Return what the calls by REST were to remove, in order."""
    return [request.body["$unset"] for request in a.sent() if request.action == "delete_property"]


def having(a: Any, key: str) -> int:
    """Return how many persons have a property."""
    return sum(key in properties for properties in a.properties().values())


def client_of_other(a: Any) -> PostHogClient:
    """Return a client with the key of the user who sees the property."""
    return PostHogClient(
        host=a.server.url,
        project_id=a.server.project_id,
        personal_api_key=OTHER_KEY.key,
        limits=Limits(RateLimits.off()),
        retry=RetryPolicy(base_s=0.01),
    )


@pytest.mark.parametrize("route", ROUTES)
async def test_a_hidden_property_stops_the_job_at_the_first_call(arena: Any, axis: Any, route: str) -> None:
    async with arena(persons=90, **HIDDEN) as a:
        give(a, salary=1)
        plan = await a.plan(operation=UnsetProperties(("salary",), route=route))
        for calls in (1, 2):  # and again in the next run, with one more call
            with pytest.raises(PropertyHidden, match=REFUSED) as stopped:
                await a.run(plan)
            assert exit_code(stopped.value) is ExitCode.NO_ACCESS
            assert [request.status for request in a.sent()] == [400] * calls
        assert a.of(records.PropertiesShown) == []
        checked = await verify_job(a.client, plan, a.journal)
        assert checked.exit_code != 0
        assert axis(checked, "properties").keys() == {"not_started", "to_retry"}
        async with client_of_other(a) as other:
            report = await run_job(other, plan, a.journal)
        assert (report.exit_code, axis(report, "properties")) == (0, {"changed_confirmed": 90})
        assert having(a, "salary") == 0
        assert [record.keys for record in a.of(records.PropertiesShown)] == [("salary",)]


@pytest.mark.parametrize("route", ROUTES)
async def test_a_hidden_property_stops_the_job_before_another_one_is_removed_from_all(arena: Any, route: str) -> None:
    async with arena(persons=90, **HIDDEN) as a:
        give(a, salary=1, plan="pro")
        with pytest.raises(PropertyHidden, match=REFUSED):
            await a.run(await a.plan(operation=UnsetProperties(("plan", "salary"), route=route)))
        assert removed(a) == ["plan", "salary"]
        assert len(a.sent()) == 2
        assert (having(a, "salary"), having(a, "plan")) == (90, 89)


@pytest.mark.parametrize("route", ROUTES)
async def test_a_property_that_nobody_has_takes_one_call(arena: Any, axis: Any, route: str) -> None:
    async with arena(persons=90) as a:
        report = await a.run(await a.plan(operation=UnsetProperties(("salary",), route=route)))
        assert (report.exit_code, axis(report, "properties")) == (0, {"changed_confirmed": 1, "already_as_desired": 89})
        assert removed(a) == ["salary"]
        assert len(a.sent()) == 1


@pytest.mark.parametrize("route", ROUTES)
async def test_a_property_that_any_person_shows_takes_no_call_more(arena: Any, axis: Any, route: str) -> None:
    async with arena(persons=90) as a:
        give(a, a.everybody[:3], salary=1)
        report = await a.run(await a.plan(operation=UnsetProperties(("salary",), route=route)))
        assert (report.exit_code, axis(report, "properties")) == (0, {"changed_confirmed": 3, "already_as_desired": 87})
        assert {*a.addressed()} == {*a.everybody[:3]}
        assert having(a, "salary") == 0


async def test_a_call_without_a_clear_response_shows_nothing(arena: Any, axis: Any) -> None:
    """The person lacks the property in the next read, as one whose property is hidden does."""
    async with arena(persons=90, **HIDDEN) as a:
        give(a, salary=1)
        plan = await a.plan(operation=UnsetProperties(("salary",), route="rest"))
        a.server.faults.add(Fault("status", action="delete_property", status=502, body="html", times=1))
        with pytest.raises(PropertyHidden, match=REFUSED):
            await a.run(plan)
        assert [request.status for request in a.sent()] == [502, 400]
        report = await verify_job(a.client, plan, a.journal)
        assert "found_changed" not in axis(report, "properties")


async def plan_rows(a: Any, rows: list[str]) -> Any:
    """Plan values per person from CSV without the distinct IDs, one row per person."""
    ids = [a.server.world.person(uuid).distinct_ids[0] for uuid in a.everybody]
    lines = ["distinct_id,plan,salary", *(f"{each},{row}" for each, row in zip(ids, rows, strict=False))]
    opened = open_rows(BytesIO("\n".join(lines).encode()), empty_is="unset")
    operation = UpdateProperties.per_person(opened, route="rest")
    return await make_plan(a.client, operation, opened, a.folder / "job.plan.jsonl")


async def test_of_rows_the_first_person_that_is_to_lose_the_property_is_tried(arena: Any, axis: Any) -> None:
    async with arena(persons=60) as a:
        give(a, plan="old")
        # the property is not shown before the test batch gives it to the first person
        with await plan_rows(a, ["new,"] + ["new,5"] * 59) as plan:
            report = await a.run(plan)
        assert (report.exit_code, axis(report, "properties")) == (0, {"changed_confirmed": 60})
        assert removed(a) == ["salary"]
        assert (having(a, "salary"), len(a.sent())) == (59, 61)


async def test_only_persons_that_are_to_lose_the_property_are_tried(arena: Any) -> None:
    async with arena(persons=60, **HIDDEN) as a:
        give(a, plan="old", salary=1)
        with await plan_rows(a, ["new,"] * 30) as plan, pytest.raises(PropertyHidden, match=REFUSED):
            await a.run(plan)
        assert {*a.addressed()} == {a.everybody[0]}
        assert removed(a) == ["salary"]


@pytest.mark.parametrize("route", ROUTES)
async def test_what_was_hidden_is_added_to_what_a_person_had_before(arena: Any, route: str) -> None:
    """The person on whom the hidden property was tested gets it back in a revert, like all others (guarantee 36)."""
    async with arena(persons=30, **HIDDEN) as a:
        give(a, salary=1, plan="pro")
        keep = a.folder / "job.before"
        operation = UnsetProperties(("plan", "salary"), route=route, keep_before=str(keep))
        plan = await a.plan(operation=operation)
        with pytest.raises(PropertyHidden, match=REFUSED):
            await a.run(plan)
        assert having(a, "plan") == 29  # the first call took effect, and a later read does not show it any more
        async with client_of_other(a) as other:
            assert (await run_job(other, plan, a.journal)).exit_code == 0
            assert (having(a, "plan"), having(a, "salary")) == (0, 0)
            with await plan_revert(other, keep, a.folder / "revert.plan.jsonl") as back:
                report = await run_job(other, back, a.folder / "revert.journal.jsonl", approve=back.digest)
        assert report.exit_code == 0
        assert [(has["plan"], has["salary"]) for has in a.properties().values()] == [("pro", 1)] * 30


@pytest.mark.parametrize("taken", [True, False], ids=["lists", "single keys"])
async def test_a_refused_test_is_not_taken_for_a_refused_list(arena: Any, taken: bool) -> None:
    async with arena(persons=60, delete_property_lists=taken, **HIDDEN) as a:
        give(a, salary=1, plan="pro", country="FR")
        with pytest.raises(PropertyHidden, match=REFUSED):
            await a.run(await a.plan(operation=UnsetProperties(("plan", "salary", "country"), route="rest")))
        assert [record.taken for record in a.of(records.KeyListTested)] == []
        assert removed(a) == ["plan", "salary"]
