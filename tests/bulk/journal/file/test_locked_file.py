"""Only the opener has the lock, no forked child keeps or releases it, and a lost file is detected."""

import fcntl
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bulk.errors import FileTrouble, JournalBusy
from bulk.files.private_files import open_regular
from bulk.journal.locked_file import LockedFile

Child = Callable[..., "subprocess.Popen[str]"]

# forks; owner and child say so, each in one write, and wait for the end of their input
FORK = """
import os, sys, threading
from pathlib import Path
from bulk.journal.locked_file import LockedFile
file = LockedFile.take(Path(sys.argv[1]))
def fork():
    if os.fork():
        os.write(1, b"owner\\n")
    else:
        os.write(1, b"child\\n")
        os.read(0, 1)
        os._exit(0)
thread = threading.Thread(target=fork)
thread.start() if sys.argv[2] == "thread" else fork()
os.read(0, 1)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "journals"
    folder.mkdir()
    return folder / "x.journal.jsonl"


@pytest.fixture
def held(path: Path) -> Iterator[LockedFile]:
    file = LockedFile.take(path)
    yield file
    file.close()


def _free(path: Path) -> bool:
    try:
        LockedFile.take(path).close()
    except JournalBusy:
        return False
    return True


@pytest.mark.slow
@pytest.mark.parametrize("forked_in", ["main", "thread"])
def test_a_forked_child_does_not_keep_the_lock_of_a_dead_owner(path: Path, child: Child, forked_in: str) -> None:
    owner = child(FORK, path, forked_in)
    assert owner.stdout is not None
    assert sorted(owner.stdout.readline() for _ in range(2)) == ["child\n", "owner\n"]
    assert not _free(path)
    owner.kill()
    owner.wait()  # its child still waits for the end of the input that both read
    assert _free(path)


def test_a_forked_child_neither_keeps_nor_releases_the_lock(path: Path, held: LockedFile) -> None:
    before = held.fd
    pid = os.fork()
    if pid == 0:
        try:
            gone = held.fd == -1
            held.close()
            os.fstat(before)
        except OSError:
            os._exit(0 if gone else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert held.fd == before
    assert not _free(path)


def test_closing_releases_the_lock_even_if_a_copy_of_the_descriptor_is_open(path: Path) -> None:
    file = LockedFile.take(path)
    copy = os.dup(file.fd)  # as a child has it that was forked behind the interpreter's back
    file.close()
    assert _free(path)
    os.close(copy)


def test_reading_the_file_in_the_same_process_does_not_release_the_lock(path: Path, held: LockedFile) -> None:
    os.close(open_regular(path, os.O_RDONLY))
    with path.open("rb+") as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_all_names_of_a_file_share_the_lock(path: Path, held: LockedFile) -> None:
    other = path.with_name("hard link")
    other.hardlink_to(path)
    assert not _free(other)
    assert held.lost(0) is None


def test_closing_twice_closes_no_other_file(path: Path) -> None:
    file = LockedFile.take(path)
    fd = file.fd
    file.close()
    other = os.open(path, os.O_RDONLY)
    assert other == fd
    file.close()
    os.fstat(other)
    os.close(other)


def test_a_forked_child_does_not_close_another_file_that_reused_the_descriptor(path: Path) -> None:
    file = LockedFile.take(path)
    number = file.fd
    os.close(number)  # a program that closes what is not its own
    with path.with_name("other").open("wb") as other:
        assert other.fileno() == number
        pid = os.fork()
        if pid == 0:
            other.write(b"of the child")
            other.close()
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert path.with_name("other").read_bytes() == b"of the child"
    file.fd = -1


def _unlink(path: Path) -> None:
    path.unlink()


def _rename(path: Path) -> None:
    path.rename(path.with_name("kept"))


def _remove_folder(path: Path) -> None:
    path.unlink()
    path.parent.rmdir()


def _rename_folder(path: Path) -> None:
    path.parent.rename(path.parent.with_name("elsewhere"))


def _file_for_folder(path: Path) -> None:
    _remove_folder(path)
    path.parent.touch()


def _replace(path: Path) -> None:
    path.with_name("other").write_bytes(path.read_bytes())
    path.with_name("other").replace(path)


def _link(path: Path) -> None:
    path.rename(path.with_name("kept"))
    path.symlink_to(path.with_name("kept"))


def _truncate(path: Path) -> None:
    os.truncate(path, 3)


def _empty(path: Path) -> None:
    os.truncate(path, 0)


def _append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"x")


LOSSES = {
    _unlink: "was removed or renamed",
    _rename: "was removed or renamed",
    _remove_folder: "was removed or renamed",
    _rename_folder: "was removed or renamed",
    _file_for_folder: "was removed or renamed",
    _replace: "was replaced by another file",
    _link: "was replaced by another file",
    _truncate: "was changed by another program to 3 bytes instead of 8",
    _empty: "was changed by another program to 0 bytes instead of 8",
    _append: "was changed by another program to 9 bytes instead of 8",
}


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)
def test_a_file_that_was_removed_replaced_or_changed_is_lost(
    path: Path, held: LockedFile, loss: Callable[[Path], None]
) -> None:
    os.write(held.fd, b"8 bytes\n")
    assert held.lost(8) is None
    loss(path)
    assert held.lost(8) == LOSSES[loss]


def test_changing_the_working_directory_does_not_lose_the_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    file = LockedFile.take(Path(path.name))
    monkeypatch.chdir("/")
    assert file.lost() is None
    file.close()


def test_a_file_in_an_inaccessible_folder_is_lost(
    path: Path, held: LockedFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise PermissionError(13, "")

    monkeypatch.setattr(os, "lstat", fails)
    assert held.lost() == "cannot be found by its name any more (Permission denied)"


def test_a_process_whose_working_directory_is_gone_gets_an_error_with_a_sentence(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = path.parent / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(FileTrouble, match="cannot be created: its folder does not exist"):
        LockedFile.take(Path(path.name))
    LockedFile.take(path).close()
