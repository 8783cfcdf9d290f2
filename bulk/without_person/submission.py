"""Submits data deletion requests for events without a person, and reads their states (guarantee 37).

Each intent is on disk before its request leaves. A request is repeated with the submission ID of its chunk until its
outcome is known, so that PostHog has it once.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import UUID

from asyncclient import BadRequest, Conflict, DataDeletionRequest, NotFound, PostHogClient
from bulk.concurrency.stop_gate import StopGate
from bulk.errors import Refused
from bulk.events import WaitKind
from bulk.journal.storage import Journal
from bulk.journal.writer import JournalWriter
from bulk.posthog import person_reader
from bulk.version import VERSION
from bulk.without_person.chunks import QUERY, submission_id, variables
from bulk.without_person.plan import WithoutPersonPlan
from bulk.without_person.records import (
    FORMAT,
    MAX_ACTIVE,
    MISSING,
    RequestIntended,
    RequestRefused,
    RequestState,
    WithoutPersonApproved,
    WithoutPersonOpened,
    WithoutPersonRecord,
    WithoutPersonStates,
    open_journal,
)
from bulk.without_person.report import KNOWN_STATUSES, WithoutPersonReport, build_without_person_report

_LISTED = 1_000


class WithoutPersonLog:
    """Writes records to the journal and applies the same records to the state."""

    def __init__(
        self, writer: JournalWriter[WithoutPersonRecord], states: WithoutPersonStates, now: Callable[[], float]
    ) -> None:
        self.states = states
        self.now = now
        self._writer = writer

    async def record(self, record: WithoutPersonRecord) -> None:
        """Record and return when it is on disk."""
        self._writer.append(record)
        self.states.apply(record)
        await self._writer.durable()


async def submit_job(
    client: PostHogClient, plan: WithoutPersonPlan, path: Path, *, events: int | None
) -> WithoutPersonReport:
    """Submit the requests of a plan that PostHog does not have yet, and read the states of the others.

    If the project has as many active requests as it may have, the others wait for the next run, as the report says.

    Arguments:
        client: set to the host and project of the plan.
        plan: of the job.
        path: the journal, which is created if it does not exist.
        events: how many events the server counted before the approval; None to resume an approved job.

    Raises:
        JournalBusy: another process works on the job.
        Refused: the journal belongs to another plan, or a submission ID to a request with another query.
        PostHogError: the server refused a request, or did not respond.
    """
    states = WithoutPersonStates()
    async with _writer(open_journal(path, states)) as writer:
        log = WithoutPersonLog(writer, states, client.server_time)
        await _begin(log, plan, path, events)
        already = [number for number, chunk in enumerate(states.chunks, 1) if chunk.request is not None]
        for number, ids in enumerate(plan.chunks, 1):
            if states.chunks[number - 1].request is None:
                await _submit(client, log, number, ids)
                if states.is_full:
                    break
        await _follow(client, log, already)
        return build_without_person_report(states)


async def verify_without_person(client: PostHogClient, path: Path) -> WithoutPersonReport:
    """Read the states of all requests that PostHog had when they were last read, and record them; changes nothing else.

    Arguments:
        client: set to the host and project of the job.
        path: the journal.

    Raises:
        JournalBusy: another process works on the job.
        Refused: the client is set to another host or project.
        PostHogError: the server refused a request, or did not respond.
    """
    states = WithoutPersonStates()
    async with _writer(open_journal(path, states)) as writer:
        opened = states.opened
        assert opened is not None  # the caller has read the journal
        check_client(client, opened.host, opened.project)
        log = WithoutPersonLog(writer, states, client.server_time)
        await _find_unclear(client, log)
        await _follow(client, log, range(1, len(states.chunks) + 1))
        return build_without_person_report(states)


def check_journal(path: Path, states: WithoutPersonStates, plan: WithoutPersonPlan) -> None:
    """Raise Refused if the journal at this path, with these states, is that of another plan."""
    if states.opened is not None and states.opened.plan_digest != plan.digest:
        raise Refused(f"{path} is the journal of another job", "name the journal of this plan with --journal")


def check_client(client: PostHogClient, host: str, project: int) -> None:
    """Raise Refused if the client is set to another host or project than the job."""
    for name, setting, wanted, is_set in (
        ("host", "host", host, client.origin),
        ("project", "project ID", project, client.project_id),
    ):
        if wanted != is_set:
            raise Refused(
                f"the job is for {name} {wanted}, but the client is set to {is_set}", f"set the {setting} to {wanted}"
            )


def _writer(journal: Journal[WithoutPersonRecord]) -> JournalWriter[WithoutPersonRecord]:
    return journal.writer()


async def _begin(log: WithoutPersonLog, plan: WithoutPersonPlan, path: Path, events: int | None) -> None:
    """Record job and approval, unless the journal has them."""
    header, counts = plan.header, tuple(map(len, plan.chunks))
    if log.states.opened is None:
        await log.record(
            WithoutPersonOpened(
                format=FORMAT,
                job=header.job,
                host=header.host,
                project=header.project_id,
                plan_digest=plan.digest,
                chunks=counts,
                version=VERSION,
                at=log.now(),
            )
        )
    check_journal(path, log.states, plan)
    if log.states.approved is None:
        if events is None:
            raise Refused("the job is not approved", "run the same command again to be asked")
        await log.record(WithoutPersonApproved(ids=sum(counts), events=events, at=log.now()))


async def _submit(client: PostHogClient, log: WithoutPersonLog, number: int, ids: Sequence[str]) -> None:
    assert log.states.opened is not None
    submission = submission_id(log.states.opened.job, number)
    await log.record(RequestIntended(chunk=number, submission=str(submission), at=log.now()))
    try:
        made = await client.data_deletion_requests.create(QUERY, variables(ids), submission_id=submission)
    except (Conflict, BadRequest) as error:
        active = await _active_after(client, submission, number, error)
        await log.record(RequestRefused(chunk=number, active=active, at=log.now()))
        return
    if made.submission_id not in (None, submission):
        raise Refused(
            f"PostHog responded to request {number} with a request of another submission ID", "ask PostHog's support"
        )
    await _record_state(log, number, made)


async def _active_after(client: PostHogClient, submission: UUID, number: int, error: Conflict | BadRequest) -> int:
    """Return how many requests of the project are active, if a creation was refused because of them.

    The list tells, because servers refuse with different codes and texts.

    Raises:
        Refused: the submission ID belongs to a request with another query.
        Conflict, BadRequest: it was refused for another reason.
    """
    listed = (await client.data_deletion_requests.list(limit=_LISTED)).results
    if any(each.submission_id == submission for each in listed):
        raise Refused(
            f"the submission ID of request {number} belongs to a request with another query",
            "ask PostHog's support about it; this job cannot continue",
        )
    active = sum(each.is_active for each in listed)
    if active >= MAX_ACTIVE:
        return active
    raise error


async def _find_unclear(client: PostHogClient, log: WithoutPersonLog) -> None:
    """Record the requests that PostHog has although the response to their submission was lost."""
    assert log.states.opened is not None
    unclear = {
        submission_id(log.states.opened.job, number): number
        for number, chunk in enumerate(log.states.chunks, 1)
        if chunk.request is None and chunk.intended_at is not None
    }
    if unclear:
        for each in (await client.data_deletion_requests.list(limit=_LISTED)).results:
            if each.submission_id in unclear:
                await _record_state(log, unclear[each.submission_id], each)


async def _follow(client: PostHogClient, log: WithoutPersonLog, numbers: Sequence[int]) -> None:
    """Read the states of these chunks' requests, unless PostHog is done with them, and record what has changed.

    A request that a response does not know counts as missing if a second read, some seconds later, does not find it
    either (guarantee 11); a later one may still find it.
    """
    unknown = [number for number in numbers if not await _is_found(client, log, number)]
    if unknown:
        await StopGate().sleep(person_reader.CONFIRM_AFTER_S, WaitKind.SECOND_READ, targets=len(unknown))
    for number in unknown:
        if not await _is_found(client, log, number) and log.states.chunks[number - 1].status != MISSING:
            request = log.states.chunks[number - 1].request
            assert request is not None
            await log.record(RequestState(chunk=number, request=request, status=MISSING, at=log.now()))


async def _is_found(client: PostHogClient, log: WithoutPersonLog, number: int) -> bool:
    """Read the state of a chunk's request, record it if it has changed, and return whether PostHog has the request."""
    chunk = log.states.chunks[number - 1]
    if chunk.request is None or chunk.is_final:
        return True
    try:
        found = await client.data_deletion_requests.get(chunk.request)
    except NotFound:
        return False
    if _status(found) != chunk.status:
        await _record_state(log, number, found)
    return True


async def _record_state(log: WithoutPersonLog, number: int, request: DataDeletionRequest) -> None:
    await log.record(
        RequestState(
            chunk=number, request=_id_of(request, number), status=_status(request), events=request.count, at=log.now()
        )
    )


def _status(request: DataDeletionRequest) -> str:
    return request.status if request.status in KNOWN_STATUSES else "unknown"


def _id_of(request: DataDeletionRequest, number: int) -> str:
    """Return the ID of a request as the journal holds it: a UUID or a number, and no other text of the server."""
    text = str(request.id)
    if text.isascii() and text.isdecimal():
        return text
    try:
        return str(UUID(text))
    except ValueError:
        raise Refused(
            f"PostHog responded to request {number} with an ID that is neither a UUID nor a number",
            "update posthog-bulk, then run the same command again",
        ) from None
