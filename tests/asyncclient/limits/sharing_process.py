"""A process that uses up the rate limit of a key which others share: run by `test_sharing_processes.py`.

Its time runs faster than that of the machine. For each request it sends a byte to a socket and reads one.
"""

import asyncio
import selectors
import sys
from typing import Any

from asyncclient import Bucket, Limits, RateLimits
from asyncclient._protocol.server_clock import boot_time

KEY = "phx_0123456789abcdef"
SPEED = 20.0
PER_MINUTE = 60
WORKERS = 4


def fast_time() -> float:
    return boot_time() * SPEED


class _FastSelector(selectors.DefaultSelector):
    def select(self, timeout: float | None = None) -> Any:
        return super().select(None if timeout is None else timeout / SPEED)


class FastLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        super().__init__(_FastSelector())

    def time(self) -> float:
        return fast_time()


async def use_up(path: str, socket: str) -> None:
    limits = Limits(RateLimits(deletes_per_minute=PER_MINUTE, deletes_per_hour=None), file=path, clock=fast_time)
    limits.open(KEY)

    async def worker() -> None:
        reader, writer = await asyncio.open_unix_connection(socket)
        while True:
            async with limits.permit(Bucket.DELETES) as permit:
                permit.mark_sent()
                writer.write(b".")
                if not await reader.read(1):
                    return

    await asyncio.gather(*(worker() for _ in range(WORKERS)))


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=FastLoop) as runner:
        runner.run(use_up(*sys.argv[1:3]))
