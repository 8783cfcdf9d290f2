"""Every cause for which a job needs attention is on a page that is shown in a browser."""

from cause_jobs import CAUSE_JOBS
from report_jobs import JOBS

from bulk.report import duty_causes
from bulk.report.duty_causes import NEVER_VERIFIED, UNFINISHED

OTHER_KINDS = {
    *(UNFINISHED, NEVER_VERIFIED, "not_covered", "not_applied"),
    *("reappeared", "purge_overdue", "held_back", "still_listed"),
}


def test_each_cause_has_a_page() -> None:
    shown = {cause.kind for make in (JOBS | CAUSE_JOBS).values() for cause in make().duty.causes}
    assert {rule.kind for rule in duty_causes._RULES} | OTHER_KINDS <= shown
