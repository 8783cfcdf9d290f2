"""The frame of a journal line: round trips, torn tails, and damage with its line."""

import json
import zlib

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bulk.errors import JournalDamaged
from bulk.journal import framing as framing_module
from bulk.journal.framing import Clean, Framing, TornTail
from tests.bulk.journal.file.journal_lines import FRAMING, PATH, Note, OpenedJob, _damaged_line, _journal, _read, notes


@pytest.mark.slow
@given(notes, st.lists(st.integers(0, 600), max_size=5))
def test_records_are_decoded_from_pieces_of_any_size(notes: list[Note], cuts: list[int]) -> None:
    data = b"".join(_journal(notes))
    records, end = _read(data, *(min(cut, len(data)) for cut in cuts))
    assert records == [OpenedJob("job-1"), *notes]
    assert end == Clean(len(records), FRAMING.seed(OpenedJob("job-1")), len(data))


@pytest.mark.slow
@given(notes)
def test_every_line_is_ascii_json_with_number_first_and_checksum_last(notes: list[Note]) -> None:
    for n, line in enumerate(_journal(notes)):
        assert line.isascii()
        assert line.endswith(b"}\n")
        assert line.count(b"\n") == 1
        members = json.loads(line)
        first, *_, last = members
        assert (first, last) == ("n", "crc")
        assert members["n"] == n
        covered = line[: line.rindex(b',"crc"')]
        assert members["crc"] == f"{zlib.crc32(covered, zlib.crc32(b'job-1')):08x}"


def test_numbers_may_grow_longer_within_a_piece() -> None:
    lines = _journal([Note()] * 1_200)
    assert len(_read(b"".join(lines), 5_000)[0]) == 1_201
    for wrong in (7, 9, 10, 11, 99, 100, 1_000):
        broken = [*lines[:wrong], lines[wrong].replace(b"note", b"nose"), *lines[wrong + 1 :]]
        assert _damaged_line(b"".join(broken)) == wrong + 1
        del broken[wrong]
        assert _damaged_line(b"".join(broken), f"number {wrong + 1} instead of {wrong}") == wrong + 1


def test_an_empty_file_is_a_new_journal() -> None:
    assert _read(b"") == ([], Clean(0, None, 0))


@pytest.mark.slow
@given(notes, st.data())
def test_all_complete_lines_of_a_journal_cut_anywhere_are_kept(notes: list[Note], data: st.DataObject) -> None:
    lines = _journal(notes)
    whole = b"".join(lines)
    at = data.draw(st.integers(0, len(whole)))
    records, end = _read(whole[:at])
    stand = whole[:at].count(b"\n")
    assert records == [OpenedJob("job-1"), *notes][:stand]
    size = sum(map(len, lines[:stand]))
    if at == size:
        assert end == Clean(stand, FRAMING.seed(OpenedJob("job-1")) if stand else None, size)
    else:
        assert isinstance(end, TornTail)
        assert (end.next_n, end.offset, end.reason) == (stand, size, "has no line end")


@pytest.mark.slow
@given(notes, st.binary(min_size=1, max_size=200), st.integers(0, 3))
@example([], b"\n", 0)
@example([], b"\n\n\n", 0)
@example([], b"\x00" * 8192, 0)
@example([Note()], b'{"n":2,\n{"n":2,', 0)
def test_a_tail_without_an_intact_line_is_a_torn_tail(notes: list[Note], tail: bytes, cut: int) -> None:
    whole = b"".join(_journal(notes))
    records, end = _read(whole + tail, len(whole) + min(cut, len(tail)))
    assert records == [OpenedJob("job-1"), *notes]
    assert isinstance(end, TornTail)
    assert (end.next_n, end.offset) == (len(notes) + 1, len(whole))


@pytest.mark.parametrize(
    ("tail", "reason"),
    [
        (b"\x00\x00\x00", "consists of NUL bytes"),
        (b'{"n":2,"k', "has no line end"),
        (b'{"n":2,"k":"note","crc":"00000000"}\n', "fails its checksum"),
        (b'{"n":2,"k":"note","crc":"00000000"}\n\x00\x00', "fails its checksum"),
    ],
)
def test_a_torn_tail_has_a_reason(tail: bytes, reason: str) -> None:
    _, end = _read(b"".join(_journal([Note()])) + tail)
    assert isinstance(end, TornTail)
    assert end.reason == reason


@pytest.mark.parametrize(
    "data",
    [
        b"\n",
        b"\x00" * 100,
        b"{}",
        b"persons",
        b'{"n":1,',
        b'{"n":0,"k":"opened"\x00\x00',
        b'{"n":0,"k":"opened","job":"j","crc":"00000000"}\n',
        b'{"n":0,"k":"note","crc":"00000000"}\n',
        _journal([])[0][:-1] + b"J",
        _journal([Note()])[1],
        _journal([])[0].replace(b'"n":0', b'"n":1'),
    ],
)
def test_a_file_that_starts_differently_is_not_a_new_journal(data: bytes) -> None:
    assert _damaged_line(data) == 1


def test_an_unknown_record_is_refused_even_at_the_end() -> None:
    lines = _journal([Note()])
    body = b'{"n":2,"k":"unheard"'
    lines.append(body + b',"crc":"%08x"}\n' % zlib.crc32(body, FRAMING.seed(OpenedJob("job-1"))))
    with pytest.raises(JournalDamaged, match=r"line 3 is intact, but holds no record that this version knows; restore"):
        _read(b"".join(lines))


def test_errors_do_not_contain_the_text_of_a_line() -> None:
    lines = _journal([Note("secret"), Note("secret")])
    body = b'{"n":1,"k":"secret","text":5'
    lines[1] = body + b',"crc":"%08x"}\n' % zlib.crc32(body, FRAMING.seed(OpenedJob("job-1")))
    with pytest.raises(JournalDamaged) as caught:
        _read(b"".join(lines))
    assert "secret" not in f"{caught.value} {caught.value!r}"


def test_lines_that_are_too_long_are_neither_written_nor_kept_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing_module, "MAX_LINE", 200)
    lines = _journal([Note("a" * 130)])
    longest = next(n for n in range(130, 200) if len(_journal([Note("a" * n)])[1]) == 200)
    assert _read(b"".join(_journal([Note("a" * longest)])))[0][1] == Note("a" * longest)
    with pytest.raises(ValueError, match="at most 200 bytes"):
        _journal([Note("a" * (longest + 1))])
    reader = FRAMING.reader(PATH)
    reader.feed(b"".join(lines))
    for _ in range(50):
        reader.feed(b"x" * 100)
        assert sum(map(len, reader._rest)) == reader._kept < 300
    end = reader.finish()
    assert isinstance(end, TornTail)
    assert end.offset == len(b"".join(lines))


@settings(max_examples=30)
@given(st.integers(1, 100))
def test_an_intact_line_after_a_broken_part_of_any_length_is_found(chunk: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(framing_module, "MAX_LINE", 200)
        lines = _journal([Note("a"), Note("b")])
        data = lines[0] + b"\x00" * 1000 + b"\n" + lines[2]
        reader = FRAMING.reader(PATH)
        pieces = [data[start : start + chunk] for start in range(0, len(data), chunk)]
        with pytest.raises(JournalDamaged, match="line 2 fails its checksum"):
            _ = [reader.feed(piece) for piece in pieces]


class WithN(msgspec.Struct, frozen=True, tag="a", tag_field="k"):
    n: int


class WithCrc(msgspec.Struct, frozen=True, tag="b", tag_field="k", rename={"check": "crc"}):
    check: int


class TaggedN(msgspec.Struct, frozen=True, tag="c", tag_field="n"):
    pass


@pytest.mark.parametrize("kind", [WithN, OpenedJob | WithCrc, TaggedN])
def test_the_field_names_of_the_frame_are_reserved(kind: object) -> None:
    with pytest.raises(ValueError, match="is reserved for the frame"):
        Framing(kind, job=lambda record: None)


class Untagged(msgspec.Struct, frozen=True):
    job: str = ""


def test_every_type_of_record_needs_a_tag() -> None:
    with pytest.raises(ValueError, match="needs a tag"):
        Framing(Untagged, job=lambda record: None)


class Bare(msgspec.Struct, frozen=True, tag="bare", tag_field="k", forbid_unknown_fields=True):
    job: str


def test_records_that_forbid_unknown_fields_can_be_read() -> None:
    framing: Framing[Bare] = Framing(Bare, job=lambda record: record.job)
    reader = framing.reader(PATH)
    assert reader.feed(framing.encode(Bare("j"), 0, framing.seed(Bare("j")))) == [Bare("j")]


def test_the_first_record_must_name_its_job() -> None:
    with pytest.raises(ValueError, match="must name its job"):
        FRAMING.seed(Note())
