"""What a command waits for now, and for how long it has waited so far.

`WaitTracker` asks the rate limits and the sleeps of the engine, and listens to the client. `choose_wait`, which is
pure, decides which wait is shown.
"""

import asyncio
from collections.abc import Callable, Iterable

from asyncclient import ClientEvent, Limits, Paused, RequestFinished, Retrying, ServerReachable, ServerUnreachable
from bulk import events
from bulk.concurrency.sleeps import Sleeps, later
from bulk.events import Wait, WaitKind
from bulk.progress.wait_spans import WaitSpans

SHOWN_FROM_S = 2.0
"""Only a wait of more than these seconds is shown."""
OVER_S = 0.05
"""A wait that lasts no longer than that from now on is over."""

STANDSTILLS = frozenset(
    {WaitKind.OUTAGE, WaitKind.PAUSE, WaitKind.RATE_LIMIT, WaitKind.CATCHING_UP, WaitKind.SECOND_READ}
)
"""Waits in which no work is possible. During the other ones, other requests may be under way."""

INTERRUPTIONS = frozenset({WaitKind.OUTAGE, WaitKind.PAUSE})
"""Standstills that say nothing about how long the remaining work takes."""

_ORDER = {kind: place for place, kind in enumerate(WaitKind)}


def choose_wait(waits: Iterable[Wait]) -> Wait | None:
    """Return the wait to show; None if none lasts longer than `SHOWN_FROM_S`.

    Of several waits it is the one whose kind comes first in `WaitKind`, and of those the one that ends first.
    """
    shown = [wait for wait in waits if wait.waited_s + (wait.left_s or 0.0) > SHOWN_FROM_S and not _is_over(wait)]
    return min(shown, key=lambda wait: (_ORDER[wait.kind], wait.left_s or 0.0), default=None)


class WaitTracker:
    """Knows what is waited for. `sample` is called every second or more often.

    Arguments:
        limits: of the client.
        sleeps: of the engine.
        clock: returns seconds; the clock of the running event loop if None, which takes less than `anyio.current_time`.

    Attributes:
        now: the clock.
        requests: how many requests were made.
        standstill_s: seconds in which no work was possible.
        interrupted_s: seconds of these in pauses of the server and in outages.
        spans: when it waited, in seconds of `clock`.
    """

    def __init__(self, limits: Limits, sleeps: Sleeps, *, clock: Callable[[], float] | None = None) -> None:
        self.requests = 0
        self.standstill_s = 0.0
        self.interrupted_s = 0.0
        self.spans = WaitSpans()
        self._limits = limits
        self._sleeps = sleeps
        self.now = asyncio.get_running_loop().time if clock is None else clock
        self._pauses: dict[str, tuple[float, float]] = {}
        self._retry = (0.0, 0.0)
        self._outage: tuple[float, Wait] | None = None
        self._responded_at: float | None = None
        self._sampled_at: float | None = None

    def client_event(self, event: ClientEvent) -> None:
        """Take in an event of the client."""
        now = self.now()
        match event:
            case RequestFinished():
                self.requests += 1
                self._responded_at = now
            case Paused():
                self._pauses[event.bucket.value] = now, now + event.for_s
            case Retrying():
                since, until = self._retry
                self._retry = since if until > now else now, max(until, now + event.after_s)
            case ServerUnreachable():
                self._outage = now, outage_wait(event)
            case ServerReachable():
                self._outage = None
            case _:
                pass

    def sample(self) -> Wait | None:
        """Return the wait to show, and count the time since the last sample."""
        now = self.now()
        waits = self._waits(now)
        since_s = 0.0 if self._sampled_at is None else now - self._sampled_at
        self._sampled_at = now
        self.standstill_s += min(since_s, _longest(waits, STANDSTILLS))
        self.interrupted_s += min(since_s, _longest(waits, INTERRUPTIONS))
        self.spans.take(waits, now)
        return choose_wait(waits)

    def _waits(self, now: float) -> list[Wait]:
        waits = [
            Wait(
                kind=WaitKind.PAUSE if wait.is_pause else WaitKind.RATE_LIMIT,
                waited_s=wait.waited_s,
                left_s=wait.left_s,
                bucket=wait.bucket,
            )
            for wait in self._limits.waits()
        ]
        waits += self._sleeps.waits(now)
        since, until = self._retry
        if until > now:
            waits.append(Wait(kind=WaitKind.RETRY, waited_s=now - since, left_s=until - now))
        if any(wait.kind is WaitKind.RETRY for wait in waits):
            waits += self._pauses_before_retries(now)
        if self._outage is not None:
            noticed_at, outage = self._outage
            waits.append(later(outage, now - noticed_at))
        elif (sent_s := self._limits.longest_in_flight_s()) > 0:
            silent_s = sent_s if self._responded_at is None else min(sent_s, now - self._responded_at)
            waits.append(Wait(kind=WaitKind.RESPONSE, waited_s=silent_s))
        return waits

    def _pauses_before_retries(self, now: float) -> list[Wait]:
        """Return the pauses that a retry waits for, while no request waits for a permit."""
        return [
            Wait(kind=WaitKind.PAUSE, waited_s=now - since, left_s=until - now, bucket=bucket)
            for bucket, (since, until) in self._pauses.items()
            if until > now
        ]


def _is_over(wait: Wait) -> bool:
    """Return whether a wait ends now; an outage does not end with the next probe."""
    return wait.kind is not WaitKind.OUTAGE and wait.left_s is not None and wait.left_s <= OVER_S


def outage_wait(event: ServerUnreachable | events.ServerUnreachable) -> Wait:
    """Return the wait that an outage begins, from the event of the client or of the engine."""
    return Wait(
        kind=WaitKind.OUTAGE,
        waited_s=event.away_s,
        left_s=event.retry_in_s,
        gives_up_in_s=event.gives_up_in_s,
        reason=event.reason,
    )


def _longest(waits: Iterable[Wait], kinds: frozenset[WaitKind]) -> float:
    return max((wait.waited_s for wait in waits if wait.kind in kinds), default=0.0)
