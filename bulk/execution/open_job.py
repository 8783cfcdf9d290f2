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
from bulk.concurrency.stop_gate import StopGate
from bulk.errors import BulkError, JournalError, NotFinished, Refused, WriteFailed
from bulk.events import JobEnded, JobEvent, JobStarted, RouteChosen
from bulk.execution import preflight
from bulk.execution.progress_emitter import ProgressEmitter, named_counts
from bulk.execution.run_settings import RunSettings
from bulk.journal.binding import check_binding
from bulk.journal.job_log import JobLog
from bulk.journal.limit_usage import restore_limits
from bulk.journal.records import FORMAT, Approved, JobOpened, Record, RunEnded, RunStarted
from bulk.journal.replay import open_journal
from bulk.journal.storage import Journal
from bulk.journal.target_states import TargetStates
from bulk.operations import Operation, describe, for_journal, from_dict
from bulk.plan.plan_file import Plan
from bulk.posthog.attempt_result import UNANSWERED, unanswered
from bulk.posthog.strategy import Strategy, detect_strategy
from bulk.report.report import exit_code
from bulk.states import ACCEPTED, PENDING, UNSENT, Axis
from bulk.version import VERSION


class OpenedJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job that may begin. `client` reports to `emitter`."""

    job: JobLog
    client: PostHogClient
    strategy: Strategy
    gate: StopGate
    emitter: ProgressEmitter


@asynccontextmanager
async def open_job(
    client: PostHogClient,
    plan: Plan,
    path: Path,
    settings: RunSettings,
    *,
    purpose: str,
    approve: str | None,
    on_progress: Callable[[JobEvent], None] | None,
    stop: anyio.Event | None,
) -> AsyncIterator[OpenedJob]:
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
    gate, target_states = StopGate(stop), TargetStates()
    journal = _open_existing(path, target_states, plan, purpose, approve)
    try:
        usage, under_way = target_states.usage, target_states.usage.under_way(target_states.open.values())

        def charge() -> None:
            now = client.server_time()
            restore_limits(client.limits, spent=plan.spent, usage=usage, under_way=under_way, now=now)

        early: list[ClientEvent] = []
        strategy = await _ask(client.observed(early.append), plan, operation, gate, settings, charge)
        if journal is None:
            journal = open_journal(path, target_states)
            if target_states.job is not None:
                raise JournalError(path, "was made by another process just now", "run the same command again")
        writer = journal.writer()
    except BaseException:
        if journal is not None:
            journal.close()
        raise
    job = JobLog(plan, operation, target_states, writer, now=client.server_time)
    try:
        runs_before = len(target_states.run_stats.runs)
        newly = purpose == "run" and preflight.check_approval(target_states, plan, approve)
        route = None if strategy.route is None else strategy.route.name
        for record in _first_records(job, settings, str(client.limits.rates), purpose, newly=newly, route=route):
            job.record(record)
        await job.wait_durable()
        emitter = ProgressEmitter(job, client.limits, on_progress, batch_size=settings.batch_size, route=route)
        for event in early:
            emitter.client_event(event)
        emitter.emit(_started(job, runs_before))
        if strategy.route is not None and purpose == "run":
            emitter.emit(RouteChosen(route=strategy.route.name, why=strategy.route.why))
        async with _ended_in_order(job, emitter, gate, purpose):
            yield OpenedJob(
                job=job,
                client=client.observed(emitter.client_event),
                strategy=strategy,
                gate=gate,
                emitter=emitter,
            )
    finally:
        with anyio.CancelScope(shield=True):
            await writer.aclose()


def _open_existing(
    path: Path, target_states: TargetStates, plan: Plan, purpose: str, approve: str | None
) -> Journal[Record] | None:
    """The journal, replayed and found to be this plan's; None where it is to be made later."""
    try:
        path.lstat()
    except FileNotFoundError:
        if purpose == "verify":
            raise JournalError(path, "does not exist", "give the journal of the job to verify") from None
        preflight.check_approval(target_states, plan, approve)
        return None
    except OSError:
        pass  # opening it tells what is wrong
    journal = open_journal(path, target_states)
    try:
        if target_states.job is not None:
            check_binding(str(path), target_states.job, plan)
        elif purpose == "verify":
            raise JournalError(path, "is empty: no job was ever opened in it", "give the journal of a job")
        if purpose == "run":
            preflight.check_approval(target_states, plan, approve)
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
    gate: StopGate,
    settings: RunSettings,
    charge: Callable[[], None],
) -> Strategy:
    """Make sure by reading that it is the project that was reviewed, and find the way to take.

    Arguments:
        charge: called when the first answer has told the server's clock.
    """
    found: list[Strategy] = []

    async def ask() -> None:
        with gate.cancel_on_stop(), _resumable():
            project = await client.projects.get(plan.header.project_id)
            charge()
            preflight.check_project_name(plan, project.name)
            found.append(
                await detect_strategy(
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
    job: JobLog, settings: RunSettings, rates: str, purpose: str, *, newly: bool, route: str | None
) -> list[Record]:
    records: list[Record] = []
    header, at = job.plan.header, job.now()
    if job.target_states.job is None:
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


def _started(job: JobLog, runs_before: int) -> JobStarted:
    target_states = job.target_states
    open_states = UNSENT[target_states.lead] | {ACCEPTED[target_states.lead]}
    remaining = sum(
        count for state, count in target_states.counts(target_states.lead).items() if state in open_states & PENDING
    )
    return JobStarted(
        job=target_states.job.job if target_states.job else "",
        operation=describe(job.plan.header.operation),
        project_id=job.plan.header.project_id,
        project_name=job.plan.header.project_name,
        count=target_states.count,
        remaining=remaining,
        runs_before=runs_before,
    )


@asynccontextmanager
async def _ended_in_order(job: JobLog, emitter: ProgressEmitter, gate: StopGate, purpose: str) -> AsyncIterator[None]:
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
            job.record(RunEnded(at=job.now(), reason=reason))
        job.target_states.close_open()  # nobody answers any more what was cancelled
        emitter.emit(
            JobEnded(
                reason=reason,
                exit_code=exit_code(job.target_states, purged=purpose == "verify"),
                person=named_counts(job.target_states, Axis.PERSON),
                events=named_counts(job.target_states, Axis.EVENTS),
                recordings=named_counts(job.target_states, Axis.RECORDINGS),
                properties=named_counts(job.target_states, Axis.PROPERTIES),
            )
        )


@contextmanager
def _resumable() -> Iterator[None]:
    """What a read may end with means "run again"."""
    try:
        yield
    except UNANSWERED as error:
        raise unanswered(error) from error
