"""The timeline of properties, and properties at a time (contract 6.10, 6.11)."""

import json
from urllib.parse import quote

import pytest

from asyncclient.testing import LocalPostHog, ServerOptions

START = "2026-09-21T14:13:20"


@pytest.fixture
async def api(serve):
    return await serve(3, scopes=None)


@pytest.fixture
def uuid(api):
    """Made at START, another plan after an hour, older after two, the first plan again after three."""
    uuid = api.world.add_person(["a", "b"], {"plan": "free"})
    for change in ({"plan": "pro"}, {"age": 3}, {"plan": "free"}):
        api.clock.now += 3600
        api.world.set_properties(uuid, change)
    return uuid


async def points(api, uuid, query="", keys=("plan",)):
    filters = quote(json.dumps([{"key": key, "value": "x", "type": "person"} for key in keys]))
    body = (await api.get(f"{uuid}/properties_timeline/?properties={filters}{query}")).json
    return [(each["timestamp"][11:16], each["properties"], each["relevant_event_count"]) for each in body["points"]]


async def test_a_point_begins_where_a_property_that_matters_changes(api, uuid):
    assert await points(api, uuid) == [
        ("14:13", {"plan": "free"}, 1),
        ("15:13", {"plan": "pro"}, 2),
        ("17:13", {"plan": "free", "age": 3}, 1),
    ]
    assert [count for _, _, count in await points(api, uuid, keys=("age",))] == [2, 2]
    assert [count for _, _, count in await points(api, uuid, keys=("plan", "age"))] == [1, 1, 1, 1]
    assert await points(api, uuid, keys=()) == [("14:13", {"plan": "free"}, 4)]


async def test_only_points_in_range_are_returned(api, uuid):
    assert [at for at, _, _ in await points(api, uuid, f"&date_from={START[:11]}15:00:00Z")] == ["15:13", "17:13"]
    until = f"&date_to={START[:11]}16:00:00Z"
    assert [at for at, _, _ in await points(api, uuid, until)] == ["14:13", "15:13"]
    assert await points(api, uuid, "&date_from=2026-09-22") == []
    assert await points(api, "1") == []
    assert len(await points(api, "1", "&date_from=all")) == 1


@pytest.mark.parametrize(
    ("query", "start", "end"),
    [
        ("", "2026-09-14T00:00:00+00:00", "2026-09-21T23:59:59.999999+00:00"),
        ("?date_from=-2d&date_to=-1d", "2026-09-19T00:00:00+00:00", "2026-09-20T23:59:59.999999+00:00"),
        ("?date_from=-2h", "2026-09-21T12:13:20+00:00", "2026-09-21T23:59:59.999999+00:00"),
        ("?date_from=2026-09-01&date_to=2026-09-02", "2026-09-01T00:00:00+00:00", "2026-09-02T23:59:59.999999+00:00"),
        ("?date_from=all", "2024-01-01T00:00:00+00:00", "2026-09-21T23:59:59.999999+00:00"),
    ],
)
async def test_a_timeline_has_its_range_unless_the_server_is_older(api, query, start, end):
    body = (await api.get(f"1/properties_timeline/{query}")).json
    assert (body["effective_date_from"], body["effective_date_to"]) == (start, end)
    api.server.reconfigure(timeline_dates=False)
    assert set((await api.get("1/properties_timeline/")).json) == {"points", "crucial_property_keys"}


async def test_the_keys_that_matter_come_from_filters_events_and_breakdown(api):
    events = [{"id": "x", "properties": [{"key": "c", "type": "person"}, {"key": "no", "type": "event"}]}, {"id": "y"}]
    query = f"?events={quote(json.dumps(events))}&breakdown=b&breakdown_type=person"
    query += f"&properties={quote(json.dumps([{'key': 'a', 'type': 'person'}, {'key': 'no', 'type': 'cohort'}]))}"
    assert (await api.get(f"1/properties_timeline/{query}")).json["crucial_property_keys"] == ["a", "b", "c"]
    other = "1/properties_timeline/?breakdown=b&breakdown_type=event"
    assert (await api.get(other)).json["crucial_property_keys"] == []


async def test_unreadable_ids_and_missing_persons(api):
    assert (await api.get("1/properties_timeline/?properties=[")).error == (400, "validation_error", "invalid_input")
    assert (await api.get("1/properties_timeline/?events=[")).status == 500
    assert (await api.get("999999/properties_timeline/")).error == (404, "invalid_request", "not_found")
    assert (await api.get("user-1/properties_timeline/")).status == 400


async def at(api, time, who="distinct_id=b"):
    return await api.get(f"properties_at_time/?timestamp={time}&{who}")


async def test_past_properties_are_those_at_the_requested_time(api, uuid):
    for time, expected in (
        (f"{START[:11]}14:00:00Z", {}),
        (f"{START}Z", {"plan": "free"}),
        (f"{START[:11]}15:30:00", {"plan": "pro"}),
        (f"{START[:11]}17:00:00%2B00:00", {"plan": "pro", "age": 3}),
        ("2026-09-21T12:00:00-05:00", {"plan": "pro", "age": 3}),
        ("2027-01-01", {"plan": "free", "age": 3}),
    ):
        reply = await at(api, time)
        assert (reply.status, reply.json["properties"]) == (200, expected), time
    body = (await at(api, "2027-01-01", f"person_id={uuid}&include_set_once=true")).json
    assert (body["uuid"], body["id"], body["distinct_ids"]) == (str(uuid), 4, ["a", "b"])
    assert body["point_in_time_metadata"] == {
        "queried_timestamp": "2027-01-01T00:00:00+00:00",
        "include_set_once": True,
        "distinct_id_used": None,
        "person_id_used": str(uuid),
        "query_mode": "person_id",
        "distinct_ids_queried": ["a", "b"],
        "distinct_ids_count": 2,
    }


@pytest.mark.parametrize(
    ("query", "status", "error"),
    [
        ("", 400, "Must provide either distinct_id or person_id parameter"),
        ("?distinct_id=a&person_id=1", 400, "Cannot provide both distinct_id and person_id - choose one"),
        ("?distinct_id=a", 400, "timestamp parameter is required (ISO format: 2023-06-15T14:30:00Z)"),
        (
            "?distinct_id=a&timestamp=yesterday",
            400,
            "Invalid timestamp format. Use ISO format like 2023-06-15T14:30:00Z",
        ),
        ("?distinct_id=x&timestamp=2026-01-01", 404, "Person with distinct_id 'x' not found"),
        (
            "?person_id=01900000-0000-7000-8000-00000000ffff&timestamp=2026-01-01",
            404,
            "Person with person_id '01900000-0000-7000-8000-00000000ffff' not found",
        ),
        ("?person_id=1&timestamp=2026-01-01", 500, "Failed to retrieve person properties for person_id '1'"),
    ],
)
async def test_errors_of_properties_at_time_have_their_own_format(api, query, status, error):
    reply = await api.get(f"properties_at_time/{query}")
    assert (reply.status, reply.json) == (status, {"error": error})


async def test_a_person_without_a_distinct_id_has_no_past_properties(api, uuid):
    api.world.take_distinct_ids(uuid)
    assert (await at(api, "2027-01-01", f"person_id={uuid}")).status == 404


async def test_a_change_through_the_api_is_known_from_when_it_is_applied(serve):
    api = await serve(1, scopes=None, capture_lag_s=10)
    before = api.world.person(api.world.uuid_of("user-0")).properties
    await api.call("PATCH", "1/", json={"properties": {"new": 1}})
    api.clock.now += 11
    for second, expected in ((30, before), (31, before | {"new": 1})):
        reply = await at(api, f"{START[:17]}{second}Z", "distinct_id=user-0")
        assert reply.json["properties"] == expected, second


def test_only_the_latest_changes_are_kept():
    now = [1_790_000_000.0]
    server = LocalPostHog(persons=3, options=ServerOptions(history_limit=2), clock=lambda: now[0])
    mutations, uuid = server.world.mutations, server.world.uuid_of("user-1")
    for value in range(4):
        now[0] += 1
        server.world.set_properties(uuid, {"n": value})
    assert [change.before for change in mutations.history.of(1)] == [{"n": 2}, {"n": 1}]
    assert mutations.history.properties(1, {"n": 3}, 0) == {"n": 1}
    assert list(mutations.history.of(0)) == []
    server.reconfigure(history_limit=0)
    server.world.set_properties(uuid, {"n": 9})
    assert mutations.history.properties(1, {"n": 9}, 0) == {"n": 1}


def test_a_property_that_was_added_is_not_there_before():
    now = [1_790_000_000.0]
    server = LocalPostHog(persons=3, clock=lambda: now[0])
    uuid = server.world.uuid_of("user-1")
    before = server.world.person(uuid).properties
    server.world.set_properties(uuid, {"n": None})
    server.world.unset_properties(uuid, ["country"])
    current = server.world.person(uuid).properties
    assert "country" not in current
    history = server.world.mutations.history
    assert history.properties(1, current, 1_789_000_000_000_000) == before
    assert history.properties(1, current, 1_791_000_000_000_000) == current
