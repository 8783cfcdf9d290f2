"""Captured events as values: events that the server would drop or alter are refused (contract 12)."""

import json
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncclient import CaptureEvent, InvalidArgument

ID = "person-one@example.com"
WHEN = datetime(2026, 11, 24, 12, tzinfo=timezone(timedelta(hours=2)))
U = UUID("018f0000-0000-7000-8000-000000000001")


def wire(event: CaptureEvent) -> Any:
    return json.loads(msgspec.json.encode(event.to_wire()))


def test_set_and_unset_are_the_events_that_the_server_sends_itself() -> None:
    assert wire(CaptureEvent.set(ID, {"plan": "pro", "age": None})) == {
        "event": "$set",
        "distinct_id": ID,
        "properties": {"$set": {"plan": "pro", "age": None}, "$geoip_disable": True},
    }
    assert wire(CaptureEvent.unset(ID, ["plan", "age"])) == {
        "event": "$delete_person_property",
        "distinct_id": ID,
        "properties": {"$unset": ["plan", "age"], "$geoip_disable": True},
    }
    assert wire(CaptureEvent.unset(ID, "plan"))["properties"]["$unset"] == ["plan"]


def test_any_event_is_sent_unchanged() -> None:
    assert wire(CaptureEvent("bought", ID, {"price": 1.5, "in": [{"a": [None, True]}]}, timestamp=WHEN, uuid=U)) == {
        "event": "bought",
        "distinct_id": ID,
        "properties": {"price": 1.5, "in": [{"a": [None, True]}]},
        "timestamp": "2026-11-24T12:00:00+02:00",
        "uuid": str(U),
    }
    assert wire(CaptureEvent("bought", ID)) == {"event": "bought", "distinct_id": ID, "properties": {}}


@pytest.mark.parametrize(
    ("event", "repeatable"),
    [
        (CaptureEvent.set(ID, {"a": 1}), True),
        (CaptureEvent.unset(ID, ["a"]), True),
        (CaptureEvent("bought", ID), False),
        (CaptureEvent("bought", ID, uuid=U), False),
        (CaptureEvent("bought", ID, timestamp=WHEN), False),
        (CaptureEvent("bought", ID, timestamp=WHEN, uuid=U), True),
    ],
)
def test_an_event_is_repeatable_if_it_has_the_same_effect_twice(event: CaptureEvent, repeatable: bool) -> None:
    assert event.is_repeatable is repeatable


@pytest.mark.parametrize("name", ["", " ", "\t\n", None, 7, b"x", "a\0b", "a\ud800"])
def test_events_without_a_usable_name_are_refused(name: Any) -> None:
    with pytest.raises(InvalidArgument, match="event"):
        CaptureEvent(name, ID)


@pytest.mark.parametrize(
    ("distinct_id", "says"),
    [
        ("", "blank"),
        (" \t", "blank"),
        (None, "NoneType"),
        (17, "int"),
        (b"x", "bytes"),
        ("secret\0", "NUL"),
        ("secret\udfff", "surrogate"),
        ("secret" * 34, "204 characters and the server cuts it to 200"),
    ],
)
@pytest.mark.parametrize("how", ["event", "set", "unset"])
def test_distinct_ids_that_the_server_drops_or_cuts_are_refused_unseen(how: str, distinct_id: Any, says: str) -> None:
    make = {
        "event": lambda: CaptureEvent("x", distinct_id),
        "set": lambda: CaptureEvent.set(distinct_id, {"a": 1}),
        "unset": lambda: CaptureEvent.unset(distinct_id, ["a"]),
    }
    with pytest.raises(InvalidArgument, match=says) as caught:
        make[how]()
    assert "secret" not in str(caught.value)


def test_the_longest_distinct_id_is_counted_in_characters() -> None:
    assert len(CaptureEvent.set("\u00fc" * 200, {"a": 1}).distinct_id.encode()) == 400


@pytest.mark.parametrize(
    "properties", [None, [], "plan", {"": 1}, {1: 1}, {"a": float("nan")}, {"a": "\0"}, {"a": {1}}]
)
def test_properties_that_cannot_be_kept_are_refused(properties: Any) -> None:
    for make in (CaptureEvent.set, lambda *given: CaptureEvent("x", *given)):
        with pytest.raises(InvalidArgument):
            make(ID, properties)


def test_nothing_to_do_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="empty"):
        CaptureEvent.set(ID, {})
    for keys in ([], "", None, {"a": 1}, b"ab"):
        with pytest.raises(InvalidArgument, match="key"):
            CaptureEvent.unset(ID, keys)  # type: ignore[arg-type]


@pytest.mark.parametrize("more", [{"timestamp": datetime(2026, 1, 1)}, {"timestamp": "now"}, {"uuid": str(U)}])  # noqa: DTZ001
def test_invalid_times_and_uuids_are_refused(more: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument, match=next(iter(more))):
        CaptureEvent("x", ID, **more)


def test_the_checked_values_are_sent() -> None:
    given: dict[str, Any] = {"a": [1]}
    events = [CaptureEvent.set(ID, given), CaptureEvent("x", ID, given)]
    given["b"] = given["a"][0] = float("nan")
    assert wire(events[0])["properties"]["$set"] == {"a": [1]}
    assert wire(events[1])["properties"] == {"a": [1]}


def test_no_repr_shows_ids_or_values() -> None:
    event = CaptureEvent.set(ID, {"phone": "0815"})
    for text in (repr(event), str(event), f"{[event]}", repr(event.__rich_repr__())):
        assert "$set" in text
        assert "person-one" not in text
        assert "phone" not in text
        assert "0815" not in text


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.slow
@given(st.text(), st.dictionaries(st.text(), JSON, min_size=1, max_size=4))
def test_an_event_arrives_as_it_was_given_or_is_refused(distinct_id: str, properties: dict[str, Any]) -> None:
    try:
        event = CaptureEvent.set(distinct_id, properties)
    except InvalidArgument:
        assert (
            not distinct_id.strip()
            or "\0" in distinct_id
            or len(distinct_id) > 200
            or any(not key.strip() for key in properties)
            or "\\u0000" in json.dumps(properties)
        )
        return
    assert wire(event) == {
        "event": "$set",
        "distinct_id": distinct_id,
        "properties": {"$set": properties, "$geoip_disable": True},
    }
