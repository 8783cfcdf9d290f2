"""Opens a job for a run: guards, lock, replay, project and server checked by reading, and a good end whatever happens.

The order matters: nothing is written before every guard has passed. The first request asks for the project, and its
answer tells the server's clock; by that clock the requests of earlier runs are accounted for before any other leaves.
"""

import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import anyio
import msgspec

from asyncclient import ClientEvent, PostHogClient, PostHogError
from bulk.concurrency.stop_gate import Gate
from bulk.errors import BulkError, JournalError, NotFinished, Refused, WriteFailed
from bulk.events import JobEnded, JobEvent, JobStarted, RouteChosen
from bulk.execution import preflight
from bulk.execution.progress_emitter import Reporter, named_counts
from bulk.execution.run import Settings
from bulk.journal.binding import check_binding
from bulk.journal.job_log import Job
from bulk.journal.limit_usage import charge_limits
from bulk.journal.records import FORMAT, Approved, JobOpened, Record, RunEnded, RunStarted
from bulk.journal.replay import open_journal
from bulk.journal.storage import Journal
from bulk.journal.target_states import Ledger
from bulk.operations import Operation, describe, for_journal, from_dict
from bulk.plan.plan_file import Plan
from bulk.posthog.attempt_result import UNANSWERED, unanswered
from bulk.posthog.strategy import Way, find_way
from bulk.report.report import exit_code
from bulk.states import ACCEPTED, PENDING, UNSENT, Axis
from bulk.version import VERSION


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A job that may begin. `client` reports to `reporter`."""

    job: Job
    client: PostHogClient
    way: Way
    gate: Gate
    reporter: Reporter


@asynccontextmanager
async def opened_job(
    client: PostHogClient,
    plan: Plan,
    path: Path,
    settings: Settings,
    *,
    purpose: str,
    approve: str | None,
    on_progress: Callable[[JobEvent], None] | None,
    stop: anyio.Event | None,
) -> AsyncIterator[Opened]:
    """Open the job of a plan and hold its journal's lock.

    Arguments:
        path: the journal; made for purpose "run" where there is none, and only when nothing speaks against the job.
        purpose: "run" or "verify".

    Raises:
        as `run_job`.
    """
    operation = _operation(plan)
    preflight.check_client(plan, origin=client.origin, project_id=client.project_id)
    plan.targets(0, 1)  # one that was closed, or changed on disk, is found out before anything is asked
    gate, ledger = Gate(stop), Ledger()
    journal = _open_existing(path, ledger, plan, purpose, approve)
    try:
        usage, under_way = ledger.usage, ledger.usage.under_way(ledger.open.values())

        def charge() -> None:
            now = client.server_time()
            charge_limits(client.limits, spent=plan.spent, usage=usage, under_way=under_way, now=now)

        early: list[ClientEvent] = []
        way = await _ask(client.observed(early.append), plan, operation, gate, settings, charge)
        if journal is None:
            journal = open_journal(path, ledger)
            if ledger.job is not None:
                raise JournalError(path, "was made by another process just now", "run the same command again")
        writer = journal.writer()
    except BaseException:
        if journal is not None:
            journal.close()
        raise
    job = Job(plan, operation, ledger, writer, now=client.server_time)
    try:
        runs_before = len(ledger.tally.runs)
        newly = purpose == "run" and preflight.check_approval(ledger, plan, approve)
        route = None if way.route is None else way.route.name
        for record in _first_records(job, settings, str(client.limits.rates), purpose, newly=newly, route=route):
            job.note(record)
        await job.durable()
        reporter = Reporter(job, client.limits, on_progress, batch_size=settings.batch_size, route=route)
        for event in early:
            reporter.client_event(event)
        reporter.tell(_started(job, runs_before))
        if way.route is not None and purpose == "run":
            reporter.tell(RouteChosen(route=way.route.name, why=way.route.why))
        async with _ended_in_order(job, reporter, gate, purpose):
            yield Opened(
                job=job,
                client=client.observed(reporter.client_event),
                way=way,
                gate=gate,
                reporter=reporter,
            )
    finally:
        with anyio.CancelScope(shield=True):
            await writer.aclose()


def _open_existing(path: Path, ledger: Ledger, plan: Plan, purpose: str, approve: str | None) -> Journal[Record] | None:
    """The journal, replayed and found to be this plan's; None where it is to be made later."""
    try:
        path.lstat()
    except FileNotFoundError:
        if purpose == "verify":
            raise JournalError(path, "does not exist", "give the journal of the job to verify") from None
        preflight.check_approval(ledger, plan, approve)
        return None
    except OSError:
        pass  # opening it tells what is wrong
    journal = open_journal(path, ledger)
    try:
        if ledger.job is not None:
            check_binding(str(path), ledger.job, plan)
        elif purpose == "verify":
            raise JournalError(path, "is empty: no job was ever opened in it", "give the journal of a job")
        if purpose == "run":
            preflight.check_approval(ledger, plan, approve)
    except BaseException:
        journal.close()
        raise
    return journal


def _operation(plan: Plan) -> Operation:
    try:
        return from_dict(plan.header.operation)
    except ValueError as problem:
        raise Refused(str(problem), "run it with the version that made the plan, or make a new plan") from None


async def _ask(
    client: PostHogClient,
    plan: Plan,
    operation: Operation,
    gate: Gate,
    settings: Settings,
    charge: Callable[[], None],
) -> Way:
    """Make sure by reading that it is the project that was reviewed, and find the way to take.

    Arguments:
        charge: called when the first answer has told the server's clock.
    """
    found: list[Way] = []

    async def ask() -> None:
        with gate.abandonable(), _resumable():
            project = await client.projects.get(plan.header.project_id)
            charge()
            preflight.check_project_name(plan, project.name)
            found.append(
                await find_way(
                    client,
                    operation,
                    count=plan.count,
                    batch_size=settings.batch_size,
                    concurrency=settings.concurrency,
                    project_token=project.api_token,
                )
            )

    await gate.run(ask)
    if not found:
        raise NotFinished("a stop was asked for before the job had begun")
    return found[0]


def _first_records(
    job: Job, settings: Settings, rates: str, purpose: str, *, newly: bool, route: str | None
) -> list[Record]:
    records: list[Record] = []
    header, at = job.plan.header, job.now()
    if job.ledger.job is None:
        records.append(
            JobOpened(
                format=FORMAT,
                job=secrets.token_hex(8),
                host=header.host,
                project=header.project_id,
                operation=for_journal(header.operation),
                selection=_summary(header.selection),
                plan_digest=job.plan.digest,
                count=job.plan.count,
                planned_at=header.created_at,
                at=at,
            )
        )
    if newly:
        records.append(Approved(at=at, digest=job.plan.digest, how="digest"))
    records.append(
        RunStarted(
            at=at,
            purpose=purpose,
            version=VERSION,
            concurrency=settings.concurrency,
            batch_size=settings.batch_size,
            wait_s=settings.wait_s,
            rates=rates,
            route=route,
        )
    )
    return records


def _summary(selection: dict[str, object]) -> dict[str, object]:
    """What of a selection may be in a journal: no values, no identifiers (promise 27)."""
    summary = selection.get("summary")
    return summary if isinstance(summary, dict) else {}


def _started(job: Job, runs_before: int) -> JobStarted:
    ledger = job.ledger
    open_states = UNSENT[ledger.lead] | {ACCEPTED[ledger.lead]}
    remaining = sum(count for state, count in ledger.counts(ledger.lead).items() if state in open_states & PENDING)
    return JobStarted(
        job=ledger.job.job if ledger.job else "",
        operation=describe(job.plan.header.operation),
        project_id=job.plan.header.project_id,
        project_name=job.plan.header.project_name,
        count=ledger.count,
        remaining=remaining,
        runs_before=runs_before,
    )


@asynccontextmanager
async def _ended_in_order(job: Job, reporter: Reporter, gate: Gate, purpose: str) -> AsyncIterator[None]:
    """Note and tell why the run is over."""
    reason = "interrupted"
    try:
        with _resumable():
            yield
        reason = "stopped" if gate.closed else "finished"
    except (BulkError, PostHogError) as error:
        reason = type(error).__name__
        raise
    finally:
        with suppress(WriteFailed):  # the run is ending with that failure already
            job.note(RunEnded(at=job.now(), reason=reason))
        job.ledger.close_open()  # nobody answers any more what was cancelled
        reporter.tell(
            JobEnded(
                reason=reason,
                exit_code=exit_code(job.ledger, purged=purpose == "verify"),
                person=named_counts(job.ledger, Axis.PERSON),
                events=named_counts(job.ledger, Axis.EVENTS),
                recordings=named_counts(job.ledger, Axis.RECORDINGS),
                properties=named_counts(job.ledger, Axis.PROPERTIES),
            )
        )


@contextmanager
def _resumable() -> Iterator[None]:
    """What a read may end with means "run again"."""
    try:
        yield
    except UNANSWERED as error:
        raise unanswered(error) from error
