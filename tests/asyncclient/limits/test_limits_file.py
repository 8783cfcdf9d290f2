"""What a process finds in a limits file: its own and others' records, damage, other keys, and earlier boots."""

import errno
import os
import time
from pathlib import Path

import pytest

from asyncclient import Bucket, Limits, LimitsFileError, RateLimits
from asyncclient._protocol.limits.shared_records import UNKNOWN_BOOT, LimitRecord, RecordKind
from asyncclient._secret import Secret
from asyncclient.limits import limits_file
from asyncclient.limits.limit_state import LimitState
from asyncclient.limits.limits_file import Change, LimitsFile
from asyncclient.limits.shared_limits import SharedLimits

KEY = "phx_0123456789abcdef"
RATES = RateLimits(deletes_per_minute=5, deletes_per_hour=10)


class Machine:
    """A machine with its clock and the name of its boot."""

    def __init__(self, *, boot: bytes = b"b" * 16, now: float = 1000.0) -> None:
        self.boot = boot
        self.now = now

    def file(self, path: Path, key: str = KEY) -> LimitsFile:
        return LimitsFile(path, Secret(key), clock=lambda: self.now, wall=lambda: self.wall, boot=self.boot)

    def limits(self, path: Path, *, owner: int = 0) -> SharedLimits:
        shared = SharedLimits(LimitState(RATES), self.file(path), clock=lambda: self.now, owner=owner)
        shared.open()
        return shared

    @property
    def wall(self) -> float:
        return time.time()


def used(shared: SharedLimits, bucket: Bucket = Bucket.DELETES) -> list[int]:
    shared.post(())
    return [window.used for window in shared._state.queues[bucket].bucket.budget(shared._clock())]


def spend(shared: SharedLimits, times: int) -> None:
    for _ in range(times):
        taken_at = shared.take(Bucket.DELETES)
        assert taken_at is not None
        shared.give_back(Bucket.DELETES, taken_at=taken_at, used=True, passed=True)


def test_the_file_is_private_and_has_no_key(tmp_path: Path) -> None:
    path, machine = tmp_path / "limits", Machine()
    spend(machine.limits(path), 3)
    data = path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(data) == 64 + 6 * 32
    assert KEY[4:12].encode() not in data
    other = tmp_path / "other"
    machine.limits(other)
    assert other.read_bytes()[8:40] != data[8:40]  # the hash is keyed


@pytest.mark.parametrize("cut", [1, 31, 32, 33, 64, 64 + 5 * 32])
def test_a_truncated_file_is_refused_by_who_used_it(tmp_path: Path, cut: int) -> None:
    path, machine = tmp_path / "limits", Machine()
    shared = machine.limits(path)
    spend(shared, 3)
    data = path.read_bytes()
    path.write_bytes(data[:-cut])
    with pytest.raises(LimitsFileError, match="damaged"):
        shared.take(Bucket.DELETES)
    assert path.read_bytes() == data[:-cut]


@pytest.mark.parametrize("position", [0, 9, 30, 45, 61, 64, 66, 70, 64 + 32 + 17, 64 + 5 * 32 + 31])
def test_a_changed_byte_is_refused(tmp_path: Path, position: int) -> None:
    path, machine = tmp_path / "limits", Machine()
    spend(machine.limits(path), 3)
    data = bytearray(path.read_bytes())
    data[position] ^= 0x40
    path.write_bytes(data)
    with pytest.raises(LimitsFileError, match=r"is damaged at record \d+: stop what uses it|is not a limits file"):
        machine.limits(path)


@pytest.mark.parametrize("content", [b"", b"distinct_id\nann\n", b"PHLIMIT1", b"\0" * 64, b"\0" * 4096])
def test_a_file_that_is_no_limits_file_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "limits"
    path.write_bytes(content)
    with pytest.raises(LimitsFileError, match="is not a limits file, or its start is damaged: name another file"):
        Machine().limits(path)
    assert path.read_bytes() == content


def test_places_that_cannot_hold_a_limits_file_are_refused(tmp_path: Path) -> None:
    machine, target = Machine(), tmp_path / "target"
    machine.limits(target)
    (tmp_path / "link").symlink_to(target)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    for name in ("link", "folder", "fifo", "missing/limits"):
        with pytest.raises(LimitsFileError, match=f"the limits file {tmp_path / name} "):
            machine.limits(tmp_path / name)
    with pytest.raises(LimitsFileError, match="is a symbolic link: name the file that it leads to"):
        machine.limits(tmp_path / "link")
    target.chmod(0o620)
    with pytest.raises(LimitsFileError, match="can be written by other users: make it this user's own"):
        machine.limits(target)


def test_requests_before_a_reboot_count_as_made_when_the_machine_started(tmp_path: Path) -> None:
    path, before = tmp_path / "limits", Machine(now=50_000.0)
    spend(before.limits(path), 4)
    assert before.limits(path, owner=1).take(Bucket.DELETES) is not None  # in flight when the machine stopped
    os.utime(path, (0, 0))
    after = Machine(boot=b"c" * 16, now=30.0)
    shared = after.limits(path)
    assert used(shared) == [5, 5]
    after.now = 61.0
    assert used(shared) == [0, 5]
    spend(shared, 1)
    assert used(after.limits(path)) == [1, 6]


def test_records_that_a_power_failure_destroyed_count_as_everything_spent(tmp_path: Path) -> None:
    path, before = tmp_path / "limits", Machine(now=50_000.0)
    spend(before.limits(path), 2)
    path.write_bytes(path.read_bytes()[:-40] + bytes(40))
    os.utime(path, (0, 0))
    after = Machine(boot=b"c" * 16, now=30.0)
    shared = after.limits(path)
    assert shared.take(Bucket.DELETES) is None
    after.now = 3599.0
    assert shared.take(Bucket.DELETES) is None
    after.now = 3601.0
    assert shared.take(Bucket.DELETES) is not None


def test_without_names_of_boots_a_time_ahead_of_the_clock_shows_a_reboot(tmp_path: Path) -> None:
    path = tmp_path / "limits"
    spend(Machine(boot=UNKNOWN_BOOT, now=50_000.0).limits(path), 4)
    os.utime(path, (0, 0))
    assert used(Machine(boot=UNKNOWN_BOOT, now=30.0).limits(path)) == [4, 4]


def test_a_file_that_another_machine_uses_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "limits"
    spend(Machine().limits(path), 1)
    with pytest.raises(LimitsFileError, match="is in use on another machine"):
        Machine(boot=b"c" * 16).limits(path)


def test_a_time_ahead_of_the_clock_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "limits"
    spend(Machine(now=2000.0).limits(path), 1)
    with pytest.raises(LimitsFileError, match="has times that are still to come"):
        Machine(now=1000.0).limits(path)


def test_what_a_dead_process_had_in_flight_counts_from_when_that_is_noticed(tmp_path: Path) -> None:
    path, machine = tmp_path / "limits", Machine()
    dead = machine.limits(path, owner=_unused_pid())
    for _ in range(5):
        assert dead.take(Bucket.DELETES) is not None
    machine.now += 30
    alive = machine.limits(path)
    assert alive.take(Bucket.DELETES) is None
    assert used(alive) == [5, 5]
    machine.now += 60.2
    assert alive.take(Bucket.DELETES) is not None


def test_a_request_without_an_end_holds_its_place_for_a_quarter_of_an_hour_at_most(tmp_path: Path) -> None:
    path, machine = tmp_path / "limits", Machine()
    stuck = machine.limits(path, owner=os.getppid())
    taken = [stuck.take(Bucket.DELETES) for _ in range(5)]
    alive = machine.limits(path)
    machine.now += 800
    assert alive.take(Bucket.DELETES) is None
    machine.now += 101
    assert alive.take(Bucket.DELETES) is None
    machine.now += 60.2
    assert alive.take(Bucket.DELETES) is not None
    assert taken[0] is not None
    stuck.give_back(Bucket.DELETES, taken_at=taken[0], used=True, passed=True)  # it was alive after all
    assert used(alive) == [2, 7]


async def test_an_end_that_cannot_be_written_is_written_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "limits"
    limits = Limits(RATES, file=path)
    limits.open(KEY)
    permit = limits.permit(Bucket.DELETES)
    await permit.take()
    permit.mark_sent()
    with monkeypatch.context() as full:
        full.setattr(limits_file.os, "pwrite", _disk_is_full)
        permit.release()
        with pytest.raises(LimitsFileError, match="cannot be used: No space left on device: check its name"):
            await limits.permit(Bucket.DELETES).take()
    assert path.stat().st_size == 64 + 32
    other = Limits(RATES, file=path)
    other.open(KEY)
    assert other.budget(Bucket.DELETES)[0].used == 1
    assert limits.budget(Bucket.DELETES)[0].used == 1
    assert path.stat().st_size == 64 + 2 * 32


def test_a_file_is_created_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as full:
        full.setattr(limits_file.os, "fsync", _disk_is_full)
        with pytest.raises(LimitsFileError, match="No space left"):
            Machine().limits(tmp_path / "limits")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_rewritten_continues_to_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, machine = tmp_path / "limits", Machine()
    shared = machine.limits(path)
    monkeypatch.setattr("asyncclient.limits.shared_limits.REWRITE_FROM", 4)
    with monkeypatch.context() as full:
        full.setattr(limits_file.os, "fsync", _disk_is_full)
        spend(shared, 4)
    assert path.stat().st_size == 64 + 8 * 32
    spend(shared, 1)
    assert path.stat().st_size < 64 + 8 * 32
    assert used(machine.limits(path)) == [5, 5]
    assert [each.name for each in tmp_path.iterdir()] == ["limits"]


def test_two_processes_that_create_the_file_at_once_use_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, machine = tmp_path / "limits", Machine()
    link = os.link
    found = []

    def late(source: Path, target: Path) -> None:
        monkeypatch.setattr(limits_file.os, "link", link)
        spend(machine.limits(path), 1)  # the other one is first
        link(source, target)

    monkeypatch.setattr(limits_file.os, "link", late)
    file = machine.file(path)
    found.append(file.lock())
    file.unlock()
    assert found[0] is not None
    assert [record.kind for record in found[0].records] == [RecordKind.TAKEN, RecordKind.ENDED]
    assert found[0].change is Change.REWRITTEN
    assert [each.name for each in tmp_path.iterdir()] == ["limits"]


def test_a_file_that_is_rewritten_while_it_is_opened_is_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, machine = tmp_path / "limits", Machine()
    machine.limits(path)
    rewriting, reading = machine.file(path), machine.file(path)
    lock = limits_file._lock

    def late(fd: int) -> bool:
        monkeypatch.setattr(limits_file, "_lock", lock)
        assert rewriting.lock() is not None
        rewriting.rewrite([LimitRecord(RecordKind.EARLIER, Bucket.DELETES, 1000.0, amount=3)])
        return lock(fd)

    monkeypatch.setattr(limits_file, "_lock", late)
    found = reading.lock()
    reading.unlock()
    assert found is not None
    assert [record.amount for record in found.records] == [3]


def _disk_is_full(*_: object) -> int:
    raise OSError(errno.ENOSPC, "")


def _unused_pid() -> int:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return pid
