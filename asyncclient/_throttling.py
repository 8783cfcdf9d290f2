"""A transport that waits for the rate limit's leave, and takes a 429 as everybody's business (promises 13, 14)."""

from collections.abc import Callable

from asyncclient._clock import ServerClock, boot_time
from asyncclient._decoding import to_error
from asyncclient._http import BeforeSend, Request, Response
from asyncclient._secret import Secret
from asyncclient._transport import Wire
from asyncclient.errors import ApiStatusError
from asyncclient.events import ClientEvent, LimitLowered, Paused, RequestFinished
from asyncclient.limits import Limits, Slot
from asyncclient.retry import RetryPolicy, pause_after_429


class Throttling:
    """The wire behind the limits. Raises for a 429, whatever else the answer is it returns."""

    def __init__(
        self,
        wire: Wire,
        limits: Limits,
        key: Secret,
        policy: RetryPolicy,
        tell: Callable[[ClientEvent], None],
        server_clock: ServerClock,
        clock: Callable[[], float] = boot_time,
    ) -> None:
        self._wire = wire
        self._limits = limits
        self._key = key
        self._policy = policy
        self._tell = tell
        self._server_clock = server_clock
        self._clock = clock

    async def send(self, request: Request, path: str, before_send: BeforeSend | None, *, attempt: int) -> Response:
        """Send when the limit allows; tell when it is over."""
        async with self._limits.slot(request.bucket) as slot:
            if before_send is not None:
                await before_send()
            started = self._clock()
            status: int | None = None
            try:
                response = await self._wire.send(request, path, slot.spent)
                status = response.status
            except ApiStatusError as error:
                status = error.status
                raise
            finally:
                elapsed_s = self._clock() - started
                if slot.used:
                    self._tell(
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
            self._server_clock.heard_date(response.headers.get("date", ""), elapsed_s)
        elif status == 429:
            refused = to_error(request, response, self._key)
            self._slow_down(request, refused, slot, attempt)
            raise refused
        return response

    def _slow_down(self, request: Request, refused: ApiStatusError, slot: Slot, attempt: int) -> None:
        bucket = request.bucket
        for lowered in self._limits.lower(bucket, refused.retry_after_s, since=slot.since):
            self._tell(LimitLowered(bucket=bucket, window_s=lowered.window_s, old=lowered.old, new=lowered.new))
        pause_s = pause_after_429(self._policy, refused, attempt=attempt)
        if pause_s is not None:
            self._limits.pause(bucket, pause_s)
            self._tell(Paused(bucket=bucket, for_s=pause_s, reason="429"))
