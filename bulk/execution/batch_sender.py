"""Sends one batch under one intent: the journal has the intent before the request leaves, and the outcome after it.

What is sent is decided by the caller, and what the outcome means by `attempt_result`.
"""

from collections.abc import Callable

from bulk.concurrency.stop_gate import Stopped
from bulk.execution.run_context import RunContext
from bulk.execution.verified_targets import VerifiedTarget, VerifiedTargets
from bulk.posthog.attempt_result import AttemptResult
from bulk.posthog.calls import Call, CallBlock, send
from bulk.states import Axis


class Stale(Exception):
    """The batch waited so long that its persons, or their deletion rows, have to be read again."""


class BatchSender:
    """Sends the batches of one group, one after the other.

    Arguments:
        verified: the targets of the group that were read.
        on_sent: called when a request leaves.
    """

    def __init__(self, context: RunContext, verified: VerifiedTargets, *, on_sent: Callable[[], None]) -> None:
        self._context = context
        self._verified = verified
        self._on_sent = on_sent

    async def send(self, call: Call, numbers: list[int]) -> AttemptResult:
        """Send a batch. If a block of calls is stopped, the journal says how far it came.

        Raises:
            Stale: the persons have to be read again; nothing more of the batch was sent.
            Stopped: the gate closed; nothing more of the batch was sent.
        """
        job, gate, client = self._context.job, self._context.gate, self._context.client
        batch, read_at = self._verified.addresses(numbers), self._verified.oldest_read(numbers)
        attempt: int | None = None
        block = CallBlock(on_success=lambda: gate.make_cancellable(scope))
        try:
            with gate.cancel_on_stop() as scope:

                async def before_send() -> None:
                    nonlocal attempt
                    outdated = Axis.PERSON in call.axes and self._context.verifier.with_outdated_row(numbers)
                    if outdated or self._verified.is_too_old(read_at):
                        raise Stale
                    gate.finish_despite_stop(scope)
                    self._on_sent()
                    if attempt is None:
                        await self._keep_before(numbers, batch)
                        attempt = await job.record_intent(
                            call.route,
                            call.bucket.value,
                            call.axes,
                            numbers,
                            client.server_time(),
                            requests=call.requests(batch),
                        )

                result = await send(client, call, job.operation, batch, before_send, block)
                if attempt is not None:
                    job.record_outcome(attempt, result, numbers)
                    self._note_keys_sent(call, numbers, batch, block)
            return result
        except (Stopped, Stale):
            if attempt is not None:
                job.record_outcome(attempt, block.result(), numbers)
                # the target at which the block stopped made progress, which spends no attempt (guarantee 12)
                job.refund(numbers[block.done :])
                self._note_keys_sent(call, numbers, batch, block)
            raise

    async def _keep_before(self, numbers: list[int], batch: list[VerifiedTarget]) -> None:
        """Put on disk what these persons have before they are changed, if a before-image is kept (guarantee 36)."""
        if self._context.before_image is not None:
            before = {number: target.before or {} for number, target in zip(numbers, batch, strict=True)}
            await self._context.before_image.keep(before)

    def _note_keys_sent(self, call: Call, numbers: list[int], batch: list[VerifiedTarget], block: CallBlock) -> None:
        """Note the keys that an interrupted block removed from the person at which it stopped."""
        if call.one_by_one and block.done < block.reached:
            before = sum(target.calls for target in batch[: block.done])
            last = batch[block.done]
            self._verified.note_keys_sent(numbers[block.done], last.keys[: block.requests - before - last.sets])
