"""The route of a job and its reason, the token that it may use, and reading back by query (guarantees 10, 23, 26)."""

import itertools
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from asyncclient import Limits, PostHogClient, RateLimits
from asyncclient.testing import Fault, LocalPostHog
from asyncclient.testing.queries.hogql import selecting
from bulk import Refused, UnsetProperties, UpdateProperties
from bulk.events import RouteChosen
from bulk.journal.records import RunStarted, StatesChanged

UNSCOPED = ("person:read", "person:write")
NO_QUERY = (*UNSCOPED, "project:read")


def with_token(server: LocalPostHog, token: str | None) -> PostHogClient:
    return PostHogClient(
        host=server.url,
        project_id=server.project_id,
        personal_api_key=server.personal_api_key,
        project_api_key=token,
        limits=Limits(RateLimits.off()),
        uniform=lambda low, high: low,
    )


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize(
    ("persons", "operation", "name", "why"),
    [
        (1, UpdateProperties({"plan": "x"}), "rest", "auto: 1 call fits within the per-minute limit"),
        (240, UpdateProperties({"plan": "x"}), "rest", "auto: 240 calls fit within the per-minute limit"),
        (
            241,
            UpdateProperties({"plan": "x"}),
            "capture",
            "auto: not rate limited; REST takes 241 calls",
        ),
        (
            81,
            UnsetProperties(("plan", "country", "logins")),
            "capture",
            "auto: not rate limited; REST takes 81 to 243 calls",
        ),
        (
            80,
            UnsetProperties(("plan", "country", "logins")),
            "rest",
            "auto: at most 240 calls fit within the per-minute limit",
        ),
        (300, UpdateProperties({"plan": "x"}, route="rest"), "rest", "as requested"),
        (10, UpdateProperties({"plan": "x"}, route="capture"), "capture", "as requested"),
    ],
)
async def test_the_route_is_chosen_reported_and_recorded(
    arena: Any, axis: Any, persons: int, operation: Any, name: str, why: str
) -> None:
    async with arena(persons=persons) as a:
        events: list[Any] = []
        report = await a.run(await a.plan(operation=operation), on_progress=events.append)
        assert axis(report, "properties") == {"changed_confirmed": persons}
        assert [each for each in events if isinstance(each, RouteChosen)] == [RouteChosen(route=name, why=why)]
        assert [record.route for record in a.of(RunStarted)] == [name]
        assert ("capture" in {request.action for request in a.sent()}) == (name == "capture")


async def test_the_token_of_another_project_is_refused_before_any_change(arena: Any) -> None:
    async with arena(persons=300) as a:
        plan = await a.plan(operation=UnsetProperties(("plan",)))
        async with with_token(a.server, "phc_the_token_of_some_other_project") as other:
            a.client = other
            with pytest.raises(Refused, match="is the token of another project") as caught:
                await a.run(plan)
        assert "phc_" not in f"{caught.value!r}{caught.value}"
        assert a.sent() == []
        assert not a.journal.exists()


async def test_the_given_token_is_used(arena: Any, axis: Any) -> None:
    async with arena(persons=300) as a:
        plan = await a.plan(operation=UnsetProperties(("plan",)))
        async with with_token(a.server, a.server.project_api_key) as right:
            a.client = right
            assert axis(await a.run(plan), "properties") == {"changed_confirmed": 300}
        assert {request.action for request in a.sent()} == {"capture"}


def without_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the server return projects without their token."""
    from asyncclient.testing.handlers import projects, table

    def hidden(job: Any) -> Any:
        import msgspec

        answer = projects.projects(job)
        fields = msgspec.json.decode(answer.body)
        fields.pop("api_token", None)
        return msgspec.structs.replace(answer, body=msgspec.json.encode(fields))

    monkeypatch.setitem(table.HANDLERS, "projects", hidden)


@pytest.mark.slow
async def test_without_a_token_from_the_server_auto_chooses_rest_and_says_why(
    arena: Any, axis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_token(monkeypatch)
    async with arena(persons=300) as a:
        events: list[Any] = []
        report = await a.run(await a.plan(operation=UnsetProperties(("plan",))), on_progress=events.append)
        assert axis(report, "properties") == {"changed_confirmed": 300}
        assert {request.action for request in a.sent()} == {"delete_property"}
        chosen = [each for each in events if isinstance(each, RouteChosen)]
        assert [(each.route, "token" in each.why) for each in chosen] == [("rest", True)]


async def test_without_a_token_from_the_server_capture_is_refused_unless_a_token_is_given(
    arena: Any, axis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_token(monkeypatch)
    async with arena(persons=40) as a:
        plan = await a.plan(operation=UnsetProperties(("plan",), route="capture"))
        with pytest.raises(Refused, match="POSTHOG_PROJECT_API_KEY"):
            await a.run(plan)
        assert a.sent() == []
        assert not a.journal.exists()
        async with with_token(a.server, a.server.project_api_key) as given:
            a.client = given
            assert axis(await a.run(plan), "properties") == {"changed_confirmed": 40}


@pytest.mark.slow
async def test_a_later_run_may_take_the_other_route(arena: Any, axis: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async with arena(persons=300) as a:
        plan = await a.plan(operation=UnsetProperties(("plan",)))
        a.server.faults.add(Fault("status", action="capture", status=401, after=2))
        with pytest.raises(Exception, match="401"):
            await a.run(plan, batch_size=50, concurrency=1)
        without_token(monkeypatch)
        async with with_token(a.server, None) as other:
            a.client = other
            report = await a.run(plan)
        assert report.exit_code == 0
        assert sum(axis(report, "properties").values()) == 300
        assert [record.route for record in a.of(RunStarted)] == ["capture", "rest"]
        assert not any("plan" in each for each in a.properties().values())


def reads(a: Any) -> int:
    return sum(request.action == "batch_by_uuids" for request in a.server.requests)


def queries(a: Any) -> list[Any]:
    return [request for request in a.server.requests if request.action == "query"]


PERSONS = 2200
FULL_READS = PERSONS // 200


async def unset_of_many(a: Any, axis: Any, *, lost: float = 0.01) -> Any:
    """Unset properties of all persons; some events are lost, and the run does not wait for them."""
    persons = len(a.everybody)
    plan = await a.plan(operation=UnsetProperties(("plan", "country"), route="capture"))
    a.server.faults.add(Fault("swallow", action="capture", share=lost, seed=3, after=1))
    before = reads(a)
    report = await a.run(plan, wait_s=0.0, batch_size=1000)
    counts = axis(report, "properties")
    right = sum(not {"plan", "country"} & each.keys() for each in a.properties().values())
    assert counts == {"changed_confirmed": right, "accepted": persons - right}
    assert report.exit_code == 75
    assert 0 < persons - right < 3 * lost * persons
    return plan, reads(a) - before


@pytest.mark.slow
async def test_persons_that_a_query_shows_unchanged_are_not_read(
    arena: Any, axis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with arena(persons=5000) as a:
        plan, few = await unset_of_many(a, axis)
        assert 1 <= len(queries(a)) <= 3
        # the test batch, the check, and one read of each person that the query does not return
        assert few <= 2 + 25 + 25 + 1
        assert {record.source for record in a.of(StatesChanged)} == {"person_reads"}
        a.server.faults.clear()
        monkeypatch.setattr("bulk.verification.resend_policy.RESEND_AFTER_S", 0.0)
        report = await a.run(plan)
        assert (report.exit_code, axis(report, "properties")) == (0, {"changed_confirmed": 5000})


@pytest.mark.slow
async def test_all_persons_are_read_if_the_key_may_not_query(arena: Any, axis: Any) -> None:
    async with arena(persons=PERSONS, scopes=NO_QUERY) as a:
        _, many = await unset_of_many(a, axis)
        assert {request.status for request in queries(a)} == {403}
        assert len(queries(a)) == 1
        assert many >= 2 + 2 * FULL_READS
        assert "listing" not in {record.source for record in a.of(StatesChanged)}


ODD: list[Any] = [
    Fault("status", action="query", status=500),
    *(
        pytest.param(fault, marks=pytest.mark.slow)
        for fault in (
            Fault("status", action="query", status=400),
            Fault("garbage", action="query"),
            Fault("status", action="query", status=404),
        )
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize("fault", ODD, ids=lambda f: f"{f.kind}-{f.status}")
async def test_all_persons_are_read_if_the_query_fails(arena: Any, axis: Any, fault: Fault) -> None:
    async with arena(persons=PERSONS) as a:
        a.server.faults.add(fault)
        _, many = await unset_of_many(a, axis)
        assert many >= 2 + 2 * FULL_READS
        assert "listing" not in {record.source for record in a.of(StatesChanged)}


def with_rows(monkeypatch: pytest.MonkeyPatch, change: Callable[[list[Any]], list[Any]]) -> None:
    """Let the server change the rows of each query."""
    run_query = selecting.run_query

    def changed(*args: Any) -> Any:
        found = run_query(*args)
        return msgspec.structs.replace(found, rows=change(found.rows))

    monkeypatch.setattr(selecting, "run_query", changed)


@pytest.mark.slow
async def test_a_query_that_contradicts_the_reads_is_not_trusted(
    arena: Any, axis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The query returns no person although a third still have the property: it makes no target done."""
    with_rows(monkeypatch, lambda rows: [])
    async with arena(persons=PERSONS) as a:
        _, many = await unset_of_many(a, axis, lost=0.3)
        assert len(queries(a)) == 1
        assert many >= 2 + 2 * FULL_READS
        assert "listing" not in {record.source for record in a.of(StatesChanged)}


@pytest.mark.slow
async def test_query_rows_out_of_order_are_not_trusted(arena: Any, axis: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with_rows(monkeypatch, lambda rows: rows[::-1])
    async with arena(persons=PERSONS) as a:
        await unset_of_many(a, axis)
        assert "listing" not in {record.source for record in a.of(StatesChanged)}


@pytest.mark.slow
async def test_a_lagging_listing_costs_reads_and_leads_to_no_wrong_state(arena: Any, axis: Any) -> None:
    async with arena(persons=PERSONS, list_lag_s=3600.0) as a:
        _, many = await unset_of_many(a, axis)
        assert many >= 2 + 2 * FULL_READS


@pytest.mark.slow
async def test_a_few_persons_are_read_without_a_query(arena: Any, axis: Any) -> None:
    async with arena(persons=1500) as a:
        report = await a.run(await a.plan(operation=UnsetProperties(("plan",), route="capture")))
        assert axis(report, "properties") == {"changed_confirmed": 1500}
        assert queries(a) == []


@pytest.mark.slow
async def test_properties_that_are_set_are_never_verified_by_a_query(arena: Any, axis: Any) -> None:
    async with arena(persons=2500) as a:
        report = await a.run(await a.plan(operation=UpdateProperties({"plan": "x"})))
        assert axis(report, "properties") == {"changed_confirmed": 2500}
        assert queries(a) == []


@pytest.mark.slow
async def test_a_large_update_is_sent_in_smaller_capture_requests(arena: Any, axis: Any) -> None:
    big = "y" * 200_000
    async with arena(persons=110) as a:
        report = await a.run(await a.plan(operation=UpdateProperties({"bio": big}, route="capture")), batch_size=1000)
        assert axis(report, "properties") == {"changed_confirmed": 110}
        sizes = [len(request.body["batch"]) for request in a.sent()]
        assert (sum(sizes), max(sizes)) == (110, 85)
        assert all(request.bytes < 20_000_000 for request in a.sent())
        assert list(itertools.islice((len(each["bio"]) for each in a.properties().values()), 3)) == [200_000] * 3
