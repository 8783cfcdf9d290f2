"""Plan files are read back as written, and exist complete or not at all."""

import hashlib
import json
import os
import stat
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk.errors import FileTrouble
from bulk.plan.plan_ends import read_footer, read_header
from bulk.plan.plan_file import BLOCK, PlanHeader, digest_matches, load_plan, short_digest
from bulk.plan.plan_lines import with_time
from bulk.plan.plan_writer import PlanWriter
from tests.bulk.plan.small_plans import CREATED, HEADER, target_of, uuid_of, write_plan


@pytest.mark.parametrize("count", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK])
def test_a_plan_is_read_back_as_written(path: Path, count: int) -> None:
    made = write_plan(path, count, spent={"persons": [1.5, 2.25]}, findings=[{"unmatched": 3}, "line 7"])
    with made, load_plan(path) as plan:
        for each in (made, plan):
            assert each.path == path
            assert each.header == HEADER
            assert each.count == count
            assert each.digest == made.digest
            assert each.spent == {"persons": [1.5, 2.25]}
            assert each.findings == [{"unmatched": 3}, "line 7"]
            assert list(each.iter()) == [target_of(number) for number in range(count)]


@pytest.mark.slow
@settings(deadline=None)
@given(st.integers(0, 3 * BLOCK + 9), st.integers(0, 3 * BLOCK + 9))
def test_any_range_of_targets_can_be_read(one: int, other: int) -> None:
    start, stop = sorted((one, other))
    with TemporaryDirectory() as folder, write_plan(Path(folder) / "p", 3 * BLOCK + 5) as plan:
        assert plan.targets(start, stop) == [target_of(n) for n in range(3 * BLOCK + 5)][start:stop]


@pytest.mark.slow
def test_large_plan_can_be_read_in_any_order(path: Path) -> None:
    count = 30_000
    with write_plan(path, count) as plan:
        assert path.stat().st_size > 3 << 20
        assert list(plan.iter()) == [target_of(number) for number in range(count)]
        for start in (29_990, 0, 12_345, 300, 0, 256, 512):
            assert plan.targets(start, start + 100) == [target_of(n) for n in range(start, min(start + 100, count))]


def test_invalid_ranges_of_targets_are_refused(path: Path) -> None:
    with write_plan(path, 3) as plan:
        for start, stop in ((-1, 2), (2, 1)):
            with pytest.raises(ValueError, match="is not a range of targets"):
                plan.targets(start, stop)


text = st.text(st.characters() | st.sampled_from('\ud800\udfff\u2028\u2029\x85\n\r\x00"\\é😀'))


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(st.tuples(st.uuids(), st.datetimes(timezones=st.timezones()), st.none() | text), max_size=6))
def test_every_distinct_id_is_read_back_unchanged(people: list[tuple[UUID, datetime, str | None]]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "p"
        with PlanWriter.create(path, HEADER) as writer:
            expected = []
            for uuid, created_at, distinct_id in people:
                try:
                    writer.add(uuid, created_at, distinct_id)
                except OverflowError:  # 31 December 9999 west of Greenwich
                    continue
                expected.append((uuid, created_at.astimezone(UTC), distinct_id))
            writer.finish().close()
        with load_plan(path) as plan:
            assert [(t.uuid, t.created_at, t.distinct_id) for t in plan.iter()] == expected
        data = path.read_bytes()
        assert data.isascii()
        assert data.count(b"\n") == len(expected) + 2


def test_persons_that_are_added_together_have_the_lines_of_those_added_alone(path: Path) -> None:
    summer = timezone(timedelta(hours=2))
    persons = [
        (uuid_of(0), CREATED, "a", 1),
        (uuid_of(1), datetime(2026, 7, 1, 12, tzinfo=summer), None, 2),
        (uuid_of(2), CREATED, "x" * 5_000, 3),
        (uuid_of(3), CREATED, "\ud800", None),
        *((uuid_of(number), CREATED, f"id-{number}", number) for number in range(4, 3_000)),
    ]
    with PlanWriter.create(path, HEADER) as writer:
        for uuid, created_at, distinct_id, line in persons:
            writer.add(uuid, created_at, distinct_id, line=line)
        writer.finish().close()
    together = path.with_name("together")
    with PlanWriter.create(together, HEADER) as writer:
        writer.add_many(persons[:10])
        writer.add_many(persons[10:])
        writer.finish().close()
    assert together.read_bytes() == path.read_bytes()


def test_every_line_is_standard_json(path: Path) -> None:
    write_plan(path, 2).close()
    header, first, second, footer = [json.loads(line) for line in path.read_text().splitlines()]
    assert header["project_name"] == "Größe \u2028"
    assert first == {"number": 0, "uuid": str(uuid_of(0)), "created_at": "2026-05-04T03:02:01.123456Z"}
    assert second["distinct_id"] == "id-1"
    assert footer["count"] == 2


def test_the_digest_is_the_sha256_of_everything_before_the_footer(path: Path) -> None:
    with write_plan(path, 3) as plan:
        before = path.read_bytes()
        before = before[: before.rindex(b"\n", 0, -1) + 1]
        assert plan.digest == "sha256:" + hashlib.sha256(before).hexdigest()


def test_a_creation_time_needs_a_time_zone_and_keeps_its_instant(path: Path) -> None:
    with PlanWriter.create(path, HEADER) as writer:
        with pytest.raises(ValueError, match="time zone"):
            writer.add(uuid_of(0), datetime(2026, 1, 1))  # noqa: DTZ001
        writer.add(uuid_of(0), datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2))))
        with writer.finish() as plan:
            assert plan.targets(0, 1)[0].created_at == datetime(2026, 1, 1, 10, tzinfo=UTC)


def test_a_plan_is_private_and_replaces_no_file(path: Path) -> None:
    before = os.umask(0)
    try:
        write_plan(path, 1).close()
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    data = path.read_bytes()
    with pytest.raises(FileTrouble, match="it exists already"):
        PlanWriter.create(path, HEADER)
    assert path.read_bytes() == data


def test_a_file_that_appears_while_a_plan_is_written_is_not_replaced(path: Path) -> None:
    with PlanWriter.create(path, HEADER) as writer:
        path.write_text("theirs")
        with pytest.raises(FileTrouble, match="it exists already"):
            writer.finish()
    assert path.read_text() == "theirs"


def test_without_finish_no_file_is_left(path: Path) -> None:
    with PlanWriter.create(path, HEADER) as writer:
        writer.add(uuid_of(0), CREATED)
    with suppress(KeyboardInterrupt), PlanWriter.create(path, HEADER) as writer:
        writer.add(uuid_of(0), CREATED)
        raise KeyboardInterrupt
    assert list(path.parent.iterdir()) == []


def test_values_that_json_cannot_hold_are_refused_before_the_plan_has_a_name(path: Path) -> None:
    with PlanWriter.create(path, HEADER) as writer, pytest.raises(ValueError, match="finite"):
        writer.finish(spent={"a": [float("nan")]})
    with PlanWriter.create(path, HEADER) as writer, pytest.raises(ValueError, match="at most"):
        writer.finish(findings=["x" * (17 << 20)])
    assert list(path.parent.iterdir()) == []


def test_a_line_that_is_too_long_is_refused_before_the_plan_has_a_name(path: Path) -> None:
    with PlanWriter.create(path, HEADER) as writer, pytest.raises(ValueError, match="a line of a plan has at most"):
        writer.add(uuid_of(0), CREATED)
        writer.add(uuid_of(1), CREATED, "x" * (17 << 20))
        writer.finish()
    assert list(path.parent.iterdir()) == []


def test_lines_that_are_written_together_may_be_longer_than_one_may_be(path: Path) -> None:
    with PlanWriter.create(path, HEADER) as writer:
        for number in range(3):
            writer.add(uuid_of(number), CREATED, "x" * (6 << 20))
        plan = writer.finish()
    with plan:
        assert [len(target.distinct_id or "") for target in plan.iter()] == [6 << 20] * 3


def test_the_writer_writes_only_the_current_format(path: Path) -> None:
    with pytest.raises(ValueError, match="plan format 1, not 2"):
        PlanWriter.create(path, msgspec.structs.replace(HEADER, format=2))


def test_a_digest_matches_in_full_or_by_twelve_digits() -> None:
    full = "sha256:" + "0123456789abcdef" * 4
    assert short_digest(full) == "0123456789ab"
    for typed in (full, full[7:], full[7:19], full[:19], full.upper(), f" {full[7:30]}\n"):
        assert digest_matches(full, typed)
    for typed in ("", "sha256:", full[7:18], "0123456789ac", full + "0", full[7:] + "00", "123456789abc"):
        assert not digest_matches(full, typed)


def test_a_new_plan_removes_what_a_killed_planning_left(path: Path) -> None:
    partial = path.with_name(".another.plan.jsonl.partial")
    partial.write_bytes(b"persons")
    write_plan(path, 1).close()
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_discarded_plan_is_removed_unless_another_file_has_its_name(path: Path) -> None:
    plan = write_plan(path, 1)
    assert plan.is_in_place
    plan.discard()
    assert not path.exists()
    plan = write_plan(path, 1)
    path.rename(path.with_name("moved"))
    path.write_bytes(b"another")
    assert not plan.is_in_place
    plan.discard()
    plan.discard()
    assert path.read_bytes() == b"another"


def test_the_digest_depends_on_what_is_done_and_to_whom_but_not_on_when_the_plan_was_made(tmp_path: Path) -> None:
    def made(name: str, header: PlanHeader, *targets: int, **extra: Any) -> str:
        with PlanWriter.create(tmp_path / name, header) as writer:
            for number in targets:
                writer.add(uuid_of(number), CREATED, line=number)
            with writer.finish(**extra) as plan:
                assert plan.header == header
                return plan.digest

    later = msgspec.structs.replace(HEADER, created_at="2027-01-01T00:00:00+00:00")
    first = made("a.plan.jsonl", HEADER, 1, 2)
    assert (
        made("b.plan.jsonl", later, 1, 2, spent={"persons": [9.5]}, findings=[{"kind": "requests", "count": 9}])
        == first
    )
    other = [
        made("c.plan.jsonl", HEADER, 1),
        made("d.plan.jsonl", HEADER, 2, 1),
        *(
            made(f"{field}.plan.jsonl", msgspec.structs.replace(HEADER, **{field: value}), 1, 2)
            for field, value in (
                ("project_id", 43),
                ("host", "https://us.posthog.com"),
                ("operation", {"kind": "delete", "delete_events": False}),
                ("selection", {"kind": "emails"}),
            )
        ),
    ]
    assert len({first, *other}) == 7


def test_a_plan_of_a_version_that_had_the_time_in_the_header_is_read(path: Path) -> None:
    header = json.dumps({name: getattr(HEADER, name) for name in PlanHeader.__struct_fields__}, separators=(",", ":"))
    target = json.dumps({"number": 0, "uuid": str(uuid_of(0)), "created_at": "2026-05-04T03:02:01.123456Z"})
    body = f"{header}\n{target}\n".encode()
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    footer = json.dumps({"count": 1, "digest": digest, "spent": {}, "findings": []}, separators=(",", ":"))[
        :-1
    ].encode()
    check = hashlib.sha256(footer).hexdigest()[:16]
    path.write_bytes(body + footer + f',"check":"{check}"}}\n'.encode())
    with load_plan(path) as plan:
        assert plan.header == HEADER
        assert (plan.digest, plan.count) == (digest, 1)
    assert with_time(read_header(path), read_footer(path)).created_at == HEADER.created_at
