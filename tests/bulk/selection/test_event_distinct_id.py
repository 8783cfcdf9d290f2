"""The distinct ID of an event reaches this person and no other."""

from hypothesis import given
from hypothesis import strategies as st

from asyncclient import CaptureEvent
from bulk.selection.event_distinct_id import MAX_LENGTH, pick_distinct_id
from bulk.selection.placeholder_ids import is_placeholder

PLACEHOLDER = st.sampled_from(["anonymous", "null", "0", "undefined", '"guest"', "[object Object]"])
ANY = (
    st.text(st.characters(exclude_categories=["Cs"]), max_size=MAX_LENGTH + 20)
    | PLACEHOLDER
    | st.just("x" * (MAX_LENGTH + 1))
)


@given(st.lists(ANY, max_size=8))
def test_a_usable_distinct_id_that_is_not_a_placeholder_is_preferred(
    distinct_ids: list[str],
) -> None:
    chosen = pick_distinct_id(distinct_ids)
    usable = [each for each in distinct_ids if each.strip() and len(each) <= MAX_LENGTH and "\0" not in each]
    if chosen is None:
        assert usable == []
        return
    assert chosen in usable
    assert is_placeholder(chosen) == all(map(is_placeholder, usable))
    assert CaptureEvent.unset(chosen, ("a",)).distinct_id == chosen  # the client takes it as it is


def test_the_first_of_several_usable_ids_is_picked() -> None:
    assert pick_distinct_id(["null", "a", "b"]) == "a"
    assert pick_distinct_id(["x" * MAX_LENGTH, "a"]) == "x" * MAX_LENGTH
    assert pick_distinct_id(["x" * (MAX_LENGTH + 1), "a"]) == "a"


def test_a_placeholder_is_picked_where_nothing_else_is_usable() -> None:
    assert pick_distinct_id(["x" * 201, "anonymous"]) == "anonymous"


def test_a_blank_too_long_or_broken_id_is_never_picked() -> None:
    assert pick_distinct_id([]) is None
    assert pick_distinct_id(["", " \t", "x" * 201, "a\0b"]) is None
