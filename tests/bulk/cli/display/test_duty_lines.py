"""What to do about a job, in lines that name its files."""

from datetime import UTC, datetime
from pathlib import Path

from bulk.cli.display.duty_lines import duty_lines
from bulk.report.duty import Duty, DutyCause, DutyState

NOW = datetime(2026, 11, 30, tzinfo=UTC)


def test_what_two_causes_need_is_said_once() -> None:
    causes = tuple(
        DutyCause(kind="never_verified", count=2, targets=targets, what=what, action="Confirm this by hand.")
        for targets, what in (("0-1", "events"), ("0-1", "recordings"), ("4-5", "events"))
    )
    duty = Duty(state=DutyState.NEEDS_ATTENTION.value, sentence="Needs attention.", causes=causes)
    assert duty_lines(duty, Path("x.plan.jsonl"), Path("x.journal.jsonl"), run_again="", now=NOW) == [
        "Needs attention.",
        "- Persons 0-1 of the plan: Confirm this by hand.",
        "- Persons 4-5 of the plan: Confirm this by hand.",
    ]
