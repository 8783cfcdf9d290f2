"""A transport that waits for the rate limit's leave, and takes a 429 as everybody's business (promises 13, 14)."""

import time
from collections.abc import Callable

from asyncclient._decoding import to_error
from asyncclient._http import BeforeSend, Request, Response
from asyncclient._secret import Secret
from asyncclient._transport import Transport
from asyncclient.errors import ApiStatusError, PostHogError, RateLimited
from asyncclient.events import ClientEvent, LimitLowered, Paused, RequestFinished
from asyncclient.limits import Limits, Slot
from asyncclient.retry import RetryPolicy


class Throttling:
    """The wire behind the limits. Raises for a 429, whatever else the answer is it returns."""

    def __init__(
        self,
        inner: Transport,
        limits: Limits,
        key: Secret,
        policy: RetryPolicy,
        tell: Callable[[ClientEvent], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inner = inner
        self._limits = limits
        self._key = key
        self._policy = policy
        self._tell = tell
        self._clock = clock

    async def send(self, request: Request, before_send: BeforeSend | None, *, attempt: int = 1) -> Response:
        """Send when the limit allows; tell when it is over."""
        async with self._limits.slot(request.bucket) as slot:

            async def leave() -> None:
                if before_send is not None:
                    await before_send()
                slot.spent()

            started = self._clock()
            status: int | None = None
            try:
                response = await self._inner.send(request, leave)
                status = response.status
            except ApiStatusError as error:
                status = error.status
                raise
            finally:
                self._over(request, slot, status, started, attempt)
        if response.status == 429:
            refused = to_error(request, response, self._key)
            self._slow_down(request, refused)
            raise refused
        return response

    def _over(self, request: Request, slot: Slot, status: int | None, started: float, attempt: int) -> None:
        if slot.used:
            self._tell(
                RequestFinished(
                    action=request.action,
                    bucket=request.bucket,
                    status=status,
                    elapsed_s=self._clock() - started,
                    attempt=attempt,
                )
            )

    def _slow_down(self, request: Request, error: PostHogError) -> None:
        after = error.retry_after_s if isinstance(error, RateLimited) else None
        for lowered in self._limits.lower(request.bucket, after):
            self._tell(LimitLowered(bucket=request.bucket, window_s=lowered.window_s, old=lowered.old, new=lowered.new))
        if after is not None and after <= self._policy.longest_pause_s:
            self._limits.pause(request.bucket, after)
            self._tell(Paused(bucket=request.bucket, for_s=after, reason="429"))
