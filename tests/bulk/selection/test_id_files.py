"""Input files: what a line is, which lines are refused and why, and which files cannot be used."""

import csv
import io
import os
import tracemalloc
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk.errors import FileTrouble
from bulk.selection.id_files import (
    DISTINCT_ID_MAX,
    EMAIL_MAX,
    LINE_MAX,
    InputError,
    Kind,
    Line,
    Reason,
    RefusedLine,
    read_file,
    read_stream,
    read_values,
)

PERSON = "018f5a3e-1111-7222-8333-444455556666"


def read(data: bytes, kind: Kind = Kind.DISTINCT_ID, column: str | None = None) -> list[Line | RefusedLine]:
    return list(read_stream(io.BytesIO(data), kind, column=column))


def test_each_line_is_one_id_with_its_number() -> None:
    assert read(b"a\nb\nc") == [Line(1, "a"), Line(2, "b"), Line(3, "c")]


def test_byte_order_mark_and_carriage_returns_at_line_ends_are_removed() -> None:
    assert read(b"\xef\xbb\xbfa\r\nb\r\n") == [Line(1, "a"), Line(2, "b")]


@pytest.mark.parametrize("end", ["\u2028", "\u2029", "\u0085"])
def test_only_a_line_feed_ends_a_line(end: str) -> None:
    assert read(f"a{end}b\n".encode()) == [Line(1, f"a{end}b")]


@pytest.mark.parametrize("value", [" a", "a ", "a b", "a/b", "..", "🙂", '"a"', "'", "a,b", "-", "--x", "phx_1"])
def test_a_distinct_id_is_used_exactly_as_written(value: str) -> None:
    assert read(value.encode() + b"\n") == [Line(1, value)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", Reason.BLANK),
        (b"   ", Reason.BLANK),
        (b"\t", Reason.BLANK),
        ("\u00a0".encode(), Reason.BLANK),
        (b"a\0b", Reason.NUL),
        (b"\0", Reason.NUL),
        (b"a\tb", Reason.TAB),
        (b"a\tb\x01", Reason.CONTROL),
        (b"a\x1b[0m", Reason.CONTROL),
        (b"a\rb", Reason.CONTROL),
        (b"a\x7f", Reason.CONTROL),
        (b"a\xff", Reason.NOT_UTF8),
        (b"\xed\xa0\x80", Reason.NOT_UTF8),
        (b"x" * (DISTINCT_ID_MAX + 1), Reason.TOO_LONG),
        (b"undefined", Reason.PLACEHOLDER),
        (b'"null"', Reason.PLACEHOLDER),
        (b"0", Reason.PLACEHOLDER),
    ],
)
def test_an_unusable_line_is_refused_with_its_number(line: bytes, reason: Reason) -> None:
    assert read(b"a\n" + line + b"\nb\n") == [Line(1, "a"), RefusedLine(2, reason), Line(3, "b")]


def test_the_maximum_length_of_a_distinct_id_counts_characters() -> None:
    assert read("é".encode() * DISTINCT_ID_MAX) == [Line(1, "é" * DISTINCT_ID_MAX)]


def test_placeholder_ids_are_accepted_when_allowed() -> None:
    assert read(b"undefined\n\n", Kind.ANY_DISTINCT_ID) == [Line(1, "undefined"), RefusedLine(2, Reason.BLANK)]


@pytest.mark.parametrize(
    "text",
    [PERSON, PERSON.upper(), PERSON.replace("-", ""), "{" + PERSON + "}", f"urn:uuid:{PERSON}", f"  {PERSON} "],
)
def test_a_uuid_in_any_common_form_is_normalized(text: str) -> None:
    assert read(text.encode(), Kind.PERSON_ID) == [Line(1, PERSON)]


@pytest.mark.parametrize("text", ["1", "user-1", PERSON[:-1], PERSON + "0", "{" + PERSON, PERSON + "}", "-" * 36])
def test_text_that_is_not_a_uuid_is_refused(text: str) -> None:
    assert read(text.encode(), Kind.PERSON_ID) == [RefusedLine(1, Reason.NOT_A_UUID)]


def test_a_uuid_with_digits_of_another_script_is_refused() -> None:
    arabic = "".join("٠" if one == "1" else one for one in PERSON)
    assert read(arabic.encode(), Kind.PERSON_ID) == [RefusedLine(1, Reason.NOT_A_UUID)]


def test_text_that_is_not_an_email_is_refused() -> None:
    lines = read(b"a@example.com\nundefined\n@\n" + b"x" * EMAIL_MAX + b"@\n", Kind.EMAIL)
    assert lines == [
        Line(1, "a@example.com"),
        RefusedLine(2, Reason.NOT_AN_EMAIL),
        RefusedLine(3, Reason.NOT_AN_EMAIL),
        RefusedLine(4, Reason.NOT_AN_EMAIL),
    ]


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("column", [None, "id"])
def test_an_empty_file_is_an_error(data: bytes, column: str | None) -> None:
    with pytest.raises(InputError, match="is empty"):
        read(data, column=column)


def test_a_csv_file_with_only_a_header_is_an_error() -> None:
    with pytest.raises(InputError, match="is empty"):
        read(b"id,name\n", column="id")


def test_a_csv_column_is_found_by_its_header() -> None:
    data = b"\xef\xbb\xbfname, id \r\nAnn,u1\r\nBob,u2\r\n"
    assert read(data, column="id") == [Line(2, "u1"), Line(3, "u2")]


def test_a_csv_record_of_several_lines_has_the_number_of_its_first_line() -> None:
    data = b'id,note\nu1,"one\ntwo\nthree"\nu2,x\n"u\n3",y\nu4,z\n'
    assert read(data, column="id") == [
        Line(2, "u1"),
        Line(5, "u2"),
        Line(6, "u\n3"),
        Line(8, "u4"),
    ]


def test_a_csv_record_without_an_id_is_refused_and_only_a_blank_one_is_blank() -> None:
    assert read(b'name,id\nAnn\n\nBob,u2\n , \n"Cy\nd",""\n"","\n"\n', column="id") == [
        RefusedLine(2, Reason.NO_ROW_ID),
        RefusedLine(3, Reason.BLANK),
        Line(4, "u2"),
        RefusedLine(5, Reason.BLANK),
        RefusedLine(6, Reason.NO_ROW_ID),
        RefusedLine(8, Reason.BLANK),
    ]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"u1,Ann\n", "line 1 must be the header"),
        (b"id,id\nu1,u2\n", "more than one column"),
        (b'id,name\nu1,"Ann\nu2,Bob\n', "line 2 is not valid CSV"),
        (b'id,name\nu1,x\nu2,"a"b\n', "line 3 is not valid CSV"),
        (b'id,5"\nu1,1\nu2,6"\nu3,2\n', "line 1 is not valid CSV"),
        (b'id,5"\nu1,1\n', "line 1 is not valid CSV"),
        (b"x" * LINE_MAX + b",id\nu1,Ann\n", "line 1 is longer than 65,536 bytes: it must be the header"),
    ],
)
def test_a_damaged_csv_file_is_an_error_with_the_place(data: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read(data, column="id")


def test_a_name_of_a_column_may_have_line_ends_and_quotes() -> None:
    assert read(b'"full\nname",id,5" or 6"\nAnn,u1,5\n', column="id") == [Line(3, "u1")]
    assert read(b'"full\nname";id;"5"""\nAnn;u1;5\n', column="id") == [Line(3, "u1")]


@pytest.mark.parametrize("data", [b"jane@example.com,Jane\n", b'jane@example.com,"Jane\n'])
def test_an_error_about_a_csv_file_shows_nothing_of_its_content(data: bytes) -> None:
    with pytest.raises(InputError) as caught:
        read(data, column="id")
    assert "jane" not in str(caught.value).lower()
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("length", [LINE_MAX - 1, LINE_MAX, LINE_MAX + 1, 3 * LINE_MAX])
def test_a_line_that_is_too_long_is_refused_and_the_next_line_is_read(length: int) -> None:
    assert read(b"x" * length + b"\nb\n") == [RefusedLine(1, Reason.TOO_LONG), Line(2, "b")]


@pytest.mark.slow
def test_memory_does_not_grow_with_a_line(tmp_path: Path) -> None:
    path = tmp_path / "ids"
    with path.open("wb") as file:
        file.truncate(20_000_000)
    tracemalloc.start()
    lines = list(read_file(path, Kind.DISTINCT_ID))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert lines == [RefusedLine(1, Reason.TOO_LONG)]
    assert peak < 2_000_000


def test_a_pipe_can_be_read(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"a\nb\n")
    os.close(writer)
    assert list(read_file(Path(f"/dev/fd/{reader}"), Kind.DISTINCT_ID)) == [Line(1, "a"), Line(2, "b")]
    os.close(reader)


def test_a_missing_file_is_reported_by_name(tmp_path: Path) -> None:
    with pytest.raises(FileTrouble, match=r"^no such file: .*none.txt; check the name"):
        list(read_file(tmp_path / "none.txt", Kind.DISTINCT_ID))


def test_values_are_numbered_from_one() -> None:
    assert list(read_values(["a", "", "b"], Kind.DISTINCT_ID)) == [
        Line(1, "a"),
        RefusedLine(2, Reason.BLANK),
        Line(3, "b"),
    ]


def test_uuid_objects_are_accepted() -> None:
    uuid = uuid4()
    assert list(read_values([uuid, str(uuid)], Kind.PERSON_ID)) == [Line(1, str(uuid)), Line(2, str(uuid))]


@pytest.mark.parametrize("value", [1, None, b"a", UUID(int=1)])
def test_a_value_of_another_type_is_an_error_with_its_position(value: object) -> None:
    with pytest.raises(InputError, match="value 2"):
        list(read_values(["a", value], Kind.DISTINCT_ID))


def test_no_values_are_an_error() -> None:
    with pytest.raises(InputError, match="empty"):
        list(read_values([], Kind.EMAIL))


def test_a_lone_surrogate_in_a_value_is_refused() -> None:
    assert list(read_values(["a\ud800"], Kind.DISTINCT_ID)) == [RefusedLine(1, Reason.NOT_UTF8)]


@pytest.mark.slow
@given(st.lists(st.binary(max_size=30).filter(lambda line: b"\n" not in line), min_size=1, max_size=30))
def test_every_line_has_one_result_in_order(lines: list[bytes]) -> None:
    lines[0] = b"x" + lines[0]  # not the first bytes of another format
    data = b"".join(line + b"\n" for line in lines)
    assert [line.number for line in read(data)] == list(range(1, len(lines) + 1))


@pytest.mark.slow
@given(st.lists(st.text(alphabet=st.characters(codec="utf-8"), max_size=40), min_size=1, max_size=20))
def test_a_usable_line_is_returned_byte_for_byte(values: list[str]) -> None:
    values = [value.replace("\n", "x").removeprefix("\ufeff") for value in values]
    values[0] = f"x{values[0]}"  # not the first characters of another format
    for line in read(b"".join(value.encode() + b"\r\n" for value in values)):
        if isinstance(line, Line):
            assert line.value == values[line.number - 1]


CELL = st.text(alphabet=st.sampled_from('ab",\n\r \u2028é;'), max_size=12)


@pytest.mark.slow
@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=15))
def test_a_csv_column_equals_that_of_the_csv_module(rows: list[tuple[str, str]]) -> None:
    sheet = io.StringIO()
    csv.writer(sheet).writerows([("note", "id"), *rows])
    lines = read(sheet.getvalue().encode(), Kind.ANY_DISTINCT_ID, column="id")
    assert len(lines) == len(rows)
    starts = [2]
    for row in rows:
        one = io.StringIO()
        csv.writer(one).writerow(row)
        starts.append(starts[-1] + one.getvalue().count("\n"))
    assert [line.number for line in lines] == starts[:-1]
    for line, (_, value) in zip(lines, rows, strict=True):
        if isinstance(line, Line):
            assert line.value == value
