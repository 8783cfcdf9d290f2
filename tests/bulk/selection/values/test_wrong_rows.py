"""Rows of values that are wrong in ways that users meet: each is named by its cause, and equal rows do not conflict."""

from io import BytesIO
from typing import Any

import pytest

from bulk.errors import InputError
from bulk.property_checks import DesiredProperties
from bulk.selection.inputs.line_checks import RefusedLine
from bulk.selection.values.row_conflicts import digest_of
from bulk.selection.values.row_selection import open_rows, row_lines


def refusals(data: bytes, **options: Any) -> dict[int, str]:
    rows = row_lines(open_rows(BytesIO(data), **options))
    return {each.number: each.words for each in rows if isinstance(each, RefusedLine)}


def test_text_that_is_not_utf_8_is_said_to_be_so() -> None:
    csv = "distinct_id,plan,café\nuser-1,a,b\n".encode() + b"user-2,caf\xe9,b\nuser-3,a,\xff\n"
    assert refusals(csv) == {3: "not UTF-8 (column 'plan')", 4: "not UTF-8 (column 'café')"}
    lines = b'{"distinct_id":"x","a":"caf\xe9"}\n{"distinct_id":"y","a":1}\n{"distinct_id":"z","a":"\\ud800"}\n'
    assert refusals(lines) == {1: "not UTF-8", 3: "a value that the server cannot store (key 'a')"}
    assert refusals(b"distinct_id,n\nx,\xe9\n", types={"n": "number"}) == {2: "not a number (column 'n')"}


def test_json_that_is_refused_says_what_json_lacks() -> None:
    lines = b'{"distinct_id":"x","a":NaN}\n{"distinct_id":"x","a":1,"a":2}\n[1]\n{"distinct_id":"y","a":1}\n'
    words = "not a JSON object, or one with NaN, Infinity or a repeated key"
    assert refusals(lines) == dict.fromkeys((1, 2, 3), words)


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (
            b"distinct_id,n\nx,1\n",
            {"types": {"distinct_id": "text"}},
            "the column 'distinct_id' holds the ID, which has no type: leave it out of the types",
        ),
        (b"distinct_id,distinct_id,n\nx,y,1\n", {}, "more than one column named 'distinct_id': rename one of them$"),
        (
            b'{"uuid":"x","distinct_ids":["a"],"properties":{},"id":1}\n',
            {"id_column": "uuid"},
            "is an export of persons, not rows of values: write rows with the ID and the properties to set",
        ),
        (
            b'id,uuid,distinct_ids,properties\n1,x,"[""a""]",{}\n',
            {"id_column": "uuid"},
            "is an export of persons, not rows of values",
        ),
        (b'{\n"distinct_id":"x"\n}\n', {}, "from line 1 on: write each object on a line of its own, as jq -c . does"),
    ],
)
def test_files_that_cannot_be_rows_are_refused(data: bytes, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        open_rows(BytesIO(data), **options)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1, 1.0, True),
        ([1, {"a": -2.0}], [1.0, {"a": -2}], True),
        (0, -0.0, True),
        (1, True, False),
        (1, "1", False),
        (1.5, 1, False),
        (2**53 - 1, float(2**53 - 1), True),
        (1e300, 1e300, True),
    ],
)
def test_numbers_that_verification_finds_equal_do_not_conflict(one: object, other: object, same: bool) -> None:
    digests = {digest_of(DesiredProperties(values={"k": each})) for each in (one, other)}
    assert (len(digests) == 1) is same
