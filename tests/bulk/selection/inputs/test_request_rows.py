"""Rows of erasure requests: which ID, reference and day each has, and why a row is refused."""

import gzip
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk.errors import InputError
from bulk.selection.input_lines import read_lines
from bulk.selection.inputs.line_checks import Kind, Reason
from bulk.selection.inputs.request_rows import COLUMNS, RefusedRequest, RequestLine
from bulk.selection.selections import ByRequests

U = "018f3f3c-0000-7000-8000-000000000001"


def rows(text: str | bytes, tmp_path: Path, **options: Any) -> list[Any]:
    path = tmp_path / "r.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(read_lines(ByRequests(path, **options)))


def described(line: Any) -> tuple[Any, ...]:
    """A row in short: its line, what it is, and its request."""
    what = (line.kind, line.value) if isinstance(line, RequestLine) else line.reason
    return line.number, what, line.request.reference, line.request.received, line.request.due


def test_each_row_may_have_another_kind_of_id(tmp_path: Path) -> None:
    text = (
        "reference,received,distinct_id,email,uuid,note\n"
        "DSR-1,2026-01-31,user-1,,,x\n"
        'DSR-2,2026-11-01T10:00:00Z,,"ann@x.test",,"two\nlines"\n'
        f"DSR-3,2026-11-02,,,{{{U.upper()}}},\n"
    )
    assert [described(line) for line in rows(text, tmp_path)] == [
        (2, (Kind.DISTINCT_ID, "user-1"), "DSR-1", "2026-01-31", "2026-02-28"),
        (3, (Kind.EMAIL, "ann@x.test"), "DSR-2", "2026-11-01", "2026-12-01"),
        (5, (Kind.PERSON_ID, U), "DSR-3", "2026-11-02", "2026-12-02"),
    ]


REFUSED = {
    "a,,,DSR,yesterday": Reason.NOT_A_DATE,
    "a,,,DSR,": Reason.NOT_A_DATE,
    "a,,,DSR,29.11.2026": Reason.NOT_A_DATE,
    ",,,DSR,2026-11-01": Reason.NO_ID,
    "a,b@x.test,,DSR,2026-11-01": Reason.SEVERAL_IDS,
    ",,,,": Reason.BLANK,
    ",not an email,,DSR,2026-11-01": Reason.NOT_AN_EMAIL,
    ",,123,DSR,2026-11-01": Reason.NOT_A_UUID,
    "undefined,,,DSR,2026-11-01": Reason.PLACEHOLDER,
    "a,,,D\x1bSR,2026-11-01": Reason.BAD_REFERENCE,
    f"a,,,{'D' * 501},2026-11-01": Reason.BAD_REFERENCE,
    "a\0b,,,DSR,2026-11-01": Reason.NUL,
    f"{'a' * 70_000},,,DSR,2026-11-01": Reason.TOO_LONG,
}


@pytest.mark.parametrize(("row", "reason"), REFUSED.items(), ids=range(len(REFUSED)))
def test_a_row_that_cannot_be_used_is_refused_by_its_line(row: str, reason: Reason, tmp_path: Path) -> None:
    good = "b,,,DSR-2,2026-11-02"
    first, second = rows(f"distinct_id,email,uuid,reference,received\n{row}\n{good}\n", tmp_path)
    assert isinstance(first, RefusedRequest)
    assert (first.number, first.reason) == (2, reason)
    assert described(second) == (3, (Kind.DISTINCT_ID, "b"), "DSR-2", "2026-11-02", "2026-12-02")


@pytest.mark.parametrize(
    "encode", [str.encode, lambda text: text.encode("utf-16"), lambda t: gzip.compress(t.encode())]
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_formats_of_other_input_files_work_too(tmp_path: Path, encode: Any, delimiter: str) -> None:
    text = "Distinct_ID,REFERENCE,Received\r\nuser-1,DSR-1,2026-11-01\r\n".replace(",", delimiter)
    assert [described(line) for line in rows(encode(text), tmp_path)] == [
        (2, (Kind.DISTINCT_ID, "user-1"), "DSR-1", "2026-11-01", "2026-12-01")
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        ("name,reference,received\n", "no column named 'distinct_id, email or uuid'"),
        ("distinct_id,received\na,2026-11-01\n", "no column named 'reference': add it, or give --reference"),
        ("e-mail,reference,received\n", "distinct_id, email or uuid (did you mean 'e-mail'?): line 1 must"),
        ("uuid,referenz,received\na,b,c\n", "no column named 'reference' (did you mean 'referenz'?): add it"),
        ("distinct_id,reference\na,DSR\n", "no column named 'received': add it, or give --received"),
        ("uuid,uuid,reference,received\n", "more than one column named 'uuid'"),
        ("uuid,reference,received\n", "a header and no row"),
        ('uuid,reference,received\n"a,b,c\nd,e,f\n', "line 2 is not valid CSV"),
        ('uuid,reference,received\n"a"b,b,c\n', "line 2 is not valid CSV"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(text: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        rows(text, tmp_path)
    assert problem.replace("'distinct_id, email or uuid'", "distinct_id, email or uuid") in str(caught.value)


def test_the_request_of_the_whole_job_fills_in(tmp_path: Path) -> None:
    text = "distinct_id,reference\na,\nb,DSR-2\n"
    assert [described(line)[2:] for line in rows(text, tmp_path, reference="DSR-0", received="2026-11-01")] == [
        ("DSR-0", "2026-11-01", "2026-12-01"),
        ("DSR-2", "2026-11-01", "2026-12-01"),
    ]


def test_mappings_work_as_rows() -> None:
    values = [
        {"distinct_id": "a", "reference": "DSR-1", "received": "2026-11-01"},
        {"uuid": UUID(U), "reference": None, "received": "2026-11-02"},
    ]
    assert [described(line) for line in read_lines(ByRequests(values))] == [
        (1, (Kind.DISTINCT_ID, "a"), "DSR-1", "2026-11-01", "2026-12-01"),
        (2, (Kind.PERSON_ID, U), None, "2026-11-02", "2026-12-02"),
    ]


@pytest.mark.parametrize("values", [[], ["a"], [{"id": "a"}]])
def test_values_that_are_no_requests_are_refused(values: list[Any]) -> None:
    with pytest.raises(InputError):
        list(read_lines(ByRequests(values)))


@pytest.mark.slow
@given(st.lists(st.fixed_dictionaries({column: st.text(max_size=12) for column in COLUMNS}), max_size=5))
def test_every_row_has_one_outcome_in_order(values: list[dict[str, str]]) -> None:
    if not values:
        return
    lines = list(read_lines(ByRequests(values)))
    assert [line.number for line in lines] == [*range(1, len(values) + 1)]


@given(st.binary(max_size=200))
def test_no_bytes_end_in_another_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("r")
    try:
        lines = rows(b"distinct_id,reference,received\n" + data, path)
    except InputError:
        return
    assert all(isinstance(line, RequestLine | RefusedRequest) for line in lines)
