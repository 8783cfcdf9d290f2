"""Runs a plan in a separate process and kills that half-way with SIGKILL, as a power failure would."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from bulk.cli.display.live_display import Display
from bulk.events import JobEvent, Progress


async def run_and_kill(
    plan: Path, digest: str, *, environment: Mapping[str, str], batch_size: int, concurrency: int, display: Display
) -> tuple[int, bool]:
    """Start `posthog-bulk run` and kill it when half of the targets are done.

    Arguments:
        plan: the plan.
        digest: its digest, which approves it.
        environment: settings that point to the local server.
        batch_size: persons per bulk request.
        concurrency: batches processed in parallel.
        display: shows the events of the process.

    Returns:
        The process ID, and whether the process was killed; it may have ended before.

    Raises:
        RuntimeError: the process failed before it could be killed.
    """
    arguments = ["run", str(plan), "--approve", digest, "--json", "--rate-limits", "off"]
    arguments += ["--batch-size", str(batch_size), "--concurrency", str(concurrency)]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bulk",
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, **environment},
    )
    try:
        killed = await _watch(process, display)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
    if not killed and process.returncode:
        raise RuntimeError(f"the process that runs the plan exited with {process.returncode}")
    return process.pid, killed and process.returncode == -signal.SIGKILL


async def _watch(process: asyncio.subprocess.Process, display: Display) -> bool:
    """Show the events of the process until half is done, then kill it; False if it ended before."""
    decoder = msgspec.json.Decoder(JobEvent)
    assert process.stdout is not None
    async for line in process.stdout:
        try:
            event = decoder.decode(line)
        except msgspec.ValidationError:
            continue  # an event of the command, not of the job
        display(event)
        if isinstance(event, Progress) and event.phase == "sending" and 2 * event.done >= event.count:
            process.kill()
            return True
    return False
