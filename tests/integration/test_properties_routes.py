"""Which route a job takes and why, whose token it may use, and how many at once are read back (promises 10, 23, 26)."""

import itertools
from typing import Any

import pytest

from asyncclient import Limits, PostHogClient, RateLimits
from asyncclient.testing import Fault, LocalPostHog
from asyncclient.testing.handlers import query
from bulk import Refused, UnsetProperties, UpdateProperties
from bulk.events import RouteChosen
from bulk.journal.records import RunStarted, Settled

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


@pytest.mark.parametrize(
    ("persons", "operation", "name", "why"),
    [
        (240, UpdateProperties({"plan": "x"}), "rest", "auto: 240 calls fit within the per-minute limit"),
        (
            241,
            UpdateProperties({"plan": "x"}),
            "capture",
            "auto: 2 capture requests (not rate limited); REST takes 241 calls",
        ),
        (
            81,
            UnsetProperties(("plan", "country", "logins")),
            "capture",
            "auto: 1 capture requests (not rate limited); REST takes 243 calls",
        ),
        (80, UnsetProperties(("plan", "country", "logins")), "rest", "auto: 240 calls fit within the per-minute limit"),
        (300, UpdateProperties({"plan": "x"}, route="rest"), "rest", "as requested"),
        (10, UpdateProperties({"plan": "x"}, route="capture"), "capture", "as requested"),
    ],
)
async def test_the_route_is_chosen_told_and_journalled(
    arena: Any, axis: Any, persons: int, operation: Any, name: str, why: str
) -> None:
    async with arena(persons=persons) as a:
        told: list[Any] = []
        report = await a.run(await a.plan(operation=operation), on_progress=told.append)
        assert axis(report, "properties") == {"done": persons}
        assert [each for each in told if isinstance(each, RouteChosen)] == [RouteChosen(route=name, why=why)]
        assert [record.route for record in a.of(RunStarted)] == [name]
        assert ("capture" in {request.action for request in a.sent()}) == (name == "capture")


async def test_the_token_of_another_project_is_refused_before_anything_is_sent(arena: Any) -> None:
    async with arena(persons=300) as a:
        plan = await a.plan(operation=UnsetProperties(("plan",)))
        async with with_token(a.server, "phc_the_token_of_some_other_project") as other:
            a.client = other
            with pytest.raises(Refused, match="not this project's") as caught:
                await a.run(plan)
        assert "phc_" not in f"{caught.value!r}{caught.value}"
        assert a.sent() == []
        assert not a.journal.exists()


async def test_the_right_token_is_taken_and_the_server_is_not_asked_for_it(arena: Any, axis: Any) -> None:
    async with arena(persons=300) as a:
        plan = await a.plan(operation=UnsetProperties(("plan",)))
        async with with_token(a.server, a.server.project_api_key) as right:
            a.client = right
            assert axis(await a.run(plan), "properties") == {"done": 300}
        assert {request.action for request in a.sent()} == {"capture"}


def without_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that tells a project without its token."""
    from asyncclient.testing.handlers import projects, table

    def hidden(job: Any) -> Any:
        import msgspec

        answer = projects.projects(job)
        fields = msgspec.json.decode(answer.body)
        fields.pop("api_token", None)
        return msgspec.structs.replace(answer, body=msgspec.json.encode(fields))

    monkeypatch.setitem(table.HANDLERS, "projects", hidden)


async def test_where_the_server_does_not_tell_the_token_auto_goes_by_rest_and_says_why(
    arena: Any, axis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_token(monkeypatch)
    async with arena(persons=300) as a:
        told: list[Any] = []
        report = await a.run(await a.plan(operation=UnsetProperties(("plan",))), on_progress=told.append)
        assert axis(report, "properties") == {"done": 300}
        assert {request.action for request in a.sent()} == {"delete_property"}
        chosen = [each for each in told if isinstance(each, RouteChosen)]
        assert [(each.route, "token" in each.why) for each in chosen] == [("rest", True)]


async def test_where_the_server_does_not_tell_the_token_capture_is_refused_unless_it_is_given(
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
            assert axis(await a.run(plan), "properties") == {"done": 40}


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
    """Unset properties of everybody, some of whose events are lost; nothing more is waited for."""
    persons = len(a.everybody)
    plan = await a.plan(operation=UnsetProperties(("plan", "country"), route="capture"))
    a.server.faults.add(Fault("swallow", action="capture", share=lost, seed=3, after=1))
    before = reads(a)
    report = await a.run(plan, wait_s=0.0, batch_size=1000)
    counts = axis(report, "properties")
    right = sum(not {"plan", "country"} & each.keys() for each in a.properties().values())
    assert counts == {"done": right, "requested": persons - right}
    assert report.exit_code == 75
    assert 0 < persons - right < 3 * lost * persons
    return plan, reads(a) - before


@pytest.mark.slow
async def test_who_still_has_a_property_is_named_by_a_query_and_not_read_in_vain(
    arena: Any, axis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with arena(persons=5000) as a:
        plan, few = await unset_of_many(a, axis)
        assert 1 <= len(queries(a)) <= 3
        # the first small batch, the check, and one look at everybody whom the query does not name
        assert few <= 2 + 25 + 25 + 1
        assert {record.source for record in a.of(Settled)} == {"store"}
        a.server.faults.clear()
        monkeypatch.setattr("bulk.verification.completion_poller.SEND_AGAIN_AFTER_S", 0.0)
        report = await a.run(plan)
        assert (report.exit_code, axis(report, "properties")) == (0, {"done": 5000})


async def test_where_the_key_may_not_query_everybody_is_read_in_the_store(arena: Any, axis: Any) -> None:
    async with arena(persons=PERSONS, scopes=NO_QUERY) as a:
        _, many = await unset_of_many(a, axis)
        assert {request.status for request in queries(a)} == {403}
        assert len(queries(a)) == 1
        assert many >= 2 + 2 * FULL_READS
        assert "listing" not in {record.source for record in a.of(Settled)}


ODD: list[Any] = [
    Fault("status", action="query", status=500),
    Fault("status", action="query", status=400),
    Fault("garbage", action="query"),
    Fault("status", action="query", status=404),
]


@pytest.mark.parametrize("fault", ODD, ids=lambda f: f"{f.kind}-{f.status}")
async def test_where_the_query_does_not_answer_everybody_is_read_in_the_store(
    arena: Any, axis: Any, fault: Fault
) -> None:
    async with arena(persons=PERSONS) as a:
        a.server.faults.add(fault)
        _, many = await unset_of_many(a, axis)
        assert many >= 2 + 2 * FULL_READS
        assert "listing" not in {record.source for record in a.of(Settled)}


async def test_a_query_that_contradicts_the_store_is_not_believed(
    arena: Any, axis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names nobody, the store knows of a third: the sample finds out, and not one is settled by it."""
    monkeypatch.setattr(query, "_having", lambda *_: [])
    async with arena(persons=PERSONS) as a:
        _, many = await unset_of_many(a, axis, lost=0.3)
        assert len(queries(a)) == 1
        assert many >= 2 + 2 * FULL_READS
        assert "listing" not in {record.source for record in a.of(Settled)}


async def test_rows_of_a_query_that_do_not_ascend_are_not_believed(
    arena: Any, axis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    having = query._having
    monkeypatch.setattr(query, "_having", lambda *args: having(*args)[::-1])
    async with arena(persons=PERSONS) as a:
        await unset_of_many(a, axis)
        assert "listing" not in {record.source for record in a.of(Settled)}


async def test_a_listing_that_lags_costs_reads_and_no_wrong_word(arena: Any, axis: Any) -> None:
    async with arena(persons=PERSONS, list_lag_s=3600.0) as a:
        _, many = await unset_of_many(a, axis)
        assert many >= 2 + 2 * FULL_READS


async def test_few_are_read_in_the_store_at_once(arena: Any, axis: Any) -> None:
    async with arena(persons=1500) as a:
        report = await a.run(await a.plan(operation=UnsetProperties(("plan",), route="capture")))
        assert axis(report, "properties") == {"done": 1500}
        assert queries(a) == []


async def test_what_is_set_is_never_read_by_a_query(arena: Any, axis: Any) -> None:
    async with arena(persons=2500) as a:
        report = await a.run(await a.plan(operation=UpdateProperties({"plan": "x"})))
        assert axis(report, "properties") == {"done": 2500}
        assert queries(a) == []


async def test_an_update_too_large_for_a_thousand_events_goes_in_smaller_requests(arena: Any, axis: Any) -> None:
    big = "y" * 200_000
    async with arena(persons=110) as a:
        report = await a.run(await a.plan(operation=UpdateProperties({"bio": big}, route="capture")), batch_size=1000)
        assert axis(report, "properties") == {"done": 110}
        sizes = [len(request.body["batch"]) for request in a.sent()]
        assert (sum(sizes), max(sizes)) == (110, 85)
        assert all(request.bytes < 20_000_000 for request in a.sent())
        assert list(itertools.islice((len(each["bio"]) for each in a.properties().values()), 3)) == [200_000] * 3
