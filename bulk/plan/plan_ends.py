"""Reads the first and the last line of a plan file, at a cost that does not depend on its size."""

import os
from pathlib import Path

from bulk.errors import PlanError
from bulk.files.file_errors import as_file_trouble
from bulk.files.job_file_kinds import how_to_give_plan, is_journal, is_without_person_plan
from bulk.files.private_files import open_regular
from bulk.plan.plan_lines import (
    FORMAT,
    MAX_LINE,
    PlanFooter,
    PlanHeader,
    decode_footer,
    decode_format,
    decode_header,
)

NEW_PLAN = "make a new plan"
CHANGED = "was changed after it was created"
_CHUNK = 1 << 20


class NotAPlan(PlanError):
    """The first line of a file is not that of a plan."""

    def __init__(self, path: str | os.PathLike[str], head: bytes = b"") -> None:
        problem, fix = "is not a plan: line 1 is not a plan header", "name a *.plan.jsonl file"
        if is_without_person_plan(head):
            problem = "is a plan for events without a person, and this command takes none"
            fix = "run the same delete-events command again, which continues its job"
        super().__init__(path, problem, fix)
        self.args = (path,)


def read_header(path: Path) -> PlanHeader:
    """Return the header of a plan file, without the time that its footer has; nothing else of it is checked.

    Raises:
        NotAPlan: it is another kind of file.
        PlanError: it has another format, or cannot be read.
    """
    fd = open_regular(path, os.O_RDONLY, PlanError)
    try:
        return header_of(fd, size_of(fd, path), path)[0]
    finally:
        os.close(fd)


def read_footer(path: Path) -> PlanFooter:
    """Return the footer of a plan file; the targets are not checked against it.

    Raises:
        PlanError: it has no footer, or cannot be read.
    """
    fd = open_regular(path, os.O_RDONLY, PlanError)
    try:
        return footer_of(fd, size_of(fd, path), path)[0]
    finally:
        os.close(fd)


def size_of(fd: int, path: Path) -> int:
    """Return the size of an open file; raises PlanError."""
    with as_file_trouble(path, "cannot be read", PlanError):
        return os.fstat(fd).st_size


def header_of(fd: int, size: int, path: Path) -> tuple[PlanHeader, int]:
    """Return the header of an open plan, and the offset of the line after it; raises PlanError."""
    line = b""
    step = 1 << 14
    while b"\n" not in line and len(line) < min(size, MAX_LINE):
        line += read_bytes(fd, len(line), min(step, size - len(line)), path)
        if not line.startswith(b"{"):
            raise NotAPlan(path)
        step = _CHUNK
    line = line[: line.find(b"\n") + 1]
    if is_journal(line):
        raise PlanError(path, "is a journal, not a plan", how_to_give_plan(path))
    try:
        made_with = decode_format(line)
        if made_with != FORMAT:
            raise PlanError(path, f"has plan format {made_with}, but this version reads format {FORMAT}", NEW_PLAN)
        return decode_header(line), len(line)
    except ValueError:
        raise NotAPlan(path, line) from None


def footer_of(fd: int, size: int, path: Path) -> tuple[PlanFooter, int]:
    """Return the footer of an open plan, and its offset; raises PlanError."""
    tail = b""
    step = 1 << 14
    while tail.rfind(b"\n", 0, -1) < 0 and len(tail) < min(size, MAX_LINE):
        step = min(step, size - len(tail))
        tail = read_bytes(fd, size - len(tail) - step, step, path) + tail
        step = _CHUNK
    line = tail[tail.rfind(b"\n", 0, -1) + 1 :]
    try:
        footer = decode_footer(line)
    except ValueError:
        raise PlanError(path, "has no footer: the end is missing, or lines were added", NEW_PLAN) from None
    if footer is None:
        raise PlanError(path, f"{CHANGED}: its last line, the footer, fails its checksum", NEW_PLAN)
    return footer, size - len(line)


def read_bytes(fd: int, offset: int, size: int, path: Path) -> bytes:
    """Return exactly `size` bytes of an open plan; raises PlanError."""
    parts = []
    while size > 0:
        with as_file_trouble(path, "cannot be read", PlanError):
            part = os.pread(fd, size, offset)
        if not part:
            raise PlanError(path, "became shorter while it was read", NEW_PLAN)
        parts.append(part)
        offset += len(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
