"""Paging by numbers over a log that grows at its front (contract 6.9)."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asyncclient import Activity, ListingError
from asyncclient._protocol.paging.page_number_pager import MAX_PAGES_WITHOUT_ENTRIES, PageNumberPager, next_page


@pytest.mark.slow
@given(
    first=st.integers(0, 60),
    size=st.integers(1, 12),
    growth=st.lists(st.integers(0, 9), max_size=200),
)
@example(first=20, size=5, growth=[5, 5, 5, 5])
def test_each_entry_that_was_there_comes_once_in_order_however_the_log_grows(
    first: int, size: int, growth: list[int]
) -> None:
    log = [Activity(id=str(number)) for number in reversed(range(first))]
    there = [each.id for each in log]
    paging, found, grown = PageNumberPager(), [], iter(growth)
    while (page := paging.page) is not None:
        start = (page - 1) * size
        rows = log[start : start + size]
        more = start + size < len(log)
        found += paging.feed(rows, f"http://x/?limit={size}&page={page + 1}" if more else None, len(log))
        log = [Activity(id=f"new {len(log) + n}") for n in reversed(range(next(grown, 0)))] + log
    ids = [each.id for each in found]
    assert len(set(ids)) == len(ids)
    assert [each for each in ids if not str(each).startswith("new")] == there


def test_entries_without_an_id_are_all_yielded() -> None:
    paging = PageNumberPager()
    assert len(paging.feed([Activity(), Activity()], "?page=2", None)) == 2
    assert len(paging.feed([Activity()], None, None)) == 1
    assert paging.page is None


@pytest.mark.parametrize("url", ["?page=1", "?page=2", "/x?page=0", "http://x/?page=00"])
def test_a_next_that_does_not_advance_is_a_loop(url: str) -> None:
    paging = PageNumberPager()
    paging.feed([], "?page=2", None)
    with pytest.raises(ListingError, match="a loop"):
        paging.feed([], url, None)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "?limit=1",
        "?page=",
        "?page=-1",
        "?page=x",
        "?page=1&page=2",
        "http://[",
        "?page=\u0662",
        "?page=" + "9" * 20,
    ],
)
def test_a_next_without_a_page_is_refused(url: str) -> None:
    with pytest.raises(ListingError, match="no page number"):
        next_page(url)


@given(url=st.text())
def test_no_next_is_anything_but_a_number_or_refused(url: str) -> None:
    with suppress(ListingError):
        assert next_page(url) >= 0


def test_pages_are_requested_one_by_one_whatever_next_says() -> None:
    paging = PageNumberPager()
    paging.feed([], "http://elsewhere.invalid/?page=900", None)
    assert paging.page == 2


def test_pages_without_end_and_without_entries_are_given_up() -> None:
    paging = PageNumberPager()

    def forever() -> None:
        while paging.page is not None:
            paging.feed([Activity(id=1)], f"?page={paging.page + 1}", None)

    with pytest.raises(ListingError, match=f"{MAX_PAGES_WITHOUT_ENTRIES} consecutive pages had no new entry"):
        forever()


@pytest.mark.parametrize(
    ("status", "total", "past"),
    [(404, 2, True), (500, 2, True), (404, 1, True), (404, 3, False), (500, 3, False), (404, None, False),
     (403, 2, False), (503, 2, False), (404, 0, False)],
)  # fmt: skip
def test_an_error_is_the_end_only_when_all_entries_came(status: int, total: Any, past: bool) -> None:
    paging = PageNumberPager()
    assert paging.is_past_the_end(status) is False
    paging.feed([Activity(id=1), Activity(id=2)], "?page=2", total)
    assert paging.is_past_the_end(status) is past
