"""Records of a journal, and the reading of its lines."""

from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import strategies as st

from bulk.errors import JournalDamaged
from bulk.journal.framing import Clean, Framing, TornTail


class OpenedJob(msgspec.Struct, frozen=True, tag="opened", tag_field="k"):
    job: str


class Note(msgspec.Struct, frozen=True, tag="note", tag_field="k", omit_defaults=True):
    text: str = ""
    number: int = 0


Line = OpenedJob | Note
FRAMING: Framing[Line] = Framing(Line, job=lambda record: record.job if isinstance(record, OpenedJob) else None)
PATH = Path("erase.journal.jsonl")

texts = st.text(st.characters() | st.sampled_from('\ud800\u2028\x85\n\r\x00"\\é😀'), max_size=20)
notes = st.lists(st.builds(Note, texts, st.integers(-(2**63), 2**63 - 1)), max_size=6)


def _journal(notes: list[Note], job: str = "job-1") -> list[bytes]:
    opened = OpenedJob(job)
    seed = FRAMING.seed(opened)
    return [FRAMING.encode(record, n, seed) for n, record in enumerate([opened, *notes])]


def _read(data: bytes, *cuts: int) -> tuple[list[Line], Clean | TornTail]:
    reader = FRAMING.reader(PATH)
    records = []
    marks = [0, *sorted(cuts), len(data)]
    for start, stop in pairwise(marks):
        records += reader.feed(data[start:stop])
    return records, reader.finish()


def _damaged_line(data: bytes, words: str = "line") -> int:
    with pytest.raises(JournalDamaged, match=words) as caught:
        _read(data)
    return caught.value.line
