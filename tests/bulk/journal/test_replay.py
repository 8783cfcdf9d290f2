"""A job's journal is replayed into the states of its targets, or refused with a sentence that says what to do."""

from pathlib import Path
from zlib import crc32

import msgspec
import pytest

from bulk.errors import JournalDamaged, JournalError
from bulk.journal.records import FORMAT, JobOpened, Record, RunStarted
from bulk.journal.replay import JournalFollower, framing, open_journal, replay_journal
from bulk.journal.target_states import TargetStates

OPENED = JobOpened(
    format=FORMAT,
    job="j",
    host="https://eu.posthog.com",
    project=42,
    operation={"kind": "delete"},
    selection={"kind": "everyone"},
    plan_digest="sha256:1",
    count=7,
    planned_at="2026-11-23T12:00:00Z",
    at=1.0,
)
RUN = RunStarted(at=2.0, purpose="run", version="1", concurrency=1, batch_size=2, wait_s=1.0, rates="off")


def write(path: Path, *records: Record) -> Path:
    frame = framing()
    seed = frame.seed(records[0])
    path.write_bytes(b"".join(frame.encode(record, n, seed) for n, record in enumerate(records)))
    path.chmod(0o600)
    return path


def line(body: bytes, job: str = "j") -> bytes:
    """A line with its checksum, of any format."""
    return b'%b,"crc":"%08x"}\n' % (body, crc32(body, crc32(job.encode())))


OF_FORMAT_1 = line(
    b'{"n":0,"k":"job","format":1,"job":"j","host":"https://eu.posthog.com","project":42,"operation":{"kind":"delete"},'
    b'"selection":{"kind":"everyone"},"plan_digest":"sha256:1","count":7,"planned_at":"2026-11-23T12:00:00Z","at":1.0'
) + line(b'{"n":1,"k":"approved","at":1.0,"digest":"sha256:1","how":"digest"')


def test_a_journal_is_replayed_with_the_facts_of_its_file(tmp_path: Path) -> None:
    target_states, facts = replay_journal(write(tmp_path / "j", OPENED, RUN))
    assert (target_states.count, facts.lines, facts.torn_tail_bytes) == (7, 2, 0)


def test_a_journal_of_format_1_is_refused_with_what_to_do_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "old.journal.jsonl"
    path.write_bytes(OF_FORMAT_1)
    path.chmod(0o600)
    told = (
        rf"has journal format 1, .* \(it uses {FORMAT}\); finish and report this job with the version that began it\."
    )
    with pytest.raises(JournalError, match=told):
        replay_journal(path)
    with pytest.raises(JournalError, match=told):
        open_journal(path, TargetStates())
    assert path.read_bytes() == OF_FORMAT_1
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_journal_of_a_later_format_is_refused_even_if_its_records_look_familiar(tmp_path: Path) -> None:
    path = write(tmp_path / "j", msgspec.structs.replace(OPENED, format=FORMAT + 1), RUN)
    with pytest.raises(JournalError, match=f"has journal format {FORMAT + 1}, "):
        replay_journal(path)


def test_damage_in_a_journal_of_this_format_is_reported_as_damage(tmp_path: Path) -> None:
    path = write(tmp_path / "j", OPENED, RUN, RUN)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[2])
    with pytest.raises(JournalDamaged, match="line 2 has number 2 instead of 1"):
        replay_journal(path)


def test_records_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="contradict each other"):
        replay_journal(write(tmp_path / "j", OPENED, OPENED))


def test_an_empty_journal_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "j"
    path.write_bytes(b"")
    with pytest.raises(JournalError, match="is empty"):
        replay_journal(path)


def lines(*records: Record) -> list[bytes]:
    seed = framing().seed(records[0])
    return [framing().encode(record, n, seed) for n, record in enumerate(records)]


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


RUNS = tuple(msgspec.structs.replace(RUN, at=2.0 + n) for n in range(3))


def test_a_follower_reads_only_what_was_appended(tmp_path: Path) -> None:
    opened, *runs = lines(OPENED, *RUNS)
    path = write(tmp_path / "j", OPENED, RUNS[0])
    follower, read = JournalFollower(path), list[tuple[int, int]]()
    states = follower.read(on_read=lambda _, done, size: read.append((done, size)))
    assert (states.count, len(states.run_stats.runs)) == (7, 1)
    half = len(runs[1]) // 2
    append(path, runs[1][:half])
    assert len(follower.read(on_read=lambda _, done, size: read.append((done, size))).run_stats.runs) == 1
    append(path, runs[1][half:] + runs[2])
    assert len(follower.read(on_read=lambda _, done, size: read.append((done, size))).run_stats.runs) == 3
    sizes = (len(opened + runs[0]), len(opened + runs[0]) + half, len(opened + b"".join(runs)))
    assert read == [(size, size) for size in sizes]
    follower.read(on_read=lambda _, done, size: read.append((done, size)))
    assert len(read) == 3


@pytest.mark.parametrize("is_renamed", [True, False])
def test_a_follower_reads_a_replaced_journal_anew(tmp_path: Path, is_renamed: bool) -> None:
    path = write(tmp_path / "j", OPENED, *RUNS[:2])
    follower = JournalFollower(path)
    follower.read()
    other = write(tmp_path / "new", msgspec.structs.replace(OPENED, job="k", count=9), *RUNS)
    if is_renamed:
        other.rename(path)
    else:
        path.write_bytes(other.read_bytes())
    states = follower.read()
    assert (states.count, len(states.run_stats.runs)) == (9, 3)


def test_a_follower_reads_anew_after_a_repair_has_cut_the_journal(tmp_path: Path) -> None:
    path = write(tmp_path / "j", OPENED, RUNS[0])
    append(path, b'{"n":2,"type":"run_started","at"' + bytes(400))
    follower = JournalFollower(path)
    assert len(follower.read().run_stats.runs) == 1
    path.write_bytes(b"".join(lines(OPENED, *RUNS)))
    assert len(follower.read().run_stats.runs) == 3
    path.write_bytes(path.read_bytes()[:-1])
    assert len(follower.read().run_stats.runs) == 2


def test_a_follower_refuses_a_damaged_and_an_empty_journal(tmp_path: Path) -> None:
    path = write(tmp_path / "j", OPENED, *RUNS)
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"at":2.0', b'"at":9.0'))
    with pytest.raises(JournalDamaged):
        JournalFollower(path).read()
    path.write_bytes(b"")
    with pytest.raises(JournalError, match="is empty"):
        JournalFollower(path).read()
