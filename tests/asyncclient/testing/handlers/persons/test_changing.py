"""Changing properties by PATCH, update_property and delete_property (contract 6.3, 6.8, 6.11)."""

import msgspec
import pytest

from asyncclient.testing import Fault, LocalPostHog, ServerOptions
from asyncclient.testing.tables.seeding import MISSING

SWAPPED = (400, "validation_error", "This field is required.")
PLAN = {"key": "plan", "type": "person"}


def properties(api, uuid):
    return api.world.person(uuid).properties


@pytest.fixture
async def api(serve):
    return await serve(3)


@pytest.fixture
def uuid(api):
    return api.world.add_person(["a", "b"], {"plan": "free", "age": 3})


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_an_update_sets_the_named_keys_and_keeps_the_others(api, uuid, method):
    reply = await api.call(method, f"{uuid}/", json={"properties": {"plan": "pro", "note": None}, "name": "ignored"})
    assert (reply.status, reply.body) == (202, b"")
    assert properties(api, uuid) == {"plan": "pro", "age": 3, "note": None}
    assert (await api.get(f"{uuid}/")).json["properties"] == {"plan": "pro", "age": 3, "note": None}
    assert api.server.requests[0].action == "update"
    assert api.server.requests[0].applied


async def test_a_whole_retrieved_person_can_be_sent_back(api, uuid):
    whole = (await api.get(f"{uuid}/")).json
    whole["properties"]["age"] = 4
    assert (await api.call("PATCH", f"{uuid}/", json=whole)).status == 202
    assert properties(api, uuid) == {"plan": "free", "age": 4}


async def test_the_documented_statuses_can_be_chosen(serve):
    api = await serve(1, success_status="documented")
    assert (await api.call("PATCH", "1/", json={"properties": {"a": 1}})).status == 200
    reply = await api.post("1/delete_property/", {"$unset": "a"})
    assert (reply.status, reply.json) == (200, {"success": True})


@pytest.mark.parametrize("body", [{}, {"properties": None}, {"$set": {"a": 1}}])
@pytest.mark.parametrize("person", ["1", "999999", "no-such-distinct-id"])
async def test_properties_are_checked_before_the_person_and_code_and_detail_are_swapped(api, body, person):
    reply = await api.call("PATCH", f"{person}/", json=body)
    assert (*reply.error, reply.json["detail"], reply.json["attr"]) == (*SWAPPED, "required", "properties")


async def test_a_missing_person_and_an_invalid_id_are_distinguished(api):
    body = {"properties": {"a": 1}}
    assert (await api.call("PATCH", "999999/", json=body)).error == (404, "invalid_request", "not_found")
    reply = await api.call("PATCH", "user-1/", json=body)
    assert reply.status == 400
    assert "does not look like a personID" in reply.json["detail"]


async def test_update_property_sets_one_null_included(api, uuid):
    for key, value in (("plan", "pro"), ("note", None)):
        assert (await api.post(f"{uuid}/update_property/", {"key": key, "value": value})).status == 202
    assert properties(api, uuid) == {"plan": "pro", "age": 3, "note": None}


@pytest.mark.parametrize(
    ("body", "attr"),
    [({"key": "plan"}, "value"), ({}, "value"), ({"value": 1}, "key"), ({"key": None, "value": None}, "key")],
)
async def test_update_property_wants_a_value_and_a_key(api, uuid, body, attr):
    reply = await api.post(f"{uuid}/update_property/", body)
    assert (*reply.error, reply.json["detail"], reply.json["attr"]) == (*SWAPPED, "required", attr)
    assert properties(api, uuid) == {"plan": "free", "age": 3}


async def test_delete_property_removes_one_key_and_an_absent_one_as_well(api, uuid):
    for _ in range(2):
        reply = await api.post(f"{uuid}/delete_property/", {"$unset": "plan"})
        assert (reply.status, reply.json) == (201, {"success": True})
        assert properties(api, uuid) == {"age": 3}


async def test_unset_in_the_query_alone_is_an_unhandled_error(api, uuid):
    reply = await api.post(f"{uuid}/delete_property/?$unset=plan", {})
    assert reply.error == (500, "server_error", "error")
    assert "plan" in properties(api, uuid)


@pytest.mark.parametrize("person", ["999999", "user-1", "01900000-0000-7000-8000-00000000ffff"])
async def test_delete_property_of_a_missing_person_is_an_unhandled_error(api, person):
    assert (await api.post(f"{person}/delete_property/", {"$unset": "plan"})).status == 500


async def test_a_list_of_keys_is_taken_since_july_2026_and_nested_before(serve):
    for lists, left in ((True, {"plan"}), (False, {"plan", "a", "b"})):
        api = await serve(delete_property_lists=lists)
        uuid = api.world.add_person(["x"], {"a": 1, "b": 2, "plan": "free"})
        assert (await api.post(f"{uuid}/delete_property/", {"$unset": ["a", "b"]})).status == 201
        assert set(properties(api, uuid)) == left


async def test_without_a_distinct_id_nothing_can_be_captured(api, uuid):
    api.world.take_distinct_ids(uuid)
    assert api.world.uuid_of("a") is None
    unhandled = (500, "server_error", "error")
    assert (await api.call("PATCH", f"{uuid}/", json={"properties": {"a": 1}})).error == unhandled
    assert (await api.post(f"{uuid}/update_property/", {"key": "a", "value": 1})).error == unhandled
    assert (await api.post(f"{uuid}/delete_property/", {"$unset": "plan"})).error == unhandled
    assert properties(api, uuid) == {"plan": "free", "age": 3}
    assert api.world.add_person(["a"], uuid="01900000-0000-7000-8000-00000000ffff") == api.world.uuid_of("a")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PATCH", "", {"properties": {"plan": "pro"}}, 202),
        ("POST", "update_property/", {"key": "plan", "value": "pro"}, 202),
        ("POST", "delete_property/", {"$unset": "plan"}, 201),
    ],
)
async def test_a_swallowed_capture_responds_as_if_it_had_worked(api, uuid, method, path, body, status):
    api.server.faults.add(Fault("swallow", times=1))
    assert (await api.call(method, f"{uuid}/{path}", json=body)).status == status
    assert not api.server.requests[-1].applied
    assert properties(api, uuid)["plan"] == "free"
    assert (await api.call(method, f"{uuid}/{path}", json=body)).status == status
    assert properties(api, uuid).get("plan") != "free"


async def test_a_share_of_captures_is_swallowed_call_by_call(api, uuid):
    api.server.faults.add(Fault("swallow", share=0.3, seed=5))
    for number in range(100):
        assert (await api.call("PATCH", f"{uuid}/", json={"properties": {f"k{number}": 1}})).status == 202
    assert 15 <= api.world.ingestion.swallowed <= 45
    assert len(properties(api, uuid)) == 2 + 100 - api.world.ingestion.swallowed


async def test_a_capture_that_is_down_fails_delete_property_alone(api, uuid):
    api.server.faults.add(Fault("capture_down", status=502))
    assert (await api.call("PATCH", f"{uuid}/", json={"properties": {"plan": "pro"}})).status == 202
    assert (await api.post(f"{uuid}/update_property/", {"key": "plan", "value": 1})).status == 202
    reply = await api.post(f"{uuid}/delete_property/", {"$unset": "plan"})
    assert (reply.status, reply.json) == (502, {"success": False, "detail": "Unable to delete property"})
    assert properties(api, uuid) == {"plan": "free", "age": 3}
    assert not any(request.applied for request in api.server.requests)


def test_faults_of_captures_strike_nothing_else():
    with pytest.raises(ValueError, match="applies only to"):
        Fault("capture_down", action="destroy")
    assert not Fault("capture_down").applies_to("capture")
    assert Fault("swallow", action="capture", share=0.01).applies_to("capture")


async def test_a_change_takes_the_lag_of_captures_and_the_listing_its_own_beyond(serve):
    api = await serve(capture_lag_s=10, list_lag_s=5)
    uuid = api.world.add_person(["x"], {"plan": "free"})
    api.server.settle()
    pro, free, unset = ({**PLAN, "value": "pro"}, {**PLAN, "value": "free"}, {**PLAN, "operator": "is_not_set"})
    for body in ({"plan": "pro"}, {"age": 4}):
        await api.call("PATCH", f"{uuid}/", json={"properties": body})
        api.clock.now += 1
    api.clock.now += 7.9
    assert properties(api, uuid) == {"plan": "free"}
    assert (await api.get("/__local__/state")).json["events_under_way"] == 2
    api.clock.now += 2
    assert properties(api, uuid) == {"plan": "pro", "age": 4}
    assert (await api.where(pro), await api.where(free)) == ([], ["x"])
    # What is shown of a person comes from the store (contract 6.1).
    assert (await api.get()).json["results"][0]["properties"]["plan"] == "pro"
    api.clock.now += 5.1
    assert (await api.where(pro), await api.where(free)) == (["x"], [])
    await api.post(f"{uuid}/delete_property/", {"$unset": "plan"})
    api.clock.now += 10.1
    assert (await api.where(pro), await api.where(unset)) == (["x"], [])
    api.server.settle()
    assert (await api.where(pro), await api.where(unset)) == ([], ["x"])


async def test_the_listing_sees_one_change_after_the_other(serve):
    api = await serve(list_lag_s=10)
    uuid = api.world.add_person(["x"], {"plan": "one"})
    api.server.settle()

    async def seen():
        return [n for n in ("one", "two", "three") if await api.where({**PLAN, "value": n})]

    for name in ("two", "three"):
        api.world.set_properties(uuid, {"plan": name})
        api.clock.now += 4
    assert await seen() == ["one"]
    api.clock.now += 3
    assert await seen() == ["two"]
    api.clock.now += 4
    assert await seen() == ["three"]


async def test_filters_follow_changes_of_seeded_persons(serve):
    api = await serve(30)
    uuid = api.world.uuid_of("user-4")
    pro = {**PLAN, "value": "pro"}
    before = await api.where(pro)
    await api.call("PATCH", f"{uuid}/", json={"properties": {"plan": "new", "email": "new@example.com"}})
    assert await api.where({**PLAN, "value": "new"}) == ["user-4"]
    assert await api.where(pro) == [name for name in before if name != "user-4"]
    assert await api.uuids("?email=new@example.com") == [str(uuid)]
    assert await api.uuids("?email=user4@example.com") == []
    await api.post(f"{uuid}/update_property/", {"key": "plan", "value": None})
    set_ = {**PLAN, "operator": "is_set", "value": "is_set"}
    assert "user-4" not in await api.where(set_)
    assert properties(api, uuid)["plan"] is None


def test_the_world_sets_and_unsets_and_a_change_leaves_the_rest_of_a_seeded_person_alone():
    world = LocalPostHog(persons=5).world
    uuid = world.uuid_of("user-2")
    before = world.person(uuid)
    world.set_properties(uuid, {"plan": "new", "extra": [1]})
    world.unset_properties(uuid, ["country", "extra", "absent"])
    after = world.person(uuid)
    expected = {**before.properties, "plan": "new"}
    del expected["country"]
    assert after == msgspec.structs.replace(before, properties=expected)
    assert world.mutations.store.value(2, "country") is MISSING
    with pytest.raises(LookupError):
        world.set_properties("01900000-0000-7000-8000-00000000ffff", {})


def test_a_person_lost_by_the_listing_keeps_nothing_under_way():
    server = LocalPostHog(persons=5, options=ServerOptions(list_lag_s=5), clock=lambda: 1_790_000_000.0)
    uuid = server.world.uuid_of("user-2")
    server.world.set_properties(uuid, {"plan": "new"})
    listing = server.world.mutations.listing
    assert (listing.value(2, "plan") == "new", listing.pending()) == (False, 1)
    server.world.lose(uuid)
    assert (listing.value(2, "plan"), listing.pending()) == ("new", 0)


async def test_properties_are_changed_only_with_the_scope_to_write(serve):
    api = await serve(1, scopes=("person:read",))
    calls = [
        ("PATCH", "1/", {"properties": {"a": 1}}),
        ("PUT", "1/", {"properties": {"a": 1}}),
        ("POST", "1/update_property/", {"key": "a", "value": 1}),
        ("POST", "1/delete_property/", {"$unset": "a"}),
    ]
    for method, path, body in calls:
        reply = await api.call(method, path, json=body)
        assert (reply.status, reply.json["detail"]) == (403, "API key missing required scope 'person:write'")


async def test_bodies_that_are_no_object_are_unhandled_errors_and_other_formats_unsupported(api):
    assert (await api.call("PATCH", "1/", json=[1])).status == 500
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await api.call("PATCH", "1/", data=b"properties=1", headers=form)).status == 415
