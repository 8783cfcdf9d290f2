"""Turns one batch of an operation into calls of the client and their answers into a verdict.

The only file that turns operations into calls. It decides neither what is due nor what follows.
"""

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import msgspec

from asyncclient import Bucket, CaptureEvent, EncodedProperties, PostHogClient, PostHogError
from bulk.operations import Operation, PropertyOperation, UpdateProperties
from bulk.posthog.attempt_result import (
    OK,
    AttemptResult,
    NextAction,
    judge_batch,
    judge_bulk,
    judge_capture,
    judge_error,
    judge_kept,
)
from bulk.posthog.strategy import Strategy
from bulk.states import Axis

BULK_TIMEOUT_S = 120.0
"""bulk_delete takes seconds for persons with many distinct ids (contract 9)."""

BeforeSend = Callable[[], Awaitable[None]]


class CallBlock(msgspec.Struct):
    """How far a block of requests, one after the other, has come.

    Arguments:
        answered: called after each success; from then until the next request leaves, nothing is in flight.
    """

    answered: Callable[[], None]
    requests: int = 0
    done: int = 0
    reached: int = 0

    def note(self) -> None:
        """A request succeeded."""
        self.requests += 1
        self.reached = self.done + 1
        self.answered()

    def verdict(self) -> AttemptResult:
        """What an interrupted block came to: what is left of it was not sent."""
        accepted = tuple(range(self.done))
        return AttemptResult(
            outcome="ok", then=NextAction.NOTHING, accepted=accepted, requests=self.requests, reached=self.reached
        )

    def broken_off(self, verdict: AttemptResult) -> AttemptResult:
        """What a block came to whose last request ended like this: the targets before it are accepted."""
        return msgspec.structs.replace(
            verdict,
            accepted=tuple(range(self.done)),
            requests=self.requests + 1,
            at=self.done,
            reached=self.reached if verdict.outcome == "failed" else self.done + 1,
        )


class TargetAddress(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A person as a call addresses it.

    Arguments:
        distinct_id: one of its ids as just read; capture takes no other address.
        keys: the properties that are not yet as asked, as just read, where each takes a call.
    """

    uuid: UUID
    distinct_id: str | None = None
    keys: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return "<Addressee>"


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """What to send: the route by name, its rate limit, what it may change, and how many targets it takes at most.

    Arguments:
        each: a request a target, or several, one after the other, under one intent.
    """

    route: str
    axes: tuple[Axis, ...]
    most: int
    bucket: Bucket = Bucket.DELETES
    each: bool = False

    @property
    def keeps_persons(self) -> bool:
        """Whether the server has to leave the persons of this deletion where they are."""
        return self.route == "bulk_delete" and Axis.PERSON not in self.axes

    def requests(self, batch: Sequence[TargetAddress]) -> int:
        """How many requests this is for these persons."""
        if not self.each:
            return 1
        return len(batch) if self.route == "update" else sum(len(one.keys) for one in batch)


def build_call(due: Sequence[Axis], strategy: Strategy, size: int, *, by_capture: bool = False) -> Call:
    """The call that does what is due, for as many targets as the way allows.

    Arguments:
        due: EVENTS and RECORDINGS, to be queued while the person is kept, or PERSON or PROPERTIES alone.
        size: the batch size at the moment; at 1 a person too heavy for bulk_delete gets a call of its own.
        by_capture: whether these persons' properties are changed by events.
    """
    if Axis.PROPERTIES in due:
        changes = (Axis.PROPERTIES,)
        if by_capture:
            return Call(route="capture", axes=changes, most=min(size, strategy.events_a_request), bucket=Bucket.CAPTURE)
        return Call(
            route=strategy.rest_call, axes=changes, most=min(size, strategy.block), bucket=Bucket.OTHERS, each=True
        )
    bulk = (strategy.delete_in_bulk if Axis.PERSON in due else strategy.queue_in_bulk) and size > 1
    if bulk:
        return Call(route="bulk_delete", axes=tuple(due), most=size)
    axis = due[0]
    return Call(route=_SINGLE[axis], axes=(axis,), most=1)


_SINGLE = {Axis.PERSON: "delete", Axis.EVENTS: "delete_events", Axis.RECORDINGS: "delete_recordings"}


async def send(
    client: PostHogClient,
    call: Call,
    operation: Operation,
    batch: Sequence[TargetAddress],
    before_send: BeforeSend,
    block: CallBlock,
) -> AttemptResult:
    """Make the call once, or each of a block's calls once, until one does not succeed.

    Arguments:
        client: its once() view is used, so the engine alone decides about attempts (promise 10).
        batch: the persons, at most `call.most`.
        before_send: awaited when the rate limit allows a request, before its bytes leave.
        block: noted in how far a block has come.
    """
    once = client.once(before_send)
    if call.each:
        assert isinstance(operation, PropertyOperation)
        return await _send_each(once, operation, batch, block)
    persons, uuids = once.persons, [one.uuid for one in batch]
    try:
        match call.route:
            case "capture":
                assert isinstance(operation, PropertyOperation)
                await once.capture.batch([_event(operation, one) for one in batch])
            case "bulk_delete":
                summary = await persons.bulk_delete(
                    ids=uuids,
                    delete_events=Axis.EVENTS in call.axes,
                    delete_recordings=Axis.RECORDINGS in call.axes,
                    keep_person=Axis.PERSON not in call.axes,
                    timeout_s=BULK_TIMEOUT_S,
                )
                return judge_bulk(summary, uuids, call.axes)
            case "delete_events":
                await persons.delete_events(uuids[0])
            case "delete_recordings":
                await persons.delete_recordings(uuids[0])
            case _:
                await persons.delete(uuids[0])
    except PostHogError as error:
        if call.route == "capture":
            return judge_capture(error, len(batch))
        kept = call.route == "bulk_delete" and Axis.PERSON not in call.axes
        return (judge_kept if kept else judge_batch)(error, len(batch))
    return OK


async def _send_each(
    once: PostHogClient, operation: PropertyOperation, batch: Sequence[TargetAddress], block: CallBlock
) -> AttemptResult:
    """A block: what succeeded before an error is accepted, what comes after it was not sent."""
    persons = once.persons
    to_set = EncodedProperties(operation.properties) if isinstance(operation, UpdateProperties) else None
    try:
        for one in batch:
            if to_set is not None:
                await persons.update(one.uuid, to_set)
                block.note()
            else:
                for key in one.keys:
                    await persons.delete_property(one.uuid, key)
                    block.note()
            block.done += 1
    except PostHogError as error:
        return block.broken_off(judge_error(error))
    return OK


def _event(operation: PropertyOperation, one: TargetAddress) -> CaptureEvent:
    assert one.distinct_id is not None
    if isinstance(operation, UpdateProperties):
        return CaptureEvent.set(one.distinct_id, operation.properties)
    return CaptureEvent.unset(one.distinct_id, operation.keys)
