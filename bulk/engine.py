"""run_job: the one entry for a job's first run and every resume; verify_job: the same reading, and nothing changed.

Awaited inside somebody's application: installs no signal handler, prints nothing, starts no loop, and on
cancellation leaves a journal that resumes.
"""

from collections.abc import Callable
from pathlib import Path

import anyio
import msgspec

from asyncclient import PostHogClient
from bulk.events import JobEvent
from bulk.execution import preflight
from bulk.execution.open_job import open_job
from bulk.execution.run import Run
from bulk.execution.run_settings import LARGEST_BATCH, RunSettings
from bulk.plan.plan_file import Plan
from bulk.report.load import read_report
from bulk.report.report import Report, exit_code_of_verify
from bulk.verification.verifier import MAX_UNCOVERED_S


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
    max_targets: int | None = None,
    expect_count: int | None = None,
    on_progress: Callable[[JobEvent], None] | None = None,
    stop: anyio.Event | None = None,
) -> Report:
    """Run a plan, or go on with it: the first run and every resume are the same call.

    Arguments:
        client: set to the plan's host and project; its limits are used to the full.
        plan: from `make_plan` or `load_plan`.
        journal: path of the job's journal, made when it does not exist.
        approve: the plan's digest, once in the life of a job.
        concurrency: batches under way at once, 1 to 256, and no more than the client has connections.
        batch_size: persons per bulk request, 1 to 1000; halved by itself on time-outs and 5xx.
        wait_s: seconds to wait for the server to catch up before the rest is left pending.
        max_uncovered_s: a person is deleted only while the deletion row of its events is no older than so many seconds;
            events that come in after the row's time stay.
        max_targets: refuse a plan with more targets.
        expect_count: refuse a plan with another number of targets.
        on_progress: called with typed events (`bulk.events`), in the caller's task; must not block.
        stop: set it to end early in good order: nothing more is sent, what is in flight is awaited.

    Returns:
        The report; its `exit_code` is what the command line would end with.

    Raises:
        ValueError: a setting is out of its range.
        Refused: a guard says no; nothing was sent.
        BreakerOpened: too much went wrong.
        NotFinished: the server cannot be reached or asks for a long pause; run again.
        FileTrouble: the journal cannot be used, or a write to it failed.
        JournalBusy: another process runs this job.
        AuthenticationFailed, PermissionDenied: the key was refused.
    """
    settings = RunSettings(
        concurrency=concurrency, batch_size=batch_size, wait_s=wait_s, max_uncovered_s=max_uncovered_s
    )
    settings = _within(client, settings)
    preflight.check_caps(plan, max_targets=max_targets, expect_count=expect_count)
    async with open_job(
        client,
        plan,
        Path(journal),
        settings,
        purpose="run",
        approve=approve,
        on_progress=on_progress,
        stop=stop,
    ) as opened:
        run = Run(opened.job, opened.client, opened.strategy, opened.gate, opened.emitter, settings)
        await run.send_and_confirm()
    return read_report(journal, plan)


async def verify_job(
    client: PostHogClient,
    plan: Plan,
    journal: str | Path,
    *,
    concurrency: int = 8,
    on_progress: Callable[[JobEvent], None] | None = None,
    stop: anyio.Event | None = None,
) -> Report:
    """Read back, days or weeks later, whether all is still as asked: persons gone, properties changed, events purged.

    Changes nothing.

    Arguments:
        client: set to the plan's host and project; its limits are used to the full.
        plan: from `make_plan` or `load_plan`.
        journal: path of the job's journal.
        concurrency: reads under way at once, 1 to 256, and no more than the client has connections.
        on_progress: called with typed events (`bulk.events`), in the caller's task; must not block.
        stop: set it to end early in good order.

    Returns:
        The report; its `exit_code` is 75 until every event deletion is completed and everybody could be read.

    Raises:
        ValueError: a setting is out of its range.
        Refused: the journal belongs to another plan, or the client to another project.
        NotFinished: the server cannot be reached or asks for a long pause; verify again.
        FileTrouble: the journal cannot be used, or a write to it failed.
        JournalBusy: another process runs this job.
        AuthenticationFailed, PermissionDenied: the key was refused.
    """
    settings = _within(client, RunSettings(concurrency=concurrency, batch_size=LARGEST_BATCH, wait_s=0.0))
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
        unread = await run.read_again()
    report = read_report(journal, plan)
    return msgspec.structs.replace(report, exit_code=exit_code_of_verify(report, unread=unread))


def _within(client: PostHogClient, settings: RunSettings) -> RunSettings:
    """No more at once than there are connections: what waits for one grows older than it may be when it is sent."""
    return msgspec.structs.replace(settings, concurrency=min(settings.concurrency, client.max_connections))
