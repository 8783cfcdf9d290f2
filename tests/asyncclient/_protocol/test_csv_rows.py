"""CSV split into rows as it arrives, compared with Python's csv module."""

import csv
import io
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asyncclient._protocol import csv_rows
from asyncclient._protocol.csv_rows import BrokenCsv, CsvRowSplitter

CELLS = st.one_of(st.text(max_size=6), st.text('",\r\n;x\u2028', max_size=8))
TABLES = st.lists(st.lists(CELLS, min_size=2, max_size=3), max_size=8)


def written(table: list[list[str]], ending: str = "\r\n") -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=ending).writerows(table)
    return out.getvalue().encode("utf-8", "surrogatepass")


@pytest.mark.slow
@given(table=TABLES, cuts=st.lists(st.integers(0, 400), max_size=8), ending=st.sampled_from(["\r\n", "\n"]))
@example(table=[["a", '"'], ["\n", '""']], cuts=[4, 5, 6, 7, 8, 9, 10], ending="\r\n")
def test_blocks_are_whole_rows_and_rows_are_counted(table: list[list[str]], cuts: list[int], ending: str) -> None:
    if ending == "\n":  # a writer that ends rows so does not quote what it does not use
        table = [[cell.replace("\r", "") for cell in row] for row in table]
    raw = written(table, ending)
    edges = sorted({0, len(raw), *(cut for cut in cuts if cut < len(raw))})
    rows, blocks = CsvRowSplitter(), []
    for start, end in pairwise(edges):
        block = rows.feed(raw[start:end])
        if block:
            blocks.append(block)
            text = b"".join(blocks).decode("utf-8", "surrogatepass")
            assert rows.lines == len(list(csv.reader(io.StringIO(text, newline=""))))
            assert block.endswith(b"\n")
    rows.end()
    assert b"".join(blocks) == raw
    assert rows.lines == len(table)


@pytest.mark.slow
@given(table=TABLES.filter(bool))
def test_a_last_row_without_a_line_end_was_cut_off(table: list[list[str]]) -> None:
    raw = written(table).removesuffix(b"\r\n")
    rows = CsvRowSplitter()
    rows.feed(raw)
    if raw.endswith(b"\n") or not raw:
        return  # rows without a cell, or what the last cell ends with
    with pytest.raises(BrokenCsv, match="no line end"):
        rows.end()


def test_an_end_within_a_cell_is_noticed() -> None:
    rows = CsvRowSplitter()
    assert rows.feed(b'a,b\r\n1,"x\r\n') == b"a,b\r\n"
    with pytest.raises(BrokenCsv, match="within a cell"):
        rows.end()


def test_a_row_that_never_ends_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_rows, "MAX_ROW_BYTES", 1 << 20)
    rows = CsvRowSplitter()
    rows.feed(b'a\r\n"')
    with pytest.raises(BrokenCsv, match="longer than 1 MiB"):
        for _ in range(20):
            rows.feed(b"x\n" * 50_000)
