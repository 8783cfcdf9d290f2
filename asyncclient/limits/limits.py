"""Rate limits of a key: `Limits` is the live object from which every request takes a permit.

`RateLimits` holds the numbers (contract 3). All clients and jobs that use the same key can share a `Limits`; those of
several processes share a limits file.
"""

import asyncio
import math
from collections.abc import Callable, Iterable
from pathlib import Path

from asyncclient._protocol.limits.limit_reduction import LimitReduction
from asyncclient._protocol.limits.limit_wait import LimitWait
from asyncclient._protocol.limits.rate_bucket import WindowBudget
from asyncclient._protocol.limits.rate_limits import Bucket, RateLimits
from asyncclient._protocol.limits.shared_records import LimitRecord, RecordKind
from asyncclient._protocol.server_clock import boot_time
from asyncclient._secret import Secret
from asyncclient.errors import InvalidArgument
from asyncclient.limits.limit_state import LimitState
from asyncclient.limits.limits_file import LimitsFile
from asyncclient.limits.permits import Permit
from asyncclient.limits.shared_limits import LOOK_AGAIN_S, SharedLimits

MAX_RECENT = 20_000
"""The most requests per bucket that `recent` returns: more than any of PostHog's hourly limits."""


class Limits:
    """The rate limits of one key in one event loop; clients and jobs that use the key can share the object.

    Arguments:
        rates: the numbers; None means what PostHog enforces for the kind of key.
        file: shares the limits with the other processes of this machine that name the same file, if they use the same
            key and the same user ID. The file is private and holds times of requests, no key. It is created if it does
            not exist. A client opens it; without a client, call `open`.
        clock: returns seconds of a clock that cannot be set and that also runs while the machine is suspended.
    """

    def __init__(
        self,
        rates: RateLimits | None = None,
        *,
        file: str | Path | None = None,
        clock: Callable[[], float] = boot_time,
    ) -> None:
        self.clock = clock
        self._file = None if file is None else Path(file)
        self._rates = rates
        self._state = LimitState(RateLimits.posthog() if rates is None else rates)
        self._shared: SharedLimits | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def rates(self) -> RateLimits:
        """The numbers."""
        return self._state.rates

    @property
    def is_shared(self) -> bool:
        """Whether other processes share these limits through a file."""
        return self._file is not None

    @property
    def look_again_s(self) -> float:
        """Seconds after which a waiting request checks again, whatever it waits for."""
        return LOOK_AGAIN_S if self.is_shared else math.inf

    def open(self, key: str | Secret) -> None:
        """Open the limits file, if there is one; a client does this when it is opened.

        Arguments:
            key: the personal API key, which the file has to belong to.

        Raises:
            LimitsFileError: the file is damaged, belongs to another key, or cannot be used.
            InvalidArgument: these limits are already used with another key.
        """
        if self._file is None:
            return
        secret = key if isinstance(key, Secret) else Secret(key)
        if self._shared is not None:
            if self._shared.file.key.reveal() != secret.reveal():
                raise InvalidArgument("limits with a file are those of one key: make new ones for the other key")
            return
        if self._rates is None:
            self._state = LimitState(RateLimits.for_key(secret))
        shared = SharedLimits(self._state, LimitsFile(self._file, secret, clock=self.clock), clock=self.clock)
        shared.open()
        self._shared = shared

    def permit(self, bucket: Bucket, *, longest_pause_s: float = math.inf) -> Permit:
        """Return a permit for one request of this bucket, to be entered with `async with`: first come, first served.

        Leaving returns a permit that was not marked with `mark_sent()`. A marked one counts for a whole window from
        then on.

        Arguments:
            bucket: which limit the request counts in.
            longest_pause_s: while the server asks for a longer pause than these seconds, entering raises
                `PausedTooLong`.

        Returns:
            A permit that is not held yet.

        Raises:
            RuntimeError: the permit is entered in another event loop than the first one.
        """
        return Permit(self, bucket, self._state.queues[bucket], longest_pause_s)

    def take(self, bucket: Bucket) -> float | None:
        """Take a permit if there is room now; `Permit` calls this.

        Arguments:
            bucket: which limit.

        Returns:
            When it was taken, which `give_back` needs; None if there is no room.

        Raises:
            LimitsFileError: the limits file cannot be used.
        """
        if self._file is not None:
            return self._opened().take(bucket)
        now = self.clock()
        return now if self._state.take(bucket, now) else None

    def give_back(self, bucket: Bucket, taken_at: float, *, used: bool, passed: bool) -> None:
        """Count the request of a permit, or return the permit if it was not used; `Permit` calls this.

        Arguments:
            bucket: which limit.
            taken_at: what `take` returned.
            used: whether a request may have been sent.
            passed: whether the server certainly let it through.
        """
        if self._file is not None:
            self._opened().give_back(bucket, taken_at=taken_at, used=used, passed=passed)
            return
        self._state.remove_in_flight(bucket)
        if used:
            self._state.record_response(bucket, self.clock(), sent_at=taken_at, passed=passed)

    def pause(self, bucket: Bucket, for_s: float, *, status: int = 429) -> bool:
        """Pause the requests of this bucket for this many seconds, for one hour at most.

        Arguments:
            bucket: which limit.
            for_s: the seconds that the server asks for.
            status: HTTP status of the response that asks for it.

        Returns:
            True for a new pause, False if it is part of the current one.
        """
        queue, now = self._state.queues[bucket], self.clock()
        is_new = queue.bucket.pause(now, for_s, status)
        queue.wake()
        if is_new and self._file is not None:
            self._opened().post([LimitRecord(RecordKind.PAUSED, bucket, now, for_s, status=status)])
        return is_new

    def lower(self, bucket: Bucket, retry_after_s: float | None, *, since: float | None = None) -> list[LimitReduction]:
        """Lower the limit after an unexpected 429, to the number of requests that passed within the window.

        All 429s until requests pass again are one episode, and an episode lowers a limit once. Within an hour after
        the last 429 the configured limit applies again. A wait of more than a minute means an hourly limit. If the
        bucket has no limits, PostHog's published ones are switched on.

        Arguments:
            bucket: which limit.
            retry_after_s: seconds that the server asks to wait; None if it does not say.
            since: when the request was sent, by the clock of these limits; None means now.

        Returns:
            The limits that were lowered; empty within an episode.
        """
        now = self.clock()
        sent_at = now if since is None else since
        if self._file is not None:
            return self._opened().lower(bucket, retry_after_s, sent_at)
        return self._state.reduce(bucket, now, retry_after_s=retry_after_s, sent_at=sent_at)

    def keep_lowered(self, bucket: Bucket, *, window_s: float, limit: int, age_s: float) -> None:
        """Apply a limit that another process lowered, until it would have expired there.

        Arguments:
            bucket: which limit.
            window_s: length of the window in seconds.
            limit: the lowered number of requests per window.
            age_s: seconds since it was lowered.
        """
        now = self.clock()
        if self._file is not None:
            lowered = LimitRecord(RecordKind.LOWERED, bucket, now - age_s, window_s, amount=limit)
            self._opened().post([lowered])
            return
        self._state.queues[bucket].bucket.restore_reduction(now, window_s=window_s, new=limit, age_s=age_s)

    def charge(self, bucket: Bucket, ages_s: Iterable[float]) -> None:
        """Count requests that other processes made within the last hour.

        Arguments:
            bucket: which limit they count in.
            ages_s: for each request, seconds since its response arrived.
        """
        now = self.clock()
        times = [now - age for age in ages_s]
        if self._file is None:
            self._state.add_earlier(bucket, now, times)
        elif times:
            self._opened().post([LimitRecord(RecordKind.EARLIER, bucket, at, amount=1) for at in times])

    def recent(self, bucket: Bucket) -> list[float]:
        """Return the ages of this bucket's requests of the last hour, for `charge` in another process.

        Arguments:
            bucket: which limit.

        Returns:
            Seconds, the oldest request first: the latest 20,000 requests, or as many as the limits allow in an hour if
            that is more.
        """
        self._look_at_file()
        max_count = max(MAX_RECENT, *self.rates.windows(bucket).values(), 0)
        return self._state.logs[bucket].ages(self.clock(), max_count=max_count)

    def budget(self, bucket: Bucket) -> list[WindowBudget]:
        """Return the state of each window of the bucket.

        Arguments:
            bucket: which limit.

        Returns:
            The windows, the shortest first; empty if the bucket is unlimited.
        """
        self._look_at_file()
        return self._state.queues[bucket].bucket.budget(self.clock())

    def waits(self) -> list[LimitWait]:
        """Return what requests wait for before they are sent: one wait per rate limit, however many requests wait."""
        now = self.clock()
        waits = [queue.current_wait(now, bucket) for bucket, queue in self._state.distinct_queues()]
        return [wait for wait in waits if wait is not None]

    def longest_in_flight_s(self) -> float:
        """Return the seconds since the oldest request without a response was sent; 0 if there is none."""
        now = self.clock()
        return max(
            (now - since for _, queue in self._state.distinct_queues() for since in queue.in_flight.values()),
            default=0.0,
        )

    def eta_s(self, bucket: Bucket, requests: int) -> float:
        """Return the seconds that this many more requests take within the limits.

        Arguments:
            bucket: which limit.
            requests: how many.
        """
        self._look_at_file()
        return self._state.queues[bucket].bucket.eta_s(self.clock(), requests)

    def check_loop(self) -> None:
        """Check that this is the event loop that used these limits first.

        Raises:
            RuntimeError: it is another event loop.
        """
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            if self._loop is not None:
                raise RuntimeError(
                    "these Limits are already used in another event loop: create new ones for this loop, and charge "
                    "them with the requests made so far: new.charge(bucket, old.recent(bucket)) for each Bucket"
                )
            self._loop = loop

    def _look_at_file(self) -> None:
        """Take in what other processes did; if that is impossible, the next request says so."""
        if self._shared is not None:
            self._shared.post(())

    def _opened(self) -> SharedLimits:
        if self._shared is None:
            raise RuntimeError("limits with a file are opened by a client, or with `open(key)`")
        return self._shared
