"""Receipts: what they find, that any change is noticed with its line, and what a kill leaves."""

import base64
import hmac
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk.errors import FileTrouble
from bulk.plan.plan_file import complete_receipts_of, load_plan
from bulk.requests.open_requests import count_open_requests
from bulk.requests.receipt_lines import NO_JOB, NO_KEY, IdKind, Keyed, PersonEntry, encode
from bulk.requests.receipts import Receipts, ReceiptsError, read_receipts_header
from bulk.requests.receipts_writer import ReceiptsWriter, complete_receipts, withdraw_key

DIGEST = "sha256:" + "5" * 64


def new(path: Path, *, folds_case: bool = False) -> ReceiptsWriter:
    return ReceiptsWriter.create(
        path, host="https://x.test", project_id=1, created_at="2026-11-29T12:00:00Z", folds_case=folds_case
    )


def written(path: Path, count: int = 5, *, folds_case: bool = False) -> Receipts:
    """Receipts of persons with the distinct IDs user-0 ..., an email, a line without a person, and requests."""
    with new(path, folds_case=folds_case) as writer:
        for number in range(count):
            writer.add_persons(number, [(UUID(int=number), f"user-{number}")])
        writer.add_line(
            1, "selected", kind=IdKind.EMAIL, value="Ann@Example.com", targets="1-2", persons=(UUID(int=0),),
            reference="DSR-1", received="2026-11-01", due="2026-12-01",
        )  # fmt: skip
        writer.add_line(2, "unmatched", kind=IdKind.DISTINCT_ID, value="nobody", reference="DSR-2", due="2026-12-01")
        writer.add_line(3, "repeated", kind=IdKind.EMAIL, value="Ann@Example.com", reference="DSR-3", due="2026-12-02")
        writer.add_line(4, "refused", reason="not a UUID", reference="DSR-4", due="2026-12-02")
        writer.publish(DIGEST)
        writer.complete()
    return Receipts.open(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.receipts"


def test_references_are_hmac_sha_256_under_the_key_of_the_file(path: Path) -> None:
    receipts = written(path)
    key = bytes.fromhex(receipts.header.key)
    full = hmac.digest(key, b"distinct_id\0user-3", "sha256")
    assert Keyed(receipts.header.key).id(IdKind.DISTINCT_ID, "user-3") == (
        base64.b64encode(full[:16]).rstrip(b"=").decode()
    )


def test_the_entry_of_a_person_is_what_its_struct_is_encoded_as() -> None:
    keyed = Keyed("ab" * 32)
    for distinct_id in (None, 'a"b\ud800\u2028'):
        known = None if distinct_id is None else keyed.id(IdKind.DISTINCT_ID, distinct_id)
        entry = PersonEntry(target=7, uuid=keyed.id(IdKind.UUID, str(UUID(int=5))), distinct_id=known)
        assert keyed.persons(7, [(UUID(int=5), distinct_id)], 3) == encode(entry, 3)


def test_two_jobs_have_different_keys_and_references(tmp_path: Path) -> None:
    one, other = written(tmp_path / "1.receipts"), written(tmp_path / "2.receipts")
    assert one.header.key != other.header.key
    assert [*one.entries()] != [*other.entries()]


def test_persons_are_found_by_each_of_their_ids_and_strangers_are_not(path: Path) -> None:
    receipts = written(path)
    found = receipts.find(["user-3", str(UUID(int=4)).upper(), "Ann@Example.com", "nobody", "user-33", "USER-3", ""])
    assert {name: look_up.targets for name, look_up in found.items()} == {
        "user-3": (3,),
        str(UUID(int=4)).upper(): (4,),
        "Ann@Example.com": (0, 1, 2),
        "nobody": (),
    }
    assert [line.outcome for line in found["nobody"].lines] == ["unmatched"]


def test_a_look_up_tells_how_much_of_the_file_is_read_from_the_start_on(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(path, 300)
    size, read = path.stat().st_size, list[tuple[Path, int, int]]()
    monkeypatch.setattr("bulk.requests.receipts._CHUNK", 10_000)
    receipts = Receipts.open(path, on_read=lambda *each: read.append(each))
    assert receipts.find(["user-299"])["user-299"].targets == (299,)
    assert [each[1:] for each in read] == [
        (0, 1),
        *((min(size, at), size) for at in range(10_000, size + 10_000, 10_000)),
    ]
    assert {each[0] for each in read} == {path}


def test_a_look_up_tells_how_many_ids_of_their_file_are_prepared(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(path, 30)
    ids_file, read = Path("ids.txt"), list[tuple[Path, int, int]]()
    monkeypatch.setattr("bulk.requests.receipts._IDS_PER_REPORT", 2)
    receipts = Receipts.open(path, on_read=lambda *each: read.append(each))
    receipts.find((f"user-{number}" for number in range(5)), ids_file=ids_file)
    assert read[:3] == [(ids_file, 0, 5), (ids_file, 2, 5), (ids_file, 4, 5)]
    assert {each[0] for each in read[3:]} == {path}


@pytest.mark.parametrize("folds_case", [False, True])
def test_emails_are_found_in_another_case_where_the_job_compared_them_so(path: Path, folds_case: bool) -> None:
    assert ("ann@example.com" in written(path, folds_case=folds_case).find(["ann@example.com"])) is folds_case


def test_an_email_and_an_equal_distinct_id_are_different_ids(path: Path) -> None:
    with new(path) as writer:
        writer.add_persons(0, [(UUID(int=0), "a@b.test")])
        writer.add_line(1, "unmatched", kind=IdKind.EMAIL, value="a@b.test")
        writer.publish(DIGEST)
        writer.complete()
    found = Receipts.open(path).find(["a@b.test"])["a@b.test"]
    assert found.targets == (0,)
    assert [line.outcome for line in found.lines] == ["unmatched"]


def test_a_request_is_found_by_its_reference_with_the_persons_of_all_its_lines(path: Path) -> None:
    receipts = written(path)
    assert [(line.targets, line.lines[0].line) for line in receipts.request_lines("DSR-1")] == [((0, 1, 2), 1)]
    assert [(line.targets, line.lines[0].outcome) for line in receipts.request_lines("DSR-3")] == [
        ((0, 1, 2), "repeated")
    ]
    assert [line.lines[0].reason for line in receipts.request_lines("DSR-4")] == ["not a UUID"]
    assert receipts.request_lines("DSR") == []


def test_a_reference_that_holds_an_id_is_kept_as_a_keyed_reference_and_found(path: Path) -> None:
    references = ["of jane@x.test", f"x{UUID(int=77)}", "case Jane-77"]
    with new(path) as writer:
        for number, reference in enumerate(references):
            writer.add_line(number, "selected", kind=IdKind.DISTINCT_ID, value="jane-77", reference=reference)
        writer.publish(DIGEST)
        writer.complete()
    text = path.read_text().lower()
    assert "jane" not in text
    assert str(UUID(int=77)) not in text
    assert [len(Receipts.open(path).request_lines(each)) for each in references] == [1, 1, 1]


def test_open_requests_are_counted_per_day(path: Path) -> None:
    receipts = written(path)
    # DSR-2 matched no person and DSR-4 was refused: the plan covers neither
    assert count_open_requests(receipts, lambda target: target == 2) == {"2026-12-01": 2, "2026-12-02": 2}
    assert count_open_requests(receipts, lambda target: target == 0) == {"2026-12-01": 2, "2026-12-02": 2}
    assert count_open_requests(receipts, lambda _: False) == {"2026-12-01": 1, "2026-12-02": 1}


@pytest.mark.slow
def test_a_changed_byte_anywhere_is_noticed_with_its_line(path: Path) -> None:
    written(path)
    whole, random_ = path.read_bytes(), random.Random(1)
    starts = [0, *(at + 1 for at, byte in enumerate(whole) if byte == 10)]
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= random_.randrange(1, 256)
        path.write_bytes(changed)
        with pytest.raises(FileTrouble) as caught:
            [*Receipts.open(path).entries()]
        line = sum(start <= at for start in starts)
        assert f"line {line} " in str(caught.value), at


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_missing_doubled_or_moved_line_is_noticed(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("r") / "x.receipts"
    written(path)
    lines = path.read_bytes().splitlines(keepends=True)
    at = data.draw(st.integers(0, len(lines) - 1))
    other = data.draw(st.integers(0, len(lines) - 1).filter(lambda number: number != at))
    moved = [*lines[:at], *lines[at + 1 :]]
    moved.insert(other, lines[at])
    for changed in (lines[:at] + lines[at + 1 :], [*lines[: at + 1], *lines[at:]], moved):
        path.write_bytes(b"".join(changed))
        with pytest.raises(FileTrouble):
            [*Receipts.open(path).entries()]


def test_a_line_of_other_receipts_is_noticed(tmp_path: Path) -> None:
    one, other = tmp_path / "1.receipts", tmp_path / "2.receipts"
    written(one)
    written(other)
    lines, foreign = one.read_bytes().splitlines(keepends=True), other.read_bytes().splitlines(keepends=True)
    one.write_bytes(b"".join([lines[0], foreign[1], *lines[2:]]))
    with pytest.raises(ReceiptsError, match="line 2 fails its checksum"):
        [*Receipts.open(one).entries()]


def test_the_file_is_private_and_created_through_no_symlink(path: Path, tmp_path: Path) -> None:
    written(path)
    assert path.stat().st_mode & 0o777 == 0o600
    link = tmp_path / "link.receipts"
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileTrouble):
        new(link)


def test_nothing_is_left_without_a_plan_and_receipts_without_a_key_are_useless(path: Path) -> None:
    with new(path) as writer:
        writer.add_persons(0, [(UUID(int=0), "user-0")])
    assert not path.exists()
    with new(path) as writer:
        writer.add_persons(0, [(UUID(int=0), "user-0")])
        writer.publish(DIGEST)
        assert json.loads(path.read_bytes().splitlines()[0])["key"] == NO_KEY
        with pytest.raises(ReceiptsError, match="has no key yet"):
            Receipts.open(path)
    assert not path.exists()


def test_a_plan_completes_the_receipts_that_a_kill_left_without_a_key(path: Path) -> None:
    with new(path) as writer:
        writer.add_persons(0, [(UUID(int=0), "user-0")])
        writer.publish(DIGEST)
        key = writer.key
        os.link(path, path.with_name("kept"))
    os.link(path.with_name("kept"), path)  # as a kill leaves it
    assert Receipts.open(path, key=key).find(["user-0"])["user-0"].targets == (0,)
    complete_receipts(path, key, "sha256:of another plan")
    assert read_receipts_header(path)[0].key == NO_KEY
    complete_receipts(path, key, DIGEST, job="feedfeedfeedfeed")
    assert read_receipts_header(path)[0].job == "feedfeedfeedfeed"
    assert Receipts.open(path).find(["user-0"])["user-0"].targets == (0,)


def test_receipts_of_a_run_are_never_replaced_and_others_are(path: Path) -> None:
    key = written(path).header.key
    with new(path) as writer:  # no run used them, and their plan is gone
        writer.publish(DIGEST)
        writer.complete()
        key = writer.key
    complete_receipts(path, key, DIGEST, job="feedfeedfeedfeed")
    before = path.read_bytes()
    with pytest.raises(FileTrouble, match="give the new plan another name, or destroy the evidence"):
        new(path)
    assert not withdraw_key(path, key, DIGEST)
    assert path.read_bytes() == before


def test_a_planning_that_is_under_way_keeps_its_receipts(path: Path) -> None:
    with new(path) as writer:
        writer.publish(DIGEST)
        with pytest.raises(FileTrouble, match="exists already"):
            new(path)
        writer.complete()
    assert read_receipts_header(path)[0].job == NO_JOB


_PLANNING = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID
from bulk.plan.plan_file import FORMAT, PlanHeader
from bulk.plan.plan_writer import PlanWriter
from bulk.requests.receipts_writer import ReceiptsWriter

plan, receipts = Path(sys.argv[1]), Path(sys.argv[2])
header = PlanHeader(format=FORMAT, project_id=1, project_name="P", host="h", operation={}, selection={},
                    created_at="", version="1")
with PlanWriter.create(plan, header) as writer:
    with ReceiptsWriter.create(receipts, host="h", project_id=1, created_at="") as written:
        written.add_persons(0, [(UUID(int=0), "jane")])
        writer.add(UUID(int=0), datetime(2026, 1, 1, tzinfo=UTC), "jane")
        writer.finish(receipts=written).close()
"""


@pytest.mark.slow
@pytest.mark.parametrize(("call", "when"), [("link", 1), ("link", 2), ("fsync", 1), ("fsync", 3)])
def test_a_kill_leaves_both_files_or_nothing_that_identifies_a_person(
    tmp_path: Path, faulty: Callable[..., object], call: str, when: int
) -> None:
    plan, receipts = tmp_path / "x.plan.jsonl", tmp_path / "x.receipts"
    faulty(_PLANNING, plan, receipts, call=call, when=when, fault="SIGKILL")
    if plan.exists():
        with load_plan(plan) as loaded:
            complete_receipts_of(loaded)
        assert Receipts.open(receipts).find(["jane"])["jane"].targets == (0,)
    else:
        for file in tmp_path.glob("x*"):
            assert read_receipts_header(file)[0].key == NO_KEY
        with new(receipts) as writer:  # and the next planning is not blocked
            writer.publish(DIGEST)
            writer.complete()
