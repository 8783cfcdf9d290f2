"""Placeholder IDs such as "undefined" are recognized."""

import pytest

from bulk.selection.placeholder_ids import is_placeholder


@pytest.mark.parametrize(
    "distinct_id",
    [
        "anonymous",
        "guest",
        "distinctid",
        "distinct_id",
        "id",
        "not_authenticated",
        "email",
        "undefined",
        "true",
        "false",
        "[object Object]",
        "NaN",
        "None",
        "none",
        "null",
        "0",
        "nil",
        "NULL",
        "uNdEfInEd",
        "Guest",
        '"undefined"',
        "'null'",
        "'\"anonymous\"'",
        " null ",
        "",
        "  ",
        '""',
        "''",
        "00000000-0000-0000-0000-000000000000",
    ],
)
def test_a_placeholder_id_is_recognized(distinct_id: str) -> None:
    assert is_placeholder(distinct_id)


@pytest.mark.parametrize(
    "distinct_id",
    [
        "user-1",
        "1",
        "00",
        "nan",
        "Nan Goldin",
        "[object object]",
        "guest-7",
        "anonymous@example.com",
        "not null",
        '"undefined',
        "'",
        '"',
        "018f5a3e-0000-0000-0000-000000000000",
        "🙂",
        "..",
    ],
)
def test_an_ordinary_id_is_not_a_placeholder(distinct_id: str) -> None:
    assert not is_placeholder(distinct_id)
