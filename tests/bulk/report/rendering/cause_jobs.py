"""Reports of jobs with the causes that other jobs do not have, a receipt, and a job whose lines need no person."""

from datetime import date, timedelta

from report_jobs import DAY, FACTS, START, SUNDAY, erased, opened, plan_of, report_of, run_started, sent, states, waited

from bulk.journal.records import Change, FilesShredded, Record, RunEnded, UnmatchedExpected
from bulk.journal.target_states import TargetStates
from bulk.report.receipt import Receipt, answer_request, build_receipt
from bulk.report.report import Report
from bulk.report.target_history import TargetHistory
from bulk.requests.due_dates import RequestsDue
from bulk.requests.look_ups import LookUp
from bulk.requests.receipt_lines import LineEntry
from bulk.selection.inputs.coverage import InputCoverage

PERSONS, REFERENCES = 100_000, 40
ENDED = RunEnded(at=START + 600, reason="finished")


def recordings() -> Report:
    """A job whose recordings are left, kept, unread or skipped, and some of whose changes PostHog never applied."""
    seen = (
        Change("person", "deleted_confirmed", "0-79"),
        Change("person", "merged", "80-84"),
        Change("person", "accepted", "85-89"),
        Change("recordings", "deleted", "0-49"),
        Change("recordings", "too_late", "50-54"),
        Change("recordings", "still_there", "55-64"),
        Change("recordings", "requested", "65-69", "not_marked_yet"),
        Change("recordings", "not_verifiable", "70-74", "no_query_scope"),
        Change("recordings", "not_verifiable", "75-79", "no_recordings"),
        Change("recordings", "skipped", "80-89"),
    )
    operation = {"kind": "delete", "delete_events": False, "delete_recordings": True}
    at = START + 3 * DAY
    return report_of(
        [
            *opened(90, coverage=InputCoverage(lines=90), operation=operation),
            run_started(START),
            *sent(0, START + 1, "recordings", "0-79"),
            *sent(1, START + 4, "person", "0-79"),
            states(START + 20, *seen[:3]),
            ENDED,
            run_started(at, "verify"),
            states(at + 5, *seen[3:]),
            RunEnded(at=at + 9, reason="finished"),
        ],
        plan_of(90),
    )


def kept_persons() -> Report:
    """A deletion of events alone, in which the server deleted persons that it was asked to keep."""
    failed = {"outcome": "unknown", "status": 202, "error": "deleted_instead_of_kept"}
    return report_of(
        [
            *opened(60, coverage=InputCoverage(lines=60), operation={"kind": "delete-events"}),
            run_started(START),
            *sent(0, START + 1, "events", "0-49"),
            states(START + 5, Change("events", "queued", "0-49", covered_until=int(START))),
            *sent(1, START + 9, "events", "50-59", **failed),
            states(START + 12, Change("person", "deleted_unexpectedly", "50-54", "deleted_instead_of_kept")),
            states(START + 13, Change("person", "not_requested", "55-59", "deleted_instead_of_kept")),
            states(START + 14, Change("events", "queued", "50-59", covered_until=int(START + 9))),
            RunEnded(at=START + 20, reason="BreakerOpened"),
        ],
        plan_of(60),
    )


def shredded_early() -> Report:
    """A job whose plan was destroyed before its events were purged."""
    at = START + DAY
    return report_of(
        [
            *opened(40, coverage=InputCoverage(lines=40)),
            run_started(START),
            *erased(40, START),
            RunEnded(at=START + 100, reason="finished"),
            FilesShredded(at=at, files=("plan", "receipts")),
            FilesShredded(at=at + 1, files=("plan", "receipts"), done=True),
        ]
    )


def expected_lines() -> Report:
    """A complete job of which some input lines match no person, as somebody confirmed."""
    at = SUNDAY + DAY
    return report_of(
        [
            *opened(40, coverage=InputCoverage(lines=43, unmatched=2, repeated=1, repeated_unmatched=1)),
            run_started(START),
            *erased(40, START),
            waited(0, "outage", START + 62, START + 85),
            RunEnded(at=START + 100, reason="finished"),
            UnmatchedExpected(at=at, lines=2, operator="Jane Doe, data team"),
            run_started(at, "verify"),
            states(at + 5, Change("events", "purged", "0-39", covered_until=int(SUNDAY))),
            RunEnded(at=at + 9, reason="finished"),
        ],
        plan_of(43, unmatched=2, duplicates=1),
    )


def _large_job() -> list[Record]:
    """Return the records of a job of 100,000 persons for 40 requests, whose events are purged except the last ones."""
    first = date(2026, 12, 1)
    due = tuple(
        RequestsDue(due=(first + timedelta(days=number)).isoformat(), requests=1 + (number == 0))
        for number in range(REFERENCES - 1)
    )
    records = [*opened(PERSONS, coverage=InputCoverage(lines=PERSONS), due=due), run_started(START)]
    for number in range(PERSONS // 250):
        at, stop = START + 9 * number, 250 * (number + 1)
        records += erased(stop, at, attempt=2 * number, first=250 * number)
    ended = START + 4_000
    purged = Change("events", "purged", f"0-{PERSONS - 1_001}", covered_until=int(SUNDAY))
    return [
        *records,
        waited(0, "rate_limit", START + 95, START + 3_600, 2_900.0),
        waited(1, "outage", START + 2_000, START + 2_310),
        waited(2, "catching_up", START + 3_620, START + 3_900, 220.0),
        waited(3, "second_read", START + 3_910, START + 3_940),
        RunEnded(at=ended, reason="finished"),
        run_started(SUNDAY + DAY, "verify"),
        states(SUNDAY + DAY + 5, purged),
        RunEnded(at=SUNDAY + DAY + 9, reason="finished"),
    ]


def many_persons() -> Report:
    """A job of 100,000 persons with 40 references that are due on 39 days."""
    return report_of(_large_job(), plan_of(PERSONS))


def large_receipt() -> Receipt:
    """The receipt of one of these references: 2,500 lines, the last ones without a person or with one that waits."""
    size = PERSONS // REFERENCES
    targets = range(PERSONS - size, PERSONS)
    target_states, history = TargetStates(), TargetHistory(targets)
    for record in _large_job():
        target_states.apply(record)
        history.apply(record)
    days = {"reference": "DSR-40", "received": "2026-11-20", "due": "2026-12-20"}
    lines = [
        LookUp(targets=(number,), lines=(LineEntry(line=number + 2, targets=str(number), **days),))
        for number in targets
    ]
    missing = PERSONS + 2
    lines.append(LookUp(lines=(LineEntry(line=missing, outcome="unmatched", **days),)))
    answers = answer_request(lines, target_states, history)
    return build_receipt(answers, target_states, FACTS, reference="DSR-40", receipts_digest="sha256:" + "ef" * 32)


CAUSE_JOBS = {
    "recordings": recordings,
    "kept_persons": kept_persons,
    "shredded_early": shredded_early,
    "expected_lines": expected_lines,
    "many_persons": many_persons,
}
"""The jobs by name."""
