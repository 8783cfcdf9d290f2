"""LimitsFile: the file in which processes share the rate limits of a key, and its lock. Reads and writes bytes only.

Each change opens the file, locks it with flock(2), reads what others appended, appends, and closes it: within
microseconds, and never across an await. The kernel releases the lock of a process that dies. A file is created and
rewritten under another name first, so that no process ever sees half of one.
"""

import errno
import fcntl
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path

import msgspec

from asyncclient._protocol.limits.shared_records import (
    HEADER_SIZE,
    RECORD_SIZE,
    UNKNOWN_BOOT,
    DamagedRecords,
    LimitRecord,
    LimitsHeader,
    hash_key,
    pack_record,
    unpack_records,
)
from asyncclient._protocol.server_clock import boot_time
from asyncclient._secret import Secret
from asyncclient.errors import LimitsFileError

BUSY_TRIES = 20
BUSY_S = 0.0001
"""Seconds between two tries to lock the file: another process holds it for microseconds, unless it is stopped."""
_ROUNDS = 8
_PRIVATE = 0o600
_OTHERS_WRITE = 0o022
_CLOCK_ERROR_S = 60.0
_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_WAIT_AN_HOUR = "stop what uses it, and remove it an hour after the last request with this key"


class Change(Enum):
    """What happened to the file since it was read last."""

    NONE = "nothing, or records were appended"
    CREATED = "it did not exist"
    REWRITTEN = "it was read for the first time, or another process rewrote it"
    OTHER_BOOT = "it was written before the machine was started"


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a process finds in the file when it locks it.

    Arguments:
        change: what happened to the file.
        records: those that were appended since; all of them unless `change` is NONE.
        is_complete: False if a record cannot be read, which is possible only after the machine stopped.
    """

    change: Change
    records: list[LimitRecord]
    is_complete: bool = True


class LimitsFile:
    """The limits file of a key.

    Arguments:
        path: the file; created if it does not exist.
        key: the personal API key; only a keyed hash of it is written.
        clock: seconds since the machine started.
        wall: seconds since the epoch, to recognize a file that another machine writes.
        boot: names the run of the machine, 16 bytes; None asks the system.
    """

    def __init__(
        self,
        path: Path,
        key: Secret,
        *,
        clock: Callable[[], float] = boot_time,
        wall: Callable[[], float] = time.time,
        boot: bytes | None = None,
    ) -> None:
        self.path = path.absolute()  # stays valid when the process changes its working directory
        self.key = key
        self._clock = clock
        self._wall = wall
        self._boot = boot_id() if boot is None else boot
        self._fd = -1
        self._edition = b""
        self._offset = 0
        """Where the next record is appended; everything before it was read."""

    @property
    def record_count(self) -> int:
        """Number of records in the file."""
        return (self._offset - HEADER_SIZE) // RECORD_SIZE

    def lock(self) -> Found | None:
        """Lock the file, and return what others wrote into it; None if another process holds the lock.

        Raises:
            LimitsFileError: the file is damaged, belongs to another key or machine, or cannot be used.
        """
        with self._explained():
            created = self._open_locked()
        if created is None:
            return None
        try:
            with self._explained():
                return self._read(created=created)
        except BaseException:
            self.unlock()
            raise

    def append(self, records: Iterable[LimitRecord]) -> None:
        """Append records to the locked file.

        Raises:
            LimitsFileError: they cannot be written.
        """
        data = b"".join(map(pack_record, records))
        with self._explained():
            written = os.pwrite(self._fd, data, self._offset)
            if written != len(data):  # the rest of a full disk; what was written is taken back
                os.ftruncate(self._fd, self._offset)
                raise OSError(errno.ENOSPC, "")
        self._offset += len(data)

    def rewrite(self, records: Iterable[LimitRecord]) -> None:
        """Replace the locked file by one with these records; the lock ends.

        Raises:
            LimitsFileError: it cannot be written.
        """
        with self._explained():
            temporary, size, edition = self._write_new(records)
            try:
                temporary.replace(self.path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
        self._edition, self._offset = edition, size
        self.unlock()

    def unlock(self) -> None:
        """Release the lock; idempotent."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            with suppress(OSError):
                fcntl.flock(fd, fcntl.LOCK_UN)  # for a child that was forked meanwhile, too
            os.close(fd)

    def _open_locked(self) -> bool | None:
        """Open and lock the file; return whether it was created, or None if another process holds the lock."""
        created = False
        for _ in range(_ROUNDS):
            try:
                # O_NONBLOCK: opening a FIFO must not wait for its other end
                fd = os.open(self.path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
            except FileNotFoundError:
                created = self._create() or created
                continue
            self._fd = fd
            try:
                if not _lock(fd):
                    self.unlock()
                    return None
                if os.path.samestat(os.fstat(fd), self.path.stat()):
                    return created
            except FileNotFoundError:
                pass
            except BaseException:
                self.unlock()
                raise
            self.unlock()  # another process rewrote it between opening and locking
        raise self._error("is being replaced again and again", "stop what replaces it")

    def _create(self) -> bool:
        temporary, _, _ = self._write_new(())
        try:
            os.link(temporary, self.path)
        except FileExistsError:
            return False
        finally:
            temporary.unlink(missing_ok=True)
        return True

    def _write_new(self, records: Iterable[LimitRecord]) -> tuple[Path, int, bytes]:
        """Write a whole file under another name; return its path, its size and its edition."""
        salt, edition = secrets.token_bytes(16), secrets.token_bytes(4)
        header = LimitsHeader(salt, hash_key(self.key.reveal(), salt), self._boot, edition)
        data = header.pack() + b"".join(map(pack_record, records))
        temporary = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}")
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _PRIVATE)
        try:
            with os.fdopen(fd, "wb") as file:
                os.fchmod(fd, _PRIVATE)  # the umask may have taken the owner's own bits
                file.write(data)
                file.flush()
                os.fsync(fd)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return temporary, len(data), edition

    def _read(self, *, created: bool) -> Found:
        status = os.fstat(self._fd)
        if not stat.S_ISREG(status.st_mode):
            raise self._error("is not a regular file", "name a regular file")
        if status.st_uid != os.geteuid() or status.st_mode & _OTHERS_WRITE:
            raise self._error(
                "can be written by other users", "make it this user's own (chown) and private (chmod 600)"
            )
        header = LimitsHeader.parse(os.pread(self._fd, HEADER_SIZE, 0))
        if header is None:
            raise self._error("is not a limits file, or its start is damaged", f"name another file, or {_WAIT_AN_HOUR}")
        if not secrets.compare_digest(header.key_hash, hash_key(self.key.reveal(), header.salt)):
            raise self._error("belongs to another key", "name another file for this key")
        is_known = header.edition == self._edition
        if is_known and status.st_size < self._offset:
            raise self._damaged((status.st_size - HEADER_SIZE) // RECORD_SIZE)
        start = self._offset if is_known else HEADER_SIZE
        data = os.pread(self._fd, status.st_size - start, start) if status.st_size > start else b""
        try:
            records, damaged = unpack_records(data), None
        except DamagedRecords as error:
            records, damaged = error.before, error.number
        is_ahead = any(record.at > self._clock() + 1.0 for record in records)
        is_other_boot = header.boot != self._boot or (is_ahead and self._boot == UNKNOWN_BOOT)
        if is_other_boot:
            self._refuse_other_machine(status.st_mtime)
        elif damaged is not None:
            raise self._damaged((start - HEADER_SIZE) // RECORD_SIZE + damaged)
        elif is_ahead:
            raise self._error("has times that are still to come", _WAIT_AN_HOUR)
        self._edition, self._offset = header.edition, status.st_size
        if is_other_boot:
            return Found(change=Change.OTHER_BOOT, records=records, is_complete=damaged is None)
        change = Change.CREATED if created else Change.NONE if is_known else Change.REWRITTEN
        return Found(change=change, records=records)

    def _refuse_other_machine(self, written_at: float) -> None:
        """Raise if the file was written after this machine started: the clock of another one means nothing here."""
        if written_at > self._wall() - self._clock() + _CLOCK_ERROR_S:
            raise self._error(
                "is in use on another machine", "name a file that only processes of this machine use, or remove it"
            )

    def _damaged(self, number: int) -> LimitsFileError:
        return self._error(f"is damaged at record {max(0, number) + 1}", _WAIT_AN_HOUR)

    def _error(self, problem: str, fix: str) -> LimitsFileError:
        return LimitsFileError(os.fspath(self.path), problem, fix)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise self._error("is a symbolic link", "name the file that it leads to") from error
            raise self._error(
                f"cannot be used: {os.strerror(error.errno or 0)}", "check its name, its folder and the free space"
            ) from error


def boot_id() -> bytes:
    """Return 16 bytes that name this run of the machine; `UNKNOWN_BOOT` if the system gives it no name."""
    try:
        return bytes.fromhex(Path(_BOOT_ID).read_text().strip().replace("-", ""))
    except (OSError, ValueError):
        return UNKNOWN_BOOT


def _lock(fd: int) -> bool:
    for attempt in range(BUSY_TRIES):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if attempt < BUSY_TRIES - 1:
                time.sleep(BUSY_S)
    return False
