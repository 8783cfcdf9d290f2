"""Sends one batch under one intent: the journal has the intent before the request leaves, and the outcome after it.

What is sent is decided by the caller, and what the outcome means by `attempt_result`.
"""

from collections.abc import Callable

import msgspec

from bulk.concurrency.stop_gate import Stopped
from bulk.execution.run_context import RunContext
from bulk.execution.unset.removals import removals, trial_removals
from bulk.execution.verified_targets import VerifiedTarget, VerifiedTargets
from bulk.posthog.attempt_result import AttemptResult
from bulk.posthog.calls import Call, CallBlock, send
from bulk.states import Axis


class Stale(Exception):
    """Persons or deletion rows have to be read again: those of the batch, or those of an empty response."""


class BatchSender:
    """Sends the batches of one group, one after the other.

    Arguments:
        verified: the targets of the group that were read.
        on_sent: called when the first request of a batch leaves.
        trial_keys: if the person still has exactly these properties, the first attempt shows whether the server removes
            them in one call; empty for no trial.

    Attributes:
        tried: whether the last attempt was such a trial.
    """

    def __init__(
        self,
        context: RunContext,
        verified: VerifiedTargets,
        *,
        on_sent: Callable[[], None],
        trial_keys: tuple[str, ...] = (),
    ) -> None:
        self._context = context
        self._verified = verified
        self._on_sent = on_sent
        self._trial_keys = trial_keys
        self.tried = False

    async def send(self, call: Call, numbers: list[int]) -> AttemptResult:
        """Send a batch. If a block of calls is stopped, the journal says how far it came.

        Raises:
            Stale: the persons have to be read again; nothing more of the batch was sent.
            Stopped: the gate closed; nothing more of the batch was sent.
        """
        job, gate, client = self._context.job, self._context.gate, self._context.client
        batch, read_at = self._addresses(call, numbers), self._verified.oldest_read(numbers)
        deletes = Axis.PERSON in call.axes
        attempt: int | None = None
        block = CallBlock(on_success=lambda: gate.make_cancellable(scope))
        try:
            with gate.cancel_on_stop() as scope:

                async def before_send() -> None:
                    nonlocal attempt
                    outdated = deletes and self._context.verifier.with_outdated_row(numbers)
                    if outdated or self._verified.is_too_old(read_at) or self._context.kept_persons.must_be_read:
                        raise Stale
                    gate.finish_despite_stop(scope)
                    if attempt is None:
                        self._on_sent()
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

    def _addresses(self, call: Call, numbers: list[int]) -> list[VerifiedTarget]:
        """Return the targets, each with the properties that its calls remove."""
        targets = self._verified.addresses(numbers)
        if not call.one_by_one:
            return targets
        return [
            msgspec.structs.replace(target, removals=self._removals(n, target.keys)) if target.keys else target
            for n, target in zip(numbers, targets, strict=True)
        ]

    def _removals(self, number: int, keys: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
        """Return the properties that each call for a person removes.

        Only its first attempt may remove them all in one call. Whatever that did not do is done without a list.
        """
        target_states = self._context.job.target_states
        may_send_list = len(keys) > 1 and target_states.attempts[number] == 0
        self.tried = may_send_list and keys == self._trial_keys and target_states.takes_key_list is None
        if self.tried:
            return trial_removals(keys)
        return removals(keys, in_one_call=may_send_list and target_states.takes_key_list is True)

    async def _keep_before(self, numbers: list[int], batch: list[VerifiedTarget]) -> None:
        """Put on disk what these persons have before they are changed, if a before-image is kept (guarantee 36)."""
        if self._context.before_image is not None:
            before = {number: target.before or {} for number, target in zip(numbers, batch, strict=True)}
            unseen = {number: target.tests for number, target in zip(numbers, batch, strict=True) if target.tests}
            await self._context.before_image.keep(before, unseen)

    def _note_keys_sent(self, call: Call, numbers: list[int], batch: list[VerifiedTarget], block: CallBlock) -> None:
        """Note the keys that an interrupted block removed from the person at which it stopped."""
        if call.one_by_one and block.done < block.reached:
            before = sum(target.calls for target in batch[: block.done])
            last = batch[block.done]
            for keys in last.removals[: block.requests - before - last.has_values]:
                self._verified.note_keys_sent(numbers[block.done], keys)
