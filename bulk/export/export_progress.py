"""Reports every second how many persons an export has, and what it waits for."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from asyncclient import PostHogClient
from bulk.concurrency.stop_gate import StopGate
from bulk.events import Activity
from bulk.progress.activity_reporter import ActivityReporter, Moment
from bulk.progress.wait_tracker import WaitTracker


@asynccontextmanager
async def reporting_export(
    client: PostHogClient, on_progress: Callable[[Activity], None], persons: Callable[[], int]
) -> AsyncIterator[tuple[PostHogClient, StopGate]]:
    """Report the progress of an export until the block ends; the block gets the client and the gate to export with.

    Arguments:
        client: for reading.
        on_progress: called with the progress.
        persons: returns how many persons are exported so far.
    """
    gate = StopGate()
    wait_tracker = WaitTracker(client.limits, gate.sleeps)

    def describe(moment: Moment) -> Activity:
        return Activity(
            phase="exporting",
            elapsed_s=moment.elapsed_s,
            requests=moment.requests,
            persons=persons(),
            wait=moment.wait,
        )

    async with ActivityReporter(wait_tracker, describe, on_progress).reporting():
        yield client.observed(wait_tracker.client_event), gate
