"""Every error of the operating system becomes one sentence with the file and a fix."""

import errno
import os
from pathlib import Path

import pytest

from bulk.errors import FileTrouble
from bulk.files.private_files import create_exclusive
from bulk.files.unnamed_file import create_unnamed, write_private


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EROFS, "the disk is read-only; choose a folder on a writable disk"),
        (errno.EACCES, "permission is denied; give this user access"),
        (errno.ENOSPC, "the disk is full; free some space"),
        (errno.EDQUOT, "the disk quota is used up; free some space"),
        (errno.EIO, "Input/output error; check the disk"),
    ],
)
def test_system_errors_become_one_sentence_with_a_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    def fails(*args: object, **kwargs: object) -> int:
        raise OSError(number, "text of the system")

    monkeypatch.setattr(os, "open", fails)
    for make in (create_exclusive, create_unnamed):
        with pytest.raises(FileTrouble) as caught:
            make(tmp_path / "a")
        assert f"{tmp_path / 'a'} cannot be created: {words}" in str(caught.value)


def test_a_folder_that_takes_no_files_is_reported_by_the_real_system() -> None:
    with pytest.raises(FileTrouble, match="/sys/a cannot be created: "):
        create_exclusive(Path("/sys/a"))
    with pytest.raises(FileTrouble, match="/sys/a cannot be created: "):
        write_private(Path("/sys/a"), b"x")


@pytest.mark.parametrize("make", [create_exclusive, create_unnamed, lambda path: write_private(path, b"x")])
def test_a_missing_folder_is_named(tmp_path: Path, make: object) -> None:
    with pytest.raises(FileTrouble, match="nowhere/a cannot be created: its folder does not exist"):
        make(tmp_path / "nowhere" / "a")  # type: ignore[operator]
