"""Decides which failures may be an outage of the server, when to probe the server again, and when to give up. Pure.

A failed request does not prove an outage: one person's data can make a read time out. Only a probe, a cheap read that
fails too, proves it. Times are seconds of a clock that cannot be set.
"""

from collections.abc import Callable

import msgspec

from asyncclient.errors import (
    ApiStatusError,
    ConnectFailed,
    ConnectionLost,
    PostHogError,
    ServerError,
    TimedOut,
    TransportError,
    UnknownHost,
    UntrustedCertificate,
)

SHORTEST_WAIT_S = 0.25
BASE_S = 0.5
CAP_S = 30.0
FORGOTTEN_AFTER_S = 60.0
"""Seconds without a probe after which nothing is known about an outage that no request waits for."""

MAX_OUTAGES_PER_CALL = 5
"""Outages that one call is sent again after. A call that ends in more of them may cause them, and fails."""

OUTAGE_ERRORS = (ConnectFailed, ConnectionLost, TimedOut, ServerError)


class ProbeAgain(msgspec.Struct, frozen=True):
    """Wait, then probe the server once more.

    Arguments:
        after_s: seconds to wait.
        gives_up_in_s: seconds until the last probe, if all of them fail.
    """

    after_s: float
    gives_up_in_s: float


class StopWaiting(msgspec.Struct, frozen=True):
    """The server did not respond for too long.

    Arguments:
        away_s: seconds since the outage was noticed.
    """

    away_s: float


class Outage(msgspec.Struct, frozen=True, kw_only=True):
    """An outage that is not over.

    Arguments:
        since: when it was noticed.
        probed_at: when the last probe failed.
        probes: how many probes failed.
    """

    since: float
    probed_at: float
    probes: int = 1

    def after_failed_probe(self, now: float) -> "Outage":
        """Return the outage after one more failed probe."""
        return Outage(since=self.since, probed_at=now, probes=self.probes + 1)

    def next_step(
        self, now: float, retry_for_s: float, uniform: Callable[[float, float], float]
    ) -> ProbeAgain | StopWaiting:
        """Return what a request that waits does next; the last probe is made when the time is over.

        Arguments:
            now: the time.
            retry_for_s: how long the outage is waited out, in seconds.
            uniform: draws a number between two bounds; the source of jitter.
        """
        gives_up_at = self.since + retry_for_s
        if self.probed_at >= gives_up_at:
            return StopWaiting(self.probed_at - self.since)
        left_s = max(0.0, gives_up_at - now)
        backoff_s = min(CAP_S, BASE_S * 2.0 ** (self.probes - 1))
        return ProbeAgain(min(uniform(SHORTEST_WAIT_S, backoff_s), left_s), left_s)

    def is_forgotten(self, now: float) -> bool:
        """Return whether the last probe is too old to say anything."""
        return now - self.probed_at > FORGOTTEN_AFTER_S


def may_be_outage(error: PostHogError, *, longest_pause_s: float, host_is_known: bool) -> bool:
    """Return whether a failure may be an outage: no connection, a lost one, no response in time, or a 5xx.

    An untrusted certificate does not pass by itself, and neither does a typing error in the name of the host. A server
    that asks for too long a pause says when it is back.

    Arguments:
        error: how a request ended.
        longest_pause_s: the longest pause that is waited for, in seconds.
        host_is_known: whether the host was ever reached.
    """
    if isinstance(error, UnknownHost) and error.does_not_exist and not host_is_known:
        return False
    if isinstance(error, UntrustedCertificate) or not isinstance(error, OUTAGE_ERRORS):
        return False
    requested_s = error.retry_after_s if isinstance(error, ApiStatusError) else None
    return requested_s is None or requested_s <= longest_pause_s


def cause_of(error: PostHogError) -> str:
    """Return what happened in our own words, such as "503" or "no connection (Connection refused)"."""
    if isinstance(error, ApiStatusError):
        sender = error.intermediary
        return str(error.status) if sender is None else f"{error.status} {sender.describe(error.status)}"
    return error.reason if isinstance(error, TransportError) else str(error)
