"""A journal's file is created exclusively, locked and replayed, and refused if other users can write it."""

import errno
import fcntl
import os
import stat
from pathlib import Path

import pytest

from bulk.errors import FileTrouble, JournalBusy, JournalError, WriteFailed
from bulk.journal.storage import Journal
from tests.bulk.journal.file.four_records import FRAMING, LINES, RECORDS, WHOLE, Line, files_in, put, replayed


def test_a_new_journal_is_empty_and_private_with_any_umask(path: Path) -> None:
    before = os.umask(0)
    try:
        assert replayed(path) == ([], 0, None)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert files_in(path.parent) == {path.name: b""}


async def test_appended_records_are_replayed_and_the_numbering_continues(path: Path) -> None:
    for part in (RECORDS[:2], RECORDS[2:]):
        async with Journal.open(path, FRAMING, lambda record: None).writer() as writer:
            for record in part:
                writer.append(record)
    assert replayed(path) == (RECORDS, 4, None)
    assert files_in(path.parent) == {path.name: WHOLE}


def test_the_file_and_its_folder_are_synced_before_a_journal_is_open(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(os.fstat(fd).st_ino))
    for _ in range(2):
        replayed(path)
        assert synced == [path.stat().st_ino, path.parent.stat().st_ino]
        synced.clear()


def test_a_journal_is_not_opened_after_a_failed_sync(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(fd: int) -> None:
        raise OSError(errno.EIO, "")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(WriteFailed, match="a sync failed: Input/output error"):
        replayed(path)


def test_opening_a_journal_twice_reports_that_it_is_busy(path: Path) -> None:
    words = "another process is using this journal; .*wait until it ends or stop it"
    with Journal.open(path, FRAMING, lambda record: None), pytest.raises(JournalBusy, match=words):
        replayed(path)
    replayed(path)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("my job.journal.jsonl", "watch it with posthog-bulk status 'my job.journal.jsonl' --watch, "), ("x.jsonl", "")],
)
def test_a_busy_journal_can_be_watched(name: str, hint: str) -> None:
    assert str(JournalBusy(name)) == (
        f"{name}: another process is using this journal; {hint}wait until it ends or stop it, then run again."
    )


def test_a_writer_keeps_the_lock_when_the_journal_object_is_closed(path: Path) -> None:
    journal = Journal.open(path, FRAMING, lambda record: None)
    writer = journal.writer()
    journal.close()
    with pytest.raises(JournalBusy):
        replayed(path)
    with pytest.raises(ValueError, match="already has a writer"):
        journal.writer()
    writer._close()
    replayed(path)


def test_the_lock_is_released_when_replaying_raises(path: Path) -> None:
    put(path, WHOLE)

    def raises(record: Line) -> None:
        raise KeyError

    before = os.listdir("/proc/self/fd")
    with pytest.raises(KeyError):
        Journal.open(path, FRAMING, raises)
    assert os.listdir("/proc/self/fd") == before
    replayed(path)


def test_the_lock_leaves_no_file(path: Path) -> None:
    with Journal.open(path, FRAMING, lambda record: None):
        assert os.listdir(path.parent) == [path.name]


def test_a_file_that_is_replaced_before_it_is_locked_is_not_used(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(path, WHOLE)
    real = fcntl.flock
    turns = 0

    def replaced_first(fd: int, operation: int) -> None:
        nonlocal turns
        if operation == fcntl.LOCK_UN:
            return
        turns += 1
        if turns == 1:
            path.rename(path.with_name("old"))
            put(path, LINES[0])
        if turns == 2:
            path.unlink()
        real(fd, operation)

    monkeypatch.setattr(fcntl, "flock", replaced_first)
    assert replayed(path) == ([], 0, None)
    assert turns == 3
    assert path.with_name("old").read_bytes() == WHOLE


def test_a_file_that_is_replaced_again_and_again_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", lambda fd, operation: path.unlink(missing_ok=True))
    before = os.listdir("/proc/self/fd")
    with pytest.raises(JournalError, match="is being replaced again and again"):
        replayed(path)
    assert os.listdir("/proc/self/fd") == before


def test_a_file_system_without_locks_is_reported(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(fd: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "")

    monkeypatch.setattr(fcntl, "flock", fails)
    with pytest.raises(JournalError, match="cannot be locked: No locks available"):
        replayed(path)


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_can_write_is_refused(path: Path, mode: int) -> None:
    put(path, WHOLE)
    path.chmod(mode)
    with pytest.raises(JournalError, match=r"can be written by other users; make it .* private \(chmod 600\)"):
        replayed(path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o601])
def test_a_journal_that_others_can_read_is_made_private(path: Path, mode: int) -> None:
    put(path, WHOLE + b"torn")
    path.chmod(mode)
    _, next_n, aside = replayed(path)
    assert next_n == 4
    assert aside is not None
    assert [stat.S_IMODE(each.stat().st_mode) for each in (path, aside)] == [0o600, 0o600]


@pytest.mark.parametrize("data", [b"", LINES[0][:20]])
def test_an_empty_file_that_no_run_created_is_refused(path: Path, data: bytes) -> None:
    put(path, data)
    path.chmod(0o644)
    with pytest.raises(JournalError, match="holds no record and has mode 0644, so no run created it; remove it"):
        replayed(path)
    assert files_in(path.parent) == {path.name: data}
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    path.chmod(0o600)  # what a run that was killed at its start leaves
    assert replayed(path)[1] == 0


def test_a_file_system_that_cannot_make_a_journal_private_is_reported(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(fd: int, mode: int) -> None:
        raise OSError(errno.EPERM, "")

    put(path, WHOLE)
    path.chmod(0o644)
    monkeypatch.setattr(os, "fchmod", fails)
    with pytest.raises(
        JournalError, match="cannot be made private: the operating system does not permit it; choose another"
    ):
        replayed(path)


def test_a_file_of_another_user_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(path, WHOLE)
    uid = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: uid + 1)
    with pytest.raises(JournalError, match="can be written by other users"):
        replayed(path)


def test_only_a_regular_file_is_a_journal(path: Path) -> None:
    folder = path.parent
    put(path, WHOLE)
    (folder / "link").symlink_to(path)
    (folder / "dangling").symlink_to(folder / "elsewhere")
    os.mkfifo(folder / "fifo")
    (folder / "folder").mkdir()
    for name, words in (
        ("link", "it is a symbolic link"),
        ("dangling", "it is a symbolic link"),
        ("fifo", "is not a regular file"),
        ("folder", "it is a directory"),
    ):
        with pytest.raises(JournalError, match=words):
            replayed(folder / name)
        with pytest.raises(JournalError, match=words):
            Journal.read(folder / name, FRAMING, lambda record: None)
    assert not (folder / "elsewhere").exists()
    assert path.read_bytes() == WHOLE


def test_a_missing_folder_is_named(path: Path) -> None:
    with pytest.raises(FileTrouble, match="nowhere/x cannot be created: its folder does not exist"):
        replayed(path.parent / "nowhere" / "x")
