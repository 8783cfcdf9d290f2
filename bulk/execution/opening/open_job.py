"""Opens a job for a run, once every check has passed: a recorded start, and a recorded end whatever happens."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
import msgspec

from asyncclient import PostHogClient, PostHogError
from bulk.concurrency.outages import outage_event
from bulk.concurrency.stop_gate import StopGate
from bulk.concurrency.ticker import ticking
from bulk.errors import BulkError, FileTrouble, WriteFailed
from bulk.events import JobEnded, JobEvent, JobStarted, RouteChosen
from bulk.execution import preflight
from bulk.execution.opening.job_checks import as_not_finished, check_job
from bulk.execution.progress_emitter import ProgressEmitter
from bulk.execution.run_settings import RunSettings
from bulk.jobs.first_record import first_record
from bulk.journal.job_log import JobLog
from bulk.journal.records import Approved, Record, RunEnded, RunStarted, UnmatchedExpected
from bulk.journal.target_states import TargetStates
from bulk.operations import describe
from bulk.plan.plan_file import Plan, complete_receipts_of
from bulk.posthog.strategy import Strategy
from bulk.report.duty_decision import duty_of
from bulk.report.progress import counts_by_axis
from bulk.report.verdict import exit_code
from bulk.selection.conditions.protection import Protect
from bulk.states import ACCEPTED, ACTIONABLE, PENDING
from bulk.version import VERSION


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
    gate = StopGate(stop)
    checked = await check_job(
        client, plan, path, settings, gate, purpose=purpose, approve=approve, on_progress=on_progress, protect=protect
    )
    job, writer, client, strategy = checked.job, checked.writer, checked.client, checked.strategy
    try:
        runs_before = len(job.target_states.run_stats.runs)
        route = None if strategy.route is None else strategy.route.name
        await _record_start(job, settings, str(client.limits.rates), purpose, approve=approve, route=route)
        emitter = ProgressEmitter(
            job,
            client.limits,
            on_progress,
            wait_tracker=checked.wait_tracker,
            batch_size=settings.batch_size,
            route=route,
        )
        for event in checked.events_during_checks:
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


async def _record_start(
    job: JobLog, settings: RunSettings, rates: str, purpose: str, *, approve: str | None, route: str | None
) -> None:
    """Record the start of the run, and wait until it is on disk; raises Refused if the plan is not approved."""
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
        with as_not_finished():
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
