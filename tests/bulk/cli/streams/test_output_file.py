"""Files of results: new, private, and never in the place of what is still needed."""

import os
import stat
from pathlib import Path

import click
import pytest

from bulk.cli.streams.output_file import is_same_file, output_file
from bulk.errors import FileTrouble

JOURNAL = b'{"n":0,"type":"job_opened","format":1,"job":"0"}\n'
PLAN = b'{"format":1,"project_id":1,"project_name":"x"}\n'


def make(path: Path, *, force: bool = False, needed: tuple[Path, ...] = ()) -> None:
    with output_file(path, force=force, needed=needed) as file:
        file.write(b"new")


def test_a_new_file_is_private_and_whole(own_folder: Path) -> None:
    make(Path("f"))
    assert Path("f").read_bytes() == b"new"
    assert stat.S_IMODE(Path("f").stat().st_mode) == 0o600


def test_a_file_that_exists_is_replaced_by_force_alone(own_folder: Path) -> None:
    Path("f").write_bytes(b"old")
    with pytest.raises(FileTrouble, match="give --force to replace it"):
        make(Path("f"))
    assert Path("f").read_bytes() == b"old"
    make(Path("f"), force=True)
    assert Path("f").read_bytes() == b"new"


@pytest.mark.parametrize("force", [True, False])
@pytest.mark.parametrize("name", ["j", "d/../j", "hard", "soft", "folder/j", "d/hard"])
def test_an_input_file_is_never_replaced_under_any_name(own_folder: Path, name: str, force: bool) -> None:
    Path("j").write_bytes(b"needed")
    Path("d").mkdir()
    Path("hard").hardlink_to("j")
    Path("d/hard").hardlink_to("j")
    Path("soft").symlink_to("j")
    Path("folder").symlink_to(".")
    with pytest.raises(click.UsageError, match="would replace the input"):
        make(Path(name), force=force, needed=(Path("x"), Path("j")))
    assert Path("j").read_bytes() == b"needed"


def test_the_path_of_a_missing_input_file_is_not_taken_either(own_folder: Path) -> None:
    Path("d").mkdir()
    with pytest.raises(click.UsageError, match="would replace the input"):
        make(Path("d/../plan"), force=True, needed=(Path("plan"),))
    assert not Path("plan").exists()
    assert not is_same_file(Path("plan"), Path("d/plan"))


@pytest.mark.parametrize("held", [JOURNAL, PLAN])
def test_force_takes_no_plan_and_no_journal_of_any_job(own_folder: Path, held: bytes) -> None:
    Path("f").write_bytes(held)
    with pytest.raises(FileTrouble, match="is the plan or the journal of a job"):
        make(Path("f"), force=True)
    assert Path("f").read_bytes() == held


def test_force_follows_no_link_and_waits_for_no_pipe(own_folder: Path) -> None:
    Path("other").write_bytes(b"old")
    Path("link").symlink_to("other")
    os.mkfifo("fifo")
    for name in ("link", "fifo"):
        with pytest.raises(FileTrouble):
            make(Path(name), force=True)
    assert Path("other").read_bytes() == b"old"


def test_a_file_that_becomes_a_journal_meanwhile_is_not_replaced(own_folder: Path) -> None:
    Path("j").write_bytes(JOURNAL)
    with pytest.raises(FileTrouble, match="journal"), output_file(Path("f"), force=True, needed=()) as file:
        file.write(b"new")
        Path("j").rename("f")
    assert Path("f").read_bytes() == JOURNAL
