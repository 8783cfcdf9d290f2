"""A table of what comes of responses that leave persons out: read, operation, stage, how many, once or for a while.

Once is never a proof: the job ends as if nothing had been left out. Whoever is left out for so long, by UUID and by
distinct ID, is taken for gone, and is found again by a later verify. In the end all is as asked in every row.
"""

import os
from pathlib import Path

import pytest
from job_model.left_out import BREAKER_OPENED, PERSONS, READS, WHILE_S, Ends, Row, Stage, play
from virtual_time import run_virtual

STAGES: tuple[Stage, ...] = ("planning", "checking", "unclear", "reading back", "verifying")
DONE: dict[str, dict[str, set[str]]] = {
    "delete": {"person": {"deleted_confirmed"}},
    "delete+events": {"person": {"deleted_confirmed"}, "events": {"queued"}},
    "delete-events": {"person": {"not_requested"}, "events": {"queued"}},
    "delete-recordings": {"person": {"not_requested"}, "recordings": {"requested"}},
    "unset-rest": {"person": {"not_requested"}, "properties": {"changed_confirmed"}},
    "update-rest": {"person": {"not_requested"}, "properties": {"changed_confirmed"}},
    "unset-capture": {"person": {"not_requested"}, "properties": {"changed_confirmed"}},
}
"""What a run makes of persons of whom nothing is left out."""

READ_AFTER_TEST = (
    {0},
    {"person": {"not_requested", "disappeared"}, "properties": {"found_changed", "gone_with_person"}},
)
"""The first person's call shows that a property is not hidden; the others are read when it has been sent."""
FOUND_AGAIN = (
    {0, 75},
    {"person": {"not_requested", "disappeared"}, "properties": {"to_retry", "found_changed", "gone_with_person"}},
)
"""A person that vanished after a change is watched for some time, and may be found again before the run ends."""

AWAY: dict[str, dict[Stage, tuple[set[int], dict[str, set[str]]]]] = {
    "delete": {
        "checking": ({0}, {"person": {"already_deleted"}}),
        "unclear": ({0}, {"person": {"found_deleted"}}),
        "reading back": ({0}, {"person": {"deleted_confirmed"}}),
        "verifying": ({0}, {"person": {"deleted_confirmed"}}),
    },
    "delete+events": {
        "checking": ({1}, {"person": {"already_deleted"}, "events": {"too_late"}}),
        "unclear": ({1}, {"person": {"disappeared"}, "events": {"too_late"}}),
        "reading back": ({BREAKER_OPENED}, {"person": {"disappeared"}, "events": {"queued"}}),
        "verifying": ({75}, {"person": {"deleted_confirmed"}, "events": {"queued"}}),
    },
    "delete-events": {
        "checking": ({1}, {"person": {"disappeared"}, "events": {"too_late"}}),
        "unclear": ({1, BREAKER_OPENED}, {"person": {"disappeared"}, "events": {"too_late"}}),  # stops if all are gone
        "reading back": ({BREAKER_OPENED}, {"person": {"disappeared"}, "events": {"queued"}}),
        "verifying": ({75}, {"person": {"not_requested"}, "events": {"queued"}}),
    },
    "delete-recordings": {
        "checking": ({1}, {"person": {"disappeared"}, "recordings": {"too_late"}}),
        "unclear": (
            {1, BREAKER_OPENED},
            {"person": {"disappeared"}, "recordings": {"too_late"}},
        ),  # stops if all are gone
        "reading back": ({BREAKER_OPENED}, {"person": {"disappeared"}, "recordings": {"requested"}}),
        "verifying": ({0}, {"person": {"not_requested"}, "recordings": {"not_verifiable"}}),
    },
    "unset-rest": {
        "checking": ({0}, {"person": {"disappeared"}, "properties": {"gone_with_person"}}),
        "unclear": FOUND_AGAIN,
        "reading back": READ_AFTER_TEST,
        "verifying": ({0}, {"person": {"disappeared"}, "properties": {"changed_confirmed"}}),
    },
    "update-rest": {
        "checking": ({1}, {"person": {"disappeared"}, "properties": {"too_late"}}),
        "unclear": FOUND_AGAIN,
        "reading back": ({0}, {"person": {"not_requested"}, "properties": {"found_changed"}}),
        "verifying": ({0}, {"person": {"disappeared"}, "properties": {"changed_confirmed"}}),
    },
    "unset-capture": {
        "checking": ({0}, {"person": {"disappeared"}, "properties": {"gone_with_person"}}),
        "unclear": FOUND_AGAIN,
        "reading back": READ_AFTER_TEST,
        "verifying": ({0}, {"person": {"disappeared"}, "properties": {"changed_confirmed"}}),
    },
}
"""What becomes of persons that the store leaves out for a while, however it is asked."""

NO_ROW = {
    "delete+events": ({1}, {"person": {"failed"}, "events": {"failed"}}),
    "delete-events": ({1}, {"person": {"not_requested"}, "events": {"failed"}}),
}
"""What becomes of persons whose deletion rows are left out for a while."""
QUICK = 7
"""Each so many rows one is in the quick part of the tests; it goes round all operations, reads and stages."""
CONVINCING = ("by both", "one by one")
TO_PLAN = ("listing", "query", "queried by UUID")


def rows() -> list[Row]:
    """Rows of all kinds; by default not each read for each operation and number of persons."""
    whole = os.environ.get("POSTHOG_BULK_SLOW") == "1"
    found = []
    for operation in DONE:
        for read in READS:
            few = read in ("by UUID", "by distinct ID", "one by one") and not whole
            if few and operation not in ("delete", "delete-events", "update-rest"):
                continue
            stages = _stages(operation, read)
            found += [
                Row(operation=operation, read=read, stage=stage, who=who, lasts_s=lasts_s)
                for stage in stages
                for who in ((1,) if few else (1, 2, PERSONS) if whole else (1, PERSONS))
                for lasts_s in (None, WHILE_S)
            ]
    return found


def _stages(operation: str, read: str) -> tuple[Stage, ...]:
    if read == "rows":
        return STAGES[2:] if "events" in operation else ()
    if read == "recordings":
        return STAGES[-1:] if operation == "delete-recordings" else ()
    if read in TO_PLAN:
        return STAGES[:1] if operation == "unset-rest" else ()
    return STAGES


@pytest.mark.quick_cases(6)
@pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, id=row.name, marks=pytest.mark.slow if number % QUICK else ())
        for number, row in enumerate(rows())
    ],
)
def test_what_is_left_out_once_is_no_proof_and_what_is_left_out_for_a_while_is_found_again(
    row: Row, tmp_path: Path
) -> None:
    ends = run_virtual(play(row, tmp_path))
    planned = PERSONS - row.who if _is_not_planned(row) else PERSONS
    if not planned:
        assert ends is None
        return
    assert ends is not None
    assert (ends.planned, ends.last_exit_code, ends.all_done) == (planned, 0, True), ends
    if not _is_not_planned(row):
        _expect(ends, *_expected(row))


def _is_not_planned(row: Row) -> bool:
    """Whom a listing does not show even once, and whom no read shows for a while, is nobody that a plan can name."""
    if row.stage != "planning":
        return False
    return row.read == "listing" or row.lasts_s is not None


def _expected(row: Row) -> tuple[set[int], dict[str, set[str]]]:
    if row.lasts_s is not None and row.read in CONVINCING:
        return AWAY[row.operation][row.stage]
    if row.lasts_s is not None and row.read == "rows" and row.stage != "verifying":
        return NO_ROW[row.operation]
    purge_pending = row.stage == "verifying" and "events" in row.operation
    done = DONE[row.operation]
    if row.read == "recordings":  # for a while is no proof either: see `test_recordings`
        return {0}, done | {"recordings": {"deleted"} if row.lasts_s is None else {"not_verifiable"}}
    if row.stage == "verifying" and row.operation == "delete-recordings":
        done = done | {"recordings": {"not_verifiable"}}  # nobody here has any
    return {75} if purge_pending else {0}, done


def _expect(ends: Ends, exit_codes: set[int], states: dict[str, set[str]]) -> None:
    assert ends.exit_code in exit_codes, ends
    for axis, expected in states.items():
        assert ends.left_out[axis] <= expected, ends
