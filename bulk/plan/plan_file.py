"""The plan file: what will be done, to whom, frozen before anything is sent; no other file names persons.

Written whole or not at all, checked whole when opened. Knows nothing of journals, requests or selections.
"""

import hashlib
import os
import zlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from types import TracebackType
from typing import Any
from uuid import UUID

from bulk.errors import PlanError
from bulk.files.json_lines import encode_line
from bulk.files.private_files import Unnamed, open_regular, refuse_existing, trouble, unnamed
from bulk.plan.plan_lines import (
    DIGEST_PREFIX,
    FORMAT,
    MAX_LINE,
    PlanFooter,
    PlanHeader,
    Target,
    decode_footer,
    decode_format,
    decode_header,
    decode_targets,
    digest_matches,
    encode_footer,
    short_digest,
)

__all__ = [
    "FORMAT",
    "Plan",
    "PlanFooter",
    "PlanHeader",
    "PlanWriter",
    "Target",
    "digest_matches",
    "load_plan",
    "short_digest",
]

BLOCK = 256
"""Targets that share one entry of the index."""
_CHUNK = 1 << 20
_ANEW = "make a new plan"
_CHANGED = "was changed after it was made"


class PlanWriter:
    """Writes a plan into a file that has no name before it is whole; used as a context manager.

    Leaving without `finish` leaves nothing, and so does a kill (see `bulk.files.private_files.Unnamed`).
    """

    def __init__(self, path: Path, file: Unnamed, header: PlanHeader) -> None:
        self.path = path
        self.count = 0
        self._file = file
        self._hash = hashlib.sha256()
        self._buffer = bytearray(_line(header))

    @classmethod
    def create(cls, path: Path | str, header: PlanHeader) -> "PlanWriter":
        """Start a plan.

        Raises:
            FileTrouble: the file exists already, or its folder cannot be written.
            ValueError: the header is of another format, or holds what JSON cannot.
        """
        path = Path(path)
        if header.format != FORMAT:
            raise ValueError(f"this version writes plan format {FORMAT}, not {header.format}")
        file = unnamed(path)
        try:
            refuse_existing(path)
            return cls(path, file, header)
        except BaseException:
            file.close()
            raise

    def add(self, uuid: UUID, created_at: datetime, distinct_id: str | None = None) -> None:
        """Append one target; it gets the next number.

        Args:
            uuid: the person's.
            created_at: the person's, with its time zone.
            distinct_id: the one that selected it, where there is one.

        Raises:
            FileTrouble: the disk is full or the like.
        """
        if created_at.tzinfo is None:
            raise ValueError("created_at needs a time zone")
        if created_at.tzinfo is not UTC:
            with suppress(OverflowError):  # an hour from the end of the calendar there is no such time in UTC
                created_at = created_at.astimezone(UTC)
        target = Target(number=self.count, uuid=uuid, created_at=created_at, distinct_id=distinct_id)
        self._buffer += _line(target)
        self.count += 1
        if len(self._buffer) >= _CHUNK:
            self._flush()

    def finish(self, *, spent: Mapping[str, Sequence[float]] | None = None, findings: Sequence[Any] = ()) -> "Plan":
        """Close the plan with its footer, give it its name, and return it as read back from the file.

        Args:
            spent: times of requests already made, by bucket, in epoch seconds (promise 13).
            findings: what there is to say of the input, as JSON values.

        Raises:
            FileTrouble: it cannot be written, or somebody took the name meanwhile.
            ValueError: spent or findings hold what JSON cannot, or too much.
        """
        self._flush()
        digest = DIGEST_PREFIX + self._hash.hexdigest()
        times = {bucket: list(stamps) for bucket, stamps in (spent or {}).items()}
        if not all(isfinite(stamp) for stamps in times.values() for stamp in stamps):
            raise ValueError("spent holds a time that is no finite number")
        footer = encode_footer(PlanFooter(count=self.count, digest=digest, spent=times, findings=list(findings)))
        if len(footer) > MAX_LINE:
            raise ValueError(f"spent and findings take {len(footer)} bytes, a footer has at most {MAX_LINE}")
        self._file.write(footer)
        self._file.publish()
        self._file.close()
        plan = load_plan(self.path)
        if plan.digest != digest:
            plan.close()
            raise PlanError(self.path, "was replaced while it was made", _ANEW)
        return plan

    def _flush(self) -> None:
        self._hash.update(self._buffer)
        self._file.write(self._buffer)
        self._buffer = bytearray()

    def __enter__(self) -> "PlanWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


class Plan:
    """A plan that was checked whole and stays open: no later swap or edit of it changes a target unseen.

    For one thread at a time. Close it, or use it as a context manager.
    """

    def __init__(self, path: Path, fd: int, header: PlanHeader, footer: PlanFooter, index: "_Index") -> None:
        self.path = path
        self.header = header
        self.count = footer.count
        self.digest = footer.digest
        self.spent = footer.spent
        self.findings = footer.findings
        self._fd = fd
        self._index = index
        self._cached: tuple[int, list[Target]] = (-1, [])

    def __repr__(self) -> str:
        return f"Plan({str(self.path)!r}, count={self.count}, digest={self.digest!r})"

    def targets(self, start: int, stop: int) -> list[Target]:
        """Return the targets numbered from `start` up to but not including `stop`, fewer where the plan ends.

        Args:
            start: the first number, from 0.
            stop: the number after the last one.

        Raises:
            PlanError: the file was changed since it was opened, or a line holds no target.
            ValueError: the numbers are no range.
        """
        if start < 0 or stop < start:
            raise ValueError(f"targets are numbered from 0 upwards: {start} to {stop} is no range of them")
        stop = min(stop, self.count)
        found: list[Target] = []
        for block in range(start // BLOCK, -(-stop // BLOCK)):
            first = block * BLOCK
            found += self._block(block)[max(start - first, 0) : stop - first]
        return found

    def iter(self) -> Iterator[Target]:
        """Yield every target in order."""
        for block in range(-(-self.count // BLOCK)):
            yield from self._block(block)

    def close(self) -> None:
        """Close the file; idempotent."""
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
        start, stop = self._index.starts[block], self._index.starts[block + 1]
        data = _read(self._fd, start, stop - start, self.path)
        if zlib.crc32(data) != self._index.sums[block]:
            raise PlanError(self.path, f"{_CHANGED} and opened", _ANEW)
        first = block * BLOCK
        targets = decode_targets(data)
        if isinstance(targets, int):
            raise PlanError(self.path, f"line {first + targets + 2} is not a target", _ANEW)
        for number, target in enumerate(targets, first):
            if target.number != number:
                raise PlanError(self.path, f"line {number + 2} is not target {number}", _ANEW)
        self._cached = (block, targets)
        return targets


class _Index:
    """Where each block of targets starts, and its crc as it was when the digest was found right."""

    def __init__(self, start: int) -> None:
        self.starts = array("Q", [start])
        self.sums = array("I")

    def close_block(self, end: int, crc: int) -> None:
        self.starts.append(end)
        self.sums.append(crc)


def load_plan(path: Path | str) -> Plan:
    """Open a plan and check all of it: header, format, count, digest, footer, nothing missing or behind.

    Args:
        path: of the plan file.

    Returns:
        The plan; close it, or use it with `with`.

    Raises:
        PlanError: it is no plan, of another format, or any byte of it was changed; the sentence says which.
    """
    path = Path(path)
    fd = open_regular(path, os.O_RDONLY, PlanError)
    try:
        with trouble(path, "cannot be read", PlanError):
            size = os.fstat(fd).st_size
        header, body = _load_header(fd, size, path)
        footer, end = _load_footer(fd, size, path)
        digest, index, count = _scan(fd, body, end, path)
        if digest != footer.digest:
            was, now = short_digest(footer.digest), short_digest(digest)
            raise PlanError(path, f"{_CHANGED}: digest {now}, expected {was}", _ANEW)
        if count != footer.count:
            raise PlanError(path, f"has {count} targets where its footer says {footer.count}", _ANEW)
        return Plan(path, fd, header, footer, index)
    except BaseException:
        os.close(fd)
        raise


def _load_header(fd: int, size: int, path: Path) -> tuple[PlanHeader, int]:
    line = b""
    while b"\n" not in line and len(line) < min(size, MAX_LINE):
        line += _read(fd, len(line), min(_CHUNK, size - len(line)), path)
    line = line[: line.find(b"\n") + 1]
    try:
        made_with = decode_format(line)
        if made_with != FORMAT:
            raise PlanError(path, f"has plan format {made_with} where this version reads {FORMAT}", _ANEW)
        return decode_header(line), len(line)
    except ValueError:
        raise PlanError(path, "is not a plan: line 1 is no header", "name a *.plan.jsonl file") from None


def _load_footer(fd: int, size: int, path: Path) -> tuple[PlanFooter, int]:
    tail = b""
    while tail.rfind(b"\n", 0, -1) < 0 and len(tail) < min(size, MAX_LINE):
        step = min(_CHUNK, size - len(tail))
        tail = _read(fd, size - len(tail) - step, step, path) + tail
    line = tail[tail.rfind(b"\n", 0, -1) + 1 :]
    try:
        footer = decode_footer(line)
    except ValueError:
        raise PlanError(path, "has no footer: it is cut short, or was added to", _ANEW) from None
    if footer is None:
        raise PlanError(path, f"{_CHANGED}: its footer fails its checksum", _ANEW)
    return footer, size - len(line)


def _scan(fd: int, body: int, end: int, path: Path) -> tuple[str, _Index, int]:
    """Hash what lies before the footer, find where each block of targets starts, count the lines."""
    digest = hashlib.sha256(_read(fd, 0, body, path))
    index = _Index(body)
    count = crc = 0
    offset = body
    while offset < end:
        chunk = _read(fd, offset, min(_CHUNK, end - offset), path)
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
    return DIGEST_PREFIX + digest.hexdigest(), index, count


def _read(fd: int, offset: int, size: int, path: Path) -> bytes:
    parts = []
    while size > 0:
        with trouble(path, "cannot be read", PlanError):
            part = os.pread(fd, size, offset)
        if not part:
            raise PlanError(path, "became shorter while it was read", _ANEW)
        parts.append(part)
        offset += len(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _line(value: PlanHeader | Target) -> bytes:
    line = encode_line(value) + b"\n"
    if len(line) > MAX_LINE:
        raise ValueError(f"a line of a plan has at most {MAX_LINE} bytes, not {len(line)}")
    return line
