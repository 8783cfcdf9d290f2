"""HogQL of the local server: each kind of condition and clause, against what the world itself says."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncclient.testing import LocalPostHog, ServerOptions
from asyncclient.testing.queries.hogql.selecting import run_query
from asyncclient.testing.queries.hogql.syntax import BadQuery
from asyncclient.testing.tables.uuids import format_uuid

NOW = datetime(2026, 11, 1, tzinfo=UTC)
ALL = "SELECT id FROM persons"


@pytest.fixture(scope="module")
def world():
    server = LocalPostHog(persons=300, seed=4, options=ServerOptions(seeded_events=True), clock=NOW.timestamp)
    server.world.add_person(
        ["odd"], {"$os": "Linux", "a b": None, "age": "41", "n": 7, "on": True}, is_identified=False
    )
    server.world.add_event("nobody", timestamp="2026-10-31T00:00:00Z")
    return server.world


def rows(world, text, **values):
    return run_query(f"{text} LIMIT 50000", values, world.mutations).rows


def persons(world, condition, **values):
    """The UUIDs that a condition selects."""
    found = [raw for (raw,) in rows(world, f"{ALL} WHERE {condition}", **values)]
    assert len(found) == len(set(found))
    return {format_uuid(raw) for raw in found}


def those(world, test):
    return {str(uuid) for uuid in world.iter_uuids() if test(world.person(uuid))}


def has_event_since(world, person, since):
    return any(event.timestamp >= since for event in world.events(person.uuid))


MIDDLE = datetime(2024, 1, 1, 1, tzinfo=UTC)
YEAR_AGO = NOW - timedelta(days=365)

CASES = {
    "created_at < {at}": lambda w, p: p.created_at < MIDDLE,
    "created_at >= fromUnixTimestamp({seconds})": lambda w, p: p.created_at >= MIDDLE,
    "created_at BETWEEN '2024-01-01' AND {at}": lambda w, p: p.created_at <= MIDDLE,
    "toDateTime({seconds}) > persons.created_at": lambda w, p: p.created_at < MIDDLE,
    "is_identified": lambda w, p: p.is_identified,
    "is_identified = false": lambda w, p: not p.is_identified,
    "NOT is_identified AND created_at < {at}": lambda w, p: not p.is_identified and p.created_at < MIDDLE,
    "properties.plan = 'free'": lambda w, p: p.properties.get("plan") == "free",
    "properties['plan'] = {plan}": lambda w, p: p.properties.get("plan") == "pro",
    "properties.plan != 'free'": lambda w, p: p.properties.get("plan", "free") != "free",
    "properties.plan IN ('pro', 'enterprise')": lambda w, p: p.properties.get("plan") in ("pro", "enterprise"),
    "properties.plan NOT IN {plans}": lambda w, p: p.properties.get("plan", "pro") not in ("pro", "free"),
    "properties.logins > 250": lambda w, p: p.properties.get("logins", 0) > 250,
    "properties.age > 40": lambda w, p: "age" in p.properties,
    "properties.newsletter = true": lambda w, p: p.properties.get("newsletter") is True,
    "properties.email IS NULL": lambda w, p: "email" not in p.properties,
    "isNotNull(properties.email)": lambda w, p: "email" in p.properties,
    "properties.$os = 'Linux'": lambda w, p: "$os" in p.properties,
    "properties.`$os` = 'Linux' OR properties.plan = 'pro'": lambda w, p: (
        "$os" in p.properties or p.properties.get("plan") == "pro"
    ),
    "JSONHas(properties, 'a b')": lambda w, p: "a b" in p.properties,
    "properties.`a b` IS NOT NULL": lambda w, p: False,
    "properties.nothing != 'x'": lambda w, p: False,
    "NOT (properties.nothing = 'x')": lambda w, p: False,
    "properties.email LIKE 'user1_@%'": lambda w, p: (
        len(p.properties.get("email", "")) == len("user1_@example.com") and p.properties["email"].startswith("user1")
    ),
    "properties.email NOT ILIKE 'USER%'": lambda w, p: False,
    "lower(properties.name) LIKE 'ada %'": lambda w, p: p.properties.get("name", "").startswith("Ada "),
    "id = {one}": lambda w, p: p.distinct_ids[0] == "user-7",
    "toString(id) IN {ones}": lambda w, p: p.distinct_ids[0] == "user-7",
    "id IN (SELECT person_id FROM events WHERE timestamp >= {year})": lambda w, p: has_event_since(w, p, YEAR_AGO),
    "id NOT IN (SELECT person_id FROM events WHERE timestamp >= now() - INTERVAL 365 DAY)": lambda w, p: (
        not has_event_since(w, p, YEAR_AGO)
    ),
    "id NOT IN (SELECT person_id FROM events WHERE timestamp >= now() - toIntervalDay({days}))": lambda w, p: (
        not has_event_since(w, p, YEAR_AGO)
    ),
    "id IN (SELECT person.id FROM events WHERE person.properties.plan = 'pro')": lambda w, p: (
        p.properties.get("plan") == "pro" and bool(w.events(p.uuid))
    ),
    "id IN (SELECT person_id FROM events GROUP BY person_id HAVING count() > 1 AND max(timestamp) < {year})": (
        lambda w, p: len(w.events(p.uuid)) > 1 and not has_event_since(w, p, YEAR_AGO)
    ),
    "id IN (SELECT person_id FROM person_distinct_ids WHERE distinct_id = 'user-7-device-1')": lambda w, p: (
        "user-7-device-1" in p.distinct_ids
    ),
    "id IN (SELECT who FROM (SELECT id AS who FROM persons AS p WHERE p.properties.plan = 'pro') AS x)": lambda w, p: (
        p.properties.get("plan") == "pro"
    ),
}


@pytest.mark.parametrize("condition", CASES)
def test_a_condition_selects_the_persons_that_the_world_says(world, condition):
    one = str(world.uuid_of("user-7"))
    values = {
        "at": MIDDLE.isoformat(),
        "seconds": int(MIDDLE.timestamp()),
        "plan": "pro",
        "plans": ["pro", "free"],
        "one": one,
        "ones": [one],
        "year": YEAR_AGO.isoformat(),
        "days": 365,
    }
    assert persons(world, condition, **values) == those(world, lambda person: CASES[condition](world, person))


def test_columns_have_names_and_rows_an_order(world):
    found = run_query(
        "SELECT DISTINCT properties.plan AS plan FROM persons WHERE plan IS NOT NULL ORDER BY plan DESC",
        {},
        world.mutations,
    )
    assert (found.names, found.rows) == (["plan"], [("pro",), ("free",), ("enterprise",)])
    found = run_query(
        "SELECT is_identified, count() FROM persons GROUP BY is_identified ORDER BY count(), is_identified",
        {},
        world.mutations,
    )
    anonymous = len(those(world, lambda person: not person.is_identified))
    assert found.names == ["is_identified", "count()"]
    assert found.rows == [(False, anonymous), (True, 301 - anonymous)]


def test_an_alias_replaces_the_column_in_conditions(world):
    text = "SELECT toString(id) AS id FROM persons WHERE id > {after} ORDER BY id LIMIT 3"
    first = run_query(text, {"after": ""}, world.mutations).rows
    assert first == sorted(first)
    rest = run_query(text, {"after": first[1][0]}, world.mutations).rows
    assert rest[0] == first[2]


@pytest.mark.parametrize("spelling", ["id", "toString(id)", "p.id", "toString(p.id)"])
@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_pages_from_a_mark_are_those_of_one_long_page(world, spelling, limit):
    text = f"SELECT toString(id) AS uuid FROM persons AS p WHERE {spelling} > {{after}} AND is_identified "
    text += f"ORDER BY {spelling} LIMIT {limit}"
    whole = run_query(
        text.replace(f"LIMIT {limit}", "LIMIT 9000"), {"after": str(world.uuid_of("user-3"))}, world.mutations
    )
    walked = []
    after = str(world.uuid_of("user-3"))
    while page := run_query(text, {"after": after}, world.mutations).rows:
        walked += page
        after = page[-1][0]
    assert walked == whole.rows


def test_a_mark_that_is_no_canonical_uuid_is_compared_as_text(world):
    text = "SELECT toString(id) FROM persons WHERE toString(id) > {after} ORDER BY toString(id) LIMIT 9000"
    for after in ("", "a", str(world.uuid_of("user-3")).upper(), "~" * 36):
        found = [uuid for (uuid,) in run_query(text, {"after": after}, world.mutations).rows]
        assert found == sorted(str(uuid) for uuid in world.iter_uuids() if str(uuid) > after)


@given(
    left=st.sampled_from(["true", "false", "NULL", "properties.email = 'x'", "is_identified"]),
    right=st.sampled_from(["true", "false", "NULL", "properties.nothing = 'x'", "created_at > '2025-01-01'"]),
)
def test_null_is_neither_true_nor_false(world, left, right):
    """De Morgan holds with nulls, and a condition and its opposite never select the same person."""
    both = persons(world, f"({left}) AND ({right})")
    assert persons(world, f"NOT (NOT ({left}) OR NOT ({right}))") == both
    assert not both & persons(world, f"NOT (({left}) AND ({right}))")


WORDS = [*"(),.=<>'`{}-", " SELECT ", " id ", " FROM ", " persons ", " WHERE ", " NOT ", " IN ", " NULL ", "3", "{v}"]
WORDS += [
    " properties.x ",
    " ORDER BY ",
    " LIMIT ",
    "toString(",
    " AND ",
    " events ",
    "person_id",
    " LIKE ",
    " IS ",
    "-",
]


@pytest.mark.slow
@given(st.lists(st.sampled_from(WORDS), max_size=14))
def test_any_words_are_evaluated_or_refused(world, words):
    try:
        run_query("SELECT id FROM persons WHERE " + "".join(words), {"v": "x"}, world.mutations)
    except BadQuery:
        return


def test_a_union_has_the_rows_of_both_queries_under_the_names_of_the_first(world):
    free = f"{ALL} WHERE properties.plan = 'free'"
    one, twice = rows(world, f"SELECT id FROM ({free})"), rows(world, f"SELECT id FROM ({free} UNION ALL {free})")
    assert sorted(twice) == sorted(one + one)
    assert rows(world, f"SELECT id FROM (({free}) UNION DISTINCT ({free}))") == one
    both = persons(world, f"id IN ({free} UNION ALL SELECT person_id FROM events)")
    assert both == persons(world, f"id IN ({free}) OR id IN (SELECT person_id FROM events)")
    top = run_query(f"SELECT id AS a FROM persons UNION ALL {ALL}", {}, world.mutations)
    assert (top.names, len(top.rows), top.has_more) == (["a"], 100, True)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"SELECT id, created_at FROM persons UNION ALL {ALL}", "different numbers of columns"),
        (f"{ALL} UNION ALL {ALL} LIMIT 5", "LIMIT after UNION"),
        (f"{ALL} INTERSECT {ALL}", "Only SELECT"),
    ],
)
def test_a_union_that_is_not_evaluated_is_refused(world, text, says):
    with pytest.raises(BadQuery, match=says):
        run_query(text, {}, world.mutations)
