"""OutageWatch: holds all requests back while the server does not respond, and probes it until it does.

One request that waits probes for all; if it is cancelled, the next one takes over, so no task is left behind. What is
an outage, and how long it is waited out, is decided in `asyncclient._protocol.outage`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import anyio

from asyncclient._protocol.http import Request
from asyncclient._protocol.limits.rate_limits import Bucket
from asyncclient._protocol.outage import Outage, StopWaiting, cause_of, may_be_outage
from asyncclient._protocol.responses.decoding import to_error
from asyncclient._protocol.responses.expectations import EmptyBody
from asyncclient._secret import Secret
from asyncclient._transport.rate_limited import RateLimitedTransport
from asyncclient.errors import PostHogError, Unreachable
from asyncclient.events import ClientEvent, ServerReachable, ServerUnreachable
from asyncclient.retry import RetryPolicy

PROBE_TIMEOUT_S = 30.0


class _NotProbed(Exception):
    """The server asked for a longer pause than the policy allows, so that no probe is sent."""

    def __init__(self, paused: PostHogError) -> None:
        super().__init__(paused)
        self.paused = paused


class Availability:
    """What is known about the availability of one server, shared by all views of a client.

    Arguments:
        clock: seconds of a clock that cannot be set.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.outage: Outage | None = None
        self.cause = ""
        self.waiting = 0
        self.responded_at = float("-inf")
        self.has_responded = False
        """Whether any request got a response."""
        self.first_probe = anyio.Lock()
        self.probed: anyio.Event | None = None
        """Set at the end of the first probe; None while none is under way."""
        self.is_in_doubt = False
        """Whether there is an outage, or the first probe is under way to find out."""
        self.turn = anyio.Lock()
        self._ended_s = 0.0

    @property
    def unreachable_s(self) -> float:
        """Seconds of all outages so far, the current one included."""
        return self._ended_s + (0.0 if self.outage is None else self.clock() - self.outage.since)

    @contextmanager
    def first_probe_under_way(self) -> Iterator[None]:
        """Hold requests back while the first probe is under way."""
        self.probed = probed = anyio.Event()
        self.is_in_doubt = True
        try:
            yield
        finally:
            self.probed, self.is_in_doubt = None, self.outage is not None
            probed.set()

    def begin(self, since: float, error: PostHogError) -> None:
        """Begin an outage: the first probe failed."""
        self.outage, self.cause = Outage(since=since, probed_at=self.clock()), cause_of(error)
        self.is_in_doubt = True

    def end(self) -> None:
        """End the outage: the server responds, or no request waits for it any more."""
        self._ended_s, self.outage = self.unreachable_s, None
        self.is_in_doubt = self.probed is not None


class OutageWatch:
    """Waits while the server does not respond.

    Arguments:
        inner: sends the probes.
        availability: shared by all views.
        policy: says how long an outage is waited out; with 0 seconds nothing waits here.
        probe: returns a cheap read and its path.
        key: removed from the texts of errors.
    """

    def __init__(
        self,
        inner: RateLimitedTransport,
        availability: Availability,
        policy: RetryPolicy,
        probe: Callable[[], tuple[Request[Any], str]],
        key: Secret,
        emit: Callable[[ClientEvent], None],
        uniform: Callable[[float, float], float],
    ) -> None:
        self._inner = inner
        self._availability = availability
        self._policy = policy
        self._probe_request = probe
        self._key = key
        self._emit = emit
        self._uniform = uniform

    @property
    def server(self) -> Availability | None:
        """What is known about the server; None if outages are not waited out."""
        return self._availability if self._policy.retry_for_s else None

    def may_be_outage(self, error: PostHogError) -> bool:
        """Return whether it takes a probe to tell what a failure means."""
        policy = self._policy
        return bool(policy.retry_for_s) and may_be_outage(
            error,
            longest_pause_s=policy.longest_pause_s,
            host_is_known=policy.host_is_known or self._availability.has_responded,
        )

    async def in_outage(self) -> bool:
        """Return whether the failure of a request that just ended is part of an outage; if so, all requests wait."""
        if not self._policy.retry_for_s:
            return False
        availability, failed_at = self._availability, self._availability.clock()
        async with availability.first_probe:
            if availability.outage is not None:
                return True
            if availability.responded_at >= failed_at:  # to the probe of another request
                return False
            began = availability.clock()
            try:
                with availability.first_probe_under_way():
                    failed_with = await self._probe()
            except _NotProbed:  # the request that failed meets the same pause when it is sent again
                return False
            if failed_with is None:
                availability.responded_at = began
                return False
            availability.begin(failed_at, failed_with)
            return True

    async def wait(self, request: Request[Any], path: str) -> None:
        """Return once the server responds, as far as is known.

        Raises:
            Unreachable: the outage lasts longer than the policy allows; the request was not sent.
        """
        availability = self._availability
        while (probed := availability.probed) is not None:
            await probed.wait()
        if availability.outage is None:
            return
        if not availability.waiting and availability.outage.is_forgotten(availability.clock()):
            availability.end()
            return
        availability.waiting += 1
        try:
            while availability.outage is not None:
                async with availability.turn:
                    await self._probe_in_turn(request, path)
        finally:
            availability.waiting -= 1
            if not availability.waiting and availability.outage is not None:
                availability.end()

    async def _probe_in_turn(self, request: Request[Any], path: str) -> None:
        """Wait a while and probe the server, unless another request found it responding."""
        availability = self._availability
        outage = availability.outage
        if outage is None:
            return
        step = outage.next_step(availability.clock(), self._policy.retry_for_s, self._uniform)
        if isinstance(step, StopWaiting):
            raise Unreachable(
                availability.cause, method=request.method, path=path, route=request.route, away_s=step.away_s
            )
        self._emit(
            ServerUnreachable(
                away_s=availability.clock() - outage.since,
                retry_in_s=step.after_s,
                gives_up_in_s=step.gives_up_in_s,
                reason=availability.cause,
            )
        )
        await anyio.sleep(step.after_s)
        try:
            failed_with = await self._probe()
        except _NotProbed as error:
            raise error.paused from None
        now = availability.clock()
        if failed_with is not None:
            availability.outage, availability.cause = outage.after_failed_probe(now), cause_of(failed_with)
            return
        availability.end()
        self._emit(ServerReachable(away_s=now - outage.since))

    async def _probe(self) -> PostHogError | None:
        """Return the error of a probe; None if the server responded, whatever it said.

        Raises:
            _NotProbed: nothing was sent.
        """
        request, path = self._probe_request()
        may_leave = anyio.Event()

        async def note() -> None:
            may_leave.set()

        try:
            response = await self._inner.send(request, path, note, attempt=1)
        except PostHogError as error:
            if not may_leave.is_set():
                raise _NotProbed(error) from None
            failed_with = error
        else:
            self._availability.has_responded = True
            if response.status < 500:
                return None
            failed_with = to_error(request, response, self._key)
        return failed_with if self.may_be_outage(failed_with) else None


def ingestion_probe() -> Request[None]:
    """Return a read of the ingestion host, which takes only writes: any response but a 5xx shows that it is up."""
    return Request(
        action="probe",
        method="GET",
        path="batch/",
        route="GET batch/",
        bucket=Bucket.CAPTURE,
        expects=EmptyBody(),
        in_project=False,
        to_ingestion=True,
    )
