"""What a report says about how to check it works with the files that there are."""

from bulk.report.rendering import render_text
from tests.bulk.report.rendering.report_jobs import complete, shredded


def test_the_report_of_a_destroyed_plan_gives_no_command_that_needs_the_plan() -> None:
    needs_plan = ("posthog-bulk verify JOURNAL", "head -n -1 PLAN", "posthog-bulk show PLAN", "posthog-bulk run PLAN")
    with_plan, without = render_text(complete()), render_text(shredded())
    assert all(command in with_plan for command in needs_plan[:3])
    assert not any(command in without for command in needs_plan)
    assert "sha256sum JOURNAL" in without
    assert "posthog-bulk report JOURNAL -o AGAIN.html" in without
