"""OffsetPager against a simulated listing that shifts between requests (guarantee 15)."""

import os
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncclient import ListingError, PersonRef
from asyncclient._protocol.paging.offset_pager import MAX_PAGES_WITHOUT_PERSONS, OffsetPager, PageRequest, next_offset
from tests.asyncclient._protocol.paging.shifting_listing import Listing, person, read_all


@pytest.mark.slow
@given(
    ages=st.lists(st.integers(0, 12), max_size=60),
    page_size=st.integers(1, 7),
    seed=st.integers(0, 10**6),
    churn=st.integers(0, 6),
    unreadable_share=st.sampled_from([0.0, 0.1, 0.5]),
    slow_share=st.sampled_from([0.0, 0.3, 0.9]),
)
@settings(max_examples=1500 if os.environ.get("POSTHOG_BULK_SLOW") == "1" else 400, deadline=None)
def test_every_person_that_stays_is_yielded_exactly_once(
    ages: list[int], page_size: int, seed: int, churn: int, unreadable_share: float, slow_share: float
) -> None:
    random = Random(seed)
    rows = [person(age, number) for number, age in enumerate(ages)]
    unreadable = {row.uuid for row in rows if random.random() < unreadable_share}
    listing = Listing(list(rows), unreadable)
    numbers = iter(range(1000, 10**6))
    turns = iter(range(10**6))

    def others() -> None:
        if next(turns) > 150:  # calm after a while, so that every listing can come to its end
            return
        for _ in range(random.randint(0, churn)):
            if listing.rows and random.random() < 0.6:
                start = random.randrange(len(listing.rows))
                del listing.rows[start : start + random.choice([1, 1, 1, 5, 20])]
            else:
                listing.rows.append(person(random.choice([13, 14, random.randint(0, 12)]), next(numbers)))
        listing.sort()

    try:
        got = read_all(listing, page_size, others, lambda _: random.random() < slow_share)
    except ListingError:
        assert slow_share  # pages that are too small to cross what cannot be read
        return
    stayed = {row.uuid for row in rows} & {row.uuid for row in listing.rows}
    assert len(got) == len(set(got))
    assert stayed - unreadable <= set(got)


@pytest.mark.slow
@given(
    page_size=st.sampled_from([5, 40, 1000]),
    most=st.integers(4, 60),
    heavy=st.sets(st.integers(0, 299), max_size=6),
    removed=st.integers(0, 40),
)
@settings(max_examples=60, deadline=None)
def test_smaller_pages_around_heavy_persons_lose_and_repeat_no_person(
    page_size: int, most: int, heavy: set[int], removed: int
) -> None:
    rows = [person(1000 - number, number) for number in range(300)]
    listing = Listing(list(rows))

    def too_long(request: PageRequest) -> bool:
        page = range(request.offset, request.offset + request.limit)
        return request.limit > most and any(number in page for number in heavy)

    def others() -> None:
        if len(listing.requests) == 3:
            del listing.rows[:removed]

    got = read_all(listing, page_size, others, too_long)
    assert len(got) == len(set(got))
    assert {row.uuid for row in listing.rows} <= set(got)


def test_pages_shrink_and_grow_again() -> None:
    listing = Listing([person(n, n) for n in range(20_000)])
    tried: list[int] = []

    def too_long(request: PageRequest) -> bool:
        tried.append(request.limit)
        return request.limit > 300 and request.offset < 2000

    assert len(read_all(listing, 1000, too_long=too_long)) == 20_000
    assert tried[:7] == [1000, 250, 250, 250, 250, 500, 125]
    assert tried[-5:] == [1000] * 5


def test_rows_that_cannot_be_read_are_crossed_by_no_larger_page_than_the_server_can_send() -> None:
    rows = [person(1000 - number, number) for number in range(600)]
    listing = Listing(rows, {row.uuid for row in rows[100:500]})
    tried: list[int] = []

    def too_long(request: PageRequest) -> bool:
        tried.append(request.limit)
        return request.limit > 150

    with pytest.raises(ListingError, match="the listing is incomplete"):
        read_all(listing, 50, too_long=too_long)
    assert sum(limit > 150 for limit in tried) <= 6


@pytest.mark.slow
def test_a_calm_listing_costs_one_row_of_overlap_a_page() -> None:
    listing = Listing([person(n, n) for n in range(1000)])
    assert len(read_all(listing, 100)) == 1000
    assert len(listing.requests) <= 12


@pytest.mark.slow
def test_a_block_of_early_rows_removed_half_way_is_found_quickly() -> None:
    rows = [person(n, n) for n in range(100_000)]
    listing = Listing(list(rows))
    removed: list[PersonRef] = []

    def others() -> None:
        if len(listing.requests) == 50 and not removed:
            removed.extend(listing.rows[:30_000])
            del listing.rows[:30_000]

    got = read_all(listing, 1000, others)
    assert len(got) == len(set(got)) == 100_000
    assert len(listing.requests) < 50 + 52 + 60


def test_short_and_empty_pages_do_not_end_it() -> None:
    rows = [person(n, n) for n in range(300)]
    unreadable = {row.uuid for row in rows[60:240]}
    listing = Listing(rows, unreadable)
    assert set(read_all(listing, 20)) == {row.uuid for row in rows} - unreadable


@pytest.mark.parametrize("persons", [10, 17, 24, 30])
def test_a_full_page_without_a_next_one_does_not_end_it(persons: int) -> None:
    class WithoutNext(Listing):
        def page(self, offset: int, limit: int) -> tuple[list[PersonRef], str | None]:
            return super().page(offset, limit)[0], None

    listing = WithoutNext([person(n, n) for n in range(persons)])
    assert len(read_all(listing, 10)) == persons
    assert len(listing.requests) <= persons // 7 + 1


def test_when_everything_is_deleted_meanwhile_it_ends() -> None:
    listing = Listing([person(n, n) for n in range(50)])
    assert len(read_all(listing, 10, listing.rows.clear)) == 10


@pytest.mark.slow
def test_fifty_others_coming_and_going_with_each_request_do_not_stop_it() -> None:
    random = Random(1)
    rows = [person(n, n) for n in range(5000)]
    listing = Listing(list(rows))
    numbers = iter(range(10**6, 10**7))

    def others() -> None:
        for _ in range(50):
            listing.rows.insert(0, person(10_000, next(numbers)))
            del listing.rows[random.randrange(len(listing.rows))]
        listing.sort()

    got = read_all(listing, 100, others)
    stayed = {row.uuid for row in rows} & {row.uuid for row in listing.rows}
    assert len(got) == len(set(got))
    assert stayed <= set(got)


@pytest.mark.parametrize("url", ["http://h/?offset=0", "http://h/?offset=5", "/?offset=3"])
def test_a_next_that_does_not_advance_is_a_loop(url: str) -> None:
    pager: OffsetPager[PersonRef] = OffsetPager(10)
    pager.feed([person(n, n) for n in range(20, 10, -1)], "http://h/?offset=10")
    with pytest.raises(ListingError, match="loop"):
        pager.feed([person(11, 11), *(person(n, n) for n in range(10, 2, -1))], url)


@pytest.mark.parametrize(
    "url", ["http://h/", "http://h/?offset=-3", "http://h/?offset=1&offset=2", "", "http://[?offset=x"]
)
def test_a_next_without_a_usable_offset_is_refused(url: str) -> None:
    with pytest.raises(ListingError):
        next_offset(url)


def test_only_the_offset_of_next_is_used() -> None:
    assert next_offset("https://evil.example/steal?offset=200&token=x") == 200


def test_rows_that_never_stop_shifting_end_in_an_error() -> None:
    pager: OffsetPager[PersonRef] = OffsetPager(2)
    pager.feed([person(50, 50), person(49, 49)], "?offset=2")

    def forever() -> Iterator[None]:
        while pager.request is not None:
            request = pager.request
            newer = [person(100 + n, 100 + n) for n in range(request.limit)]
            pager.feed(newer, f"?offset={request.offset + request.limit}")
            yield

    with pytest.raises(ListingError, match="faster"):
        for _ in forever():
            pass


@pytest.mark.slow
def test_very_many_rows_inserted_in_front_cost_few_requests() -> None:
    rows = [person(number, number) for number in range(6000)]
    listing = Listing(list(rows))

    def others() -> None:
        if len(listing.requests) == 3:
            listing.rows = [*(person(10**6, number) for number in range(10_000, 110_000)), *listing.rows]

    got = read_all(listing, 1000, others)
    assert {row.uuid for row in rows} <= set(got)
    assert len(got) == len(set(got))
    assert len(listing.requests) < 160


def test_a_server_that_sends_the_same_page_for_every_offset_is_refused() -> None:
    pager: OffsetPager[PersonRef] = OffsetPager(100)
    rows = [person(n, n) for n in range(100, 0, -1)]
    with pytest.raises(ListingError, match="the server sends the same page again"):
        for _ in range(MAX_PAGES_WITHOUT_PERSONS + 2):
            assert pager.request is not None
            pager.feed(rows, f"?offset={pager.request.offset + pager.request.limit}")
