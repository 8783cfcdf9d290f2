"""OffsetPager where rows are merged in place, unreadable, or known from another place (guarantee 15)."""

from datetime import timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncclient import ListingError, PersonRef
from asyncclient._protocol.paging.offset_pager import MAX_PAGE
from tests.asyncclient._protocol.paging.shifting_listing import Listing, person, read_all


def merged(row: PersonRef) -> PersonRef:
    """Return a merged person as it is listed: in its place, with the time of the older one."""
    return PersonRef(uuid=row.uuid, created_at=row.created_at - timedelta(days=30))


class InPlace(Listing):
    """Rows stay in the given order, whatever time they show."""

    def sort(self) -> None:
        pass


def test_a_merged_row_is_not_yielded_twice_when_rows_before_it_vanish() -> None:
    rows = [person(1000 - number, number) for number in range(40)]
    listing = InPlace([merged(rows[0]), *rows[1:]])

    def vanish() -> None:
        if len(listing.requests) == 3:
            del listing.rows[2:12]

    got = read_all(listing, 4, vanish)
    assert len(got) == len(set(got))
    assert {row.uuid for row in listing.rows} <= set(got)


@given(
    seed=st.integers(0, 10**6),
    page_size=st.sampled_from([4, 7, 25]),
    share=st.sampled_from([0.01, 0.05]),
    churn=st.sampled_from([0.0, 0.2, 0.4]),
)
@settings(max_examples=150, deadline=None)
@pytest.mark.slow
def test_with_some_rows_merged_every_person_that_stays_is_yielded_exactly_once(
    seed: int, page_size: int, share: float, churn: float
) -> None:
    random = Random(seed)
    rows = [person(1000 - number, number) for number in range(300)]
    rows = [merged(row) if random.random() < share else row for row in rows]
    listing = InPlace(list(rows))
    numbers = iter(range(1000, 10**6))

    def others() -> None:
        if len(listing.requests) > 150:
            return
        if random.random() < churn and listing.rows:
            start = random.randrange(len(listing.rows))
            del listing.rows[start : start + random.choice([1, 3, page_size, 2 * page_size])]
        if random.random() < churn / 2:
            listing.rows.insert(0, person(2000 + len(listing.requests), next(numbers)))

    got = read_all(listing, page_size, others)
    stayed = {row.uuid for row in rows} & {row.uuid for row in listing.rows}
    assert len(got) == len(set(got))
    assert stayed <= set(got)


@pytest.mark.parametrize(("page_size", "persons"), [(100, 300), (1000, 2600)])
def test_a_block_of_merged_persons_before_an_unreadable_row_hides_no_person(page_size: int, persons: int) -> None:
    rows = [person(persons - number, number) for number in range(persons)]
    rows[page_size - 9 : page_size - 1] = [merged(row) for row in rows[page_size - 9 : page_size - 1]]
    listing = InPlace(rows, {rows[page_size - 1].uuid})
    assert len(read_all(listing, page_size)) == persons - 1


def test_the_time_that_a_row_shows_changes_no_request() -> None:
    random = Random(4)
    rows = [person(1000 - number, number) for number in range(700)]
    shuffled = [person(random.randrange(10**6), number) for number in range(700)]
    first, second = InPlace(rows), InPlace(shuffled)
    assert read_all(first, 50) == read_all(second, 50)
    assert first.requests == second.requests


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize("page_size", [1, 100, MAX_PAGE])
@pytest.mark.parametrize(("before", "behind"), [(0, 0), (5, 1), (250, 40)])
def test_more_unreadable_rows_than_a_page_can_span_end_it_with_an_error(
    page_size: int, before: int, behind: int
) -> None:
    rows = [person(10**6 - number, number) for number in range(before + 2 * MAX_PAGE + behind)]
    unreadable = {row.uuid for row in rows[before : before + 2 * MAX_PAGE]}
    listing = InPlace(rows, unreadable)
    with pytest.raises(
        ListingError, match=r"the listing is incomplete: about 10,000 consecutive rows .* try again later"
    ):
        read_all(listing, page_size)
    assert len(listing.requests) < (100 if page_size > 1 else before + 100)


@pytest.mark.parametrize("page_size", [1, 100])
@pytest.mark.parametrize("block", [1, 100, 101, 4000])
@pytest.mark.parametrize("behind", [0, 1, 500])
def test_a_block_of_unreadable_rows_is_crossed(page_size: int, block: int, behind: int) -> None:
    before = 40
    rows = [person(10**6 - number, number) for number in range(before + block + behind)]
    listing = InPlace(rows, {row.uuid for row in rows[before : before + block]})
    got = read_all(listing, page_size)
    assert got == [row.uuid for row in (*rows[:before], *rows[before + block :])]


def test_one_known_person_among_the_unread_ones_does_not_anchor_a_page() -> None:
    """A yielded person moves back, and enough rows are removed that it comes first on the next page."""
    rows = [person(1000 - number, number) for number in range(60)]
    listing = InPlace(list(rows))

    def others() -> None:
        if len(listing.requests) == 1:
            moved = listing.rows.pop(9)
            listing.rows.insert(29, moved)
            del listing.rows[: 29 - (10 - 3)]

    got = read_all(listing, 10, others)
    assert {row.uuid for row in listing.rows} <= set(got)
    assert len(got) == len(set(got))


def test_a_known_person_further_down_does_not_anchor_a_page() -> None:
    """A yielded person moves back into the middle of a page, and rows before that page are removed."""
    rows = [person(1000 - number, number) for number in range(60)]
    listing = InPlace(list(rows))

    def others() -> None:
        if len(listing.requests) == 1:
            moved = listing.rows.pop(9)
            listing.rows.insert(33, moved)
            del listing.rows[:20]

    got = read_all(listing, 10, others)
    assert {row.uuid for row in listing.rows} <= set(got)
    assert len(got) == len(set(got))


@pytest.mark.parametrize("behind", [30, 0])
def test_known_persons_that_moved_back_together_do_not_anchor_a_page(behind: int) -> None:
    """Four yielded persons move among the unread ones, or behind them, and come first on the next page."""
    rows = [person(1000 - number, number) for number in range(60)]
    listing = InPlace(list(rows))

    def others() -> None:
        if len(listing.requests) == 1:
            moved = listing.rows[2:6]
            rest = listing.rows[:2] + listing.rows[6:]
            place = len(rest) - behind
            listing.rows = rest[:place][-7:] + moved + rest[place:]  # the next page starts at row 7

    got = read_all(listing, 10, others)
    assert {row.uuid for row in listing.rows} <= set(got)
    assert len(got) == len(set(got))
