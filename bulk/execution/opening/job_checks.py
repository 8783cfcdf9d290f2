"""Checks a job before a run writes anything: plan, journal, project, protected persons, and what the server can do.

The first request reads the project. Its response tells the server's clock, by which the requests of earlier runs are
counted before any other request leaves.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec

from asyncclient import ClientEvent, PostHogClient
from bulk.concurrency.outages import emit_outages, with_outage_wait
from bulk.concurrency.stop_gate import StopGate
from bulk.errors import JournalError, NotFinished, Refused
from bulk.events import Activity, JobEvent, PhaseChanged
from bulk.execution import preflight
from bulk.execution.run_settings import RunSettings
from bulk.journal.binding import check_binding
from bulk.journal.job_log import JobLog
from bulk.journal.limit_usage import LimitUsage, restore_limits
from bulk.journal.records import Record
from bulk.journal.replay import open_journal
from bulk.journal.storage import Journal
from bulk.journal.target_states import TargetStates
from bulk.journal.writer import JournalWriter
from bulk.operations import Operation, from_dict
from bulk.plan.plan_file import Plan, complete_receipts_of
from bulk.plan.protected_targets import refuse_protected
from bulk.plan.value_counts import value_totals
from bulk.posthog.attempt_result import TRANSIENT_ERRORS, to_not_finished
from bulk.posthog.strategy import Strategy, detect_strategy
from bulk.progress.activity_reporter import ActivityReporter, Moment
from bulk.progress.file_reading import FileReading, OnRead
from bulk.progress.wait_tracker import WaitTracker
from bulk.selection.conditions.protection import Protect

CHECKING = "checking"


class CheckedJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job that passed every check, with its journal open and nothing written yet.

    `events_during_checks` are the events of the client during the checks, when there was no emitter yet.
    """

    job: JobLog
    writer: JournalWriter[Record]
    client: PostHogClient
    strategy: Strategy
    wait_tracker: WaitTracker
    events_during_checks: list[ClientEvent]


async def check_job(
    client: PostHogClient,
    plan: Plan,
    path: Path,
    settings: RunSettings,
    gate: StopGate,
    *,
    purpose: str,
    approve: str | None,
    on_progress: Callable[[JobEvent], None] | None,
    protect: Sequence[Protect],
) -> CheckedJob:
    """Check plan, journal and server, and open the journal.

    Arguments:
        gate: for stopping, and for the waits between reads.
        all others: as in `open_job`.

    Raises:
        the exceptions of `run_job`.
    """
    operation = _operation(plan)
    preflight.check_client(plan, origin=client.origin, project_id=client.project_id)
    preflight.check_unmatched(plan, settings.expect_unmatched)
    plan.targets(0, 1)  # fails before any request if the plan was closed, or changed on disk
    client = with_outage_wait(client, settings.retry_for_s, host_is_known=True)  # the plan comes from there
    target_states = TargetStates()
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
    return CheckedJob(
        job=JobLog(plan, operation, target_states, writer, now=client.server_time),
        writer=writer,
        client=client,
        strategy=strategy,
        wait_tracker=wait_tracker,
        events_during_checks=early,
    )


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
        with gate.cancel_on_stop(), as_not_finished():
            project = await client.projects.get(plan.header.project_id)
            count_earlier_requests()
            preflight.check_project_name(plan.header, project.name)
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
                    totals=value_totals(plan.findings),
                )
            )

    await gate.run(check)
    if not found:
        raise NotFinished("the command was stopped before the job began")
    return found[0]


@contextmanager
def as_not_finished() -> Iterator[None]:
    """Turn an error of a read that a later run may not meet into `NotFinished`."""
    try:
        yield
    except TRANSIENT_ERRORS as error:
        raise to_not_finished(error) from error
