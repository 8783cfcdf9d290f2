"""A private file appears under its name complete or not at all, whatever fails or ends the process."""

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bulk.errors import FileTrouble
from bulk.files.unnamed_file import create_unnamed, remove_abandoned, write_private


@pytest.fixture(params=[0o000, 0o022, 0o777], ids=lambda mask: f"umask-{mask:03o}")
def any_umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.fixture(params=["unnamed", "named"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Once with the file system's unnamed files, once as where there are none."""
    if request.param == "named":
        real = os.open

        def no_unnamed(path: str, flags: int, *args: int, **kwargs: int) -> int:
            if flags & os.O_TMPFILE == os.O_TMPFILE:
                raise OSError(errno.EOPNOTSUPP, "")
            return real(path, flags, *args, **kwargs)

        monkeypatch.setattr(os, "open", no_unnamed)
    return request.param


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def _open_files() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


def test_an_unpublished_file_leaves_nothing(tmp_path: Path, either_way: str) -> None:
    before = _open_files()
    with create_unnamed(tmp_path / "a") as file:
        file.write(b"persons")
        assert not (tmp_path / "a").exists()
    assert list(tmp_path.iterdir()) == []
    assert _open_files() == before


def test_a_file_has_no_name_while_it_is_written(tmp_path: Path) -> None:
    with create_unnamed(tmp_path / "a") as file:
        file.write(b"persons")
        assert list(tmp_path.iterdir()) == []


def test_a_published_file_is_complete_and_private(tmp_path: Path, either_way: str, any_umask: None) -> None:
    with create_unnamed(tmp_path / "a") as file:
        file.write(b"one ")
        file.write(b"two")
        file.publish()
    assert (tmp_path / "a").read_bytes() == b"one two"
    assert _mode(tmp_path / "a") == 0o600
    assert os.listdir(tmp_path) == ["a"]


def test_publishing_replaces_no_file(tmp_path: Path, either_way: str) -> None:
    with create_unnamed(tmp_path / "a") as file:
        file.write(b"ours")
        (tmp_path / "a").write_text("theirs")
        with pytest.raises(FileTrouble, match="it exists already"):
            file.publish()
    assert (tmp_path / "a").read_text() == "theirs"
    assert os.listdir(tmp_path) == ["a"]


def test_publishing_does_not_write_through_a_symlink(tmp_path: Path, either_way: str) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    with create_unnamed(tmp_path / "a") as file, pytest.raises(FileTrouble, match="it exists already"):
        file.publish()
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("failing", ["fsync", "link"])
def test_a_failure_while_publishing_leaves_nothing(
    tmp_path: Path, either_way: str, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    def fails(*args: object, **kwargs: object) -> None:
        raise OSError(errno.EIO, "")

    monkeypatch.setattr(os, failing, fails)
    with pytest.raises(FileTrouble, match="a cannot be put in its place: "):
        write_private(tmp_path / "a", b"x")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_synced_takes_the_name_back(
    tmp_path: Path, either_way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fsync

    def only_files(fd: int) -> None:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            raise OSError(errno.EIO, "")
        real(fd)

    monkeypatch.setattr(os, "fsync", only_files)
    with pytest.raises(FileTrouble):
        write_private(tmp_path / "a", b"x")
    assert list(tmp_path.iterdir()) == []


def test_publishing_syncs_the_file_and_then_the_folder(
    tmp_path: Path, either_way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[bool, bool]] = []
    real = os.fsync

    def noted(fd: int) -> None:
        synced.append((stat.S_ISDIR(os.fstat(fd).st_mode), (tmp_path / "a").exists()))
        real(fd)

    monkeypatch.setattr(os, "fsync", noted)
    write_private(tmp_path / "a", b"x")
    assert synced == [(False, False), (True, True)]


@pytest.mark.parametrize("either_way", ["named"], indirect=True)
def test_a_partial_file_of_a_dead_process_is_removed(tmp_path: Path, either_way: str) -> None:
    (tmp_path / ".a.partial").write_text("persons of a killed planner")
    write_private(tmp_path / "a", b"x")
    assert os.listdir(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"x"


@pytest.mark.parametrize("either_way", ["named"], indirect=True)
def test_a_partial_file_of_a_running_process_is_kept(tmp_path: Path, either_way: str) -> None:
    with create_unnamed(tmp_path / "a") as first:
        first.write(b"first")
        with pytest.raises(FileTrouble, match="is being written by another process"):
            create_unnamed(tmp_path / "a")
        first.publish()
    assert (tmp_path / "a").read_bytes() == b"first"


@pytest.mark.parametrize("either_way", ["named"], indirect=True)
def test_a_forked_child_removes_no_partial_file(tmp_path: Path, either_way: str) -> None:
    with create_unnamed(tmp_path / "a") as file:
        pid = os.fork()
        if pid == 0:
            file.close()
            os._exit(0)
        os.waitpid(pid, 0)
        file.write(b"whole")
        file.publish()
    assert os.listdir(tmp_path) == ["a"]


def test_a_private_file_is_replaced_in_one_step(tmp_path: Path, either_way: str, any_umask: None) -> None:
    write_private(tmp_path / "a", b"old", replace=True)
    with (tmp_path / "a").open("rb") as before:
        write_private(tmp_path / "a", b"new", replace=True)
        assert before.read() == b"old"
    assert (tmp_path / "a").read_bytes() == b"new"
    assert _mode(tmp_path / "a") == 0o600
    assert os.listdir(tmp_path) == ["a"]


def test_replacing_is_not_the_default(tmp_path: Path, either_way: str) -> None:
    write_private(tmp_path / "a", b"old")
    with pytest.raises(FileTrouble, match="it exists already"):
        write_private(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"


def test_replacing_refuses_anything_but_a_regular_file(tmp_path: Path, either_way: str) -> None:
    (tmp_path / "target").write_text("theirs")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    for name, words in (
        ("link", "it is a symbolic link"),
        ("folder", "is not a regular file"),
        ("fifo", "is not a regular file"),
    ):
        with pytest.raises(FileTrouble, match=words):
            write_private(tmp_path / name, b"x", replace=True)
    assert (tmp_path / "target").read_text() == "theirs"
    assert sorted(os.listdir(tmp_path)) == ["fifo", "folder", "link", "target"]


def test_a_failed_replacement_leaves_only_the_old_file(
    tmp_path: Path, either_way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_private(tmp_path / "a", b"old")

    def fails(*args: object, **kwargs: object) -> None:
        raise OSError(errno.EIO, "")

    monkeypatch.setattr(os, "rename", fails)
    with pytest.raises(FileTrouble):
        write_private(tmp_path / "a", b"new", replace=True)
    assert (tmp_path / "a").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:3]))
    write_private(tmp_path / "a", b"0123456789")
    assert (tmp_path / "a").read_bytes() == b"0123456789"


REPLACE = """
import sys
from pathlib import Path
from typing import Any
from bulk.files.unnamed_file import write_private
write_private(Path(sys.argv[1]), b"new" * 1000, replace=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("call", "when"), [("fsync", 1), ("link", 1), ("rename", 1), ("fsync", 2)])
def test_a_kill_while_replacing_leaves_one_complete_file(
    tmp_path: Path,
    faulty: Any,
    call: str,
    when: int,
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    write_private(folder / "a", b"old")
    done = faulty(REPLACE, folder / "a", call=call, when=when, fault="SIGKILL")
    assert done.returncode == -9, done.stderr
    assert (folder / "a").read_bytes() == (b"new" * 1000 if when == 2 else b"old")


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("written", [0, 3])
def test_a_disk_that_fills_up_while_writing_leaves_the_old_state(
    tmp_path: Path, either_way: str, monkeypatch: pytest.MonkeyPatch, replace: bool, written: int
) -> None:
    if replace:
        write_private(tmp_path / "a", b"old")
    room, real = written, os.write

    def full(fd: int, data: bytes) -> int:
        nonlocal room
        if not room:
            raise OSError(errno.ENOSPC, "")
        count = real(fd, data[:room])
        room -= count
        return count

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(FileTrouble, match="a cannot be written: the disk is full; free some space"):
        write_private(tmp_path / "a", b"0123456789", replace=replace)
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == ({"a": b"old"} if replace else {})


PUBLISH = REPLACE.replace(", replace=True", "")


@pytest.mark.slow
@pytest.mark.parametrize("script", [REPLACE, PUBLISH], ids=["replacing", "publishing"])
@pytest.mark.parametrize("call", ["fsync", "link"])
def test_a_disk_that_fills_up_leaves_nothing(tmp_path: Path, faulty: Any, script: str, call: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    done = faulty(script, folder / "a", call=call, when=1, fault="ENOSPC")
    assert done.returncode == 1
    assert "cannot be put in its place: the disk is full; free some space, then run again." in done.stderr
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("either_way", ["named"], indirect=True)
def test_only_files_of_dead_processes_are_removed(tmp_path: Path, either_way: str) -> None:
    abandoned, other = tmp_path / ".a.plan.jsonl.partial", tmp_path / ".a.txt.partial"
    abandoned.write_bytes(b"persons")
    other.write_bytes(b"persons")
    link = tmp_path / ".link.plan.jsonl.partial"
    link.symlink_to(other)
    with create_unnamed(tmp_path / "b.plan.jsonl") as file:
        remove_abandoned(tmp_path, "*.plan.jsonl")
        assert not abandoned.exists()
        file.publish()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([other.name, link.name, "b.plan.jsonl"])


@pytest.mark.parametrize("either_way", ["named"], indirect=True)
def test_a_new_file_that_is_taken_for_an_abandoned_one_is_created_again(
    tmp_path: Path, either_way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = fcntl.flock

    def after_a_removal(fd: int, operation: int) -> None:
        monkeypatch.setattr(fcntl, "flock", real)
        remove_abandoned(tmp_path, "*")  # between the creation of the file and its lock
        real(fd, operation)

    monkeypatch.setattr(fcntl, "flock", after_a_removal)
    with create_unnamed(tmp_path / "a") as file:
        file.publish()
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
