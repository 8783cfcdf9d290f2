"""Cells in columns: words stay whole, and rows are stacked where the columns are too narrow for their words."""

import pytest

from bulk.report.rendering.document import Table
from bulk.report.rendering.text import table_lines
from bulk.report.rendering.wrapping import wrap

UUID = "9eeb9dfe-6807-57c7-8f24-4cb44715adeb"
TABLE = Table(headings=("No.", "UUID", "Created"), rows=(("0", UUID, "2024-01-01 00:10 UTC"), ("1", UUID, "")))


def test_a_table_breaks_cells_between_words_while_each_word_fits() -> None:
    assert table_lines(TABLE, width=60) == [
        "No.  UUID                                  Created",
        f"0    {UUID}  2024-01-01 00:10",
        "                                           UTC",
        f"1    {UUID}",
    ]


def test_rows_are_stacked_where_a_word_would_be_broken() -> None:
    assert table_lines(TABLE, width=50) == [
        "No.      0",
        f"UUID     {UUID}",
        "Created  2024-01-01 00:10 UTC",
        "",
        "No.      1",
        f"UUID     {UUID}",
    ]


@pytest.mark.parametrize("width", [8, 20, 36, 60])
def test_no_line_of_a_table_is_longer_than_its_width(width: int) -> None:
    assert max(map(len, table_lines(TABLE, width=width))) <= width


def test_a_word_that_is_longer_than_a_line_is_broken_after_a_separator() -> None:
    assert wrap(UUID, 30) == ["9eeb9dfe-6807-57c7-8f24-", "4cb44715adeb"]
    assert wrap("newsletter_opened_at", 14) == ["newsletter_", "opened_at"]
    assert wrap("exports/leavers.txt", 12) == ["exports/", "leavers.txt"]
    assert wrap("a" * 12, 10) == ["a" * 10, "aa"]
