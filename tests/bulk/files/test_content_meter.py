"""The content of an input is the same however it is read, and differs wherever the input does."""

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from asyncclient import PropertyFilter
from bulk.errors import FileTrouble
from bulk.files.content_meter import ContentMeter, InputContent
from bulk.selection.input_lines import read_content, read_lines
from bulk.selection.selections import ByDistinctIds, ByFilter, ByPersonIds, InputSelection

TEXTS = [b"a\nb\n", b"a\nb", b"a\r\nb\n", b"a", b"\xef\xbb\xbfa\n", b"a\n\nb\n", b"a" * 70_000 + b"\nb\n", b"\xff\n"]


def while_reading(selection: InputSelection) -> InputContent:
    meter = ContentMeter()
    for _ in read_lines(selection, meter):
        pass
    return meter.content()


@pytest.mark.parametrize("text", TEXTS)
def test_reading_lines_and_reading_bytes_give_the_same_content(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "ids"
    path.write_bytes(text)
    whole = read_content(ByDistinctIds(path))
    assert whole is not None
    assert whole.lines == len(text.splitlines())
    assert while_reading(ByDistinctIds(path)) == whole
    assert while_reading(ByDistinctIds(io.BytesIO(text))) == whole
    assert read_content(ByDistinctIds(io.BytesIO(text))) == whole


def test_a_csv_file_is_its_bytes_and_not_its_column(tmp_path: Path) -> None:
    path = tmp_path / "ids.csv"
    path.write_text("id,name\na,Ada\nb,Bob\n")
    first = while_reading(ByDistinctIds(path, column="id"))
    assert (first, first.lines) == (read_content(ByDistinctIds(path, column="id")), 3)
    path.write_text("id,name\na,Ada\nb,Bea\n")
    assert read_content(ByDistinctIds(path, column="id")) != first


def test_every_text_differs_from_the_others() -> None:
    contents = [read_content(ByDistinctIds(io.BytesIO(text))) for text in TEXTS]
    assert len({content.digest for content in contents if content}) == len(TEXTS)


def values(*given: str) -> Iterator[str]:
    yield from given


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (["a", "b"], ("a", "b"), True),
        (["a", "b"], values("a", "b"), True),
        (["a", "b"], ["a\nb"], False),
        (["a\\nb"], ["a\nb"], False),
        (["a", "b"], ["b", "a"], False),
        (["\ud800"], ["\ud801"], False),
    ],
)
def test_values_are_compared_one_by_one(one: Iterable[str], other: Iterable[str], *, same: bool) -> None:
    assert (while_reading(ByDistinctIds(one)) == read_content(ByDistinctIds(other))) is same


def test_uuids_and_their_texts_are_the_same() -> None:
    text = "0192d4a0-0000-7000-8000-000000000001"
    assert read_content(ByPersonIds([UUID(text)])) == while_reading(ByPersonIds([text]))


def test_a_filter_has_no_content() -> None:
    assert read_content(ByFilter(properties=(PropertyFilter("plan", "free"),))) is None


def test_a_missing_file_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(FileTrouble):
        read_content(ByDistinctIds(tmp_path / "none"))


def test_the_meter_does_not_depend_on_the_pieces() -> None:
    def content(*pieces: bytes) -> Any:
        meter = ContentMeter()
        for piece in pieces:
            meter.add(piece)
        return meter.content()

    assert content(b"a\nb", b"", b"c\n") == content(b"a\n", b"bc\n") == content(b"a\nbc\n")
    assert content().lines == 0
