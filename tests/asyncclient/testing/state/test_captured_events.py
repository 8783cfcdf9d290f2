"""How events of any form are parsed (contract 12)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncclient.testing.state.captured_events import (
    MAX_EVENT_DISTINCT_ID,
    Event,
    Personless,
    parse_event,
    parse_personless_event,
    unset_keys,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["$set", "$identify", "$create_alias", "$delete_person_property", "click", "", None, 3])
FIELDS = st.sampled_from(
    ["$set", "$set_once", "$unset", "$anon_distinct_id", "alias", "distinct_id", "$process_person_profile"]
)
EVENTS = st.fixed_dictionaries(
    {"event": NAMES, "distinct_id": JSON | st.text(max_size=3)},
    optional={"properties": JSON | st.dictionaries(FIELDS, JSON), "$set": JSON, "$set_once": JSON},
)


def event(name="$set", distinct_id="a", properties=None, **more):
    return {"event": name, "distinct_id": distinct_id, "properties": properties or {}, **more}


@pytest.mark.slow
@given(JSON | EVENTS)
def test_anything_sent_is_parsed_as_an_event_or_dropped(raw):
    found = parse_event(raw)
    assert found is None or (
        0 < len(found.distinct_id) <= MAX_EVENT_DISTINCT_ID
        and all(isinstance(key, str) for key in found.unset)
        and found.other_id != found.distinct_id
        and isinstance(found.set, dict)
        and isinstance(found.set_once, dict)
    )


@pytest.mark.parametrize("distinct_id", ["", None, [], {}])
def test_an_event_without_a_usable_distinct_id_is_dropped(distinct_id):
    assert parse_event(event(distinct_id=distinct_id)) is None


def test_an_event_needs_a_name_and_a_person_to_touch():
    assert parse_event(event(name="")) is None
    assert parse_event({"distinct_id": "a"}) is None
    assert parse_event(event(properties={"$process_person_profile": False, "$set": {"a": 1}})) is None
    assert parse_event(event(distinct_id="x" * 200 + "y")) == Event(distinct_id="x" * 200)
    assert parse_event(event(distinct_id=17)) == Event(distinct_id="17")
    assert parse_event({"event": "click", "properties": {"distinct_id": "a"}}) == Event(distinct_id="a")


def test_an_event_without_a_person_is_one_that_asks_for_none():
    asks = {"$process_person_profile": False}
    assert parse_personless_event(event("click", "x" * 201, asks)) == Personless(distinct_id="x" * 200)
    assert parse_personless_event(event("click", "a", asks, timestamp="1970-01-01T00:00:01Z")) == Personless(
        "a", 1_000_000
    )
    for raw in (event("click"), event("", "a", asks), event("click", "", asks), 3):
        assert parse_personless_event(raw) is None


def test_an_unreadable_timestamp_is_ignored():
    for text in ("yesterday", "0001-01-01T00:00:00+14:00", 17, None, ""):
        assert parse_event(event(timestamp=text)).timestamp_us is None


def test_objects_beside_the_properties_count_too():
    raw = event(properties={"$set": {"a": 1, "b": 1}}, **{"$set": {"b": 2}, "$set_once": {"c": 3}})
    assert parse_event(raw) == Event(distinct_id="a", set={"a": 1, "b": 2}, set_once={"c": 3})


def test_unset_is_a_list_or_the_keys_of_an_object_without_nested_keys():
    assert unset_keys(["a", ["b"], 3, None, "c"]) == ("a", "c")
    assert unset_keys({"a": "", "b": ""}) == ("a", "b")
    assert unset_keys("abc") == unset_keys(None) == ()


@pytest.mark.parametrize(
    ("name", "field", "force"),
    [
        ("$identify", "$anon_distinct_id", False),
        ("$create_alias", "alias", False),
        ("$merge_dangerously", "alias", True),
    ],
)
def test_only_identifying_and_merging_events_name_another_distinct_id(name, field, force):
    found = parse_event(event(name, properties={field: "b"}))
    assert found == Event(distinct_id="a", identifies=True, other_id="b", by_force=force)
    assert parse_event(event(name, properties={field: "a"})).other_id is None
    assert parse_event(event("click", properties={field: "b"})).other_id is None
