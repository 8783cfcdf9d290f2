"""What a report names as not covered depends on the operation and on what the job found."""

import msgspec
from report_jobs import JOBS

from bulk.report.rendering.document import Bullets
from bulk.report.rendering.sections.not_covered import not_covered_section
from bulk.report.report import AxisReport, Report, StateCount


def items(report: Report) -> str:
    (bullets,) = not_covered_section(report).blocks
    assert isinstance(bullets, Bullets)
    return "\n".join(bullets.items)


def test_an_erasure_names_the_events_that_no_deletion_of_a_person_reaches() -> None:
    shown = items(JOBS["needs_attention"]())
    for part in (
        "17 of 1,020 input lines (9 matched no person",
        "Events captured in the last 59 s before",
        "captured after the deletion of a person's events was queued",
        "dated in the future",
        "Events without a person",
        "exports, data warehouses and their sources, backups",
        "other products",
        "Emails that PostHog workflows sent",
        "recordings: the operation deletes none",
    ):
        assert part in shown


def test_recordings_count_as_not_covered_until_their_deletion_is_verified() -> None:
    requested = StateCount(state="requested", meaning="", count=30)
    unverifiable = StateCount(state="not_verifiable", meaning="", count=9)
    deleted = StateCount(state="deleted", meaning="", count=1)
    report = msgspec.structs.replace(
        JOBS["complete"](),
        operation={"kind": "delete", "delete_events": True, "delete_recordings": True},
        axes=(AxisReport(axis="recordings", states=(requested, unverifiable, deleted)),),
    )
    assert "The recordings of 39 persons: their deletion is requested, and not verified." in items(report)
    proven = msgspec.structs.replace(report, axes=(AxisReport(axis="recordings", states=(deleted,)),))
    assert "recordings" not in items(proven).lower()


def test_a_change_of_properties_leaves_events_and_recordings_alone() -> None:
    report = msgspec.structs.replace(JOBS["complete"](), operation={"kind": "unset", "keys": ["email"]})
    shown = items(report)
    assert "Events: the operation deletes none, and they keep the values" in shown
    assert "in the future" not in shown
