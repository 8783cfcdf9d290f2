"""Runs a plan in a process of its own and kills that half-way, without warning, as a power cut would."""

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

    Args:
        plan: the plan.
        digest: its digest, as approval.
        environment: settings for the local server.
        batch_size: persons a deletion call.
        concurrency: batches under way at once.
        display: is shown what the process tells.

    Returns:
        The process's number, and whether it had to be killed; it may have ended before.
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
        raise RuntimeError(f"the process that runs the plan ended with {process.returncode}")
    return process.pid, killed and process.returncode == -signal.SIGKILL


async def _watch(process: asyncio.subprocess.Process, display: Display) -> bool:
    """Show what the process tells until half is done; False where it ended before that."""
    decoder = msgspec.json.Decoder(JobEvent)
    assert process.stdout is not None
    async for line in process.stdout:
        try:
            event = decoder.decode(line)
        except msgspec.ValidationError:
            continue  # an event of the command line's own
        display(event)
        if isinstance(event, Progress) and event.phase == "sending" and 2 * event.done >= event.count:
            process.kill()
            return True
    return False
