"""Reads a before-image: the entry of each person that counts, some at a time, without holding all of them."""

import os
from array import array
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bulk.errors import FileTrouble
from bulk.files.private_files import open_regular
from bulk.journal.storage import Journal, pieces
from bulk.operations import PropertyOperation, from_dict
from bulk.undo.before_records import FORMAT, Before, BeforeOpened, BeforeRecord, before_framing, explain_damage

AT_ONCE = 200
_NONE = (1 << 64) - 1


class BeforeFile(msgspec.Struct, frozen=True, kw_only=True):
    """A before-image that was read once.

    Arguments:
        path: the file.
        opened: its first record.
        last: for each target the number of its last entry, counted from 0.
        count: targets that have an entry.
        lacking: the properties that some person did not have.
    """

    path: Path
    opened: BeforeOpened
    last: "array[int]"
    count: int
    lacking: tuple[str, ...]

    def without_entry(self) -> Iterator[int]:
        """Yield the targets of the job that have no entry."""
        return (number for number, position in enumerate(self.last) if position == _NONE)

    def entries(self) -> Iterator[list[Before]]:
        """Yield the last entry of each target, some at a time.

        Raises:
            FileTrouble: the file was changed since it was read, or cannot be read.
        """
        fd = open_regular(self.path, os.O_RDONLY)
        reader, position = before_framing().reader(self.path), -1
        group: list[Before] = []
        try:
            for piece in pieces(self.path, fd, 0):
                for record in reader.feed(piece):
                    if not isinstance(record, Before):
                        continue
                    position += 1
                    if self.last[record.target] == position:
                        group.append(record)
                        if len(group) == AT_ONCE:
                            yield group
                            group = []
        finally:
            os.close(fd)
        if group:
            yield group


def read_before_file(path: Path) -> BeforeFile:
    """Read a before-image and check all of it; an incomplete last entry is of a change that was never sent.

    Raises:
        FileTrouble: it is not a before-image, is empty, has a damaged line, or cannot be read.
    """
    opened: list[BeforeOpened] = []
    last: array[int] = array("Q")
    position = -1
    keys: tuple[str, ...] = ()
    lacking: dict[str, None] = {}

    def replay(record: BeforeRecord) -> None:
        nonlocal position, last, keys
        if isinstance(record, BeforeOpened):
            opened.append(record)
            keys = keys_of(record)
            last = array("Q", [_NONE]) * record.count
            return
        position += 1
        last[record.target] = position
        changed = keys if record.change is None else record.change.keys
        lacking.update(dict.fromkeys(key for key in changed if key not in record.had))

    with explain_damage(path, foreign="is not a before-image", fix="name the file that --keep-before wrote"):
        Journal.read(path, before_framing(), replay)
    if not opened:
        problem = "is cut off in its first line" if path.stat().st_size else "is empty"
        raise FileTrouble(path, problem, "name a file that --keep-before wrote")
    if opened[0].format != FORMAT:
        raise FileTrouble(
            path, f"has format {opened[0].format}, but this version reads format {FORMAT}", "use the version it is of"
        )
    count = len(last) - last.count(_NONE)
    return BeforeFile(path=path, opened=opened[0], last=last, count=count, lacking=tuple(lacking))


def keys_of(opened: BeforeOpened) -> tuple[str, ...]:
    """Return the properties that the job of a before-image changes.

    Raises:
        ValueError: this version does not know the operation, or it changes no properties.
    """
    operation = from_dict(opened.operation)
    if not isinstance(operation, PropertyOperation):
        raise ValueError("the operation of a before-image changes properties")
    return tuple(operation.keys)
