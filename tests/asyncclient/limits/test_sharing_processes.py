"""Real processes on one key with a limits file, against Django REST framework's own throttles (guarantee 13)."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest
from drf_throttles import Throttles

from asyncclient import Bucket, Limits, RateLimits

HERE = Path(__file__).parent
SCRIPT = HERE / "sharing_process.py"
ROOT = HERE.parents[2]
SPEED, PER_MINUTE = 20.0, 60
MINUTE_S = 60 / SPEED


class Server:
    """Counts each byte as a request."""

    def __init__(self, path: Path) -> None:
        loop = asyncio.get_running_loop()
        self.path = path
        self.throttles = Throttles({"burst": f"{PER_MINUTE}/min"}, lambda: loop.time() * SPEED)
        self.allowed = self.refused = 0
        self.connected = asyncio.Event()
        self.used = asyncio.Event()
        self.used_up = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connected.set()
        while await reader.read(1):
            self.used.set()
            if self.throttles.wait_s() is None:
                self.allowed += 1
                if self.allowed == PER_MINUTE:
                    self.used_up.set()
            else:
                self.refused += 1
            writer.write(b".")
        writer.close()

    async def reaches(self, wanted: float, *, minutes: float, spans: int) -> bool:
        """Return whether so many requests were allowed in one of the spans: a busy machine can slow the others down."""
        for _ in range(spans):
            before = self.allowed
            await asyncio.sleep(minutes * MINUTE_S)
            if self.allowed - before >= wanted:
                return True
        return False

    async def uses(self, share: float) -> bool:
        """Return whether so much of the allowance since the first request is used, at half past one of ten minutes."""
        await asyncio.sleep(4.5 * MINUTE_S)
        for minute in range(5, 15):  # so many minutes have begun
            if self.allowed >= share * minute * PER_MINUTE:
                return True
            await asyncio.sleep(MINUTE_S)
        return False


async def start(limits_file: Path, server: Server) -> asyncio.subprocess.Process:
    command = (sys.executable, str(SCRIPT), str(limits_file), str(server.path))
    return await asyncio.create_subprocess_exec(*command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)})


@pytest.mark.slow
async def test_two_processes_on_one_key_use_95_percent_of_the_allowance_without_a_429(tmp_path: Path) -> None:
    server = Server(tmp_path / "socket")
    listening = await asyncio.start_unix_server(server.serve, server.path)
    processes = [await start(tmp_path / "limits", server) for _ in range(2)]
    await server.used.wait()
    is_used = await server.uses(0.95)
    for process in processes:
        process.kill()
        await process.wait()
    listening.close()
    assert server.refused == 0
    assert is_used


@pytest.mark.slow
async def test_processes_that_are_killed_at_any_moment_block_no_other_and_are_not_forgotten(tmp_path: Path) -> None:
    server = Server(tmp_path / "socket")
    listening = await asyncio.start_unix_server(server.serve, server.path)
    limits_file = tmp_path / "limits"
    survivor = await start(limits_file, server)
    for kills in range(8):
        victim = await start(limits_file, server)
        await server.used.wait()
        await asyncio.sleep(0.2 + 0.13 * kills)
        victim.send_signal(signal.SIGKILL)
        await victim.wait()
    # what the dead had in flight counts for a minute, and then no more
    is_used = await server.reaches(0.95 * PER_MINUTE, minutes=1.5, spans=2)
    survivor.kill()
    await survivor.wait()
    listening.close()
    assert server.refused == 0
    assert is_used


@pytest.mark.slow
async def test_a_stopped_process_blocks_no_other(tmp_path: Path) -> None:
    server = Server(tmp_path / "socket")
    listening = await asyncio.start_unix_server(server.serve, server.path)
    stopped = await start(tmp_path / "limits", server)
    await server.used_up.wait()
    await asyncio.sleep(MINUTE_S / 10)  # now it waits; a process that is stopped with the lock makes all others wait
    stopped.send_signal(signal.SIGSTOP)
    server.connected.clear()
    other = await start(tmp_path / "limits", server)
    await server.connected.wait()  # on a busy machine it takes longer to start than the spans last
    is_used = await server.reaches(PER_MINUTE, minutes=2, spans=3)
    for process in (stopped, other):
        process.kill()
        await process.wait()
    listening.close()
    assert server.refused == 0
    assert is_used


async def test_a_locked_file_is_waited_for_without_blocking_the_loop(tmp_path: Path) -> None:
    import fcntl

    limits = Limits(RateLimits.posthog(), file=tmp_path / "limits")
    limits.open("phx_0123456789abcdef")
    with (tmp_path / "limits").open("rb") as held:  # as a process does that was stopped just now
        fcntl.flock(held, fcntl.LOCK_EX)
        waiting = asyncio.create_task(limits.permit(Bucket.DELETES).take())
        _, pending = await asyncio.wait([waiting], timeout=0.2)
        assert pending == {waiting}
        assert limits.permit(Bucket.DELETES).take_at_once() is False
        assert [(wait.bucket, wait.left_s) for wait in limits.waits()] == [("deletes", None)]  # no wait is silent
    await asyncio.wait_for(waiting, 30)
    assert limits.budget(Bucket.DELETES)[0].used == 1
