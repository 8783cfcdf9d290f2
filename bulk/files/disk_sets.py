"""Sets and an index of millions of IDs that use little memory: the rest is in a temporary SQLite database.

SQLite unlinks the file of that database as soon as it has opened it, so a kill leaves nothing behind.
"""

import hashlib
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from uuid import UUID

from bulk.errors import FileTrouble

CACHE_KIB = 16 * 1024
"""Memory that one set uses before it writes to the temporary file."""
ROW_CACHE_KIB = 4 * 1024
"""The same for an index of rows, beside which others are in use."""
KEY_SIZE = 16
"""Bytes of the key of a string."""


class _Table:
    """A table in a database of its own, for use in one thread."""

    def __init__(self, columns: str, *, cache_kib: int = CACHE_KIB) -> None:
        with _as_file_trouble():
            # to SQLite the empty name is a temporary database for this connection alone
            self._database = sqlite3.connect("", isolation_level=None)
            for pragma in (
                f"cache_size=-{cache_kib}",
                "journal_mode=OFF",
                "synchronous=OFF",
                "temp_store=FILE",
            ):
                self._database.execute(f"PRAGMA {pragma}")
            self._database.execute(f"CREATE TABLE seen ({columns}) WITHOUT ROWID")
            self._database.execute("BEGIN")
        self._cursor = self._database.cursor()

    def close(self) -> None:
        """Delete everything; may be called again."""
        self._database.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _KeySet(_Table):
    """A set of 16-byte keys."""

    def __init__(self) -> None:
        super().__init__("id BLOB PRIMARY KEY")
        self._count = 0

    def _add(self, keys: Iterable[bytes]) -> list[bool]:
        execute = self._cursor.execute
        with _as_file_trouble():
            fresh = [execute("INSERT OR IGNORE INTO seen VALUES (?)", (key,)).rowcount == 1 for key in keys]
        self._count += sum(fresh)
        return fresh

    def _has(self, keys: Iterable[bytes]) -> list[bool]:
        execute = self._cursor.execute
        with _as_file_trouble():
            return [execute("SELECT 1 FROM seen WHERE id = ?", (key,)).fetchone() is not None for key in keys]

    def __len__(self) -> int:
        return self._count


class DiskIdSet(_KeySet):
    """A set of UUIDs; close it, or use it as a context manager."""

    def add(self, uuid: UUID) -> bool:
        """Add a UUID and return whether it is new; raises FileTrouble if the temporary file cannot grow."""
        return self._add((uuid.bytes,))[0]

    def add_many(self, uuids: Iterable[UUID]) -> list[bool]:
        """Add UUIDs in order and return for each whether it is new; a repeated one is new only once."""
        return self._add([uuid.bytes for uuid in uuids])

    def has_many(self, uuids: Iterable[UUID]) -> list[bool]:
        """Return for each UUID whether it is in the set."""
        return self._has(uuid.bytes for uuid in uuids)

    def __enter__(self) -> "DiskIdSet":
        return self


class DiskStringSet(_KeySet):
    """A set of strings, stored as 16-byte digests; close it, or use it as a context manager."""

    def add(self, text: str) -> bool:
        """Add a string and return whether it is new; raises FileTrouble if the temporary file cannot grow."""
        return self._add((key_of(text),))[0]

    def add_many(self, texts: Iterable[str]) -> list[bool]:
        """Add strings in order and return for each whether it is new; a repeated one is new only once."""
        return self._add([key_of(text) for text in texts])

    def has_keys(self, keys: Iterable[bytes]) -> list[bool]:
        """Return for each key, as `key_of` returns it, whether its string is in the set."""
        execute = self._cursor.execute
        with _as_file_trouble():
            return [execute("SELECT 1 FROM seen WHERE id = ?", (key,)).fetchone() is not None for key in keys]

    def __enter__(self) -> "DiskStringSet":
        return self


class DiskLineIndex(_Table):
    """The first line of each string or UUID; close it, or use it as a context manager."""

    def __init__(self) -> None:
        super().__init__("id BLOB PRIMARY KEY, line INTEGER")

    def add_many(self, lines: Iterable[tuple[str, int]]) -> list[int]:
        """Add strings with the numbers of their lines, in order, and return for each the number of its first line.

        Raises:
            FileTrouble: the temporary file cannot grow.
        """
        return self._firsts([(bytearray(key_of(text)), line) for text, line in lines])

    def add_uuids(self, lines: Iterable[tuple[UUID, int]]) -> list[int]:
        """Do the same with UUIDs; an index holds either these or strings."""
        return self._firsts([(bytearray(uuid.bytes), line) for uuid, line in lines])

    def _firsts(self, rows: list[tuple[bytearray, int]]) -> list[int]:
        """Add keys, as bytearrays because sqlite3 binds these faster than bytes."""
        with _as_file_trouble():
            if self._cursor.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?)", rows).rowcount == len(rows):
                return [line for _, line in rows]
            select = self._cursor.execute
            return [int(select("SELECT line FROM seen WHERE id = ?", (key,)).fetchone()[0]) for key, _ in rows]

    def __enter__(self) -> "DiskLineIndex":
        return self


class DiskRowIndex(_Table):
    """The first row of each key: the number of its line and a digest; close it, or use it as a context manager."""

    def __init__(self) -> None:
        super().__init__("id BLOB PRIMARY KEY, line INTEGER, digest BLOB", cache_kib=ROW_CACHE_KIB)

    def add_many(self, rows: Iterable[tuple[bytes, int, bytes]]) -> list[tuple[int, bytes]]:
        """Add rows in order, as key, line and digest, and return for each the line and the digest of the first one.

        Raises:
            FileTrouble: the temporary file cannot grow.
        """
        execute = self._cursor.execute
        firsts: list[tuple[int, bytes]] = []
        with _as_file_trouble():
            for key, line, digest in rows:
                if execute("INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", (key, line, digest)).rowcount == 1:
                    firsts.append((line, digest))
                else:
                    found = execute("SELECT line, digest FROM seen WHERE id = ?", (key,)).fetchone()
                    firsts.append((int(found[0]), bytes(found[1])))
        return firsts

    def __enter__(self) -> "DiskRowIndex":
        return self


class DiskIdIndex(_Table):
    """A map from UUIDs to numbers; close it, or use it as a context manager."""

    def __init__(self) -> None:
        super().__init__("id BLOB PRIMARY KEY, number INTEGER")

    def add_many(self, numbers: Iterable[tuple[UUID, int]]) -> None:
        """Store the number of each UUID; raises FileTrouble if the temporary file cannot grow."""
        with _as_file_trouble():
            self._cursor.executemany(
                "INSERT OR REPLACE INTO seen VALUES (?, ?)", ((uuid.bytes, number) for uuid, number in numbers)
            )

    def get(self, uuid: UUID) -> int | None:
        """Return the number of a UUID, or None where none is stored."""
        with _as_file_trouble():
            row = self._cursor.execute("SELECT number FROM seen WHERE id = ?", (uuid.bytes,)).fetchone()
        return None if row is None else int(row[0])

    def __enter__(self) -> "DiskIdIndex":
        return self


def key_of(text: str) -> bytes:
    """Return the key of a string in a `DiskStringSet`."""
    # surrogatepass: IDs that differ only in a lone surrogate stay different
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=KEY_SIZE).digest()


@contextmanager
def _as_file_trouble() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        folder = os.environ.get("SQLITE_TMPDIR") or os.environ.get("TMPDIR") or "/var/tmp"  # noqa: S108
        raise FileTrouble(
            folder, f"a temporary file cannot grow there: {error}", "free some space there, or set TMPDIR"
        ) from error
