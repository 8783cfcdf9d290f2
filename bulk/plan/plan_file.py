"""Opens a plan file, checks all of it, and reads its targets.

A plan lists the persons that an operation will affect. No other file of a job holds identifiers of persons; the
receipts beside it hold keyed references of them.
"""

import hashlib
import os
import zlib
from array import array
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO
from weakref import WeakSet

from asyncclient import Limits
from bulk.errors import PlanError
from bulk.files.job_file_kinds import receipts_of
from bulk.files.line_checksums import first_change
from bulk.files.private_files import open_regular
from bulk.plan.plan_ends import CHANGED, NEW_PLAN, footer_of, header_of, read_bytes, size_of
from bulk.plan.plan_lines import (
    DIGEST_PREFIX,
    FORMAT,
    PlanFooter,
    PlanHeader,
    RecordingNote,
    Target,
    decode_changes,
    decode_notes,
    decode_targets,
    digest_matches,
    short_digest,
    with_time,
)
from bulk.property_checks import DesiredProperties
from bulk.requests.receipts_writer import complete_receipts, withdraw_key

__all__ = [
    "FORMAT",
    "Plan",
    "PlanFooter",
    "PlanHeader",
    "Target",
    "digest_matches",
    "load_plan",
    "short_digest",
]

BLOCK = 256
"""Targets per entry of the index."""
_CHUNK = 1 << 20


class Plan:
    """A plan that was checked and stays open, so that no later change of the file changes a target unnoticed.

    It is for one thread at a time. Close it, or use it as a context manager.

    Attributes:
        file_digest: the SHA-256 of the whole file, as `sha256sum` computes it; `digest` covers all lines but the last.
        counted_by: the rate limits in this process that count the requests of its planning and of its last run already.
    """

    def __init__(
        self, path: Path, fd: int, header: PlanHeader, footer: PlanFooter, index: "_Index", *, file_digest: str
    ) -> None:
        self.path = path
        self.header = header
        self.count = footer.count
        self.digest = footer.digest
        self.file_digest = file_digest
        self.spent = footer.spent
        self.findings = footer.findings
        self.content = footer.input
        self.receipts_key = footer.receipts
        self.counted_by: WeakSet[Limits] = WeakSet()
        self._fd = fd
        self._index = index
        self._cached: tuple[int, list[Target]] = (-1, [])

    def __repr__(self) -> str:
        return f"Plan({str(self.path)!r}, count={self.count}, digest={self.digest!r})"

    def targets(self, start: int, stop: int) -> list[Target]:
        """Return the targets from number `start` up to but not including `stop`, fewer where the plan ends.

        Arguments:
            start: the first number, from 0.
            stop: the number after the last one.

        Raises:
            PlanError: the file was changed since it was opened, or a line holds no target.
            ValueError: the numbers are not a range.
        """
        if start < 0 or stop < start:
            raise ValueError(f"targets are numbered from 0, so {start} to {stop} is not a range of targets")
        stop = min(stop, self.count)
        found: list[Target] = []
        for block in range(start // BLOCK, -(-stop // BLOCK)):
            first = block * BLOCK
            found += self._block(block)[max(start - first, 0) : stop - first]
        return found

    def recording_notes(self, numbers: Sequence[int]) -> dict[int, RecordingNote | None]:
        """Return what the plan notes of the recordings of these targets; None where it notes nothing.

        The notes are read from the file each time: they can be much larger than the targets.

        Arguments:
            numbers: of targets, in ascending order.

        Raises:
            PlanError: the file was changed since it was opened.
        """
        found: dict[int, RecordingNote | None] = {}
        first, notes = -BLOCK, list[RecordingNote | None]()
        for number in numbers:
            if not first <= number < first + BLOCK:
                first = number - number % BLOCK
                self._block(first // BLOCK)  # checks that the lines are these targets
                notes = decode_notes(self._read_block(first // BLOCK))
            found[number] = notes[number - first]
        return found

    def changes(self, numbers: Sequence[int]) -> dict[int, DesiredProperties]:
        """Return the values that these targets get, where each person gets its own (guarantee 35).

        They are read from the file each time, as the notes are.

        Arguments:
            numbers: of targets, in ascending order.

        Raises:
            PlanError: the file was changed since it was opened, or a target has no values.
        """
        found: dict[int, DesiredProperties] = {}
        first, changes = -BLOCK, list[DesiredProperties | None]()
        for number in numbers:
            if not first <= number < first + BLOCK:
                first = number - number % BLOCK
                self._block(first // BLOCK)  # checks that the lines are these targets
                changes = decode_changes(self._read_block(first // BLOCK))
            change = changes[number - first]
            if change is None:
                raise PlanError(self.path, f"line {number + 2} has no values for its person", NEW_PLAN)
            found[number] = change
        return found

    def iter(self) -> Iterator[Target]:
        """Yield every target in order."""
        for block in range(-(-self.count // BLOCK)):
            yield from self._block(block)

    @property
    def is_in_place(self) -> bool:
        """Whether the plan is open and its path still names its file."""
        try:
            return self._fd >= 0 and os.path.samestat(self.path.lstat(), os.fstat(self._fd))
        except OSError:
            return False

    def discard(self) -> None:
        """Close the plan and remove its file and its receipts, unless the path names another file by now."""
        if self.is_in_place:
            receipts = receipts_of(self.path)
            has_receipts = withdraw_key(receipts, self.receipts_key, self.digest)
            with suppress(OSError):
                self.path.unlink()
                if has_receipts:
                    receipts.unlink()
        self.close()

    def close(self) -> None:
        """Close the file; may be called again."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __enter__(self) -> "Plan":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _block(self, block: int) -> list[Target]:
        if self._fd < 0:
            raise ValueError("the plan is closed")
        if self._cached[0] == block:
            return self._cached[1]
        data = self._read_block(block)
        first = block * BLOCK
        targets = decode_targets(data)
        if isinstance(targets, int):
            raise PlanError(self.path, f"line {first + targets + 2} is not a target", NEW_PLAN)
        for number, target in enumerate(targets, first):
            if target.number != number:
                raise PlanError(self.path, f"line {number + 2} is not target {number}", NEW_PLAN)
        self._cached = (block, targets)
        return targets

    def _read_block(self, block: int) -> bytes:
        """Return the lines of a block of targets, unchanged since the digest was checked."""
        start, stop = self._index.starts[block], self._index.starts[block + 1]
        data = read_bytes(self._fd, start, stop - start, self.path)
        if zlib.crc32(data) != self._index.sums[block]:
            raise PlanError(self.path, "was changed while it was open", NEW_PLAN)
        return data


class _Index:
    """Where each block of targets starts, and its CRC when the digest was checked."""

    def __init__(self, start: int) -> None:
        self.starts = array("Q", [start])
        self.sums = array("I")

    def close_block(self, end: int, crc: int) -> None:
        self.starts.append(end)
        self.sums.append(crc)


def load_plan(path: Path | str) -> Plan:
    """Open a plan and check all of it: header, format, targets, count, digest and footer.

    Arguments:
        path: the plan file.

    Returns:
        The plan; close it, or use it with `with`.

    Raises:
        PlanError: it is not a plan, has another format, or was changed; the message says which.
    """
    path = Path(path)
    fd = open_regular(path, os.O_RDONLY, PlanError)
    try:
        size = size_of(fd, path)
        header, body = header_of(fd, size, path)
        footer, end = footer_of(fd, size, path)
        hashed, index, count = _scan(fd, body, end, path)
        digest = DIGEST_PREFIX + hashed.hexdigest()
        if digest != footer.digest:
            was, now = short_digest(footer.digest), short_digest(digest)
            where = _changed_lines(fd, end, footer.checks)
            raise PlanError(path, f"{CHANGED}{where}: digest {now}, expected {was}", NEW_PLAN)
        if count != footer.count:
            raise PlanError(path, f"has {count:,} targets, but its footer says {footer.count:,}", NEW_PLAN)
        hashed.update(read_bytes(fd, end, size - end, path))
        file_digest = DIGEST_PREFIX + hashed.hexdigest()
        return Plan(path, fd, with_time(header, footer), footer, index, file_digest=file_digest)
    except BaseException:
        os.close(fd)
        raise


def complete_receipts_of(plan: Plan, *, job: str | None = None) -> None:
    """Enter into the receipts beside a plan what they lack, after a planning that was killed and at the first run.

    Arguments:
        plan: the plan.
        job: the random name of the job in its journal; None if it is not run yet.

    Raises:
        FileTrouble: they cannot be read or written.
    """
    if plan.receipts_key is not None:
        complete_receipts(receipts_of(plan.path), plan.receipts_key, plan.digest, job=job)


def _changed_lines(fd: int, end: int, checks: str) -> str:
    """Return which line of a changed plan differs from the original, in words; empty where the plan does not tell."""
    with os.fdopen(os.dup(fd), "rb") as file, suppress(ValueError):
        file.seek(0)
        found = first_change(checks, _lines_before(file, end))
        if found is not None:
            first, last = found
            return f", in line {first:,}" if first == last else f", in one of the lines {first:,} to {last:,}"
    return ""


def _lines_before(file: BinaryIO, end: int) -> Iterator[bytes]:
    """Yield the lines of a file up to an offset."""
    offset = 0
    while offset < end and (line := file.readline(end - offset)):
        offset += len(line)
        yield line


def _scan(fd: int, body: int, end: int, path: Path) -> tuple["hashlib._Hash", _Index, int]:
    """Hash everything before the footer, find where each block of targets starts, and count the targets."""
    digest = hashlib.sha256(read_bytes(fd, 0, body, path))
    index = _Index(body)
    count = crc = 0
    offset = body
    while offset < end:
        chunk = read_bytes(fd, offset, min(_CHUNK, end - offset), path)
        digest.update(chunk)
        view, find = memoryview(chunk), chunk.find
        done = position = 0
        while True:
            for _ in range(BLOCK - count % BLOCK):
                position = find(b"\n", position) + 1
                if not position:
                    break
                count += 1
            if not position:
                break
            index.close_block(offset + position, zlib.crc32(view[done:position], crc))
            done, crc = position, 0
        crc = zlib.crc32(view[done:], crc)
        offset += len(chunk)
    if index.starts[-1] < end:
        index.close_block(end, crc)
    return digest, index, count
