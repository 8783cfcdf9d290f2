"""Two processes that destroy the same file: one of them does, the other says so."""

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
