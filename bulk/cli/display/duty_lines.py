"""Says in lines for people whether a job is complete, and what to do: command lines name the files of the job. Pure."""

import re
from datetime import datetime
from pathlib import Path

from bulk.jobs.next_run import verify_line
from bulk.report.duty import Duty, DutyCause
from bulk.report.duty_causes import UNFINISHED
from bulk.report.parts.input_report import coverage_in
from bulk.report.report import Report
from bulk.sanitize import file_word, plain
from bulk.selection.input_findings import by_kind

NUMBERS_SHOWN = 60
"""Characters of target numbers in a line; the report has all of them."""
LINES_SHOWN = 300
"""Characters up to which a line names the input lines that are not covered; `show` lists more of them."""
_FILE = re.compile(r"\b(PLAN|JOURNAL)\b")


def duty_lines(
    duty: Duty, plan: Path, journal: Path, *, run_again: str, now: datetime, report: Report | None = None
) -> list[str]:
    """Return the state of a duty, then what to do about each cause, then how to verify what it waits for.

    That persons are left to process has no line of its own: the line that resumes the job stands beside these.

    Arguments:
        duty: of the job.
        plan: the plan file.
        journal: the journal.
        run_again: the command line that runs the job again.
        now: the time, for a verification that is worth its requests already.
        report: of the job; with the plan it tells which lines are not covered.
    """
    lines = [plain(duty.sentence, limit=None)]
    lines += dict.fromkeys(  # two causes of the same persons may need the same
        f"- {_numbers(cause)}{_action(cause, plan, journal, run_again, report)}"
        for cause in duty.causes
        if cause.kind != UNFINISHED
    )
    if duty.waiting_for:
        is_due = duty.verify_from is not None and datetime.fromisoformat(duty.verify_from) <= now
        lines.append(f"{'To verify, from now on' if is_due else 'To verify'}: {verify_line(plan, journal)}")
    return lines


def _action(cause: DutyCause, plan: Path, journal: Path, run_again: str, report: Report | None) -> str:
    """Return what to do about a cause, with the names of the job's files in its command lines."""
    text = cause.action.replace("posthog-bulk run PLAN", run_again)
    if lines := _lines_not_covered(report):
        text = text.replace("posthog-bulk show PLAN lists their numbers", lines)
    text = text.replace("posthog-bulk verify JOURNAL", verify_line(plan, journal))
    files = {"PLAN": plan, "JOURNAL": journal}
    return _FILE.sub(lambda match: file_word(str(files[match[1]])), text)


def _lines_not_covered(report: Report | None) -> str:
    """Return which input lines are not covered and why, by number; empty without the plan, or if there are many."""
    coverage = None if report is None else coverage_in(report.input)
    if report is None or report.plan is None or coverage is None:
        return ""
    findings = by_kind(report.plan.findings)
    found = [] if coverage.unmatched_expected else [("matched no person", findings.get("unmatched", {}))]
    found += [(f"refused, {reason}", one) for reason, one in findings.get("refused", {}).get("reasons", {}).items()]
    found.append(("could not be read", findings.get("unread", {})))
    found.append(("protected", findings.get("protected", {}).get("input", {})))
    found.append(("repeated from such a line", findings.get("duplicates", {}).get("not_covered", {})))
    parts = [
        f"{'line' if one['count'] == 1 else 'lines'} {one['lines']}: {why}" for why, one in found if one.get("count")
    ]
    text = plain("; ".join(parts), limit=None)
    return text if len(text) <= LINES_SHOWN else ""


def _numbers(cause: DutyCause) -> str:
    if cause.targets is None:
        return ""
    noun = "Person" if cause.count == 1 else "Persons"
    return f"{noun} {plain(cause.targets, limit=NUMBERS_SHOWN)} of the plan: "
