"""Persons as CSV: complete, readable by any CSV reader, safe in a spreadsheet."""

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bulk.export.csv_rows import COLUMNS, HEADER, csv_row
from bulk.sanitize import csv_cell, plain

UUID = "0187b2d0-1111-4222-8333-000000000001"
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def person(**fields: Any) -> dict[str, Any]:
    return {"uuid": UUID, "created_at": "2024-01-01T12:00:00Z", **fields}


def cells(fields: dict[str, Any], **layout: Any) -> list[str]:
    row = csv_row(json.dumps(fields, **layout).encode())
    (read,) = csv.reader(io.StringIO(row.decode(), newline=""), strict=True)
    return read


@pytest.mark.slow
@given(TEXTS, st.lists(TEXTS, max_size=4), st.dictionaries(TEXTS, VALUES, max_size=4), st.booleans(), st.booleans())
@example("=1+1", ['a,"b"\r\n', "\x7f\x85\u202e\U000e0100"], {"\u2028": [" ", "\xa0"]}, False, True)
def test_every_value_is_read_back_and_no_cell_is_active(
    name: str, ids: list[str], properties: dict[str, Any], is_ascii: bool, is_indented: bool
) -> None:
    fields = person(name=name, distinct_ids=ids, properties=properties, is_identified=is_ascii)
    raw = json.dumps(fields, ensure_ascii=is_ascii, indent=2 if is_indented else None).encode()
    row = csv_row(raw).decode()
    assert row.endswith("\r\n")
    line = row.removesuffix("\r\n")
    assert plain(line, limit=None) == line
    (read,) = csv.reader(io.StringIO(row, newline=""), strict=True)
    assert dict(zip(COLUMNS, read, strict=True)) == {
        "uuid": UUID,
        "created_at": "2024-01-01T12:00:00Z",
        "is_identified": str(is_ascii).lower(),
        "name": csv_cell(name),
        "distinct_ids": read[4],
        "properties": read[5],
    }
    assert json.loads(read[4]) == ids
    assert json.loads(read[5]) == properties
    assert not any(cell.lstrip().startswith(("=", "+", "-", "@", "|", "%")) for cell in read)


PIECES = st.lists(st.sampled_from([*"=+-@|%;\t\n\r\",' 1a", "\uff1d", "\xa0"]), max_size=12).map("".join)


@pytest.mark.slow
@given(PIECES, st.lists(PIECES, max_size=3), st.dictionaries(PIECES, PIECES | st.integers(), max_size=3))
@example("a;=1", ["; =1"], {'x;"=1': "a;-1"})
@example('a;"=1', ['";=1'], {";": -1})
def test_a_spreadsheet_that_splits_elsewhere_finds_no_formula(
    name: str, ids: list[str], properties: dict[str, Any]
) -> None:
    row = csv_row(json.dumps(person(name=name, distinct_ids=ids, properties=properties)).encode()).decode()
    for delimiter in ";\t":
        (split,) = csv.reader(io.StringIO(row, newline=""), delimiter=delimiter)
        for cell in [*split, *row.split(delimiter)]:
            assert not cell.lstrip(' "').startswith(("=", "+", "-", "@", "|", "%", "\uff1d")), row
    read = cells(person(name=name, distinct_ids=ids, properties=properties))
    assert (json.loads(read[4]), json.loads(read[5])) == (ids, properties)


def test_every_row_has_the_same_columns() -> None:
    assert HEADER == b"uuid,created_at,is_identified,name,distinct_ids,properties\r\n"
    assert cells(person()) == [UUID, "2024-01-01T12:00:00Z", "", "", "[]", "{}"]
    assert cells(person(is_identified=None, name=None, last_seen_at=None, id=7)) == cells(person())
    assert cells(person(is_identified=True, name=12))[2:4] == ["true", "12"]


@pytest.mark.parametrize(
    ("given_at", "shown"),
    [
        ("2024-01-01T14:00:00.5+02:00", "2024-01-01T12:00:00.500000Z"),
        ("2024-01-01T12:00:00", "2024-01-01T12:00:00Z"),
        ("2024-01-01T12:00:00.123Z", "2024-01-01T12:00:00.123000Z"),
    ],
)
def test_times_are_in_utc(given_at: str, shown: str) -> None:
    assert cells({"uuid": UUID, "created_at": given_at})[1] == shown


def test_numbers_stay_as_the_server_wrote_them() -> None:
    raw = b'{"uuid":"%s","created_at":"2024-01-01T12:00:00Z","properties":{"a":1.10,"b":12345678901234567890123}}'
    assert b"1.10" in csv_row(raw % UUID.encode())
    assert b"12345678901234567890123" in csv_row(raw % UUID.encode())


@pytest.mark.parametrize(("name", "cell"), [('a"b', '"a""b"'), ("a,b", '"a,b"'), ("a b", "a b"), ('"', '""""')])
def test_quotes_and_commas_are_quoted_and_nothing_else(name: str, cell: str) -> None:
    row = csv_row(json.dumps(person(name=name, is_identified=True)).encode()).decode()
    assert row == f"{UUID},2024-01-01T12:00:00Z,true,{cell},[],{{}}\r\n"
