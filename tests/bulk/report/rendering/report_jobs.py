"""The reports of jobs in every state, made from the records that their journals would have, without a server."""

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from bulk.journal.records import (
    FORMAT,
    Approved,
    AttemptEnded,
    Change,
    FilesShredded,
    Intent,
    JobOpened,
    PauseTaken,
    Record,
    RunEnded,
    RunStarted,
    StatesChanged,
    Verified,
    Waited,
)
from bulk.journal.replay import JournalFacts
from bulk.journal.target_states import TargetStates
from bulk.report.parts.plan_report import PlanReport, PlanValues
from bulk.report.report import Report, build_report
from bulk.requests.due_dates import RequestsDue
from bulk.requests.job_record import JobRecord
from bulk.selection.inputs.coverage import InputCoverage

START = datetime(2026, 11, 24, 9, 0, 7, tzinfo=UTC).timestamp()
SUNDAY = datetime(2026, 11, 29, 18, 0, tzinfo=UTC).timestamp()
DAY = 86_400.0
DELETE = {"kind": "delete", "delete_events": True, "delete_recordings": False}
RECORD = JobRecord(
    operator="Jane Doe, data team",
    reason="Erasure requests of November, Art. 17 GDPR",
    approver="John Roe, DPO",
    reference="DSR-2026-11",
    received="2026-11-20",
)
FACTS = JournalFacts(digest="sha256:" + "cd" * 32, lines=1234, torn_tail_bytes=0, file_digest="sha256:" + "cd" * 32)


def opened(
    count: int,
    *,
    coverage: InputCoverage | None = None,
    due: tuple[RequestsDue, ...] = (),
    operation: dict[str, object] | None = None,
) -> list[Record]:
    """Return the records that begin a job."""
    digest = "sha256:" + "ab" * 32
    return [
        JobOpened(
            format=FORMAT,
            job="7966d13ea8f466d8",
            host="https://eu.posthog.com",
            project=42,
            operation=operation or DELETE,
            selection={"kind": "distinct_ids", "input": "file", "layout": "csv", "allow_shared_ids": False},
            plan_digest=digest,
            count=count,
            planned_at="2026-11-24T08:50:00Z",
            at=START,
            coverage=coverage,
            record=RECORD,
            due=due,
        ),
        Approved(at=START, digest=digest, how="digest"),
    ]


def run_started(at: float, purpose: str = "run") -> RunStarted:
    """Return the record with which a run begins."""
    return RunStarted(
        at=at, purpose=purpose, version="0.1.0", concurrency=8, batch_size=250, wait_s=900.0, rates="posthog"
    )


def states(at: float, *changes: Change) -> StatesChanged:
    """Return the record of a read."""
    return StatesChanged(at=at, source="person_reads", changes=changes)


def sent(attempt: int, at: float, axis: str, targets: str, **ended: object) -> list[Record]:
    """Return a request and its response, which is a success unless `ended` says otherwise."""
    fields = {"outcome": "ok", "status": 202, **ended}
    return [
        Intent(
            attempt=attempt,
            route="bulk_delete",
            bucket="deletes",
            axes=(axis,),
            targets=targets,
            at=at,
            server_at=at,
        ),
        AttemptEnded(attempt=attempt, at=at + 1, **fields),  # type: ignore[arg-type]
    ]


def erased(count: int, at: float, attempt: int = 0, first: int = 0) -> list[Record]:
    """Return what deletes the persons from number `first` up to `count`."""
    targets = f"{first}-{count - 1}"
    return [
        *sent(attempt, at + 1, "events", targets),
        states(at + 30, Change("events", "queued", targets, covered_until=int(at + 1))),
        *sent(attempt + 1, at + 60, "person", targets),
        states(at + 90, Change("person", "deleted_confirmed", targets)),
    ]


def waited(number: int, kind: str, since: float, until: float, waited_s: float | None = None) -> Waited:
    """Return the record of a wait that is over."""
    length_s = until - since if waited_s is None else waited_s
    return Waited(at=until, wait=number, kind=kind, since=since, until=until, waited_s=length_s)


def report_of(records: Iterable[Record], plan: PlanReport | None = None) -> Report:
    """Return the report of a journal with these records."""
    target_states = TargetStates()
    for record in records:
        target_states.apply(record)
    target_states.close_open()
    return msgspec.structs.replace(build_report(target_states, FACTS, None), plan=plan)


def plan_of(lines: int, *, values: bool = True, **counts: int) -> PlanReport:
    """Return what a plan adds to the report of a job."""
    findings: list[dict[str, object]] = [{"kind": "requests", "count": 12}, {"kind": "lines", "count": lines}]
    findings += [{"kind": kind, "count": count, "lines": "7"} for kind, count in counts.items()]
    details = {"kind": "distinct_ids", "file": "leavers-november.csv", "column": "user_id", "allow_shared_ids": False}
    held = PlanValues(
        operation=DELETE, selection=details, input_file="leavers-november.csv", input_sha256="sha256:" + "ef" * 32
    )
    return PlanReport(
        file_digest="sha256:" + "ab" * 32,
        project_name="Acme production",
        created_at="2026-11-24T08:50:00Z",
        findings=findings,
        file_sha256="sha256:" + "12" * 32,
        values=held if values else None,
    )


def complete() -> Report:
    """A job whose events are purged."""
    return report_of(
        [
            *opened(40, coverage=InputCoverage(lines=40)),
            run_started(START),
            *erased(40, START),
            RunEnded(at=START + 100, reason="finished"),
            run_started(SUNDAY + DAY, "verify"),
            states(SUNDAY + DAY + 5, Change("events", "purged", "0-39", covered_until=int(SUNDAY))),
            RunEnded(at=SUNDAY + DAY + 9, reason="finished"),
        ],
        plan_of(40),
    )


def waiting() -> Report:
    """A job whose events are queued."""
    return report_of(
        [
            *opened(4_990, coverage=InputCoverage(lines=5_003), due=(RequestsDue(due="2026-12-20", requests=40),)),
            run_started(START),
            *erased(4_990, START),
            PauseTaken(at=START + 40, bucket="deletes", duration_s=58.0),
            RunEnded(at=START + 200, reason="finished"),
        ],
        plan_of(5_003, duplicates=10, aliases=3),
    )


def needs_attention() -> Report:
    """A job with every cause for which it needs attention, as far as one job can have them."""
    failed = [
        *sent(10, START + 70, "person", "900-909", outcome="failed", status=400, error="bad_request", code="invalid"),
        *sent(11, START + 75, "person", "910-919", outcome="unknown", status=503, error="server_error"),
        *sent(12, START + 80, "person", "920-929", outcome="failed", status=429, error="rate_limited"),
    ]
    return report_of(
        [
            *opened(
                1_000, coverage=InputCoverage(lines=1_020, unmatched=9, refused=4, unread=2, protected=1, repeated=1)
            ),
            run_started(START),
            *erased(900, START),
            *failed,
            states(
                START + 95,
                Change("events", "queued", "900-954", covered_until=int(START)),
                Change("person", "failed", "900-909", "rejected:bad_request:400:invalid"),
                Change("person", "failed", "910-919", "attempts_exhausted"),
                Change("person", "contradicted", "920-924", "accepted_not_deleted"),
                Change("person", "contradicted", "925-929", "reappeared"),
                Change("person", "merged", "930-934"),
                Change("person", "recreated", "935-939"),
                Change("person", "deleted_confirmed", "940-999"),
                Change("events", "too_late", "955-964", "outcome_unknown"),
                Change("events", "unverifiable", "965-974"),
                Change("events", "failed", "975-979", "no_deletion_row"),
                Change("events", "purged", "980-999", covered_until=int(START)),
            ),
            RunEnded(at=START + 200, reason="finished"),
        ],
        plan_of(1_020, unmatched=9, unread=2, duplicates=4, aliases=1),
    )


def unfinished() -> Report:
    """A job whose only run was killed, with persons that wait for an earlier deletion of their events."""
    held = states(START + 50, Change("events", "held_back", "50-59"), Change("person", "held_back", "50-59"))
    return report_of([*opened(100), run_started(START), *erased(50, START), held, *sent(9, START + 92, "events", "60")])


def overdue() -> Report:
    """A job whose events are still queued after five weeks, as a verification found that could not read everything."""
    at = START + 35 * DAY
    return report_of(
        [
            *opened(100),
            run_started(START),
            *erased(100, START),
            states(START + 95, Change("events", "held_back", "90-99"), Change("person", "held_back", "90-99")),
            RunEnded(at=START + 100, reason="finished"),
            run_started(at, "verify"),
            Verified(at=at + 5, persons=100, unread="3", returned="5-6", listed="7", listing=None),
            RunEnded(at=at + 9, reason="finished"),
        ]
    )


def properties() -> Report:
    """A change of properties with everything that can happen to it."""
    changes = (
        ("changed_confirmed", "0-69", None),
        ("contradicted", "70-74", "accepted_not_applied"),
        ("contradicted", "75-79", "changed_afterwards"),
        ("failed", "80-84", "event_refused"),
        ("failed", "85-89", "no_distinct_id"),
        ("too_late", "90-94", None),
        ("gone_with_person", "95-99", None),
    )
    seen = states(START + 9, *(Change("properties", state, numbers, reason) for state, numbers, reason in changes))
    operation = {"kind": "update", "keys": ["plan", "a_very_long_name_of_a_property_without_any_blank_" * 3]}
    ended = RunEnded(at=START + 60, reason="finished")
    return report_of([*opened(100, operation=operation), run_started(START), seen, ended])


def interrupted() -> Report:
    """A job that was interrupted five times and is done."""
    records = opened(600, coverage=InputCoverage(lines=600))
    for number, reason in enumerate((None, "stopped", None, "NotFinished", "BreakerOpened", "finished")):
        at = START + 600 * number
        records.append(run_started(at))
        records += erased(100 * (number + 1), at, attempt=10 * number, first=100 * number)
        records.append(waited(0, "outage" if number % 2 else "rate_limit", at + 62, at + 85))
        if reason is None:
            records += sent(10 * number + 5, at + 95, "events", f"{100 * number + 100}-{100 * number + 149}")[:1]
        else:
            records.append(RunEnded(at=at + 120, reason=reason))
    return report_of(records, plan_of(600))


def shredded() -> Report:
    """A complete job whose plan is destroyed."""
    at = SUNDAY + 3 * DAY
    return report_of(
        [
            *opened(40, coverage=InputCoverage(lines=43, unmatched=3)),
            run_started(START),
            *erased(40, START),
            RunEnded(at=START + 100, reason="finished"),
            run_started(SUNDAY + DAY, "verify"),
            states(SUNDAY + DAY + 5, Change("events", "purged", "0-39", covered_until=int(SUNDAY))),
            RunEnded(at=SUNDAY + DAY + 9, reason="finished"),
            FilesShredded(at=at, files=("plan",)),
            FilesShredded(at=at + 1, files=("plan",), done=True),
        ]
    )


JOBS = {
    "complete": complete,
    "waiting": waiting,
    "needs_attention": needs_attention,
    "unfinished": unfinished,
    "overdue": overdue,
    "properties": properties,
    "interrupted": interrupted,
    "shredded": shredded,
}
"""The jobs by name."""
