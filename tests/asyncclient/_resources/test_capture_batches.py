"""How events are split into bodies: within the bound, in order, none lost (contract 12)."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncclient import CaptureEvent, InvalidArgument
from asyncclient._protocol.endpoints.capture import (
    ENVELOPE_BYTES,
    MAX_BODY_BYTES,
    MAX_EVENT_BYTES,
    batches,
    capture_events,
)
from asyncclient._secret import Secret

TOKEN = Secret("phc_0123456789abcdefghij")
EVENTS = st.lists(
    st.one_of(
        st.builds(CaptureEvent.set, st.text('aü"\\', min_size=1, max_size=9), st.just({"k": "v"})),
        st.builds(
            CaptureEvent, st.just("bought"), st.just("a"), st.fixed_dictionaries({"t": st.text('aü\n"', max_size=60)})
        ),
    ),
    max_size=30,
)


def sizes(events: list[CaptureEvent]) -> list[int]:
    return [len(batch.events) for each in events for batch in batches([each])]


@pytest.mark.slow
@given(EVENTS, st.integers(0, 400))
def test_no_body_is_too_large_and_none_could_take_one_event_more(events: list[CaptureEvent], slack: int) -> None:
    limit_bytes = max(sizes(events), default=1) + slack
    made = list(batches(events, max_bytes=limit_bytes))
    assert all(len(each.events) <= limit_bytes for each in made)
    for this, following in pairwise(made):
        assert len(this.events) + 1 + sizes(events)[following.start] > limit_bytes


@pytest.mark.parametrize("count", [2, 3, 7])
def test_the_commas_between_events_count(count: int) -> None:
    events = [CaptureEvent("x", "a")] * count
    fits = sum(sizes(events)) + count - 1
    assert [len(each.events) for each in batches(events, max_bytes=fits)] == [fits]
    for less in range(1, count):
        assert [each.stop for each in batches(events, max_bytes=fits - less)] == [count - 1, count]


@pytest.mark.slow
@given(EVENTS, st.integers(0, 400))
def test_every_event_is_in_exactly_one_body_in_its_place(events: list[CaptureEvent], slack: int) -> None:
    limit_bytes = max(sizes(events), default=1) + slack
    made = list(batches(events, max_bytes=limit_bytes))
    bodies = [json.loads(capture_events(each, TOKEN).body or b"") for each in made]
    assert [event for body in bodies for event in body["batch"]] == [dict(each.to_wire()) for each in events]
    assert [at for each in made for at in range(each.start, each.stop)] == list(range(len(events)))
    assert [each.repeatable for each in made] == [
        all(event.is_repeatable for event in events[each.start : each.stop]) for each in made
    ]


@pytest.mark.slow
@given(EVENTS, st.integers(0, 400))
def test_a_part_is_one_body_again(events: list[CaptureEvent], slack: int) -> None:
    limit_bytes = max(sizes(events), default=1) + slack
    for each in batches(events, max_bytes=limit_bytes):
        (again,) = batches(events[each.start : each.stop], max_bytes=limit_bytes)
        assert again.events == each.events


def test_a_body_stays_below_the_servers_20_mb_with_the_longest_token() -> None:
    fill = CaptureEvent("x", "a", {"t": "y" * 1_000_000})
    made = list(batches([fill] * 40))
    assert len(made) == 3
    for each in made:
        request = capture_events(each, Secret("p" * 512))
        assert request.body is not None
        assert len(request.body) <= MAX_BODY_BYTES < 20_000_000
    assert len(capture_events(made[0], Secret("p" * 512)).body or b"") - len(made[0].events) < ENVELOPE_BYTES


def test_an_event_larger_than_a_body_is_refused_and_named_by_its_place() -> None:
    large = CaptureEvent("x", "somebody", {"t": "y" * MAX_EVENT_BYTES})
    with pytest.raises(
        InvalidArgument, match=r"event number 3 has 18,999,036 bytes and a request can have 18,998,976"
    ) as caught:
        list(batches([CaptureEvent("x", "a"), CaptureEvent("x", "a"), large]))
    assert "somebody" not in str(caught.value)


def test_the_largest_event_that_fits_is_taken() -> None:
    (size,) = sizes([CaptureEvent("x", "a", {"t": ""})])
    exact = CaptureEvent("x", "a", {"t": "y" * (MAX_EVENT_BYTES - size)})
    (batch,) = batches([exact])
    assert len(batch.events) == MAX_EVENT_BYTES
    with pytest.raises(InvalidArgument):
        list(batches([CaptureEvent("x", "a", {"t": "y" * (MAX_EVENT_BYTES - size + 1)})]))


@pytest.mark.parametrize("events", [None, "ab", b"ab", 7, [None], [{"event": "x", "distinct_id": "a"}], {"a": 1}])
def test_events_that_are_not_a_list_are_refused(events: Any) -> None:
    with pytest.raises(InvalidArgument, match="event"):
        list(batches(events))


def test_the_body_has_the_form_that_the_server_reads() -> None:
    (batch,) = batches([CaptureEvent("x", "a")])
    request = capture_events(batch, TOKEN)
    assert json.loads(request.body or b"") == {
        "api_key": TOKEN.reveal(),
        "historical_migration": False,
        "batch": [{"event": "x", "distinct_id": "a", "properties": {}}],
    }
    assert (request.path, request.in_project, request.mutating, request.to_ingestion) == ("batch/", False, True, True)
    for shown in (repr(request), repr(batch)):
        assert "phc_" not in shown
        assert '"a"' not in shown
