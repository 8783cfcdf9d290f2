"""Writes a plan file, which appears under its name complete or not at all."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from types import TracebackType
from typing import Any
from uuid import UUID

from bulk.errors import FileTrouble, PlanError
from bulk.files.content_meter import InputContent
from bulk.files.job_file_kinds import PLAN_SUFFIX, receipts_of
from bulk.files.json_lines import encode_line, encode_lines
from bulk.files.line_checksums import LineChecks
from bulk.files.private_files import refuse_existing
from bulk.files.unnamed_file import UnnamedFile, create_unnamed, remove_abandoned
from bulk.plan.plan_file import Plan, load_plan
from bulk.plan.plan_lines import (
    DIGEST_PREFIX,
    FORMAT,
    MAX_LINE,
    NotedTarget,
    PlanFooter,
    PlanHeader,
    RecordingNote,
    Target,
    encode_footer,
    without_time,
)
from bulk.property_checks import DesiredProperties
from bulk.requests.receipts_writer import ReceiptsWriter

FLUSH_BYTES = 1 << 20
_AT_ONCE = 1_000
"""Short lines that are encoded at once."""
_SHORT_ID = 1_000
"""Characters of a distinct ID whose line is short."""


class PlanWriter:
    """Writes a plan into a file that has no name until it is complete; used as a context manager.

    Without `finish`, or after a kill, nothing is left on disk (see `bulk.files.unnamed_file.UnnamedFile`).
    """

    def __init__(self, path: Path, file: UnnamedFile, header: PlanHeader) -> None:
        self.path = path
        self.count = 0
        self._file = file
        self._hash = hashlib.sha256()
        self._created_at = header.created_at
        self._checks = LineChecks()
        self._buffer = bytearray()
        self._short: list[Target] = []
        self._append(without_time(header))

    @classmethod
    def create(cls, path: Path | str, header: PlanHeader) -> "PlanWriter":
        """Start a plan.

        Raises:
            FileTrouble: the file exists already, or its folder cannot be written.
            ValueError: the header has another format, or cannot be encoded as JSON.
        """
        path = Path(path)
        if header.format != FORMAT:
            raise ValueError(f"this version writes plan format {FORMAT}, not {header.format}")
        remove_abandoned(path.parent, f"*{PLAN_SUFFIX}")
        file = create_unnamed(path)
        try:
            refuse_existing(path)
            return cls(path, file, header)
        except BaseException:
            file.close()
            raise

    def add(
        self,
        uuid: UUID,
        created_at: datetime,
        distinct_id: str | None = None,
        *,
        line: int | None = None,
        note: RecordingNote | None = None,
        change: DesiredProperties | None = None,
    ) -> None:
        """Append one target, which gets the next number.

        Arguments:
            uuid: the person's UUID.
            created_at: the person's creation time, with a time zone.
            distinct_id: the distinct ID that selected the person, if any.
            line: the number of the input line that selected the person, if any.
            note: what is to be known of its recordings later, if anything.
            change: the values that the person gets, where each person gets its own.

        Raises:
            FileTrouble: the file cannot be written, for example because the disk is full.
        """
        if created_at.tzinfo is None:
            raise ValueError("created_at needs a time zone")
        if created_at.tzinfo is not UTC:
            with suppress(OverflowError):  # this close to the end of the calendar, UTC has no such time
                created_at = created_at.astimezone(UTC)
        if note is None and change is None and (distinct_id is None or len(distinct_id) <= _SHORT_ID):
            self._short.append(
                Target(number=self.count, uuid=uuid, created_at=created_at, distinct_id=distinct_id, line=line)
            )
        else:
            target = NotedTarget(
                number=self.count,
                uuid=uuid,
                created_at=created_at,
                distinct_id=distinct_id,
                line=line,
                distinct_ids=None if note is None else note.distinct_ids,
                recordings=None if note is None else note.recordings,
                change=change,
            )
            self._append_short()
            self._append(target)
        self.count += 1
        if len(self._short) >= _AT_ONCE:
            self._append_short()
        if len(self._buffer) >= FLUSH_BYTES:
            self._flush()

    def finish(
        self,
        *,
        spent: Mapping[str, Sequence[float]] | None = None,
        findings: Sequence[Any] = (),
        content: InputContent | None = None,
        receipts: ReceiptsWriter | None = None,
    ) -> Plan:
        """Write the footer, give the file its name, and return the plan as read back from the file.

        Arguments:
            spent: times of requests already made, by rate limit, in epoch seconds (guarantee 13).
            findings: the findings of the input check, as JSON values.
            content: the content of the selection's input.
            receipts: of the job; they appear with the plan, or not at all.

        Raises:
            FileTrouble: the file cannot be written, or the name is taken by now.
            ValueError: `spent` or `findings` cannot be encoded as JSON, or are too large.
        """
        self._append_short()
        self._flush()
        digest = DIGEST_PREFIX + self._hash.hexdigest()
        times = {bucket: list(stamps) for bucket, stamps in (spent or {}).items()}
        if not all(isfinite(stamp) for stamps in times.values() for stamp in stamps):
            raise ValueError("spent holds a time that is no finite number")
        footer = encode_footer(
            PlanFooter(
                count=self.count,
                digest=digest,
                spent=times,
                findings=list(findings),
                input=content,
                receipts=None if receipts is None else receipts.key,
                created_at=self._created_at,
                checks=self._checks.encode(),
            )
        )
        if len(footer) > MAX_LINE:
            raise ValueError(f"spent and findings take {len(footer)} bytes, a footer has at most {MAX_LINE}")
        self._file.write(footer)
        if receipts is not None:
            receipts.publish(digest)
        self._file.publish()
        self._file.close()
        if receipts is not None:
            receipts.complete()
        plan = load_plan(self.path)
        if plan.digest != digest:
            plan.close()
            raise PlanError(self.path, "was replaced while it was written", "make a new plan")
        return plan

    def _append(self, value: PlanHeader | Target) -> None:
        line = _line(value)
        self._checks.add(line)
        self._buffer += line

    def _append_short(self) -> None:
        block = encode_lines(self._short)
        self._short.clear()
        self._checks.add_many(block.splitlines(keepends=True))
        self._buffer += block

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


def _line(value: PlanHeader | Target) -> bytes:
    line = encode_line(value) + b"\n"
    if len(line) > MAX_LINE:
        raise ValueError(f"a line of a plan has at most {MAX_LINE} bytes, not {len(line)}")
    return line


def refuse_before_image(plan: Path, keep_before: str | None) -> None:
    """Raise FileTrouble early if the before-image of a new plan exists already, or would be the plan or its receipts.

    Arguments:
        plan: the plan file.
        keep_before: the before-image; None if none is kept.
    """
    if keep_before is None:
        return
    path = Path(keep_before)
    if os.path.realpath(path) == os.path.realpath(plan):
        raise FileTrouble(path, "is the plan and cannot be the before-image too", "give --keep-before another file")
    if os.path.realpath(path) == os.path.realpath(receipts_of(plan)):
        raise FileTrouble(path, "is for the receipts of the plan", "give --keep-before another file")
    refuse_existing(path)
