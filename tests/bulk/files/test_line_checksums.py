"""Checksums of lines name the line that was changed, or a few lines around it in a long file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk.files.line_checksums import MAX_CHECKS, LineChecks, first_change


def checks_of(lines: list[bytes]) -> str:
    checks = LineChecks()
    for line in lines:
        checks.add(line)
    return checks.encode()


@given(lines=st.lists(st.binary(max_size=8), max_size=20), data=st.data())
def test_the_first_changed_line_is_named(lines: list[bytes], data: st.DataObject) -> None:
    kept = checks_of(lines)
    assert first_change(kept, lines) is None
    number = data.draw(st.integers(0, len(lines)))
    other = data.draw(st.binary(min_size=9, max_size=9))
    changed = [*lines[:number], other, *lines[number + 1 :]]
    assert first_change(kept, changed) == (number + 1, number + 1)
    if number < len(lines):
        assert first_change(kept, lines[:number]) == (number + 1, number + 1)


@pytest.mark.parametrize("count", [MAX_CHECKS, MAX_CHECKS + 1, 3 * MAX_CHECKS])
def test_a_long_file_has_few_checksums_each_of_a_few_lines(count: int) -> None:
    lines = [b"%d\n" % number for number in range(count)]
    kept = checks_of(lines)
    assert len(kept) <= 8 * MAX_CHECKS + 10
    assert first_change(kept, lines) is None
    per_check = -(-count // MAX_CHECKS)
    per_check = 4 if per_check == 3 else per_check
    first, last = first_change(kept, [*lines[:-1], b"x\n"]) or (0, 0)
    assert (first, last) == ((count - 1) // per_check * per_check + 1, ((count - 1) // per_check + 1) * per_check)


@pytest.mark.parametrize("kept", ["", "x:", "0:", "1:123", "1:zzzzzzzz"])
def test_other_text_is_refused(kept: str) -> None:
    with pytest.raises(ValueError):
        first_change(kept, [b"a\n"])


def test_two_lines_that_changed_places_are_a_change() -> None:
    assert first_change(checks_of([b"a\n", b"b\n"]), [b"b\n", b"a\n"]) == (1, 1)
