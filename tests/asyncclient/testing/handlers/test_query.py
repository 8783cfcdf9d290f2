"""The query endpoint: what it responds, in which order, and what it refuses (contract 12)."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncclient.testing import LocalPostHog
from asyncclient.testing.queries.hogql.selecting import run_query
from asyncclient.testing.queries.hogql.syntax import BadQuery
from asyncclient.testing.tables.uuid_order import UuidOrder, by_clickhouse, by_text
from asyncclient.testing.tables.uuids import UuidTable

TEXT = "SELECT toString(id) FROM persons WHERE (JSONHas(properties, {k0})) AND toString(id) > {after} "
TEXT += "ORDER BY toString(id) LIMIT 100"
WORLD = LocalPostHog(persons=2).world
NIL = "00000000-0000-0000-0000-000000000000"


async def ask(api, text=TEXT, refresh="force_blocking", **values):
    body = {"query": {"kind": "HogQLQuery", "query": text, "values": values}, "refresh": refresh}
    return await api.post("/api/projects/1/query/", body)


async def found(api, text=TEXT, **values):
    reply = await ask(api, text, **values)
    assert reply.status == 200, reply.body
    return [row for (row,) in reply.json["results"]]


async def walk(api, template, limit, **values):
    """Page by the last UUID until a page is empty."""
    rows = []
    while page := await found(api, f"{template} LIMIT {limit}", after=rows[-1] if rows else NIL, **values):
        assert len(page) <= limit
        rows += page
        assert len(rows) == len(set(rows)), "a row came twice"
    return rows


async def test_null_values_are_found_which_the_filter_is_set_misses(serve):
    api = await serve()
    null = api.world.add_person(["null"], {"old": None})
    api.world.add_person(["none"], {"other": 1})
    some = api.world.add_person(["some"], {"old": 1})
    assert await found(api, k0="old", after=NIL) == sorted(map(str, (null, some)))
    assert await api.where({"key": "old", "operator": "is_set", "value": "is_set", "type": "person"}) == ["some"]


async def test_a_query_response_has_columns_and_pages(serve):
    api = await serve(3)
    body = (await ask(api, k0="plan", after=NIL)).json
    assert (body["columns"], body["is_cached"], body["hasMore"], body["error"]) == (
        ["toString(id)"],
        False,
        False,
        None,
    )
    assert len(body["results"]) == 3
    assert (await ask(api, refresh="blocking", k0="plan", after=NIL)).json["is_cached"] is True


@pytest.mark.parametrize("spelling", ["toString(id)", "id"])
async def test_pages_by_last_uuid_have_every_person_once(serve, spelling):
    api = await serve(57)
    for n in range(3):
        api.world.add_person([f"new-{n}"], {"email": None})
    text = f"SELECT {spelling} FROM persons WHERE (JSONHas(properties, {{k0}}) OR JSONHas(properties, {{k1}})) "
    text += f"AND {spelling} > {{after}} ORDER BY {spelling}"
    rows = await walk(api, text, 7, k0="email", k1="absent")
    people = (api.world.person(uuid) for uuid in api.world.iter_uuids())
    assert sorted(rows) == sorted(str(person.uuid) for person in people if "email" in person.properties)
    assert (rows == sorted(rows)) is (spelling != "id"), "ClickHouse orders UUIDs by their second half"


async def test_persons_created_and_deleted_while_a_client_pages(serve):
    api = await serve(40)
    everybody = await found(api, k0="plan", after=NIL)
    first = await found(api, TEXT.replace("100", "10"), k0="plan", after=NIL)
    api.world.remove_person(everybody[15])
    api.world.unset_properties(everybody[16], ["plan"])
    late = api.world.add_person(["late"], {"plan": "x"}, uuid="ffffffff-ffff-4fff-8fff-ffffffffffff")
    rest = await found(api, k0="plan", after=first[-1])
    assert rest == [*everybody[10:15], *everybody[17:], str(late)]


async def test_the_query_trails_the_store_like_the_listing(serve):
    api = await serve(2, list_lag_s=5)
    uuid = str(api.world.uuid_of("user-0"))
    api.world.unset_properties(uuid, ["plan"])
    api.world.add_person(["new"], {"plan": "x"})
    assert len(await found(api, k0="plan", after=NIL)) == 2
    api.clock.now += 5
    assert (after := await found(api, k0="plan", after=NIL)) != []
    assert uuid not in after
    assert len(after) == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("SELECT id FROM people", "Unknown table `people`"),
        ("SELECT nothing FROM persons", "Unable to resolve field: nothing"),
        ("SELECT sum(id) FROM persons WHERE JSONHas(properties, {k0}) ORDER BY id", "Not evaluated"),
        ("SELECT * FROM persons", "named columns"),
        ("SELECT id FROM persons JOIN events ON id = person_id", "JOINS"),
        ("SELECT id FROM persons UNION ALL SELECT id FROM persons LIMIT 5", "LIMIT after UNION"),
        ("SELECT id FROM persons WHERE created_at > 'yesterday'", "Cannot parse a DateTime"),
        ("SELECT id FROM persons WHERE id = 'nobody'", "Cannot parse a UUID"),
        ("SELECT id FROM persons WHERE created_at > 3", "no supertype"),
        ("SELECT person_id FROM events WHERE event = '$pageview'", "neither names nor properties"),
        ("SELECT id FROM persons WHERE id IN (SELECT person_id, timestamp FROM events)", "one column"),
        ("SELECT id FROM persons WHERE id IN {k0}", "IN takes"),
        ("SELECT id, count() FROM persons GROUP BY is_identified", "neither in GROUP BY nor"),
        ("SELECT id FROM persons LIMIT 1 BY id", "LIMIT BY"),
        ("SELECT", "FROM"),
        ("SELECT id FROM", "syntax error"),
        ("SELECT " + "(" * 5000 + "id" + ")" * 5000 + " FROM persons", "syntax error"),
        ("DROP TABLE persons", "Only SELECT"),
        (f"{TEXT}; DROP TABLE persons", "one statement"),
        (f"{TEXT} OFFSET 100", "OFFSET"),
        (TEXT.replace("100", "10, 100"), "OFFSET"),
        (TEXT.replace("k0", "k9"), "k9 is not in values"),
        (TEXT.replace("{k0}", "{3}"), "name in braces"),
        (TEXT.replace("{k0}", "3"), "must be a string"),
        (TEXT.replace("{k0}", "{after}").replace("100", "{k0}"), "LIMIT must be a number"),
    ],
)
async def test_any_other_query_is_refused(serve, text, says):
    reply = await ask(await serve(1), text, k0="plan", after=NIL)
    assert reply.error == (400, "validation_error", "invalid_input")
    assert says in reply.json["detail"]


async def test_bodies_that_are_no_query_are_refused(serve):
    api = await serve(1)
    for body in ({}, {"query": TEXT}, {"query": {"kind": "EventsQuery"}}, {"query": {"kind": "HogQLQuery"}}):
        assert (await api.post("/api/projects/1/query/", body)).status == 400


@pytest.mark.slow
async def test_a_query_needs_its_scope_and_counts_with_the_other_calls(serve):
    api = await serve(1, scopes=("person:write",))
    assert (await ask(api, k0="plan", after=NIL)).json["detail"] == "API key missing required scope 'query:read'"
    api.server.reconfigure(scopes=("query:read", "person:read"), rate_limits="posthog")
    for _ in range(120):
        await ask(api, k0="plan", after=NIL)
        await api.get("1/")
    assert (await ask(api, k0="plan", after=NIL)).status == 429


@given(st.text(max_size=60), st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2))
def test_any_text_is_refused_cleanly(text, values):
    with pytest.raises(BadQuery):
        run_query(text, values, WORLD.mutations)


@given(
    st.lists(st.binary(min_size=16, max_size=16), unique=True, max_size=40),
    st.integers(0, 40),
    st.binary(min_size=16, max_size=16),
    st.sampled_from([by_text, by_clickhouse]),
)
def test_the_order_is_right_whenever_uuids_come_in(raws, early, mark, sort_key):
    table = UuidTable(raws[:early])
    order = UuidOrder(table, sort_key)
    list(order.after(None))
    for raw in raws[early:]:
        table.intern(raw)
    expected = sorted((raw for raw in raws if sort_key(raw) > sort_key(mark)), key=sort_key)
    assert [table.raw(key) for key in order.after(mark)] == expected


@pytest.mark.slow
async def test_a_page_of_ten_thousand_of_a_hundred_thousand_persons_is_quick(serve):
    api = await serve(100_000)
    text = TEXT.replace("LIMIT 100", "")
    started = time.process_time()
    rows = await walk(api, text, 10_000, k0="plan")
    assert len(rows) == 100_000
    assert time.process_time() - started < 10
    for uuid in rows[:99_990]:
        api.world.unset_properties(uuid, ["plan"])
    assert await found(api, text, k0="plan", after=NIL) == rows[99_990:]


def test_the_world_can_be_read_without_a_request():
    world = LocalPostHog(persons=3).world
    assert len(list(world.mutations.uuids_by_text.after(None))) == 3
