"""Conditions that select every person of the project are refused, however they are written (guarantee 32)."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from changed_responses import Body, rewrite

from asyncclient import OPERATORS, Limits, PostHogClient, PropertyFilter, RateLimits
from asyncclient.filters import EXISTENCE, NEEDING_PROPERTY, NEGATIVE_OPERATORS
from asyncclient.testing import LocalPostHog, ServerOptions
from bulk import ByActivity, ByFilter, ByQuery, DeletePersons, UnsetProperties, make_plan
from bulk.errors import InputError, Refused
from bulk.selection.conditions.everyone_check import MAX_LOOKED_UP
from bulk.selection.conditions.filter_checks import OWN_FIELDS
from bulk.selection.conditions.query_selections import AMONG_VALUE

READS = {"list", "projects", "values"}


@pytest.fixture(autouse=True)
def second_looks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bulk.posthog.person_reader.CONFIRM_AFTER_S", 0.0)


@pytest.fixture
async def server() -> AsyncIterator[LocalPostHog]:
    async with LocalPostHog(persons=60, options=ServerOptions(seeded_events=True)) as running:
        yield running


@pytest.fixture
async def client(server: LocalPostHog) -> AsyncIterator[PostHogClient]:
    limits = Limits(RateLimits.off())
    async with PostHogClient(
        host=server.url, personal_api_key=server.personal_api_key, project_id=1, limits=limits
    ) as opened:
        yield opened


def having(*filters: PropertyFilter, **more: Any) -> ByFilter:
    return ByFilter(properties=filters, **more)


EVERYONE: dict[str, Any] = {
    "is_set on a property that all have": having(PropertyFilter("plan", operator="is_set")),
    "a comparison that all meet": having(PropertyFilter("logins", 0, operator="gte")),
    "is_not a value that none has": having(PropertyFilter("plan", "gold", operator="is_not")),
    "not_icontains": having(PropertyFilter("plan", "gold", operator="not_icontains")),
    "a pattern that all match": having(PropertyFilter("plan", ".*", operator="regex")),
    "created after the first": ByActivity(created_after="2000-01-01"),
    "created before a time to come": ByActivity(created_before="2099-01-01"),
    "a query of all": ByQuery(query="SELECT id FROM persons"),
    "a query of all their distinct IDs": ByQuery(query="SELECT distinct_id FROM person_distinct_ids"),
    "a query with a condition that is always true": ByQuery(query="SELECT id FROM persons WHERE 1 = 1"),
}


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("case", EVERYONE)
async def test_conditions_that_select_everyone_need_everyone(client: PostHogClient, tmp_path: Path, case: str) -> None:
    with pytest.raises(Refused, match=r"every person of the project: 60 persons; .*--everyone"):
        await make_plan(client, DeletePersons(), EVERYONE[case], tmp_path / "x.plan.jsonl")
    selection = EVERYONE[case]
    fields = {name: getattr(selection, name) for name in selection.__struct_fields__}
    allowed = type(selection)(**{**fields, "everyone": True})
    with await make_plan(client, DeletePersons(), allowed, tmp_path / "x.plan.jsonl") as plan:
        assert plan.count == 60


@pytest.mark.parametrize("operator", sorted(NEGATIVE_OPERATORS))
async def test_a_negative_condition_on_a_property_that_no_person_has_is_refused_by_its_name(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path, operator: Any
) -> None:
    value = None if operator == "is_not_set" else "free"
    misspelt = PropertyFilter("plna", value, operator=operator)
    narrowed = having(misspelt, PropertyFilter("country", "US"))
    for selection in (having(misspelt), narrowed, ByActivity(identified=True, properties=[misspelt])):
        with pytest.raises(Refused, match=r"no person with the property 'plna'.*--everyone"):
            await make_plan(client, DeletePersons(), selection, tmp_path / "x.plan.jsonl")
    assert not {each.action for each in server.requests} - READS
    allowed = having(*narrowed.properties, everyone=True)
    with await make_plan(client, DeletePersons(), allowed, tmp_path / "x.plan.jsonl") as plan:
        assert 0 < plan.count < 60


async def test_each_operator_is_known_to_need_the_property_or_is_treated_as_negative(client: PostHogClient) -> None:
    assert set(OPERATORS) >= NEEDING_PROPERTY
    for operator in OPERATORS:
        value = None if operator in EXISTENCE else "2020-01-01" if operator.startswith("is_date") else "1"
        condition = PropertyFilter("nobodys", value, operator=operator)
        count = len([ref async for ref in client.persons.iter_refs(properties=[condition])])
        assert count == (60 if operator in NEGATIVE_OPERATORS else 0), operator


async def test_a_property_that_the_list_of_values_does_not_show_is_known_if_a_person_has_it(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path
) -> None:
    server.world.add_person(["odd"], {"$virt_x": "a"})  # the server lists no values of such keys (contract 6.11)
    selection = having(PropertyFilter("$virt_x", "a", operator="is_not"))
    with await make_plan(client, DeletePersons(), selection, tmp_path / "x.plan.jsonl") as plan:
        assert plan.count == 60


async def test_one_person_outside_is_enough_wherever_it_is_listed(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path
) -> None:
    oldest, newest = server.world.uuid_of("user-0"), server.world.uuid_of("user-59")
    for number, uuid in enumerate((oldest, newest)):
        assert uuid is not None
        server.world.set_properties(uuid, {"staff": True})
        selection = having(PropertyFilter("staff", "true", operator="is_not"))
        path = tmp_path / f"{number}.plan.jsonl"
        with await make_plan(client, DeletePersons(), selection, path, page_size=7) as plan:
            assert plan.count == 59
        server.world.unset_properties(uuid, ["staff"])


@pytest.mark.parametrize("left_out", [1, MAX_LOOKED_UP])
async def test_persons_that_one_response_leaves_out_of_the_selection_are_not_outside(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path, left_out: int
) -> None:
    hidden = [str(server.world.uuid_of(f"user-{number}")) for number in range(3, 3 + left_out)]

    def change(action: str, body: Body) -> Body | None:
        is_listing = action == "list" and "distinct_id" not in dict(server.requests[-1].query)
        if not is_listing or "properties" not in dict(server.requests[-1].query):
            return None
        return {**body, "results": [row for row in body["results"] if row["uuid"] not in hidden]}

    rewrite(server, change)
    for condition in (PropertyFilter("plan", operator="is_set"), PropertyFilter("plan", "gold", operator="is_not")):
        with pytest.raises(Refused, match=f"every person of the project: {60 - left_out} persons"):
            await make_plan(client, DeletePersons(), having(condition), tmp_path / "x.plan.jsonl")


QUERIES = [case for case, selection in EVERYONE.items() if not isinstance(selection, ByFilter)]
PLAN = PropertyFilter("plan", operator="is_set")
NARROWED: dict[str, Any] = {
    "a query with a filter": ByQuery(query="SELECT id FROM persons", properties=[PLAN]),
    "a query with activity": ByQuery(
        query="SELECT id FROM persons", activity=ByActivity(created_after="2000-01-01"), properties=[PLAN]
    ),
    "activity with a filter": ByActivity(created_after="2000-01-01", properties=[PLAN]),
}


@pytest.mark.parametrize("left_out", [1, MAX_LOOKED_UP])
@pytest.mark.parametrize("case", [*QUERIES, *NARROWED])
async def test_persons_that_one_response_leaves_out_of_a_query_are_not_outside(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path, case: str, left_out: int
) -> None:
    people = [server.world.person(server.world.uuid_of(f"user-{number}")) for number in range(3, 3 + left_out)]
    hidden = {each for one in people for each in (str(one.uuid), *one.distinct_ids)}
    due = [True]

    def change(action: str, body: Body) -> Body | None:
        if action != "query" or not due or len(body["results"]) < 2:  # a response with one row says what the column is
            return None
        due.clear()
        return {**body, "results": [row for row in body["results"] if row[0] not in hidden]}

    rewrite(server, change)
    with pytest.raises(Refused, match=r"every person of the project: [56]\d persons"):
        await make_plan(client, DeletePersons(), {**EVERYONE, **NARROWED}[case], tmp_path / "x.plan.jsonl")


QUERIES_BUT_ONE: dict[str, Any] = {
    "person IDs": ByQuery(query="SELECT id FROM persons WHERE properties.staff IS NULL"),
    "distinct IDs": ByQuery(query="SELECT distinct_id FROM person_distinct_ids WHERE distinct_id != 'user-4'"),
    "with a filter": ByQuery(
        query="SELECT id FROM persons", properties=[PropertyFilter("staff", operator="is_not_set")]
    ),
    "with activity": ByQuery(
        query="SELECT id FROM persons WHERE properties.staff IS NULL", activity=ByActivity(created_after="2000-01-01")
    ),
    "activity": ByActivity(created_after="2000-01-01", properties=[PropertyFilter("staff", operator="is_not_set")]),
}


@pytest.mark.parametrize("case", QUERIES_BUT_ONE)
async def test_one_person_outside_a_query_is_enough(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path, case: str
) -> None:
    outside = server.world.uuid_of("user-4")
    assert outside is not None
    server.world.set_properties(outside, {"staff": "yes"})
    before = len(server.requests)
    with await make_plan(client, DeletePersons(), QUERIES_BUT_ONE[case], tmp_path / "x.plan.jsonl") as plan:
        assert plan.count == 59
        assert outside not in {target.uuid for target in plan.iter()}
    assert len(server.requests) - before <= 14


async def test_a_person_without_a_usable_distinct_id_is_outside_a_query_of_distinct_ids(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path
) -> None:
    server.world.add_person(["null"])
    selection = EVERYONE["a query of all their distinct IDs"]
    with await make_plan(client, DeletePersons(), selection, tmp_path / "x.plan.jsonl") as plan:
        assert plan.count == 60
    queries = [request.body["query"]["values"] for request in server.requests if request.action == "query"]
    assert queries
    assert not any(values.get(AMONG_VALUE) == [] for values in queries)


@pytest.mark.parametrize("case", ["a pattern that all match", "a query of all"])
async def test_persons_that_arrive_meanwhile_make_no_difference(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path, case: str
) -> None:
    server.churn(adds_per_request=MAX_LOOKED_UP + 1)
    with pytest.raises(Refused, match="every person of the project"):
        await make_plan(client, DeletePersons(), EVERYONE[case], tmp_path / "x.plan.jsonl")


async def test_a_merged_person_in_front_with_an_older_time_does_not_make_a_selection_everyone(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path
) -> None:
    newest = str(server.world.uuid_of("user-59"))

    def change(action: str, body: Body) -> Body | None:
        """Let the person keep its place and show the time of the older one, as PostHog does."""
        older = {"created_at": "2020-01-01T00:00:00Z"}
        rows = body["results"] if action == "list" else []
        return (
            {**body, "results": [{**row, **older} if row["uuid"] == newest else row for row in rows]} if rows else None
        )

    rewrite(server, change)
    selection = having(PropertyFilter("plan", "free"))
    with await make_plan(client, DeletePersons(), selection, tmp_path / "x.plan.jsonl") as plan:
        assert 0 < plan.count < 59


async def test_unset_counts_the_persons_that_match_and_not_only_those_that_have_the_property(
    client: PostHogClient, tmp_path: Path
) -> None:
    selection = having(PropertyFilter("plan", operator="is_set"))
    with pytest.raises(Refused, match="every person of the project: 60 persons"):
        await make_plan(client, UnsetProperties(keys=("email",)), selection, tmp_path / "x.plan.jsonl")


@pytest.mark.parametrize("key", OWN_FIELDS)
@pytest.mark.parametrize("operator", ["exact", "is_set", "is_not_set"])
def test_a_field_of_persons_is_no_property(key: str, operator: Any) -> None:
    condition = PropertyFilter(key, None if operator != "exact" else "x", operator=operator)
    option = OWN_FIELDS[key].split()[0]
    for kind, more in ((ByFilter, {}), (ByActivity, {"identified": True}), (ByQuery, {"query": "SELECT id"})):
        with pytest.raises(InputError, match=f"{key} is a field of persons.* use {option}"):
            kind(properties=[condition], **more)
    assert having(PropertyFilter("id", 3, type="cohort"))


@pytest.mark.parametrize(
    "properties",
    [
        [{"key": "plan", "value": "free", "operator": "exact", "type": "person"}],
        [{"key": "plan"}],
        {"key": "plan", "value": "free"},
        {"type": "AND", "values": []},
        [None],
        None,
        "plan",
        PropertyFilter("plan", "free"),
        [["plan", "exact", "free"]],
    ],
)
async def test_filters_of_another_form_are_a_value_error_and_never_an_attribute_error(
    server: LocalPostHog, client: PostHogClient, properties: Any
) -> None:
    for kind, more in ((ByFilter, {}), (ByActivity, {"identified": True}), (ByQuery, {"query": "SELECT id"})):
        with pytest.raises(ValueError, match="properties takes a list of PropertyFilter"):
            kind(properties=properties, **more)
    with pytest.raises(ValueError, match="properties must be a list of PropertyFilter"):
        _ = [person async for person in client.persons.iter(properties=properties)]
    assert not server.requests
