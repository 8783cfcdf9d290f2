"""When PostHog purges events whose deletion is queued: once a week, at the weekend (contract 8). Pure.

All times are seconds since the epoch, by the server's clock.
"""

WEEK_S = 7 * 86_400
FIRST_PURGE = 3 * 86_400 + 5 * 3_600
"""The first Sunday, 05:00 UTC, since the epoch: 1970-01-04 was a Sunday."""
PURGE_TAKES_S = 86_400.0
"""Seconds from the start of a purge until it is over, also where it takes hours (contract 8)."""


def next_purge(after: float) -> float:
    """Return when the first purge after a time starts: a Sunday, 05:00 UTC."""
    return after + WEEK_S - (after - FIRST_PURGE) % WEEK_S


def expected_purge(queued_at: float, as_of: float) -> float:
    """Return when the purge starts that is expected to include a deletion which is still queued.

    Arguments:
        queued_at: the time of the deletion row.
        as_of: when the row was last known to be queued; a purge that was over by then did not include it.
    """
    return next_purge(max(queued_at, as_of - PURGE_TAKES_S))
