"""The probe of a lock tells whether a process holds it, and turns no process away."""

import fcntl
import os
from pathlib import Path

import pytest

from bulk.errors import JournalBusy
from bulk.files.lock_probe import is_locked
from bulk.journal import locked_file
from bulk.journal.locked_file import LockedFile


def test_a_lock_is_seen_while_it_is_held(tmp_path: Path) -> None:
    path = tmp_path / "x.journal.jsonl"
    assert not is_locked(path)
    file = LockedFile.take(path)
    assert is_locked(path)
    file.close()
    assert not is_locked(path)
    LockedFile.take(path).close()


def test_a_writer_waits_for_a_probe_but_not_for_another_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.journal.jsonl"
    LockedFile.take(path).close()
    probe = os.open(path, os.O_RDONLY)
    fcntl.flock(probe, fcntl.LOCK_SH)
    monkeypatch.setattr(locked_file.time, "sleep", lambda _: os.close(probe))
    file = LockedFile.take(path)
    monkeypatch.setattr(locked_file.time, "sleep", lambda _: None)
    with pytest.raises(JournalBusy):
        LockedFile.take(path)
    file.close()
