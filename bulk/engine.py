"""The entry points of the engine: `run_job` starts or resumes a job, `verify_job` reads its targets back.

`plan_reappeared` plans a job again for the persons that were re-created since. All run inside the caller's application:
they install no signal handler, print nothing and start no event loop. If they are cancelled, the journal resumes.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

import anyio
import msgspec

from asyncclient import PostHogClient
from bulk.concurrency.outages import RETRY_FOR_S, with_outage_wait
from bulk.concurrency.stop_gate import StopGate
from bulk.errors import NotFinished, Refused, interruption_of
from bulk.events import JobEvent, PlanEvent, PlanProgress
from bulk.execution import preflight
from bulk.execution.opening.open_job import open_job
from bulk.execution.run import Run
from bulk.execution.run_settings import MAX_BATCH_SIZE, RunSettings
from bulk.files.private_files import refuse_existing
from bulk.formatting import count_of
from bulk.journal.binding import check_binding
from bulk.journal.replay import replay_journal
from bulk.operations import from_dict
from bulk.plan.plan_file import Plan
from bulk.plan.planner import make_plan
from bulk.posthog.halving import because_of
from bulk.posthog.person_reader import PersonReader
from bulk.progress.activity_reporter import ActivityReporter, Moment
from bulk.progress.file_reading import FileReading
from bulk.progress.wait_tracker import WaitTracker
from bulk.report.duty_decision import reappeared
from bulk.report.load import read_report
from bulk.report.report import Report, with_run_verdict
from bulk.requests.job_record import JobRecord
from bulk.selection.conditions.protection import Protect, check_protect
from bulk.selection.selections import ByPersonIds
from bulk.targets.target_sets import numbers_of
from bulk.undo.before_image import kept_before, refuse_foreign
from bulk.verification.reappeared import find_reappeared
from bulk.verification.verifier import MAX_UNCOVERED_S

REPORTING = "reporting"
"""The phase after the end of a run or a verification, in which the journal is read for the report."""


async def run_job(
    client: PostHogClient,
    plan: Plan,
    journal: str | Path,
    *,
    approve: str | None = None,
    concurrency: int = 8,
    batch_size: int = 250,
    wait_s: float = 900.0,
    max_uncovered_s: float = MAX_UNCOVERED_S,
    retry_for_s: float = RETRY_FOR_S,
    max_targets: int | None = None,
    expect_count: int | None = None,
    expect_lines: int | None = None,
    on_progress: Callable[[JobEvent], None] | None = None,
    stop: anyio.Event | None = None,
    protect: Iterable[Protect] = (),
    approver: str | None = None,
    expect_unmatched: int | None = None,
    operator: str | None = None,
) -> Report:
    """Run a plan, or resume it: the first run and every resume are the same call.

    With `make_plan(..., reuse=True)` before it, the two calls are the same for the first run and for every resume.

    Arguments:
        client: set to the host and project of the plan; its rate limits are used to the full.
        plan: from `make_plan` or `load_plan`.
        journal: path of the journal; created if it does not exist.
        approve: the digest of the plan; needed once per job.
        concurrency: batches processed in parallel, 1 to 256, at most as many as the client has connections.
        batch_size: persons per bulk request, 1 to 1000; halved on time-outs and 5xx, and doubled on success.
        wait_s: seconds to wait for the server to catch up before the remaining targets are left pending.
        max_uncovered_s: how old a deletion row may be when its person is deleted, in seconds; events that came after
            the row stay behind.
        retry_for_s: seconds to wait for a server that does not respond, at most 365 days; 0 fails at once, except that
            a read is retried a few times, within seconds.
        max_targets: refuse a plan with more targets.
        expect_count: refuse a plan with another number of targets.
        expect_lines: refuse a plan whose input has another number of lines, as the finding `lines` counts them.
        on_progress: called with typed events (`bulk.events`) in the caller's task; must not block.
        stop: set it to end the run early: nothing more is sent, and requests in flight are awaited.
        protect: refuse a plan that contains one of these persons, as for `make_plan`.
        approver: who approves the plan, for journal and report; only the run that records the approval uses it.
        expect_unmatched: number of input lines expected to match no person. Another number is refused; this number is
            recorded, and the lines count as covered.
        operator: name of the user who confirms `expect_unmatched`, for journal and report.

    Returns:
        The report. Its `verdict` and `exit_code` say how the run ended: 0 when every target is read back as done. Its
        `duty` says whether the job is complete.

    Raises:
        ValueError: a setting is out of its range.
        Refused: a check failed; nothing was sent.
        BreakerOpened: too many requests failed, or the test batch did.
        NotFinished: the server was in an outage for too long, or asks for a long pause; run again.
        FileTrouble: the journal cannot be used, or a write to it failed.
        JournalBusy: another process is using the journal.
        AuthenticationFailed, PermissionDenied: the key was refused.
    """
    settings = RunSettings(
        concurrency=concurrency,
        batch_size=batch_size,
        wait_s=wait_s,
        max_uncovered_s=max_uncovered_s,
        retry_for_s=retry_for_s,
        approver=approver,
        expect_unmatched=expect_unmatched,
        operator=operator,
    )
    settings = _within_connections(client, settings)
    preflight.check_caps(plan, max_targets=max_targets, expect_count=expect_count, expect_lines=expect_lines)
    refuse_foreign(plan, Path(journal))
    async with (
        open_job(
            client,
            plan,
            Path(journal),
            settings,
            purpose="run",
            approve=approve,
            on_progress=on_progress,
            stop=stop,
            protect=check_protect(protect),
        ) as opened,
        kept_before(opened.job) as before_image,
    ):
        run = Run(
            opened.job,
            opened.client,
            opened.strategy,
            opened.gate,
            opened.emitter,
            settings,
            before_image=before_image,
        )
        await run.send_and_read_back()
    return with_run_verdict(read_report(journal, plan, on_read=FileReading(REPORTING, on_progress)))


async def verify_job(
    client: PostHogClient,
    plan: Plan,
    journal: str | Path,
    *,
    concurrency: int = 8,
    retry_for_s: float = RETRY_FOR_S,
    on_progress: Callable[[JobEvent], None] | None = None,
    stop: anyio.Event | None = None,
    expect_unmatched: int | None = None,
    operator: str | None = None,
) -> Report:
    """Read all targets back, days or weeks later: persons gone, properties changed, events purged. Changes nothing.

    Arguments:
        client: set to the host and project of the plan; its rate limits are used to the full.
        plan: from `make_plan` or `load_plan`.
        journal: path of the journal.
        concurrency: reads in parallel, 1 to 256, at most as many as the client has connections.
        retry_for_s: seconds to wait for a server that does not respond, at most 365 days; 0 fails at once, except that
            a read is retried a few times, within seconds.
        on_progress: called with typed events (`bulk.events`) in the caller's task; must not block.
        stop: set it to end early.
        expect_unmatched: as for `run_job`.
        operator: name of the user who confirms `expect_unmatched`, for journal and report.

    Returns:
        The report; its `exit_code` follows from its `duty`: 0 when the job is complete, 75 while it waits for PostHog,
        and 1 when it needs attention.

    Raises:
        ValueError: a setting is out of its range.
        Refused: the journal belongs to another plan, the client to another project, or another number of lines match
            no person.
        NotFinished: the server was in an outage for too long, or asks for a long pause; verify again.
        FileTrouble: the journal cannot be used, or a write to it failed.
        JournalBusy: another process is using the journal.
        AuthenticationFailed, PermissionDenied: the key was refused.
    """
    settings = RunSettings(
        concurrency=concurrency,
        batch_size=MAX_BATCH_SIZE,
        wait_s=0.0,
        retry_for_s=retry_for_s,
        expect_unmatched=expect_unmatched,
        operator=operator,
    )
    settings = _within_connections(client, settings)
    with interruption_of("verify"):
        async with open_job(
            client,
            plan,
            Path(journal),
            settings,
            purpose="verify",
            approve=None,
            on_progress=on_progress,
            stop=stop,
        ) as opened:
            run = Run(opened.job, opened.client, opened.strategy, opened.gate, opened.emitter, settings)
            await run.read_again()
    return read_report(journal, plan, on_read=FileReading(REPORTING, on_progress))


async def plan_reappeared(
    client: PostHogClient,
    plan: Plan,
    journal: str | Path,
    path: str | Path,
    *,
    on_progress: Callable[[PlanEvent], None] | None = None,
    concurrency: int = 4,
    retry_for_s: float = RETRY_FOR_S,
    protect: Iterable[Protect] = (),
    record: JobRecord | None = None,
) -> Plan:
    """Plan the operation of a job again for exactly the persons that were re-created since, as `verify_job` found them.

    A re-created person has the UUID or the distinct ID of a person of the job and another identity: events that were
    captured later created it. The new plan has to be reviewed and approved like any other.

    Arguments:
        client: set to the host and project of the plan.
        plan: of the job that deleted the persons; it has their distinct IDs.
        journal: of that job.
        path: the new plan file; must not exist.
        on_progress: called with typed events: the progress of the planning, and outages of the server.
        concurrency: requests at once, at least 1.
        retry_for_s: seconds to wait for a server that does not respond, at most 365 days; 0 fails at once, except that
            a read is retried a few times, within seconds.
        protect: persons that the new plan must not contain: a file of distinct IDs, UUIDs or emails, and filters. They
            are left out and counted.
        record: who orders the new job and why; None or an empty one for that of the job.

    Returns:
        The new plan.

    Raises:
        Refused: no person of the job was re-created, or none exists now; the journal belongs to another plan, or the
            client to another project; or `make_plan` refuses the plan.
        NotFinished: a re-created person could not be read; try again later.
        FileTrouble: the journal or the plan cannot be used, or the new plan exists or cannot be written.
        PostHogError: the server did not respond for too long, or responded with an error.
    """
    preflight.check_client(plan, origin=client.origin, project_id=client.project_id)
    refuse_existing(Path(path))
    target_states, _ = replay_journal(Path(journal))
    if target_states.job is not None:
        check_binding(str(journal), target_states.job, plan)
    target_states.close_open()
    numbers = [*numbers_of(reappeared(target_states))]
    if not numbers:
        raise Refused(f"{journal} names no person that was re-created", "verify the job first: posthog-bulk verify")
    gate = StopGate()
    wait_tracker = WaitTracker(client.limits, gate.sleeps)
    reading = with_outage_wait(client.observed(wait_tracker.client_event), retry_for_s, on_outage=on_progress)
    reporter = ActivityReporter(wait_tracker, _reading_progress, on_progress)
    with interruption_of("plan"):
        async with reporter.reporting():
            reader = PersonReader(reading, gate, readers=concurrency)
            uuids, unread = await find_reappeared(plan, numbers, reader, gate)
    if unread:
        were = f"{count_of(unread, 'person')} could not be read{because_of(reader.last_error)}"
        raise NotFinished(were, purpose="plan")
    if not uuids:
        raise Refused("the re-created persons are gone again", "verify the job again: posthog-bulk verify")
    return await make_plan(
        client,
        from_dict(plan.header.operation),
        ByPersonIds(uuids),
        path,
        on_progress=on_progress,
        concurrency=concurrency,
        retry_for_s=retry_for_s,
        protect=protect,
        record=plan.header.record if record is None or record.is_empty else record,
    )


def _reading_progress(moment: Moment) -> PlanProgress:
    """Return the progress of a planning that reads which persons it is about."""
    return PlanProgress(
        seen=0, unit="person", targets=0, requests=moment.requests, elapsed_s=moment.elapsed_s, wait=moment.wait
    )


def _within_connections(client: PostHogClient, settings: RunSettings) -> RunSettings:
    """Limit the concurrency to the client's connections: while a batch waits for one, its reads may become too old."""
    return msgspec.structs.replace(settings, concurrency=min(settings.concurrency, client.max_connections))
