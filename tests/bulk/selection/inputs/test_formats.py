"""A file in every format gives the same lines as the clean one, or is refused with what to do."""

import csv
import gzip
import io
import json
import tracemalloc
import zipfile
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk.errors import InputError
from bulk.export.csv_rows import HEADER, csv_row
from bulk.selection.id_files import LINE_MAX, Kind, Line, Reason, RefusedLine, read_stream

PERSON = "018f5a3e-1111-7222-8333-444455556666"
VALUES = ["u1", "ü 2", "u3,x", "🙂"]
BIG = "x" * 200_000


def read(data: bytes, kind: Kind = Kind.DISTINCT_ID, column: str | None = None) -> list[Line | RefusedLine]:
    return list(read_stream(io.BytesIO(data), kind, column=column, name="ids"))


def refusal(data: bytes, kind: Kind = Kind.DISTINCT_ID, column: str | None = None) -> str:
    with pytest.raises(InputError) as caught:
        read(data, kind, column)
    return str(caught.value)


def sheet(rows: list[list[str]], *, delimiter: str = ",", end: str = "\r\n", before: str = "") -> str:
    file = io.StringIO()
    quoting = csv.QUOTE_ALL if end != "\r\n" else csv.QUOTE_MINIMAL  # it quotes only the line end that it writes
    csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows(rows)
    return before + file.getvalue()


ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "utf-8": str.encode,
    "utf-8 with mark": lambda text: text.encode("utf-8-sig"),
    "utf-16 with mark": lambda text: text.encode("utf-16"),
    "utf-16 big-endian with mark": lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
    "utf-16 little-endian": lambda text: text.encode("utf-16-le"),
    "utf-16 big-endian": lambda text: text.encode("utf-16-be"),
    "gzip": lambda text: gzip.compress(text.encode(), mtime=0),
    "gzip of utf-16": lambda text: gzip.compress(text.encode("utf-16"), mtime=0),
    "gzip in two members": lambda text: gzip.compress(text.encode()[:3]) + gzip.compress(text.encode()[3:]),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_in_any_encoding_with_any_line_end_equal_those_of_the_clean_file(encoding: str, end: str) -> None:
    data = ENCODINGS[encoding](end.join([*VALUES, ""]))
    assert read(data) == [Line(number, value) for number, value in enumerate(VALUES, 1)]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("before", ["", "sep=", '"sep='])
def test_a_csv_column_in_any_layout_equals_that_of_the_clean_file(encoding: str, delimiter: str, before: str) -> None:
    first = f"{before}{delimiter}{before[:1] if before[:1] == chr(34) else ''}\r\n" if before else ""
    rows = [["name", "distinct_id"], *([f"n{delimiter}", value] for value in VALUES)]
    data = ENCODINGS[encoding](sheet(rows, delimiter=delimiter, before=first))
    assert read(data, column="distinct_id") == [Line(n, value) for n, value in enumerate(VALUES, 3 if before else 2)]


ID = st.text(st.characters(codec="utf-8", exclude_characters="\0\x7f", exclude_categories=("Cc", "Cs")), min_size=1)
LAYOUT = st.tuples(st.sampled_from(sorted(ENCODINGS)), st.sampled_from(["\n", "\r\n", "\r"]))


@pytest.mark.slow
@given(st.lists(ID.filter(lambda text: text.strip() and text[0] not in "{\ufeff"), min_size=1, max_size=20), LAYOUT)
def test_random_lines_in_any_format_equal_those_of_the_clean_file(values: list[str], layout: tuple[str, str]) -> None:
    encoding, end = layout
    # without a mark, UTF-16 is recognized by its line ends and characters of ASCII
    values = ["ascii-id-to-begin-with", *(value if "mark" in encoding else ascii(value) for value in values)]
    text = end.join([*values, ""])
    assert read(ENCODINGS[encoding](text)) == read("\n".join([*values, ""]).encode())


CELL = st.text(alphabet=st.sampled_from('ab",;\t\n\r é'), max_size=12)


@pytest.mark.slow
@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=15), st.sampled_from([",", ";", "\t", "|"]), LAYOUT)
def test_random_csv_in_any_format_equals_the_csv_module(
    rows: list[tuple[str, str]], delimiter: str, layout: tuple[str, str]
) -> None:
    encoding, end = layout
    text = sheet([["some note", "distinct_id"], *map(list, rows)], delimiter=delimiter, end=end)
    lines = read(ENCODINGS[encoding](text), Kind.ANY_DISTINCT_ID, "distinct_id")
    assert len(lines) == len(rows)
    for line, (note, value) in zip(lines, rows, strict=True):
        assert not isinstance(line, Line) or line.value == value
        without_id = Reason.NO_ROW_ID if note.strip() else Reason.BLANK
        assert not isinstance(line, RefusedLine) or (line.reason is without_id) == (not value.strip())


@given(st.binary(max_size=200), st.sampled_from([None, "id"]))
def test_any_bytes_are_read_or_refused(data: bytes, column: str | None) -> None:
    for prefix in (b"", b"\x1f\x8b\x08\0", b"\xff\xfe", b"id\n", b'{"uuid":'):
        try:
            lines = read(prefix + data, column=column)
        except InputError:
            continue
        numbers = [line.number for line in lines]
        assert numbers == sorted(set(numbers))


def persons(*people: tuple[str, list[str], dict[str, Any]]) -> list[bytes]:
    return [
        json.dumps(
            {
                "uuid": uuid,
                "created_at": "2026-01-01T00:00:00Z",
                "distinct_ids": distinct_ids,
                "properties": properties,
            }
        ).encode()
        + b"\n"
        for uuid, distinct_ids, properties in people
    ]


EXPORTED = persons(
    (PERSON, ["undefined", "=1+1", "u1"], {"email": "a@example.com", "note": "x" * 70_000}),
    (str(UUID(int=5)), ["tab\tand\nline"], {"email": "-b@example.com"}),
)
JSON_LINES, AS_CSV = b"".join(EXPORTED), HEADER + b"".join(map(csv_row, EXPORTED))


@pytest.mark.parametrize(("data", "first"), [(JSON_LINES, 1), (AS_CSV, 2)])
@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (Kind.PERSON_ID, [PERSON, str(UUID(int=5))]),
        (Kind.DISTINCT_ID, ["=1+1", "tab\tand\nline"]),
        (Kind.EMAIL, ["a@example.com", "-b@example.com"]),
    ],
)
def test_an_export_of_persons_is_read_without_a_column(data: bytes, first: int, kind: Kind, values: list[str]) -> None:
    lines = [Line(number, value) for number, value in enumerate(values, first)]
    assert read(data, kind) == lines
    assert read(gzip.compress(data, mtime=0), kind) == lines


def test_columns_of_an_exported_csv_file_can_also_be_named() -> None:
    assert [line.number for line in read(AS_CSV, Kind.PERSON_ID, "UUID")] == [2, 3]
    assert read(AS_CSV, column="distinct_ids") == read(AS_CSV)


def test_a_line_of_an_export_that_is_not_a_person_is_refused() -> None:
    data = EXPORTED[0] + b"\nnonsense\n" + b"[" * 10_000 + b"\n" + EXPORTED[1]
    assert read(data, Kind.PERSON_ID) == [
        Line(1, PERSON),
        RefusedLine(2, Reason.BLANK),
        RefusedLine(3, Reason.NOT_A_PERSON),
        RefusedLine(4, Reason.NOT_A_PERSON),
        Line(5, str(UUID(int=5))),
    ]


def test_an_exported_person_without_the_value_is_refused_and_not_blank() -> None:
    data = b"".join(persons((PERSON, [], {})))
    assert read(data) == [RefusedLine(1, Reason.NO_ROW_ID)]
    assert read(data, Kind.EMAIL) == [RefusedLine(1, Reason.NO_ROW_ID)]


@pytest.mark.parametrize("before", [b"u1\n", b""])
@pytest.mark.parametrize("value", [b"{}", b'{"a": 1}', b"{" + PERSON.encode() + b"}"])
def test_an_id_in_braces_is_no_export(before: bytes, value: bytes) -> None:
    assert [line for line in read(before + value + b"\nu2\n") if isinstance(line, RefusedLine)] == []


@pytest.mark.parametrize(
    "value", ["email|5f7c8ec7", "id;12", "id,a@example.com", "user_id:7,x", "a,b", "sep=x", "sep="]
)
def test_an_id_with_a_separator_on_the_first_line_is_no_header(value: str) -> None:
    assert read(f"{value}\nu2\n".encode()) == [Line(1, value), Line(2, "u2")]


@pytest.mark.parametrize("line", ["distinct_id,name", "Name;Email", '"uuid"\t"created_at"', "User ID, plan"])
def test_a_first_line_with_the_name_of_an_id_column_is_a_header(line: str) -> None:
    assert "is a CSV file: name the column" in refusal(f"{line}\nx,y\n".encode())


def workbook(name: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, "x" * 100)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "column", "message"),
    [
        (
            workbook("[Content_Types].xml"),
            None,
            "ids is an Excel workbook (.xlsx): save the sheet as CSV (UTF-8), and name its column with --column",
        ),
        (workbook("ids.txt"), "id", "ids is a zip archive: extract it, and give the file that it contains"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100),
            None,
            "ids is an Excel workbook (.xls): save the sheet as CSV (UTF-8), and name its column with --column",
        ),
        (b"\xfd7zXZ\0" + bytes(9), None, "ids is compressed with xz: decompress it with unxz"),
        ("a\n".encode("utf-32"), None, "ids is UTF-32 text: save it as UTF-8"),
        (
            gzip.compress(gzip.compress(b"a\n", mtime=0), mtime=0),
            None,
            "ids is compressed twice with gzip: decompress it once with gunzip",
        ),
        (
            gzip.compress(b"a\nb\n", mtime=0)[:-9],
            None,
            "ids is incomplete: its gzip data ends early; copy or make the file again",
        ),
        (
            gzip.compress(b"a\nb\n", mtime=0)[:-5] + b"12345",
            None,
            "ids is damaged: its gzip data cannot be decompressed; make the file again",
        ),
        (
            b"sep=;\nu1;Ann\n",
            None,
            "ids is a CSV file: name the column that holds the distinct IDs with --column",
        ),
        (
            b"Email;Name\nann@example.com;Ann\n",
            None,
            "ids is a CSV file: name the column that holds the distinct IDs with --column",
        ),
        (JSON_LINES, "uuid", "ids is an export of persons in JSON lines: leave out --column"),
        (b"id,ID\nu1,u2\n", "Id", "ids has more than one column named 'Id': rename one of them"),
        (
            b"sep=;\nid,name\nu1,Ann\n",
            "id",
            "ids has no column named 'id': line 2 must be the header, which has 1 column",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_what_to_do(data: bytes, column: str | None, message: str) -> None:
    assert refusal(data, column=column) == message


@pytest.mark.parametrize("header", ["ID", " id ", "iD", "\u00a0Id"])
def test_a_header_in_another_case_or_with_blanks_names_its_column(header: str) -> None:
    assert read(sheet([["name", header], ["Ann", "u1"]]).encode(), column="id") == [Line(2, "u1")]


def test_a_header_written_exactly_wins_over_one_in_another_case() -> None:
    assert read(b"ID,id\nu1,u2\n", column="id") == [Line(2, "u2")]


def test_blanks_within_the_name_of_a_column_count_as_one() -> None:
    assert read(b"a;Distinct  ID\n1;u1\n", column="distinct id") == [Line(2, "u1")]


def test_a_header_of_several_lines_is_read() -> None:
    assert read(b'"some\nnote",id\nx,u1\n', column="id") == [Line(3, "u1")]


@pytest.mark.parametrize("value", ["a\tb", "a\nb", "a\r\nb", '"a"', "a;b"])
def test_a_cell_is_used_exactly_as_written(value: str) -> None:
    assert read(sheet([["id", "n"], [value, "1"]]).encode(), column="id") == [Line(2, value)]


def test_a_control_character_in_a_cell_and_a_carriage_return_without_quotes_are_refused() -> None:
    assert read(b'id,n\n"a\x1b",1\na\rb,2\n', column="id") == [
        RefusedLine(2, Reason.CONTROL),
        RefusedLine(3, Reason.CONTROL),
    ]


def test_a_long_cell_of_another_column_is_skipped_and_one_of_the_column_is_refused() -> None:
    quoted = sheet([["note", "id"], [BIG, "u1"], [BIG + "\n" + BIG + '"', "u2"], ["x", BIG], ["x", "u4"]])
    assert read(quoted.encode(), column="id") == [
        Line(2, "u1"),
        Line(3, "u2"),
        RefusedLine(5, Reason.TOO_LONG),
        Line(6, "u4"),
    ]


def test_lines_of_another_encoding_are_refused_by_number() -> None:
    assert read("a\nmüller\nb\n".encode("cp1252")) == [Line(1, "a"), RefusedLine(2, Reason.NOT_UTF8), Line(3, "b")]


def test_half_a_character_at_the_end_and_a_lone_surrogate_of_utf16_are_refused() -> None:
    data = b"\xff\xfe" + "a\n\ud800\nb".encode("utf-16-le", "surrogatepass") + b"x"
    assert read(data) == [Line(1, "a"), RefusedLine(2, Reason.NOT_UTF8), RefusedLine(3, Reason.NOT_UTF8)]


def test_a_carriage_return_within_a_line_of_a_file_with_line_feeds_is_refused() -> None:
    assert read(b"a\nb\rc\nd\n") == [Line(1, "a"), RefusedLine(2, Reason.CONTROL), Line(3, "d")]


@pytest.mark.parametrize("text", ["a\0b\n", "\0\n", "a\0\0b\n", "ab\0\n"])
def test_a_nul_in_utf8_text_does_not_make_it_utf16(text: str) -> None:
    assert read(text.encode()) == [RefusedLine(1, Reason.NUL)]


@pytest.mark.slow
@pytest.mark.parametrize("column", [None, "id"])
def test_memory_grows_neither_with_a_cell_nor_with_how_well_a_file_is_compressed(column: str | None) -> None:
    data = gzip.compress(b"note,id\n" * (column is not None) + b"x" * 30_000_000 + b",u1\n")
    tracemalloc.start()
    lines = list(read_stream(io.BytesIO(data), Kind.DISTINCT_ID, column=column))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert lines == ([Line(2, "u1")] if column else [RefusedLine(1, Reason.TOO_LONG)])
    assert peak < 4_000_000


@pytest.mark.parametrize("length", [LINE_MAX - 1, LINE_MAX, LINE_MAX + 1])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_line_end_at_the_edge_of_a_part_ends_one_line(length: int, end: bytes) -> None:
    assert [line.number for line in read(b"x" * length + end + b"b" + end)] == [1, 2]
