"""Which distinct ids stand for nobody in particular."""

import pytest

from bulk.selection.placeholder_ids import is_shared


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
def test_an_id_that_stands_for_nobody_is_shared(distinct_id: str) -> None:
    assert is_shared(distinct_id)


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
def test_an_id_that_may_be_somebodys_is_not_shared(distinct_id: str) -> None:
    assert not is_shared(distinct_id)
