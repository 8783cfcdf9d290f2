"""A job's journal is replayed into the states of its targets, or refused with a sentence that says what to do."""

from pathlib import Path
from zlib import crc32

import msgspec
import pytest

from bulk.errors import JournalDamaged, JournalError
from bulk.journal.records import FORMAT, JobOpened, Record, RunStarted
from bulk.journal.replay import framing, open_journal, replay_journal
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
