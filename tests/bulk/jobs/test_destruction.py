"""The destruction of a file: by two processes at once, of which one says so, and its progress."""

import os
from pathlib import Path
from typing import Any

import pytest

from bulk.errors import FileTrouble
from bulk.jobs.destruction import destroy


@pytest.mark.parametrize("call", ["pwrite", "fsync"])
def test_while_one_destroys_a_file_another_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path, original, refused = tmp_path / "x.plan.jsonl", getattr(os, call), list[str]()
    path.write_bytes(b"secret\n" * 1_000)

    def meanwhile(*arguments: Any) -> Any:
        if not refused:
            with pytest.raises(FileTrouble) as caught:
                destroy(path)
            refused.append(str(caught.value))
        return original(*arguments)

    monkeypatch.setattr(f"bulk.jobs.destruction.os.{call}", meanwhile)
    destroy(path)
    assert refused == [
        f"{path} is in use by another process; wait until that has ended, then run the same command again."
    ]
    assert not path.exists()


def test_a_file_that_another_process_has_just_removed_is_not_said_to_be_destroyed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.plan.jsonl"
    path.write_bytes(b"secret\n")
    monkeypatch.setattr("bulk.jobs.destruction.fcntl.flock", lambda *_: path.unlink())
    with pytest.raises(FileTrouble, match="no such file"):
        destroy(path)


def test_the_progress_of_a_destruction_is_what_is_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bulk.jobs.destruction._SYNCED_BYTES", 2 << 20)
    path, events = tmp_path / "x.plan.jsonl", list[object]()
    path.write_bytes(b"x" * (5 << 20))
    fsync = os.fsync

    def noted_fsync(fd: int) -> None:
        events.append("synced")
        fsync(fd)

    monkeypatch.setattr("bulk.jobs.destruction.os.fsync", noted_fsync)
    destroy(path, lambda each, done, size: events.append((each, done >> 20, size >> 20)))
    assert events[:6] == ["synced", (path, 2, 5), "synced", (path, 4, 5), "synced", (path, 5, 5)]
    assert not path.exists()
