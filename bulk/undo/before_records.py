"""The records of a before-image: a file with the frame of a journal, and with what each person had (guarantee 36)."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from bulk.errors import FileTrouble, JournalDamaged
from bulk.journal.framing import Framing
from bulk.property_checks import DesiredProperties

FORMAT = 1
"""The format that this version writes and reads."""


class BeforeOpened(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="before_image"):
    """The first line: the job whose changes the file can undo.

    Arguments:
        format: of the file.
        plan_digest: of the plan, which names the job.
        host, project: of the job.
        operation: as the plan holds it.
        count: targets of the plan.
    """

    format: int
    plan_digest: str
    host: str
    project: int
    operation: dict[str, Any]
    count: int

    def __repr__(self) -> str:  # the operation may hold values
        return f"BeforeOpened(count={self.count})"


class Before(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="before", gc=False):
    """What one person had directly before the change. Of several entries of a target, the last one counts.

    Arguments:
        target: its number in the plan.
        uuid, created_at, distinct_id: as the plan holds them.
        had: the properties that it had, of those that the job changes.
        change: the values that it gets, where each person gets its own.
        unseen: properties that it is to lose and may have had, but hidden from the user of the key.
    """

    target: int
    uuid: UUID
    created_at: datetime
    distinct_id: str | None = None
    had: dict[str, Any] = {}
    change: DesiredProperties | None = None
    unseen: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Before(target={self.target})"


BeforeRecord = BeforeOpened | Before


@contextmanager
def explain_damage(path: Path, *, foreign: str, fix: str) -> Iterator[None]:
    """Raise FileTrouble for a damaged file in the words of a before-image.

    Arguments:
        path: the file.
        foreign: the problem of a file whose first line is that of no before-image.
        fix: what to do about such a file.
    """
    try:
        yield
    except JournalDamaged as error:
        _, line, problem = error.args
        if line == 1:
            raise FileTrouble(path, foreign, fix) from None
        raise FileTrouble(
            path, f"line {line} {problem}", "restore the file from a copy made after the last run of its job"
        ) from None


@cache
def before_framing() -> Framing[BeforeRecord]:
    """Return the frame of a before-image; its checksums start from the digest of the plan."""
    return Framing(BeforeRecord, job=lambda record: record.plan_digest if isinstance(record, BeforeOpened) else None)
