"""burst_pace: smooths the start of a burst, so that the requests of one minute do not all leave at once."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiolimiter import AsyncLimiter

PACED_SECONDS = 5
"""The requests of one minute take at least this many seconds."""


def burst_pace(minute_limit: int | None) -> "AsyncLimiter | None":
    """Return a limiter for requests whose rate limit allows so many per minute; None if the minute is unlimited."""
    if minute_limit is None:
        return None
    # imported here because it reads package metadata, which takes time
    from aiolimiter import AsyncLimiter

    return AsyncLimiter(max(1.0, minute_limit / PACED_SECONDS), 1.0)
