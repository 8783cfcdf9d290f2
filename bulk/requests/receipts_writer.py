"""Writes the receipts of a job beside its plan, so that a kill leaves both, or nothing that identifies a person.

The file gets its name before the plan does, without its key: until then its references are random numbers. The plan
holds the key, and when the plan is in its place, the key is entered into the receipts. A process
that finds receipts without a key completes them from the plan, or removes them if there is no plan.
"""

import fcntl
import hashlib
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from uuid import UUID

import msgspec

from bulk.errors import FileTrouble
from bulk.files.file_errors import as_file_trouble
from bulk.files.job_file_kinds import RECEIPTS_SUFFIX
from bulk.files.private_files import open_regular, refuse_existing
from bulk.files.unnamed_file import UnnamedFile, create_unnamed, remove_abandoned
from bulk.requests.receipt_lines import (
    FORMAT,
    NO_JOB,
    NO_KEY,
    IdKind,
    Keyed,
    LineEntry,
    ReceiptsFooter,
    ReceiptsHeader,
    encode,
    first_sum,
    looks_like_id,
)
from bulk.requests.receipts import ReceiptsError, read_receipts_header

_FLUSH_BYTES = 1 << 20


class ReceiptsWriter:
    """Writes receipts into a file that has no name until the plan is complete; used as a context manager.

    Attributes:
        key: of the keyed references, in hex, for the plan.
    """

    def __init__(self, path: Path, file: UnnamedFile, header: ReceiptsHeader, key: str) -> None:
        self.path = path
        self.key = key
        self._file = file
        self._header = header
        self._keyed = Keyed(key, folds_case=header.folds_case)
        self._sum = first_sum(header.name)
        self._hash = hashlib.sha256()
        self._persons = self._lines = 0
        self._buffer = bytearray()
        self._is_published = self._is_complete = False
        file.write(encode(header, 0)[0])

    @classmethod
    def create(
        cls, path: Path, *, host: str, project_id: int, created_at: str, folds_case: bool = False
    ) -> "ReceiptsWriter":
        """Start the receipts of a plan that does not exist yet; arguments as in `ReceiptsHeader`.

        Raises:
            FileTrouble: receipts of this name exist, or their folder cannot be written.
        """
        remove_abandoned(path.parent, f"*{RECEIPTS_SUFFIX}")
        refuse_receipts_of_a_job(path)
        _remove_unused(path)
        key = secrets.token_hex(len(NO_KEY) // 2)
        header = ReceiptsHeader(
            format=FORMAT,
            name=secrets.token_hex(8),
            key=NO_KEY,
            job=NO_JOB,
            host=host,
            project_id=project_id,
            created_at=created_at,
            folds_case=folds_case,
        )
        file = create_unnamed(path)
        try:
            refuse_existing(path)
            with as_file_trouble(path, "cannot be locked"):
                fcntl.flock(file.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)  # says that this process is alive
            return cls(path, file, header, key)
        except BaseException:
            file.close()
            raise

    def add_persons(self, first: int, persons: Sequence[tuple[UUID, str | None]]) -> None:
        """Append targets; raises FileTrouble.

        Arguments:
            first: the number of the first one in the plan.
            persons: the UUID of each, and its distinct ID if that is to be found.
        """
        self._append(*self._keyed.persons(first, persons, self._sum))
        self._persons += len(persons)

    def add_line(
        self,
        line: int,
        outcome: str,
        *,
        kind: IdKind | None = None,
        value: str | None = None,
        targets: str | None = None,
        persons: tuple[UUID, ...] = (),
        reason: str | None = None,
        reference: str | None = None,
        received: str | None = None,
        due: str | None = None,
    ) -> None:
        """Append an input line; arguments as in `LineEntry`.

        Arguments:
            kind: what its ID is.
            value: its ID, of which only the keyed reference is written.
            persons: UUIDs of persons that earlier lines added.
            reference: of the request; one that looks like an ID of a person is written as a keyed reference.

        Raises:
            FileTrouble: the file cannot be written.
        """
        is_hidden = reference is not None and looks_like_id(reference, value)
        entry = LineEntry(
            line=line,
            id=None if kind is None or value is None else self._keyed.id(kind, value),
            outcome=outcome,
            targets=targets,
            persons=tuple(self._keyed.uuid(uuid) for uuid in persons),
            reason=reason,
            reference=None if is_hidden else reference,
            reference_id=self._keyed.request(reference) if is_hidden and reference is not None else None,
            received=received,
            due=due,
        )
        self._append(*encode(entry, self._sum))
        self._lines += 1

    def publish(self, plan_digest: str) -> None:
        """Write the footer and give the file its name, still without its key; raises FileTrouble."""
        self._flush()
        footer = ReceiptsFooter(
            persons=self._persons,
            lines=self._lines,
            plan_digest=plan_digest,
            digest=f"sha256:{self._hash.hexdigest()}",
        )
        self._file.write(encode(footer, self._sum)[0])
        self._file.publish()
        self._is_published = True

    def complete(self) -> None:
        """Enter the key, because the plan, which holds it too, is in its place now; raises FileTrouble."""
        self._is_complete = True  # from here on the plan exists, and the file stays
        _rewrite(self.path, self._file.fd, self._header, key=self.key)

    def close(self) -> None:
        """Close the file, which is gone unless it was completed."""
        if self._is_published and not self._is_complete:
            self._is_published = False
            with suppress(OSError):
                if os.path.samestat(self.path.lstat(), os.fstat(self._file.fd)):
                    self.path.unlink()
        self._file.close()

    def _append(self, lines: bytes, checksum: int) -> None:
        self._sum = checksum
        self._buffer += lines
        if len(self._buffer) >= _FLUSH_BYTES:
            self._flush()

    def _flush(self) -> None:
        self._hash.update(self._buffer)
        self._file.write(self._buffer)
        self._buffer = bytearray()

    def __enter__(self) -> "ReceiptsWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def complete_receipts(path: Path, key: str, plan_digest: str, *, job: str | None = None) -> None:
    """Enter into receipts what they lack: the key, after an interrupted planning, and the job, at its first run.

    Arguments:
        path: the receipts; they need not exist, and those of another plan stay as they are.
        key: from the plan, in hex.
        plan_digest: of the plan.
        job: the random name of the job; None if it is not run yet.

    Raises:
        FileTrouble: they cannot be read or written.
    """
    if not os.path.lexists(path):
        return
    header, footer = read_receipts_header(path)
    if footer.plan_digest != plan_digest or header.key not in (NO_KEY, key):
        return
    wanted = header.job if job is None or header.job != NO_JOB else job
    if (header.key, header.job) != (key, wanted):
        _rewrite_file(path, header, key=key, job=wanted)


def withdraw_key(path: Path, key: str | None, plan_digest: str) -> bool:
    """Take the key out of the receipts of a plan that is about to be removed, and return whether there are any.

    A kill then leaves the plan, from which the receipts are completed, or receipts that identify no person.
    """
    with suppress(FileTrouble):
        header, footer = read_receipts_header(path)
        is_of_plan = footer.plan_digest == plan_digest and header.key in (NO_KEY, key)
        if is_of_plan and header.job == NO_JOB:
            _rewrite_file(path, header, key=NO_KEY)
            return True
    return False


def _rewrite_file(path: Path, header: ReceiptsHeader, **changes: str) -> None:
    fd = open_regular(path, os.O_RDWR, ReceiptsError)
    try:
        _rewrite(path, fd, header, **changes)
    finally:
        os.close(fd)


def _rewrite(path: Path, fd: int, header: ReceiptsHeader, **changes: str) -> None:
    """Change the first line in its place; every value in it is as long as the one before."""
    line, _ = encode(msgspec.structs.replace(header, **changes), 0)
    with as_file_trouble(path, "cannot be written", ReceiptsError):
        os.pwrite(fd, line, 0)
        os.fsync(fd)


def refuse_receipts_of_a_job(path: Path) -> None:
    """Raise FileTrouble if receipts of this name belong to a job that was run: they are evidence, and stay."""
    if _job_of(path) not in (None, NO_JOB):
        raise FileTrouble(
            path,
            f"is the evidence of an earlier job ({_job_of(path)})",
            "if its plan is missing, restore it; otherwise give the new plan another name, or destroy the evidence "
            "with posthog-bulk shred --receipts",
        )


def _remove_unused(path: Path) -> None:
    """Remove receipts without a plan that no job was ever run with: a killed planning left them, or a removed plan.

    Those of a planning that is under way, which holds their lock, stay.
    """
    if _job_of(path) != NO_JOB:
        return
    with suppress(FileTrouble, OSError):
        fd = open_regular(path, os.O_RDONLY, ReceiptsError)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(path.lstat(), os.fstat(fd)):
                path.unlink()
        finally:
            os.close(fd)


def _job_of(path: Path) -> str | None:
    """Return the job of receipts; None if there are none of this name, or they cannot be read."""
    with suppress(FileTrouble):
        return read_receipts_header(path)[0].job if os.path.lexists(path) else None
    return None
