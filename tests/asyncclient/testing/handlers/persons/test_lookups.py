"""Values of properties, cohorts of persons, and calls without a scope (contract 2, 6.11)."""

import pytest


def told(reply):
    return [(item["name"], item["count"]) for item in reply.json["results"]]


@pytest.fixture
async def api(serve):
    api = await serve()
    for number, value in enumerate(["pro", "Pro", "pro", "free", 5, True, None, "", ["x", [1]], {"a": 1}]):
        api.world.add_person([f"p{number}"], {"plan": value, "$virt_x": 1})
    api.world.add_person(["without"])
    return api


async def test_the_most_frequent_values_come_first_as_texts(api):
    reply = await api.get("values/?key=plan")
    assert reply.status == 200
    assert reply.json["refreshing"] is False
    assert told(reply)[0] == ("pro", 2)
    assert sorted(told(reply)[1:]) == [
        ("1", 1),
        ("5", 1),
        ("Pro", 1),
        ("free", 1),
        ("true", 1),
        ("x", 1),
        ('{"a": 1}', 1),
    ]


async def test_a_part_is_looked_for_whatever_its_case(api):
    assert told(await api.get("values/?key=plan&value=PR")) == [("pro", 2), ("Pro", 1)]
    assert told(await api.get("values/?key=plan&value=nothing")) == []


@pytest.mark.parametrize("query", ["", "?key=", "?key=$virt_x", "?value=pro"])
async def test_no_key_and_a_virtual_one_have_no_values(api, query):
    assert (await api.get(f"values/{query}")).json == {"results": [], "refreshing": False}


async def test_older_servers_send_a_bare_array(api):
    api.server.reconfigure(values_form="array")
    assert (await api.get("values/?key=plan&value=free")).json == [{"name": "free", "count": 1}]
    assert (await api.get("values/")).json == []


async def test_at_most_twenty_values_are_returned_and_they_lag_like_the_listing(serve):
    api = await serve(100, list_lag_s=5)
    assert len(told(await api.get("values/?key=email"))) == 20
    api.world.set_properties(api.world.uuid_of("user-1"), {"country": "XX"})
    assert told(await api.get("values/?key=country&value=XX")) == []
    api.clock.now += 6
    assert told(await api.get("values/?key=country&value=xx")) == [("XX", 1)]


async def test_cohorts_of_a_person_by_uuid_and_by_number(serve):
    api = await serve(5)
    uuid, other = api.world.uuid_of("user-1"), api.world.uuid_of("user-2")
    api.world.add_cohort(3, [uuid, other], name="Testers")
    api.world.add_cohort(4, [other])
    for who in (uuid, 2):
        reply = await api.get(f"cohorts/?person_id={who}")
        assert (reply.status, reply.json) == (200, {"results": [{"id": 3, "name": "Testers", "count": 2}]})
    both = (await api.get(f"cohorts/?person_id={other}")).json["results"]
    assert [(each["id"], each["name"], each["count"]) for each in both] == [(3, "Testers", 2), (4, "Cohort 4", 1)]
    assert (await api.get("cohorts/?person_id=1")).json == {"results": []}


async def test_cohorts_of_a_missing_person(serve):
    api = await serve(1)
    for wrong in ("99", "user-0", "01900000-0000-7000-8000-00000000ffff"):
        assert (await api.get(f"cohorts/?person_id={wrong}")).error == (404, "invalid_request", "not_found")
    assert (await api.get("cohorts/")).error == (500, "server_error", "error")


async def test_cohorts_need_two_scopes(serve):
    api = await serve(1)
    for scopes, missing in (
        (["person:read"], "cohort:read"),
        (["cohort:write"], "person:read"),
        (["person:write", "cohort:write"], None),
        (["*"], None),
        (None, None),
    ):
        api.server.reconfigure(scopes=scopes)
        reply = await api.get("cohorts/?person_id=1")
        assert reply.status == (200 if missing is None else 403), scopes
        if missing:
            assert reply.json["detail"] == f"API key missing required scope '{missing}'"


UNDECLARED = [
    ("GET", "funnel/"),
    ("POST", "funnel/"),
    ("GET", "trends/?entity_id=$pageview&entity_type=events"),
    ("GET", "lifecycle/"),
    ("GET", "1/properties_timeline/"),
]


@pytest.mark.parametrize(("method", "path"), UNDECLARED)
async def test_calls_without_a_declared_scope_are_closed_to_every_scoped_key(serve, method, path):
    api = await serve(1)
    for scopes in (["*"], ["person:write", "person:read"]):
        api.server.reconfigure(scopes=scopes)
        reply = await api.call(method, path)
        assert reply.error == (403, "authentication_error", "permission_denied")
        assert reply.json["detail"] == "This action does not support personal API key access"
    api.server.reconfigure(scopes=None)
    assert (await api.call(method, path)).status == 200


async def test_an_insight_has_no_persons_and_a_trend_must_be_named(serve):
    api = await serve(1, scopes=None)
    body = (await api.get("funnel/?x=1")).json
    assert (body["results"], body["next"]) == ([{"people": [], "count": 0}], None)
    assert body["initial"] == f"{api.server.url}/api/projects/1/persons/funnel/?x=1"
    assert (await api.get("trends/")).error == (400, "validation_error", "invalid_input")
