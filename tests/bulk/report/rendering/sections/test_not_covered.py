"""What a report names as not covered depends on the operation and on what the job found."""

import msgspec
from report_jobs import JOBS

from bulk.report.rendering.document import Bullets
from bulk.report.rendering.sections.not_covered import not_covered_section
from bulk.report.report import AxisReport, FailureCount, Report, StateCount


def items(report: Report) -> str:
    (bullets,) = not_covered_section(report).blocks
    assert isinstance(bullets, Bullets)
    return "\n".join(bullets.items)


def test_an_erasure_names_the_events_that_no_deletion_of_a_person_reaches() -> None:
    shown = items(JOBS["needs_attention"]())
    for part in (
        "17 of 1,020 input lines (9 matched no person",
        "Events captured in the last 59 s before",
        "captured after PostHog queued the deletion",
        "dated in the future",
        "Events without a person",
        "exports, data warehouses and their sources, backups",
        "other products",
        "Emails that PostHog workflows sent",
        "recordings: the operation deletes none",
    ):
        assert part in shown


def test_recordings_count_as_not_covered_until_their_deletion_is_verified() -> None:
    counts = {"requested": 30, "not_verifiable": 9, "still_there": 2, "deleted": 1}
    states = tuple(StateCount(state=state, meaning="", count=count) for state, count in counts.items())
    reasons = {"recordings_not_noted": 4, "no_recordings": 5}
    report = msgspec.structs.replace(
        JOBS["complete"](),
        operation={"kind": "delete", "delete_events": True, "delete_recordings": True},
        axes=(AxisReport(axis="recordings", states=states),),
        failures=tuple(
            FailureCount(axis="recordings", state="not_verifiable", reason=reason, count=count, targets="0")
            for reason, count in reasons.items()
        ),
    )
    shown = [line for line in items(report).splitlines() if line.startswith("The recordings of ")]
    assert [line.partition(": ")[0] for line in shown] == [f"The recordings of {count} persons" for count in (30, 2, 4)]
    assert "cannot be verified: the plan does not hold all distinct IDs" in shown[2]
    proven = AxisReport(axis="recordings", states=states[3:])
    report = msgspec.structs.replace(report, axes=(proven,), failures=())
    assert "recordings" not in items(report).lower()


def test_a_change_of_properties_leaves_events_and_recordings_alone() -> None:
    report = msgspec.structs.replace(JOBS["complete"](), operation={"kind": "unset", "keys": ["email"]})
    shown = items(report)
    assert "Events: the operation deletes none, and they keep the values" in shown
    assert "in the future" not in shown
