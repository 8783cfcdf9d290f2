"""Opens a job for a run: checks, lock, replay, and a recorded end whatever happens.

The order matters: nothing is written before every check has passed. The first request reads the project. Its response
tells the server's clock, by which the requests of earlier runs are counted before any other request leaves.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path

import anyio
import msgspec

from asyncclient import ClientEvent, PostHogClient, PostHogError
from bulk.concurrency.outages import emit_outages, outage_event, waiting_out
from bulk.concurrency.stop_gate import StopGate
from bulk.concurrency.ticker import ticking
from bulk.errors import BulkError, FileTrouble, JournalError, NotFinished, Refused, WriteFailed
from bulk.events import Activity, JobEnded, JobEvent, JobStarted, PhaseChanged, RouteChosen
from bulk.execution import preflight
from bulk.execution.progress_emitter import ProgressEmitter
from bulk.execution.run_settings import RunSettings
from bulk.jobs.first_record import first_record
from bulk.journal.binding import check_binding
from bulk.journal.job_log import JobLog
from bulk.journal.limit_usage import LimitUsage, restore_limits
from bulk.journal.records import Approved, Record, RunEnded, RunStarted, UnmatchedExpected
from bulk.journal.replay import open_journal
from bulk.journal.storage import Journal
from bulk.journal.target_states import TargetStates
from bulk.operations import Operation, describe, from_dict
from bulk.plan.plan_file import Plan, complete_receipts_of
from bulk.plan.protected_targets import refuse_protected
from bulk.posthog.attempt_result import TRANSIENT_ERRORS, to_not_finished
from bulk.posthog.strategy import Strategy, detect_strategy
from bulk.progress.activity import ActivityReporter, Moment
from bulk.progress.file_reading import FileReading, OnRead
from bulk.progress.wait_tracker import WaitTracker
from bulk.report.duty_decision import duty_of
from bulk.report.progress import counts_by_axis
from bulk.report.verdict import exit_code
from bulk.selection.conditions.protection import Protect
from bulk.states import ACCEPTED, ACTIONABLE, PENDING
from bulk.version import VERSION

CHECKING = "checking"


class OpenedJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job that passed every check. `client` reports its requests to `emitter`."""

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
    protect: Sequence[Protect] = (),
) -> AsyncIterator[OpenedJob]:
    """Open the job of a plan, and hold the lock of its journal until the context ends.

    Arguments:
        path: the journal. For purpose "run" it is created if it does not exist, after every check has passed.
        purpose: "run" or "verify".
        approve, on_progress, stop, protect: as in `run_job`.

    Raises:
        the exceptions of `run_job`.
    """
    operation = _operation(plan)
    preflight.check_client(plan, origin=client.origin, project_id=client.project_id)
    preflight.check_unmatched(plan, settings.expect_unmatched)
    plan.targets(0, 1)  # fails before any request if the plan was closed, or changed on disk
    client = waiting_out(client, settings.retry_for_s, host_is_known=True)  # the plan comes from there
    gate, target_states = StopGate(stop), TargetStates()
    if on_progress is not None:
        on_progress(PhaseChanged(phase=CHECKING))  # before the journal is read, which takes time if it is large
    journal = _open_existing(path, target_states, plan, purpose, approve, FileReading(CHECKING, on_progress))
    try:
        in_flight = target_states.usage.in_flight(target_states.open.values())
        count_earlier_requests = partial(_count_earlier_requests, client, plan, target_states.usage, in_flight)
        early: list[ClientEvent] = []
        wait_tracker = WaitTracker(client.limits, gate.sleeps)
        client = client.observed(wait_tracker.client_event)
        checking = client.observed(early.append)
        if on_progress is not None:  # there is no emitter yet, and an outage is shown while it lasts
            checking = checking.observed(emit_outages(on_progress))
        reporter = ActivityReporter(wait_tracker, _checking, on_progress)
        async with reporter.reporting(failed=gate.close):
            strategy = await _check_server(
                checking, plan, operation, gate, settings, count_earlier_requests, protect, on_progress
            )
        if journal is None:
            complete_receipts_of(plan)  # fails while a new plan can still be made
            journal = _create(path, target_states)
        writer = journal.writer()
    except BaseException:
        if journal is not None:
            journal.close()
        raise
    job = JobLog(plan, operation, target_states, writer, now=client.server_time)
    try:
        runs_before = len(target_states.run_stats.runs)
        route = None if strategy.route is None else strategy.route.name
        await _record_start(job, settings, str(client.limits.rates), purpose, approve=approve, route=route)
        emitter = ProgressEmitter(
            job, client.limits, on_progress, wait_tracker=wait_tracker, batch_size=settings.batch_size, route=route
        )
        for event in early:
            if outage_event(event) is None:
                emitter.client_event(event)
        emitter.emit(_started(job, runs_before, purpose))
        if strategy.route is not None and purpose == "run":
            emitter.emit(RouteChosen(route=strategy.route.name, why=strategy.route.why))
        async with _recorded_end(job, emitter, gate, purpose), ticking(emitter.tick, failed=gate.close):
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
    path: Path, target_states: TargetStates, plan: Plan, purpose: str, approve: str | None, on_read: OnRead
) -> Journal[Record] | None:
    """Open and replay the journal, and check that it belongs to this plan; return None if it does not exist yet."""
    try:
        path.lstat()
    except FileNotFoundError:
        if purpose == "verify":
            raise JournalError(path, "does not exist", "give the journal of the job to verify") from None
        preflight.check_approval(target_states, plan, approve)
        return None
    except OSError:
        pass  # opening it raises the error that names the problem
    journal = open_journal(path, target_states, on_read=on_read)
    try:
        if target_states.job is not None:
            check_binding(str(path), target_states.job, plan)
        elif purpose == "verify":
            raise JournalError(path, "is empty: no job was ever started in it", "give the journal of a job")
        if purpose == "run":
            preflight.check_approval(target_states, plan, approve)
    except BaseException:
        journal.close()
        raise
    return journal


def _create(path: Path, target_states: TargetStates) -> Journal[Record]:
    """Create the journal of a new job."""
    journal = open_journal(path, target_states)
    if target_states.job is not None:
        journal.close()
        raise JournalError(path, "was created by another process just now", "run the same command again")
    return journal


def _count_earlier_requests(client: PostHogClient, plan: Plan, usage: LimitUsage, in_flight: Mapping[str, int]) -> None:
    """Count the requests of the planning and of earlier runs against the rate limits (guarantee 13)."""
    limits, counts = client.limits, client.limits in plan.counted_by
    restore_limits(
        limits,
        spent=plan.spent,
        usage=usage,
        in_flight=in_flight,
        now=client.server_time(),
        counts_earlier_runs=counts,
    )
    plan.counted_by.add(limits)


def _checking(moment: Moment) -> Activity:
    return Activity(phase=CHECKING, elapsed_s=moment.elapsed_s, requests=moment.requests, wait=moment.wait)


def _operation(plan: Plan) -> Operation:
    try:
        return from_dict(plan.header.operation)
    except ValueError as problem:
        raise Refused(str(problem), "run it with the version that made the plan, or make a new plan") from None


async def _check_server(
    client: PostHogClient,
    plan: Plan,
    operation: Operation,
    gate: StopGate,
    settings: RunSettings,
    count_earlier_requests: Callable[[], None],
    protect: Sequence[Protect],
    on_progress: Callable[[JobEvent], None] | None,
) -> Strategy:
    """Read the project, check that it is the one that was reviewed, and detect the strategy of the job.

    Arguments:
        count_earlier_requests: called when the first response has told the server's clock.
        protect: persons that the plan must not contain.
        on_progress: gets the result of that check.
    """
    found: list[Strategy] = []

    async def check() -> None:
        with gate.cancel_on_stop(), _as_not_finished():
            project = await client.projects.get(plan.header.project_id)
            count_earlier_requests()
            preflight.check_project_name(plan, project.name)
            checked = await refuse_protected(client, plan, protect, gate)
            if checked is not None and on_progress is not None:
                on_progress(checked)
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

    await gate.run(check)
    if not found:
        raise NotFinished("it was stopped before the job began")
    return found[0]


async def _record_start(
    job: JobLog, settings: RunSettings, rates: str, purpose: str, *, approve: str | None, route: str | None
) -> None:
    """Return when the records with which a run starts are on disk; raises Refused if the plan is not approved."""
    newly = purpose == "run" and preflight.check_approval(job.target_states, job.plan, approve)
    for record in _first_records(job, settings, rates, purpose, newly=newly, route=route):
        job.record(record)
    await job.wait_durable()
    opened = job.target_states.job
    with suppress(FileTrouble):  # the job matters more
        complete_receipts_of(job.plan, job=opened.job if opened else None)


def _first_records(
    job: JobLog, settings: RunSettings, rates: str, purpose: str, *, newly: bool, route: str | None
) -> list[Record]:
    records: list[Record] = []
    at = job.now()
    if job.target_states.job is None:
        records.append(first_record(job.plan, at))
    if newly:
        records.append(Approved(at=at, digest=job.plan.digest, how="digest", approver=settings.approver))
    if settings.expect_unmatched and job.target_states.unmatched_expected is None:
        records.append(UnmatchedExpected(at=at, lines=settings.expect_unmatched, operator=settings.operator))
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


def _started(job: JobLog, runs_before: int, purpose: str) -> JobStarted:
    target_states = job.target_states
    open_states = ACTIONABLE[target_states.primary_axis] | {ACCEPTED[target_states.primary_axis]}
    remaining = sum(
        count
        for state, count in target_states.counts(target_states.primary_axis).items()
        if state in open_states & PENDING
    )
    return JobStarted(
        job=target_states.job.job if target_states.job else "",
        operation=describe(job.plan.header.operation),
        project_id=job.plan.header.project_id,
        project_name=job.plan.header.project_name,
        count=target_states.count,
        remaining=remaining,
        runs_before=runs_before,
        purpose=purpose,
    )


@asynccontextmanager
async def _recorded_end(job: JobLog, emitter: ProgressEmitter, gate: StopGate, purpose: str) -> AsyncIterator[None]:
    """Record why the run ended, and report it to the caller."""
    reason = "interrupted"
    try:
        with _as_not_finished():
            yield
        reason = "stopped" if gate.closed else "finished"
    except (BulkError, PostHogError) as error:
        reason = type(error).__name__
        raise
    finally:
        with suppress(WriteFailed):  # the run already ends with that error
            emitter.record_last_waits()
            job.record(RunEnded(at=job.now(), reason=reason))
        job.target_states.close_open()  # no response to a cancelled request will come
        emitter.emit(
            JobEnded(
                reason=reason,
                exit_code=_exit_code(job.target_states, purpose),
                **counts_by_axis(job.target_states),
                purpose=purpose,
            )
        )


def _exit_code(target_states: TargetStates, purpose: str) -> int:
    if purpose == "run" or target_states.job is None:
        return exit_code(target_states)
    return duty_of(target_states, target_states.input_coverage).exit_code


@contextmanager
def _as_not_finished() -> Iterator[None]:
    """Turn an error of a read that a later run may not meet into `NotFinished`."""
    try:
        yield
    except TRANSIENT_ERRORS as error:
        raise to_not_finished(error) from error
