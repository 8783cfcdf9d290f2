"""The filters of the list call: every operator of the contract (6.1), alone and together."""

import json
from urllib.parse import quote

import pytest


def where(key, operator, value=None):
    return {"key": key, "operator": operator, "value": value, "type": "person"}


@pytest.fixture
async def api(serve):
    api = await serve()
    people = {
        "ann": {"email": "ann@Example.com", "plan": "free", "age": 30, "beta": True, "seen": "2026-09-01"},
        "bob": {"email": "bob@example.com", "plan": "pro", "age": 4.5, "beta": False, "seen": "2026-09-15"},
        "cyd": {"email": "cyd@test.org", "plan": None, "age": "31", "seen": "2026-09-15T12:00:00Z"},
        "dan": {"name": "Dan [x]", "plan": "pro max"},
    }
    for name, properties in people.items():
        api.world.add_person([name], properties)
    return api


@pytest.mark.parametrize(
    ("operator", "key", "value", "expected"),
    [
        ("exact", "plan", "free", "ann"),
        ("exact", "plan", ["free", "pro"], "ann bob"),
        ("exact", "plan", "Free", ""),
        ("exact", "age", 30, "ann"),
        ("exact", "age", "30", "ann"),
        ("exact", "beta", True, "ann"),
        ("exact", "beta", "false", "bob"),
        ("exact", "beta", [True, False], "ann bob"),
        ("in", "plan", ["pro", "other"], "bob"),
        ("is_not", "plan", "free", "bob cyd dan"),
        ("is_not", "plan", ["free", "pro"], "cyd dan"),
        ("not_in", "plan", ["free"], "bob cyd dan"),
        ("icontains", "email", "EXAMPLE", "ann bob"),
        ("icontains", "age", "3", "ann cyd"),
        ("not_icontains", "email", "example", "cyd dan"),
        ("starts_with", "plan", "pro", "bob dan"),
        ("not_starts_with", "plan", "pro", "ann cyd"),
        ("ends_with", "email", "example.com", "ann bob"),
        ("not_ends_with", "email", ".com", "cyd dan"),
        ("regex", "email", "^[ab].*@", "ann bob"),
        ("regex", "name", r"\[x\]$", "dan"),
        ("not_regex", "email", "^a", "bob cyd dan"),
        ("gt", "age", 30, "cyd"),
        ("gte", "age", "30", "ann cyd"),
        ("lt", "age", 30, "bob"),
        ("lte", "age", 30, "ann bob"),
        ("gt", "plan", "pro", "dan"),
        ("is_date_exact", "seen", "2026-09-15", "bob cyd"),
        ("is_date_before", "seen", "2026-09-15", "ann"),
        ("is_date_after", "seen", "2026-09-01", "bob cyd"),
        ("is_date_after", "seen", "2026-09-15T06:00:00+00:00", "cyd"),
        ("is_date_before", "name", "2026-09-15", ""),
        ("is_set", "plan", "is_set", "ann bob dan"),
        ("is_set", "email", None, "ann bob cyd"),
        ("is_not_set", "plan", "is_not_set", "cyd"),
        ("is_not_set", "age", None, "dan"),
    ],
)
async def test_each_operator_selects_the_right_persons(api, operator, key, value, expected):
    assert sorted(await api.where(where(key, operator, value))) == expected.split()


async def test_relative_dates_move_with_the_clock(api):
    recent = where("seen", "is_date_after", "-7d")
    assert sorted(await api.where(recent)) == ["bob", "cyd"]  # it is 21 September 2026
    api.clock.now += 2 * 86_400
    assert await api.where(recent) == []


async def test_filters_are_anded(api):
    assert await api.where(where("plan", "starts_with", "pro"), where("age", "is_set")) == ["bob"]
    assert await api.where(where("plan", "exact", "pro"), more="&email=ann%40Example.com") == []


async def test_a_missing_operator_is_exact(api):
    assert await api.where({"key": "plan", "value": "free", "type": "person"}) == ["ann"]


async def test_no_filters_select_every_person(api):
    assert len(await api.where()) == 4


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("email=bob%40example.com", ["bob"]),
        ("email=ann%40example.com", []),
        ("distinct_id=cyd", ["cyd"]),
        ("distinct_id=cy", []),
        ("search=EXAMPLE", ["bob", "ann"]),
        ("search=dan+%5B", ["dan"]),
        ("search=cyd", ["cyd"]),
        ("search=nobody", []),
        ("distinct_id=&email=&search=&properties=", ["dan", "cyd", "bob", "ann"]),
    ],
)
async def test_a_plain_filter_selects_the_matching_persons(api, query, expected):
    page = (await api.get(f"?{query}")).json
    assert [person["distinct_ids"][0] for person in page["results"]] == expected


async def test_search_finds_a_uuid_and_distinct_id_finds_an_alias(api):
    uuid = api.world.uuid_of("bob")
    assert await api.uuids(f"?search={uuid}") == [str(uuid)]
    api.world.merge(uuid, api.world.uuid_of("ann"))
    assert await api.uuids("?distinct_id=ann") == [str(uuid)]


async def test_a_cached_search_follows_a_merge(api):
    bob, dan = api.world.uuid_of("bob"), api.world.uuid_of("dan")
    assert await api.uuids("?search=dan") == [str(dan)]
    api.world.merge(bob, dan)
    assert await api.uuids("?search=dan") == [str(bob)]


@pytest.mark.parametrize("text", ["{", "[{]", "free", "[1,"])
async def test_properties_that_are_not_json_are_refused(api, text):
    reply = await api.get(f"?properties={quote(text)}")
    assert reply.error == (400, "validation_error", "invalid_input")
    assert reply.json["detail"] == "Properties are unparsable!"


@pytest.mark.parametrize("text", ['{"type":"AND","values":[]}', "[1]", '[{"key":"plan","value":"free"}]', "3"])
async def test_properties_of_another_form_are_an_unhandled_error(api, text):
    assert (await api.get(f"?properties={quote(text)}")).status == 500


@pytest.mark.parametrize(
    "wanted",
    [
        where("plan", "sounds_like", "free"),
        where("plan", "regex", "("),
        where("seen", "is_date_after", "soon"),
        where("age", "gt", [1, 2]),
        {"key": "plan", "value": "free", "type": "event"},
    ],
)
async def test_a_filter_that_the_server_does_not_take_is_a_400(api, wanted):
    reply = await api.get(f"?properties={quote(json.dumps([wanted]))}")
    assert reply.error == (400, "validation_error", "invalid_input")


async def test_a_cohort_selects_its_members(api):
    api.world.add_cohort(7, [api.world.uuid_of("ann"), api.world.uuid_of("dan")])
    assert sorted(await api.where({"key": "id", "value": 7, "type": "cohort"})) == ["ann", "dan"]
    outside = {"key": "id", "value": 7, "type": "cohort", "operator": "not_in"}
    assert sorted(await api.where(outside)) == ["bob", "cyd"]
    api.world.add_cohort(7, [])
    assert sorted(await api.where(outside)) == ["ann", "bob", "cyd", "dan"]
    unknown = quote('[{"key":"id","value":8,"type":"cohort"}]')
    assert (await api.get(f"?properties={unknown}")).status == 400


async def test_a_filtered_listing_follows_arrivals_deletions_and_returns(api):
    pro = where("plan", "exact", "pro")
    assert await api.where(pro) == ["bob"]
    uuid = api.world.add_person(["eve"], {"plan": "pro"})
    api.world.add_person(["fay"], {"plan": "free"})
    assert await api.where(pro) == ["eve", "bob"]
    api.world.remove_person(uuid)
    api.world.recreate(api.world.uuid_of("bob"))
    assert await api.where(pro) == ["bob"]


async def test_a_filtered_page_of_many_does_not_evaluate_the_filter_again(serve, monkeypatch):
    api = await serve(2000)
    looked_at = 0
    value = type(api.world.mutations.seeding).value

    def counting(self, number, key):
        nonlocal looked_at
        looked_at += 1
        return value(self, number, key)

    monkeypatch.setattr(type(api.world.mutations.seeding), "value", counting)
    free = quote('[{"key":"plan","value":"free","operator":"exact","type":"person"}]')
    first = await api.uuids(f"?limit=100&properties={free}")
    assert looked_at == 2000
    await api.post("bulk_delete/", {"ids": first[:10]})
    await api.get(f"?limit=100&offset=100&properties={free}")
    assert looked_at == 2000


async def test_exact_emails_of_seeded_persons_are_found_without_looking_at_all(serve, monkeypatch):
    api = await serve(2000)
    monkeypatch.setattr(api.world.mutations.listing, "select", None)
    found = await api.where(where("email", "exact", ["user1999@example.com", "user3@example.com", "no@no"]))
    assert found == ["user-1999", "user-3"]
