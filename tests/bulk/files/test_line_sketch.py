"""How many lines two versions of an input do not share, told from small summaries."""

import zlib
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk.files.line_sketch import GROUPS, LineDifference, LineSketch

MANY = [b"line %d" % number for number in range(GROUPS + 100)]
LINES = st.lists(st.binary(max_size=3), max_size=30)


def sketch(lines: list[bytes]) -> LineSketch:
    made = LineSketch()
    made.add(zlib.crc32(line) for line in lines)
    return LineSketch.decode(made.encode())


@given(LINES, LINES)
def test_the_difference_of_few_lines_is_exact(before: list[bytes], after: list[bytes]) -> None:
    then, now = Counter(before), Counter(after)
    expected = LineDifference((now - then).total(), (then - now).total(), is_exact=True)
    assert sketch(before).difference(sketch(after)) == expected


@pytest.mark.slow
@settings(max_examples=40)
@given(LINES, LINES)
def test_the_difference_of_many_lines_is_a_lower_bound(before: list[bytes], after: list[bytes]) -> None:
    then, now = Counter(before), Counter(after)
    found = sketch([*MANY, *before]).difference(sketch([*after, *MANY]))
    assert not found.is_exact
    assert found.added <= (now - then).total()
    assert found.removed <= (then - now).total()
    assert bool(found.added or found.removed) == (then != now)


def test_a_file_that_grows_beyond_the_exact_size_is_compared_by_groups() -> None:
    few = [b"line %d" % number for number in range(GROUPS)]
    assert sketch(few).difference(sketch([*few, b"one", b"two"])) == LineDifference(2, 0, is_exact=False)


@pytest.mark.slow
def test_a_sketch_of_a_million_lines_stays_small() -> None:
    made = LineSketch()
    made.add(number * 2_654_435_761 % (1 << 32) for number in range(1_000_000))
    assert len(made.encode()) < 50_000


@pytest.mark.parametrize("text", ["lines:", "lines:!", "lines:AAAA", "groups:eJwDAAAAAAE=", "", "x", "lines:é"])
def test_other_text_is_no_sketch(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        LineSketch.decode(text)
