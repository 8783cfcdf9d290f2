"""Damage to the lines of a journal is found at its line, and only a torn tail is not damage."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bulk.errors import JournalDamaged
from bulk.journal.framing import TornTail
from tests.bulk.journal.file.journal_lines import Note, OpenedJob, _damaged_line, _journal, _read, notes, texts


@pytest.mark.slow
@given(notes, st.data())
def test_a_bit_flip_before_the_last_line_is_damage_at_that_line(notes: list[Note], data: st.DataObject) -> None:
    lines = _journal(notes)
    assume(len(lines) > 1)
    whole = bytearray(b"".join(lines))
    at = data.draw(st.integers(0, len(whole) - len(lines[-1]) - 1))
    line = whole.count(b"\n", 0, at) + 1
    whole[at] ^= 1 << data.draw(st.integers(0, 7))
    assert _damaged_line(bytes(whole)) == line


@given(st.integers(0, 7), st.integers(0, 100))
def test_a_bit_flip_in_the_only_line_is_damage(bit: int, at: int) -> None:
    line = bytearray(_journal([])[0])
    line[at % len(line)] ^= 1 << bit
    assert _damaged_line(bytes(line)) == 1


@pytest.mark.slow
@given(notes, st.data())
def test_a_bit_flip_in_the_last_line_leaves_all_other_lines(notes: list[Note], data: st.DataObject) -> None:
    lines = _journal([*notes, Note("last")])
    whole = bytearray(b"".join(lines))
    start = len(whole) - len(lines[-1])
    whole[data.draw(st.integers(start, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    records, end = _read(bytes(whole))
    assert records == [OpenedJob("job-1"), *notes]
    assert isinstance(end, TornTail)
    assert end.offset == start


many = st.lists(st.builds(Note, texts), min_size=2, max_size=6)


@pytest.mark.slow
@given(many, st.data())
def test_a_missing_line_is_damage_at_the_line_after_it(notes: list[Note], data: st.DataObject) -> None:
    lines = _journal(notes)
    gone = data.draw(st.integers(0, len(lines) - 2))
    del lines[gone]
    words = f"has number {gone + 1} instead of {gone}" if gone else "is not the first line of a journal"
    assert _damaged_line(b"".join(lines), words) == gone + 1


@pytest.mark.slow
@given(many, st.data())
def test_a_doubled_line_is_damage_even_at_the_end(notes: list[Note], data: st.DataObject) -> None:
    lines = _journal(notes)
    at = data.draw(st.integers(0, len(lines) - 1))
    words = f"has number {at} instead of {at + 1}: a line is missing, doubled or moved"
    assert _damaged_line(b"".join([*lines[: at + 1], *lines[at:]]), words) == at + 2


@pytest.mark.slow
@given(many, st.data())
def test_two_swapped_lines_are_damage_even_at_the_end(notes: list[Note], data: st.DataObject) -> None:
    lines = _journal(notes)
    at = data.draw(st.integers(0, len(lines) - 2))
    lines[at], lines[at + 1] = lines[at + 1], lines[at]
    assert _damaged_line(b"".join(lines)) == at + 1


@pytest.mark.slow
@given(many, st.data())
def test_a_line_of_another_journal_is_damage(notes: list[Note], data: st.DataObject) -> None:
    lines, others = _journal(notes), _journal(notes, "job-2")
    at = data.draw(st.integers(0, len(lines) - 2))
    # of a foreign first line too, though it is sound by itself and those behind it are not by its name
    assert _damaged_line(b"".join([*lines[:at], others[at], *lines[at + 1 :]])) == at + 1
    assert _damaged_line(b"".join([*lines[: at + 1], others[at + 1], *lines[at + 1 :]])) == at + 2


@pytest.mark.slow
@given(many, many)
def test_several_lines_of_another_journal_at_the_end_are_damage(notes: list[Note], others: list[Note]) -> None:
    lines = _journal(notes)
    assert _damaged_line(b"".join(lines + _journal(others, "job-2"))) == len(lines) + 1


def test_a_character_that_json_does_not_escape_hides_no_line() -> None:
    lines, others = _journal([Note("\x7f"), Note("\x7f")], "job\x7f1"), _journal([], "job-2")
    assert all(b"\x7f" in line for line in lines)
    assert _damaged_line(b"".join([*others, *lines[1:]])) == 1
    records, end = _read(lines[0][:-5])
    assert (records, type(end)) == ([], TornTail)


def test_changed_lines_after_the_first_are_not_reported_as_its_damage() -> None:
    lines = _journal([Note("a"), Note("b"), Note("c")])
    lines[1:] = [line.replace(b'"text":"', b'"text":"changed') for line in lines[1:]]
    with pytest.raises(JournalDamaged, match="line 2 and another complete line fail their checksums"):
        _read(b"".join(lines))


@pytest.mark.slow
@given(many, st.data())
def test_several_broken_lines_are_damage_at_the_first_of_them(notes: list[Note], data: st.DataObject) -> None:
    lines = _journal(notes)
    start = data.draw(st.integers(0, len(lines) - 2))
    stop = data.draw(st.integers(start, len(lines) - 2))
    for at in range(start, stop + 1):
        lines[at] = bytes(len(lines[at]) - 1) + b"\n"
    assert _damaged_line(b"".join(lines)) == start + 1


@pytest.mark.slow
@given(many)
def test_a_lost_line_end_before_the_last_line_is_damage(notes: list[Note]) -> None:
    lines = _journal(notes)
    for end in (b"", b"\x00", b"\x0b", b"\r"):
        joined = [*lines[:-2], lines[-2][:-1] + end, lines[-1]]
        assert _damaged_line(b"".join(joined)) == len(lines) - 1


def test_a_complete_line_without_line_end_after_a_broken_one_is_damage() -> None:
    lines = _journal([Note("a"), Note("b")])
    assert _damaged_line(lines[0] + b"\x00" * 9 + b"\n" + lines[2][:-1]) == 2


def test_a_complete_last_line_without_line_end_is_a_torn_tail() -> None:
    lines = _journal([Note("a")])
    records, end = _read(lines[0] + lines[1][:-1])
    assert records == [OpenedJob("job-1")]
    assert isinstance(end, TornTail)
