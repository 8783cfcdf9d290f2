"""Private files are created with mode 0600, never over another file and never through a symbolic link."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from bulk.errors import FileTrouble
from bulk.files.private_files import create_exclusive, open_regular, sync_folder


@pytest.fixture(params=[0o000, 0o022, 0o777], ids=lambda mask: f"umask-{mask:03o}")
def any_umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def _open_files() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


def test_a_created_file_is_private_with_any_umask(tmp_path: Path, any_umask: None) -> None:
    os.close(create_exclusive(tmp_path / "a"))
    assert _mode(tmp_path / "a") == 0o600


def test_a_created_file_is_not_inherited_by_another_program(tmp_path: Path) -> None:
    fd = create_exclusive(tmp_path / "a")
    assert not os.get_inheritable(fd)
    os.close(fd)


def test_creating_never_opens_an_existing_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("theirs")
    with pytest.raises(FileTrouble, match="a cannot be created: it exists already; choose another name"):
        create_exclusive(tmp_path / "a")
    assert (tmp_path / "a").read_text() == "theirs"


def test_creating_follows_no_symlink(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileTrouble):
        create_exclusive(tmp_path / "a")
    assert not (tmp_path / "elsewhere").exists()


def test_only_regular_files_are_opened_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "file")
    before = _open_files()
    for name, words in (
        ("fifo", "is not a regular file; name a regular file"),
        ("folder", "cannot be opened: it is a directory; name a file in it"),
        ("link", "cannot be opened: it is a symbolic link; name the file itself"),
        ("none", "no such file: .*none; check the name"),
    ):
        for flags in (os.O_RDONLY, os.O_RDWR):
            with pytest.raises(FileTrouble, match=words):
                open_regular(tmp_path / name, flags)
    assert _open_files() == before


def test_an_error_of_sync_folder_names_the_file(tmp_path: Path) -> None:
    sync_folder(tmp_path / "a")
    with pytest.raises(FileTrouble, match="nowhere/a: its folder cannot be synced"):
        sync_folder(tmp_path / "nowhere" / "a")
