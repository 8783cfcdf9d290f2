"""RateLimitedTransport: waits for permits, and applies a 429 or a `Retry-After` to all requests of the bucket.

Guarantees 13 and 14.
"""

from collections.abc import Callable
from typing import Any, Protocol

from asyncclient._protocol.http import BeforeSend, Request, Response
from asyncclient._protocol.responses.decoding import to_error
from asyncclient._protocol.server_clock import ServerClock, boot_time
from asyncclient._secret import Secret
from asyncclient._transport import Wire
from asyncclient.errors import ApiStatusError, error_class_for
from asyncclient.events import ClientEvent, LimitLowered, Paused, RequestFinished
from asyncclient.limits import Limits, PausedTooLong, Permit
from asyncclient.retry import UNAVAILABLE, RetryPolicy, shared_pause_s


class OutageState(Protocol):
    """A server that may be in an outage: while it is in doubt, requests wait until it is known whether it responds."""

    is_in_doubt: bool


class RequestWithheld(Exception):
    """The server may be in an outage, so the request did not leave."""


class RateLimitedTransport:
    """Sends each request over the wire once it has a permit. Raises for a 429 and returns every other response."""

    def __init__(
        self,
        wire: Wire,
        limits: Limits,
        key: Secret,
        policy: RetryPolicy,
        emit: Callable[[ClientEvent], None],
        server_clock: ServerClock,
        clock: Callable[[], float] = boot_time,
    ) -> None:
        self._wire = wire
        self._limits = limits
        self._key = key
        self._policy = policy
        self._emit = emit
        self._server_clock = server_clock
        self._clock = clock

    async def send(
        self,
        request: Request[Any],
        path: str,
        before_send: BeforeSend | None,
        *,
        attempt: int,
        server: OutageState | None = None,
    ) -> Response:
        """Send the request when the rate limit allows it, and emit its events.

        Arguments:
            server: if it may be in an outage once the request has a permit, nothing is sent.

        Raises:
            RequestWithheld: the server may be in an outage; nothing was sent.
            ApiStatusError: the response is a 429; or nothing was sent, because the server asks for a longer pause than
                the policy allows.
        """
        permit = self._limits.permit(request.bucket, longest_pause_s=self._policy.longest_pause_s)
        if not permit.take_at_once():
            await self._wait_for(permit, request, path)
        status: int | None = None
        started = 0.0
        try:
            if server is not None and server.is_in_doubt:
                raise RequestWithheld
            if before_send is not None:
                await before_send()
            started = self._clock()
            response = await self._wire.send(request, path, permit.mark_sent)
            status = response.status
        except ApiStatusError as error:
            status = error.status
            raise
        finally:
            elapsed_s = self._clock() - started
            if status is None or status == 429 or status in UNAVAILABLE:
                permit.mark_rejected()
            permit.release()
            if permit.used:
                self._emit(
                    RequestFinished(
                        action=request.action,
                        bucket=request.bucket,
                        mutating=request.mutating,
                        status=status,
                        elapsed_s=elapsed_s,
                        attempt=attempt,
                    )
                )
        if status < 300:
            self._server_clock.observe_date(response.headers.get("date", ""), elapsed_s)
        elif status == 429 or (status in UNAVAILABLE and "retry-after" in response.headers):
            slowed = to_error(request, response, self._key)
            self._slow_down(request, slowed, permit.since, attempt)
            if status == 429:
                raise slowed
        return response

    async def _wait_for(self, permit: Permit, request: Request[Any], path: str) -> None:
        """Wait for the permit.

        Raises:
            ApiStatusError: the server asks for a longer pause than the policy allows.
        """
        try:
            await permit.take()
            return
        except PausedTooLong as pause:
            paused = pause
        raise error_class_for(paused.status, None)(
            paused.status,
            method=request.method,
            path=path,
            route=request.route,
            detail=f"not sent: {paused}",
            retry_after_s=paused.left_s,
        )

    def _slow_down(self, request: Request[Any], error: ApiStatusError, since: float, attempt: int) -> None:
        """Pause all requests of the bucket for as long as the server asks, and lower the limit after a 429."""
        bucket = request.bucket
        pause_s = shared_pause_s(self._policy, error, attempt=attempt)
        if pause_s is not None and self._limits.pause(bucket, pause_s, status=error.status):
            self._emit(Paused(bucket=bucket, for_s=pause_s, reason=str(error.status)))
        if error.status == 429:
            for lowered in self._limits.lower(bucket, error.retry_after_s, since=since):
                self._emit(LimitLowered(bucket=bucket, window_s=lowered.window_s, old=lowered.old, new=lowered.new))
