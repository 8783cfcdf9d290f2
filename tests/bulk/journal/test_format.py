"""FORMAT.md lists every type of record with all its members, exactly as the code has them."""

import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

import bulk.journal
from bulk.journal.records import Record
from bulk.states import Axis

TEXT = (Path(bulk.journal.__file__).parent / "FORMAT.md").read_text()
RECORDS = TEXT.partition("## Records")[2].partition("\n## ")[0]
ROWS = {
    cells[0].strip("`"): cells[2]
    for line in RECORDS.splitlines()
    if (cells := [cell.strip() for cell in line.strip("|").split(" | ")])
    and re.fullmatch(r"`[a-z_]+`", cells[0])
    and cells[0] != "`type`"
}
KINDS = {str(kind.__struct_config__.tag): kind for kind in get_args(Record)}


def test_each_type_of_record_has_a_row() -> None:
    assert set(ROWS) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_each_row_lists_all_members_and_marks_the_optional_ones(kind: str) -> None:
    said = re.sub(r"\([^()]*\)", "", ROWS[kind])  # what stands in brackets explains
    found = re.findall(r"`(\w+)`(\?)?", said)
    fields = [field for field in msgspec.structs.fields(KINDS[kind]) if field.name != "at"]
    assert sorted(found) == sorted((field.name, "" if field.required else "?") for field in fields)


def test_every_axis_is_named() -> None:
    assert [axis.value for axis in Axis if f"`{axis.value}`" not in TEXT] == []
