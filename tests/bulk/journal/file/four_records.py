"""A journal of four records: its lines, and what a file with them is replayed into."""

from pathlib import Path

import msgspec

from bulk.journal.framing import Framing
from bulk.journal.storage import Journal


class OpenedJob(msgspec.Struct, frozen=True, tag="opened", tag_field="k"):
    job: str


class Note(msgspec.Struct, frozen=True, tag="note", tag_field="k"):
    text: str


Line = OpenedJob | Note
FRAMING: Framing[Line] = Framing(Line, job=lambda record: record.job if isinstance(record, OpenedJob) else None)
RECORDS: list[Line] = [OpenedJob("job-1"), Note("one"), Note("two"), Note("three")]
SEED = FRAMING.seed(RECORDS[0])
LINES = [FRAMING.encode(record, n, SEED) for n, record in enumerate(RECORDS)]
WHOLE = b"".join(LINES)


def replayed(path: Path) -> tuple[list[Line], int, Path | None]:
    """Return the records of a file, the number of the next one, and where a torn tail was set aside."""
    records: list[Line] = []
    with Journal.open(path, FRAMING, records.append) as journal:
        return records, journal.next_n, journal.set_aside


def put(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    path.chmod(0o600)


def files_in(folder: Path) -> dict[str, bytes]:
    return {entry.name: entry.read_bytes() for entry in folder.iterdir()}
