"""The report of a job for events without a person, from its journal alone, and its layout as a document. Pure."""

from datetime import UTC, datetime

import msgspec

from bulk.formatting import count_of, format_count, format_time
from bulk.report.duty import EXIT_CODES, DutyState
from bulk.report.rendering.document import Document, Row, Section, Table
from bulk.without_person.chunks import submission_id
from bulk.without_person.records import ACTIVE_STATUSES, COMPLETED, MAX_ACTIVE, ChunkState, WithoutPersonStates

OPERATION = "delete the events of distinct IDs without a person"
_TITLES = {
    DutyState.COMPLETE: "Complete",
    DutyState.WAITING: "Waiting",
    DutyState.NEEDS_ATTENTION: "Needs attention",
}
_SENTENCE = "The journal of the job proves this; the same journal results in the same text."
_WORDS = {
    "draft": "waits for PostHog's approval",
    "pending": "waits for PostHog's approval",
    "approved": "approved; PostHog deletes at the weekend",
    "in_progress": "being deleted",
    "queued": "queued for deletion",
    COMPLETED: "completed: PostHog found none of the events left",
    "failed": "failed or refused by PostHog",
    "rejected": "refused by PostHog",
    "missing": "no longer known to PostHog",
}


class RequestReport(msgspec.Struct, frozen=True, kw_only=True):
    """The data deletion request of one chunk. Times are ISO 8601 in UTC; None before.

    Arguments:
        number: of the chunk, from 1.
        ids: how many distinct IDs it has.
        submission_id: with which it is submitted.
        request_id: its ID at PostHog; None while it is not known to be there.
        state: "not_submitted", "unclear" after a submission without a known outcome, or PostHog's status.
        events: how many events it deletes, if PostHog says so.
        submitted_at: when PostHog was first known to have it.
        checked_at: when its state was last recorded.
    """

    number: int
    ids: int
    submission_id: str
    request_id: str | None
    state: str
    events: int | None
    submitted_at: str | None
    checked_at: str | None


class WithoutPersonReport(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a job that deletes the events of distinct IDs without a person.

    Arguments:
        job: its random name.
        operation: in words.
        host: the origin of the server.
        project_id: the project.
        ids: distinct IDs.
        events: how many events the server counted before the approval; None without one.
        approved_at: ISO 8601 in UTC; None without an approval.
        state: "complete", "waiting" or "needs_attention".
        verdict: the state in one sentence.
        exit_code: that follows from it.
        is_submitted: whether PostHog has all requests.
        requests: one per chunk of distinct IDs.
        plan_digest: of the plan.
        shredded_at: when the plan was destroyed, ISO 8601 in UTC.
    """

    job: str
    operation: str
    host: str
    project_id: int
    ids: int
    events: int | None
    approved_at: str | None
    state: str
    verdict: str
    exit_code: int
    is_submitted: bool
    requests: tuple[RequestReport, ...]
    plan_digest: str
    shredded_at: str | None


def build_without_person_report(states: WithoutPersonStates) -> WithoutPersonReport:
    """Return the report of a job.

    Arguments:
        states: replayed from a journal that has a job.
    """
    opened = states.opened
    if opened is None:
        raise ValueError("the journal records no job")
    state, sentence = _verdict(states)
    return WithoutPersonReport(
        job=opened.job,
        operation=OPERATION,
        host=opened.host,
        project_id=opened.project,
        ids=sum(opened.chunks),
        events=None if states.approved is None else states.approved.events,
        approved_at=None if states.approved is None else iso(states.approved.at),
        state=state.value,
        verdict=f"{_TITLES[state]}: {sentence}",
        exit_code=EXIT_CODES[state],
        is_submitted=states.is_submitted,
        requests=tuple(_request(opened.job, number, chunk) for number, chunk in enumerate(states.chunks, 1)),
        plan_digest=opened.plan_digest,
        shredded_at=None if states.shredded is None else iso(states.shredded.at),
    )


def state_words(state: str) -> str:
    """Return the state of a request in words."""
    others = {"not_submitted": "not submitted", "unclear": "submitted, and its outcome is not known"}
    return _WORDS.get(state) or others.get(state) or f"in a state that this version does not know: {state}"


def report_rows(report: WithoutPersonReport) -> list[Row]:
    """Return the job in headings and texts, for people."""
    return [
        ("Job", report.job),
        ("Operation", f"{report.operation}; {count_of(report.ids, 'distinct ID')}{_events(report.events)}"),
        ("Project", f"{report.project_id} on {report.host}"),
        ("Approved", "no" if report.approved_at is None else format_time(report.approved_at, seconds=True)),
        ("State", report.verdict),
        *(
            (
                f"Request {request.number}",
                f"{count_of(request.ids, 'distinct ID')}{_events(request.events)}: {state_words(request.state)}",
            )
            for request in report.requests
        ),
        *([] if report.shredded_at is None else [("Plan destroyed", format_time(report.shredded_at, seconds=True))]),
    ]


def lay_out_without_person(report: WithoutPersonReport) -> Document:
    """Return a report as a document."""
    rows = tuple(
        (
            format_count(request.number),
            format_count(request.ids),
            "unknown" if request.events is None else format_count(request.events),
            state_words(request.state),
            "" if request.submitted_at is None else format_time(request.submitted_at, seconds=True),
            "" if request.checked_at is None else format_time(request.checked_at, seconds=True),
            request.request_id or "",
        )
        for request in report.requests
    )
    headings = ("Number", "Distinct IDs", "Events", "State", "Submitted", "Last change read", "Request ID at PostHog")
    table = Table(headings=headings, rows=rows, numeric=frozenset({0, 1, 2}))
    facts = [row for row in report_rows(report) if not row[0].startswith(("State", "Request "))]
    proof = Table(headings=(), rows=(*facts, ("Plan digest", report.plan_digest)))
    state = DutyState(report.state)
    sentence = report.verdict.removeprefix(f"{_TITLES[state]}: ")
    return Document(
        title=f"Report of job {report.job}",
        state=report.state,
        state_title=_TITLES[state],
        verdict=f"{sentence[:1].upper()}{sentence[1:]}",
        notes=(),
        sections=(
            Section(title="Requests", blocks=(table,)),
            Section(title="Proof", blocks=(_SENTENCE, proof)),
        ),
    )


def _verdict(states: WithoutPersonStates) -> tuple[DutyState, str]:
    chunks = states.chunks
    missing = sum(chunk.request is None for chunk in chunks)
    failed = sum(chunk.failed for chunk in chunks)
    done = sum(chunk.status == COMPLETED for chunk in chunks)
    requests = count_of(len(chunks), "request")
    if missing and states.is_full:
        return DutyState.WAITING, (
            f"{missing:,} of {requests} not submitted yet, because PostHog takes no more than {MAX_ACTIVE} active "
            "requests of a project; run the same command again when some of them are completed"
        )
    if missing:
        return DutyState.WAITING, f"{missing:,} of {requests} not submitted yet; run the same command again to resume"
    if failed:
        return DutyState.NEEDS_ATTENTION, (
            f"{failed:,} of {requests} failed, refused by PostHog or missing; ask PostHog's support, then start a new "
            "job with a new --plan"
        )
    if done < len(chunks):
        approval = sum(chunk.status in ("draft", "pending") for chunk in chunks)
        approved = len(chunks) - done - approval
        return DutyState.WAITING, (
            f"{done:,} of {requests} completed; "
            + "; ".join(
                [f"{approval:,} waiting for PostHog's approval"] * bool(approval)
                + [f"{approved:,} approved, waiting for the deletion at the weekend"] * bool(approved)
            )
            + "; verify again later"
        )
    return DutyState.COMPLETE, f"{requests} completed; PostHog found none of the events left"


def _request(job: str, number: int, chunk: ChunkState) -> RequestReport:
    state = chunk.status
    if chunk.request is None:
        state = "not_submitted" if chunk.intended_at is None else "unclear"
    return RequestReport(
        number=number,
        ids=chunk.ids,
        submission_id=str(submission_id(job, number)),
        request_id=chunk.request,
        state=state or "unclear",
        events=chunk.events,
        submitted_at=None if chunk.submitted_at is None else iso(chunk.submitted_at),
        checked_at=None if chunk.checked_at is None else iso(chunk.checked_at),
    )


def _events(count: int | None) -> str:
    return "" if count is None else f", {count_of(count, 'event')}"


def iso(at: float) -> str:
    """Return a time in seconds since the epoch as ISO 8601 in UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


KNOWN_STATUSES = ACTIVE_STATUSES | _WORDS.keys()
"""The statuses that journals hold as they are; any other is "unknown" there."""
