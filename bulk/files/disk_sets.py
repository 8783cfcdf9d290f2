"""Sets and an index of ids that stay flat in memory: which of millions has been met before, or what its number is.

They live in a private database that SQLite itself unlinks as soon as it has opened it, so a kill leaves
nothing behind. Knows nothing of where the ids come from.
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
"""Memory that one set may take before it goes to the temporary file."""
_SIZE = 16


class _Table:
    """A private table; for one thread."""

    def __init__(self, columns: str) -> None:
        with _trouble():
            # the empty name is SQLite's word for a temporary database of this connection alone
            self._database = sqlite3.connect("", isolation_level=None)
            for pragma in (
                f"cache_size=-{CACHE_KIB}",
                "journal_mode=OFF",
                "synchronous=OFF",
                "temp_store=FILE",
            ):
                self._database.execute(f"PRAGMA {pragma}")
            self._database.execute(f"CREATE TABLE seen ({columns}) WITHOUT ROWID")
            self._database.execute("BEGIN")
        self._cursor = self._database.cursor()

    def close(self) -> None:
        """Forget everything; idempotent."""
        self._database.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Seen(_Table):
    """A set of 16-byte keys."""

    def __init__(self) -> None:
        super().__init__("id BLOB PRIMARY KEY")
        self._count = 0

    def _add(self, keys: Iterable[bytes]) -> list[bool]:
        execute = self._cursor.execute
        with _trouble():
            fresh = [execute("INSERT OR IGNORE INTO seen VALUES (?)", (key,)).rowcount == 1 for key in keys]
        self._count += sum(fresh)
        return fresh

    def __len__(self) -> int:
        return self._count


class DiskIdSet(_Seen):
    """The uuids met so far; close it, or use it as a context manager."""

    def add(self, uuid: UUID) -> bool:
        """Note a uuid; True when it is new. Raises FileTrouble where the temporary file cannot grow."""
        return self._add((uuid.bytes,))[0]

    def add_many(self, uuids: Iterable[UUID]) -> list[bool]:
        """Note uuids in order; True for each that is new, the earlier ones of the same call counted."""
        return self._add([uuid.bytes for uuid in uuids])

    def __enter__(self) -> "DiskIdSet":
        return self


class DiskStringSet(_Seen):
    """The strings met so far, kept as 16-byte digests; close it, or use it as a context manager."""

    def add(self, text: str) -> bool:
        """Note a string; True when it is new. Raises FileTrouble where the temporary file cannot grow."""
        return self._add((_key(text),))[0]

    def add_many(self, texts: Iterable[str]) -> list[bool]:
        """Note strings in order; True for each that is new, the earlier ones of the same call counted."""
        return self._add([_key(text) for text in texts])

    def __enter__(self) -> "DiskStringSet":
        return self


class DiskIdIndex(_Table):
    """The numbers of uuids; close it, or use it as a context manager."""

    def __init__(self) -> None:
        super().__init__("id BLOB PRIMARY KEY, number INTEGER")

    def add_many(self, numbers: Iterable[tuple[UUID, int]]) -> None:
        """Note the number of each uuid. Raises FileTrouble where the temporary file cannot grow."""
        with _trouble():
            self._cursor.executemany(
                "INSERT OR REPLACE INTO seen VALUES (?, ?)", ((uuid.bytes, number) for uuid, number in numbers)
            )

    def get(self, uuid: UUID) -> int | None:
        """The number of a uuid, where it has one."""
        with _trouble():
            row = self._cursor.execute("SELECT number FROM seen WHERE id = ?", (uuid.bytes,)).fetchone()
        return None if row is None else int(row[0])

    def __enter__(self) -> "DiskIdIndex":
        return self


def _key(text: str) -> bytes:
    # surrogatepass: two ids that differ in a lone surrogate are two ids
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_SIZE).digest()


@contextmanager
def _trouble() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        folder = os.environ.get("SQLITE_TMPDIR") or os.environ.get("TMPDIR") or "/var/tmp"  # noqa: S108
        raise FileTrouble(
            folder, f"no temporary file can grow there: {error}", "free some space there, or set TMPDIR"
        ) from error
