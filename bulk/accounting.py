"""Carries the rate limits' knowledge across processes: what earlier runs and the planning spent counts (promise 13).

Pure but for the limits object that it charges.
"""

from collections.abc import Iterable, Mapping, Sequence

from asyncclient import Bucket, Limits
from bulk.ledger import Ledger

LONGEST_WINDOW_S = 3600.0
SAME_REQUEST_S = 0.25
"""A request noted in a file and one that the limits remember are the same when their times are this close."""


def charge_limits(
    limits: Limits,
    *,
    spent: Mapping[str, Sequence[float]],
    ledger: Ledger,
    now: float,
    readers: int,
    interrupted: int,
) -> None:
    """Account for the requests that the planning and earlier runs made in the last hour.

    Arguments:
        spent: request times by bucket from the plan, seconds since the epoch.
        now: this machine's clock.
        readers: reads that a killed run may have had under way.
        interrupted: attempts whose answers nobody knows; they count as answered now, since no more is known.
    """
    for bucket in Bucket:
        times = [*spent.get(bucket.value, ()), *ledger.recent.get(bucket.value, ())]
        known = [now - age for age in limits.recent(bucket)]
        ages = [max(0.0, now - time) for time in not_in(known, times) if now - time < LONGEST_WINDOW_S]
        if not ledger.ended_in_order and ledger.job is not None:
            ages += [0.0] * (interrupted if bucket is Bucket.DELETES else readers)
        if ages:
            limits.charge(bucket, ages)


def not_in(known: Iterable[float], times: Iterable[float]) -> list[float]:
    """The times that have no counterpart of their own among the known ones."""
    rest = sorted(known)
    left: list[float] = []
    at = 0
    for time in sorted(times):
        while at < len(rest) and rest[at] < time - SAME_REQUEST_S:
            at += 1
        if at < len(rest) and rest[at] <= time + SAME_REQUEST_S:
            at += 1
        else:
            left.append(time)
    return left
