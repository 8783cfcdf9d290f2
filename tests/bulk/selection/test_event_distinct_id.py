"""An event goes by an id that reaches this person and no other."""

from hypothesis import given
from hypothesis import strategies as st

from asyncclient import CaptureEvent
from bulk.selection.event_distinct_id import LONGEST, pick_distinct_id
from bulk.selection.placeholder_ids import is_shared

SHARED = st.sampled_from(["anonymous", "null", "0", "undefined", '"guest"', "[object Object]"])
ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=LONGEST + 20) | SHARED | st.just("x" * (LONGEST + 1))


@given(st.lists(ANY, max_size=8))
def test_the_address_is_an_own_id_that_an_event_can_carry_and_stands_for_nobody_else_where_there_is_one(
    distinct_ids: list[str],
) -> None:
    chosen = pick_distinct_id(distinct_ids)
    usable = [each for each in distinct_ids if each.strip() and len(each) <= LONGEST and "\0" not in each]
    if chosen is None:
        assert usable == []
        return
    assert chosen in usable
    assert is_shared(chosen) == all(map(is_shared, usable))
    assert CaptureEvent.unset(chosen, ("a",)).distinct_id == chosen  # the client takes it as it is


def test_the_first_of_several_good_ones_is_taken() -> None:
    assert pick_distinct_id(["null", "a", "b"]) == "a"
    assert pick_distinct_id(["x" * LONGEST, "a"]) == "x" * LONGEST
    assert pick_distinct_id(["x" * (LONGEST + 1), "a"]) == "a"


def test_one_that_many_share_is_better_than_none() -> None:
    assert pick_distinct_id(["x" * 201, "anonymous"]) == "anonymous"


def test_nobody_can_be_addressed_by_what_is_blank_long_or_broken() -> None:
    assert pick_distinct_id([]) is None
    assert pick_distinct_id(["", " \t", "x" * 201, "a\0b"]) is None
