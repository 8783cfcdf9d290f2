"""Sends one batch of an operation: chooses the API call, makes it, and classifies how it ended.

No other module turns operations into API calls. Which targets are sent, and when, is decided in `bulk.execution`.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from uuid import UUID

import msgspec

from asyncclient import Bucket, CaptureEvent, EncodedProperties, PostHogClient, PostHogError
from bulk.operations import Operation, PropertyOperation, UpdateProperties, desired_properties
from bulk.posthog.attempt_result import (
    OK,
    AttemptResult,
    NextAction,
    classify_batch_error,
    classify_bulk_delete,
    classify_capture_error,
    classify_error,
    classify_keep_person_error,
    classify_key_list_error,
)
from bulk.posthog.strategy import EVENT_OVERHEAD_BYTES, Strategy
from bulk.property_checks import DesiredProperties
from bulk.states import Axis

BULK_TIMEOUT_S = 120.0
"""bulk_delete takes seconds for persons with many distinct IDs (contract 9)."""

BeforeSend = Callable[[], Awaitable[None]]


class CallBlock(msgspec.Struct):
    """The progress of a block: consecutive requests, one or more per person, under one intent.

    Arguments:
        on_success: called after each success; from then until the next request leaves, no request is in flight.
        requests: successful requests.
        done: persons for whom every request succeeded.
        reached: persons for whom at least one request succeeded.
    """

    on_success: Callable[[], None]
    requests: int = 0
    done: int = 0
    reached: int = 0

    def record_success(self) -> None:
        """Count one successful request."""
        self.requests += 1
        self.reached = self.done + 1
        self.on_success()

    def result(self) -> AttemptResult:
        """Return the result of a block that was interrupted between two requests; the rest of it was not sent."""
        accepted = tuple(range(self.done))
        return AttemptResult(
            outcome="ok",
            next_action=NextAction.NOTHING,
            accepted=accepted,
            requests=self.requests,
            reached=self.reached,
        )

    def failed(self, last: AttemptResult) -> AttemptResult:
        """Return the result of a block whose last request failed: the targets before it are accepted."""
        return msgspec.structs.replace(
            last,
            accepted=tuple(range(self.done)),
            requests=self.requests + 1,
            failed_at=self.done,
            reached=self.reached if last.outcome == "failed" else self.done + 1,
        )


class TargetAddress(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How a call addresses one person.

    Arguments:
        distinct_id: one of the person's distinct IDs as just read; the capture route takes no UUID.
        removals: the properties that each call for the person removes, where calls remove properties.
        change: the values that this person gets, where each person gets its own.
    """

    uuid: UUID
    distinct_id: str | None = None
    removals: tuple[tuple[str, ...], ...] = ()
    change: DesiredProperties | None = None

    @property
    def calls(self) -> int:
        """How many REST calls change the properties of this person."""
        return len(self.removals) + self.has_values or 1

    @property
    def has_values(self) -> bool:
        """Whether a call sets values of its own before others remove properties."""
        return self.change is not None and bool(self.change.values)

    @property
    def event_bytes(self) -> int:
        """How many bytes its events take at most; 0 where `events_per_request` has counted them."""
        return 0 if self.change is None else len(msgspec.json.encode(self.change)) + 2 * EVENT_OVERHEAD_BYTES

    def __repr__(self) -> str:
        return "<TargetAddress>"


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """The API call to make for a batch.

    Arguments:
        route: its name in the client.
        axes: what it may change.
        max_targets: how many targets it takes at most.
        bucket: the rate limit that counts it.
        one_by_one: whether each target takes one or more requests of its own, all under one intent.
    """

    route: str
    axes: tuple[Axis, ...]
    max_targets: int
    bucket: Bucket = Bucket.DELETES
    one_by_one: bool = False

    @property
    def keeps_persons(self) -> bool:
        """Whether the call deletes events or recordings and must keep the persons."""
        return self.route == "bulk_delete" and Axis.PERSON not in self.axes

    def requests(self, batch: Sequence[TargetAddress]) -> int:
        """Return how many requests these persons take."""
        if not self.one_by_one:
            return 1
        others = [target for target in batch if target.removals or target.change is not None]
        return len(batch) - len(others) + sum(target.calls for target in others)


def build_call(axes: Sequence[Axis], strategy: Strategy, size: int, *, by_capture: bool = False) -> Call:
    """Return the API call that changes these axes, for as many targets as the strategy allows.

    Arguments:
        axes: EVENTS and RECORDINGS, which are queued while the person is kept, or PERSON or PROPERTIES alone.
        size: the current batch size; 1 gives a person that is too large for bulk_delete a call of its own.
        by_capture: whether the properties of these persons are changed through the capture route.
    """
    if Axis.PROPERTIES in axes:
        changes = (Axis.PROPERTIES,)
        if by_capture:
            return Call(
                route="capture", axes=changes, max_targets=min(size, strategy.events_per_request), bucket=Bucket.CAPTURE
            )
        return Call(
            route=strategy.rest_call,
            axes=changes,
            max_targets=min(size, strategy.persons_per_intent),
            bucket=Bucket.OTHERS,
            one_by_one=True,
        )
    bulk = (strategy.delete_in_bulk if Axis.PERSON in axes else strategy.queue_in_bulk) and size > 1
    if bulk:
        return Call(route="bulk_delete", axes=tuple(axes), max_targets=size)
    axis = axes[0]
    return Call(route=_SINGLE[axis], axes=(axis,), max_targets=1)


_SINGLE = {Axis.PERSON: "delete", Axis.EVENTS: "delete_events", Axis.RECORDINGS: "delete_recordings"}


def send(
    client: PostHogClient,
    call: Call,
    operation: Operation,
    batch: Sequence[TargetAddress],
    before_send: BeforeSend,
    block: CallBlock,
) -> Awaitable[AttemptResult]:
    """Make a call once, or every call of a block once until one fails.

    Arguments:
        client: its `once` view is used, so that only the engine decides about retries (guarantee 10).
        batch: the persons, at most `call.max_targets`.
        before_send: awaited when the rate limit allows a request, before its bytes leave.
        block: records the progress of a call that is made one by target.
    """
    once = client.once(before_send)
    if call.one_by_one:
        assert isinstance(operation, PropertyOperation)
        return _send_each(once, operation, batch, block)
    return _send_batch(once, call, operation, batch)


async def _send_batch(
    once: PostHogClient, call: Call, operation: Operation, batch: Sequence[TargetAddress]
) -> AttemptResult:
    """Make one call for all persons of a batch."""
    persons, uuids = once.persons, [target.uuid for target in batch]
    try:
        match call.route:
            case "capture":
                assert isinstance(operation, PropertyOperation)
                await once.capture.batch([event for target in batch for event in _events(operation, target)])
            case "bulk_delete":
                summary = await persons.bulk_delete(
                    ids=uuids,
                    delete_events=Axis.EVENTS in call.axes,
                    delete_recordings=Axis.RECORDINGS in call.axes,
                    keep_person=Axis.PERSON not in call.axes,
                    timeout_s=BULK_TIMEOUT_S,
                )
                return classify_bulk_delete(summary, uuids, call.axes)
            case "delete_events":
                await persons.delete_events(uuids[0])
            case "delete_recordings":
                await persons.delete_recordings(uuids[0])
            case _:
                await persons.delete(uuids[0])
    except PostHogError as error:
        if call.route == "capture":
            return classify_capture_error(error, len(batch))
        classify = classify_keep_person_error if call.keeps_persons else classify_batch_error
        return classify(error, len(batch))
    return OK


async def _send_each(
    once: PostHogClient, operation: PropertyOperation, batch: Sequence[TargetAddress], block: CallBlock
) -> AttemptResult:
    """Send a block; targets before an error are accepted, targets after it were not sent."""
    persons = once.persons
    for_all = EncodedProperties(operation.properties) if isinstance(operation, UpdateProperties) else None
    keys: tuple[str, ...] = ()
    try:
        for target in batch:
            encoded = EncodedProperties(target.change.values) if target.change and target.change.values else for_all
            if encoded is not None:
                await persons.update(target.uuid, encoded)
                block.record_success()
            for keys in target.removals:
                await persons.delete_property(target.uuid, keys, in_one_call=True)
                block.record_success()
            keys = ()
            block.done += 1
    except PostHogError as error:
        result = classify_key_list_error(error) if len(keys) > 1 else classify_error(error)
        return block.failed(msgspec.structs.replace(result, keys=keys))
    return OK


def _events(operation: PropertyOperation, target: TargetAddress) -> Iterator[CaptureEvent]:
    """Yield the events that change one person: one, or two if it gets some properties and loses others."""
    assert target.distinct_id is not None
    change = target.change or desired_properties(operation)
    assert change is not None
    if change.values:
        yield CaptureEvent.set(target.distinct_id, change.values)
    if change.once:
        yield CaptureEvent.set_once(target.distinct_id, change.once)
    if change.absent:
        yield CaptureEvent.unset(target.distinct_id, change.absent)
