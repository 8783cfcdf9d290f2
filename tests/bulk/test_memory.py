"""A job keeps a few bytes per target in memory, not objects (guarantee 18)."""

import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from bulk.journal.records import FORMAT as JOURNAL_FORMAT
from bulk.journal.records import AttemptEnded, Change, Intent, JobOpened, Record, RunStarted, StatesChanged
from bulk.journal.target_states import TargetStates
from bulk.plan.plan_file import FORMAT, PlanHeader
from bulk.plan.plan_writer import PlanWriter
from bulk.requests.open_requests import count_open_requests
from bulk.requests.receipt_lines import IdKind
from bulk.requests.receipts import Receipts
from bulk.requests.receipts_writer import ReceiptsWriter
from bulk.selection.values.row_conflicts import RowConflicts
from bulk.selection.values.row_lines import RowLine
from bulk.selection.values.row_selection import open_rows, row_lines

COUNT = 250_000
BATCH = 1_000
MIB = 1 << 20
AXES = ("events", "recordings")


def records() -> list[Record]:
    """A job over all targets in batches, each queued, read back, deleted and seen gone."""
    found: list[Record] = [
        JobOpened(
            format=JOURNAL_FORMAT, job="j", host="h", project=1,
            operation={"kind": "delete", "delete_events": True, "delete_recordings": True},
            selection={}, plan_digest="sha256:0", count=COUNT, planned_at="", at=1.0,
        ),
        RunStarted(at=1.0, purpose="run", version="1", concurrency=8, batch_size=BATCH, wait_s=1, rates="off"),
    ]  # fmt: skip
    attempt = 0
    for first in range(0, COUNT, BATCH):
        targets = f"{first}-{first + BATCH - 1}"
        for axes, state, axis in ((AXES, "queued", "events"), (("person",), "deleted_confirmed", "person")):
            found.append(
                Intent(
                    attempt=attempt, route="bulk_delete", bucket="deletes", axes=axes, targets=targets,
                    at=2.0, server_at=2.0,
                )
            )  # fmt: skip
            found.append(AttemptEnded(attempt=attempt, at=3.0, outcome="ok"))
            found.append(StatesChanged(at=4.0, source="person_reads", changes=(Change(axis, state, targets),)))
            attempt += 1
    return found


@pytest.mark.slow
def test_target_states_take_a_few_bytes_per_target() -> None:
    written = records()
    tracemalloc.start()
    try:
        target_states = TargetStates()
        for record in written:
            target_states.apply(record)
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert target_states.count == COUNT
    assert kept < 16 * COUNT
    assert peak < 24 * COUNT


@pytest.mark.slow
def test_a_plan_is_read_in_blocks_that_are_not_kept(tmp_path: Path) -> None:
    count, at = 100_000, datetime(2026, 1, 2, tzinfo=UTC)
    header = PlanHeader(
        format=FORMAT, created_at="2026-11-23T12:00:00Z", version="1", host="https://x.test", project_id=1,
        project_name="P", operation={"name": "delete"}, selection={},
    )  # fmt: skip
    with PlanWriter.create(tmp_path / "x.plan.jsonl", header) as writer:
        for number in range(count):
            writer.add(UUID(int=number), at, f"user-{number}")
        plan = writer.finish()
    tracemalloc.start()
    try:
        assert sum(1 for _ in plan.iter()) == count
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        plan.close()
    assert peak < 2 * MIB


@pytest.mark.slow
def test_receipts_are_written_and_searched_in_pieces_that_are_not_kept(
    tmp_path: Path, case_count: Callable[[int, int], int]
) -> None:
    count, path = case_count(10_000, 25_000), tmp_path / "x.receipts"
    tracemalloc.start()
    try:
        with ReceiptsWriter.create(path, host="h", project_id=1, created_at="") as writer:
            for number in range(count):
                writer.add_persons(number, [(UUID(int=number), f"user-{number}")])
                writer.add_line(
                    number, "selected", kind=IdKind.DISTINCT_ID, value=f"user-{number}", targets=str(number),
                    reference=f"DSR-{number}", due="2026-12-29",
                )  # fmt: skip
            writer.publish("sha256:0")
            writer.complete()
        receipts = Receipts.open(path)
        assert receipts.find([f"user-{count - 1}", "stranger"]).keys() == {f"user-{count - 1}"}
        assert count_open_requests(receipts, lambda _: True) == {"2026-12-29": count}
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < case_count(6, 8) * MIB


@pytest.mark.slow
def test_rows_of_values_are_read_compared_and_planned_in_pieces_that_are_not_kept(tmp_path: Path) -> None:
    """Values live in the file and in the plan, and digests of them on disk."""
    count, file = 8_000, tmp_path / "values.csv"
    with file.open("w") as out:
        out.write("distinct_id,plan,note\n")
        out.writelines(f"user-{number},p{number},{'x' * 600}\n" for number in range(count))
    header = PlanHeader(
        format=FORMAT, created_at="2026-11-23T12:00:00Z", version="1", host="https://x.test", project_id=1,
        project_name="P", operation={"kind": "update-per-person"}, selection={},
    )  # fmt: skip
    at = datetime(2026, 1, 2, tzinfo=UTC)
    tracemalloc.start()
    try:
        rows = open_rows(file)
        with PlanWriter.create(tmp_path / "x.plan.jsonl", header) as writer, RowConflicts() as conflicts:
            for row in row_lines(rows):
                assert isinstance(row, RowLine)
                conflicts.add_lines([row])
                writer.add(UUID(int=writer.count), at, row.value, line=row.number, change=row.change)
            conflicts.refuse()
            plan = writer.finish()
        with plan:
            for first in range(0, count, 200):
                assert len(plan.changes(range(first, first + 200))) == 200
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5 * MIB
