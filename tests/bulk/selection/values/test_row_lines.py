"""Rows of values: what a cell becomes, and which rows are refused and why."""

import json
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk.errors import InputError
from bulk.property_checks import MAX_VALUES_BYTES, DesiredProperties
from bulk.selection.inputs.line_checks import Reason, RefusedLine
from bulk.selection.values.cell_types import CELL_TYPES, NotOfItsType, parse_cell
from bulk.selection.values.row_lines import ROW_MAX, RefusedRow, RowLine, RowRules, read_rows
from bulk.selection.values.row_selection import open_rows, row_lines

CELLS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8).filter(str.strip)


def read(text: str | bytes, **options: Any) -> list[RowLine | RefusedLine]:
    data = text.encode() if isinstance(text, str) else text
    return list(row_lines(open_rows(BytesIO(data), **options)))


def changes(text: str, **options: Any) -> list[Any]:
    return [each.change.values if isinstance(each, RowLine) else each.reason for each in read(text, **options)]


@pytest.mark.parametrize(
    ("cell_type", "text", "value"),
    [
        ("text", " 1 ", " 1 "),
        ("number", "1", 1),
        ("number", " -2.5e3 ", -2500.0),
        ("number", "12345678901234", 12345678901234),
        ("boolean", "TRUE", True),
        ("boolean", "false", False),
        ("json", '{"a": [1, null]}', {"a": [1, None]}),
        ("json", "null", None),
    ],
)
def test_a_cell_becomes_a_value_of_its_type(cell_type: Any, text: str, value: object) -> None:
    found = parse_cell(text, cell_type)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("cell_type", "text"),
    [
        *(("number", text) for text in ("one", "1,5", "01", "1_000", "0x1", "NaN", "Infinity", "+1", "1.", "\u0661")),
        *(("boolean", text) for text in ("yes", "1", "t")),
        *(("json", text) for text in ("{", "NaN", '{"a":1,"a":2}', "[" * 100_000)),
    ],
)
def test_a_cell_of_another_type_is_refused(cell_type: Any, text: str) -> None:
    with pytest.raises(NotOfItsType):
        parse_cell(text, cell_type)


@pytest.mark.slow
@given(st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=6), st.sampled_from(",;\t|"))
def test_every_text_cell_of_csv_is_set_as_it_is(rows: list[tuple[str, str, str]], delimiter: str) -> None:
    def quoted(cell: str) -> str:
        return '"' + cell.replace('"', '""') + '"'

    lines = [delimiter.join(map(quoted, row)) for row in rows]
    text = "\n".join([delimiter.join(("distinct_id", "one", "two")), *lines])
    found = [each for each in read(text, allow_shared_ids=True) if isinstance(each, RowLine)]
    assert [(each.value, each.change.values) for each in found] == [
        (first, {"one": one, "two": two}) for first, one, two in rows
    ]


@pytest.mark.slow
@given(st.lists(st.dictionaries(CELLS, st.none() | st.booleans() | st.integers(-9, 9) | CELLS), min_size=1, max_size=6))
def test_every_value_of_json_is_set_as_it_is(rows: list[dict[str, Any]]) -> None:
    given_rows = [{**row, "distinct_id": f"id-{number}"} for number, row in enumerate(rows)] + [
        {"distinct_id": "last", "any": 1}
    ]
    found = read("".join(json.dumps(row) + "\n" for row in given_rows))
    for row, each in zip(given_rows, found, strict=True):
        values = {key: value for key, value in row.items() if key != "distinct_id"}
        assert each == (
            RowLine(each.number, row["distinct_id"], DesiredProperties(values=values))
            if values
            else RefusedRow(each.number, Reason.NO_VALUE, "no value to set")
        )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("distinct_id,a,b\nx,1,2\n", [{"a": "1", "b": "2"}]),
        ("distinct_id,a,b\nx,,2\n", [{"b": "2"}]),
        ("distinct_id,a,b\nx,1\n", [Reason.CELLS]),
        ("distinct_id,a,b\nx,1,2,3\n", [Reason.CELLS]),
        ("distinct_id,a,b\nx,,\n", [Reason.NO_VALUE]),
        ("distinct_id,a,b\n,1,2\n", [Reason.NO_ROW_ID]),
        ("distinct_id,a,b\n,,\n\nx,1,2\n", [Reason.BLANK, Reason.BLANK, {"a": "1", "b": "2"}]),
        ("distinct_id,a,b\nnull,1,2\n", [Reason.PLACEHOLDER]),
        ('distinct_id,a,b\nx,"1\n2",3\ny,4,5\n', [{"a": "1\n2", "b": "3"}, {"a": "4", "b": "5"}]),
        ("sep=;\ndistinct_id;a\nx;1\n", [{"a": "1"}]),
        ("\ufeffdistinct_id,a\r\nx,1\r\n", [{"a": "1"}]),
        (
            '{"distinct_id":"x","a":1}\n[1]\n{"a":1}\n{"distinct_id":7,"a":1}\n',
            [{"a": 1}, *[Reason.NOT_AN_OBJECT], *[Reason.NO_ROW_ID] * 2],
        ),
        ('{"distinct_id":"x","a":null}\n', [{"a": None}]),
        ('{"distinct_id":"x","a":1e999}\n{"distinct_id":"x","a":1}\n', [Reason.NOT_STORABLE, {"a": 1}]),
    ],
)
def test_each_row_is_used_or_refused_with_its_reason(text: str, expected: list[Any]) -> None:
    assert changes(text) == expected


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", {}, "is empty"),
        ("a,b\n1,2\n", {}, "no column named 'distinct_id'.*--id-column"),
        ("distinct_id\nx\n", {}, "only the IDs"),
        ("distinct_id,a\n", {}, "a header and no row"),
        ("distinct_id,a,a\nx,1,2\n", {}, "more than one column named 'a'"),
        ("distinct_id,a,\nx,1,2\n", {}, "a column without a name"),
        ('[{"distinct_id":"x"}]', {}, "JSON array"),
        ('{"distinct_id":"x","a":1}', {"types": {"a": "number"}}, "leave out --types"),
        ('{"distinct_id":"x","a":1}', {"empty_is": "null"}, "leave out --types and --empty-is"),
        ('{"id":"x","a":1}', {}, "no row with the key 'distinct_id'"),
        ('\n{"distinct_id":"x","a":1\n', {}, "no line that is a JSON object, from line 2 on"),
        ('{"distinct_id":"x","a":NaN}\n', {}, "no line that is a JSON object, from line 1 on"),
        (
            "distinct_id,plan,vip\nx,1,2\n",
            {"types": {"seats": "number"}},
            r"no column named 'seats', whose type is given \(its columns are 'plan', 'vip'\)",
        ),
        ("distinct_id,seats\nx,1\n", {"types": {"seat": "number"}}, r"is given \(did you mean 'seats'\?\)"),
        (
            "User Id,a\nx,1\n",
            {"id_column": "distinct_id:usr id"},
            r"no column named 'usr id' \(did you mean 'User Id'\?\)",
        ),
        ("distinct_id,a\nx,1\n", {"types": {"a": "date"}}, "unknown type 'date'"),
        ("distinct_id,a\nx,1\n", {"id_column": "user"}, "write distinct_id, uuid or email"),
        ('distinct_id,a\nx,"1\n', {}, "not valid CSV"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(text: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(text, **options)


def test_a_row_that_is_too_long_is_refused_and_the_next_one_read() -> None:
    for size, row, words in (
        (70_000, "distinct_id,a\nx,%s\ny,2\n", "longer than 65,536 bytes, which only JSON lines may be"),
        (MAX_VALUES_BYTES, '{"distinct_id":"x","a":"%s"}\n{"distinct_id":"y","a":"2"}', "its values take more than"),
        (ROW_MAX, '{"distinct_id":"x","a":"%s"}\n{"distinct_id":"y","a":"2"}', "longer than 1,048,576 bytes"),
    ):
        refused, used = read(row % ("1" * size))
        assert isinstance(refused, RefusedLine)
        assert refused.words.startswith(words)
        assert isinstance(used, RowLine)


def test_rows_of_python_may_have_uuids_and_other_json_values() -> None:
    uuid = UUID(int=7)
    rows = open_rows([{"uuid": uuid, "a": [1, {"b": None}], "c": None}], id_column="uuid")
    (row,) = row_lines(rows)
    assert row == RowLine(1, str(uuid), DesiredProperties(values={"a": [1, {"b": None}], "c": None}))
    for bad in (["x"], [{"distinct_id": "x", "a": object()}], [{"distinct_id": "x", "a": float("nan")}]):
        with pytest.raises(InputError, match="row 1"):
            open_rows(bad)  # type: ignore[arg-type]


def test_every_type_has_a_parser() -> None:
    assert {parse_cell("1", each) for each in CELL_TYPES if each != "boolean"} == {"1", 1}


def test_a_file_that_changes_while_it_is_read_is_refused() -> None:
    pieces = iter([(1, b"distinct_id,new", b"\n"), (2, b"x,1", b"\n")])
    with pytest.raises(InputError, match="was changed while it was read"):
        list(read_rows(pieces, RowRules(), ("a",), "values.csv"))
