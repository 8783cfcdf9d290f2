"""The capture route: splits events into request bodies that the server accepts (contract 12). Pure."""

from collections.abc import Iterator, Sequence

import msgspec

from asyncclient._protocol.endpoints.capture_event import CaptureEvent
from asyncclient._protocol.http import Request
from asyncclient._protocol.limits.rate_limits import Bucket
from asyncclient._protocol.responses.capture_response import CAPTURE_ACCEPTED, CaptureBody
from asyncclient._secret import Secret
from asyncclient.errors import InvalidArgument

MAX_BODY_BYTES = 19_000_000
"""The most bytes of a body; the server refuses 20 MB, and this is less however it counts them."""
ENVELOPE_BYTES = 1024
"""Bytes reserved for the JSON around the events; a token has at most 512."""
MAX_EVENT_BYTES = MAX_BODY_BYTES - ENVELOPE_BYTES

_ENCODER = msgspec.json.Encoder()


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """The events of one request.

    Arguments:
        events: the events as JSON, separated by commas, without brackets.
        start, stop: their range in the given sequence.
        repeatable: whether the request has the same effect if it is made twice.
    """

    events: bytes
    start: int
    stop: int
    repeatable: bool

    def __repr__(self) -> str:
        return f"<Batch of {self.stop - self.start} events>"


def batches(events: Sequence[CaptureEvent], *, max_bytes: int = MAX_EVENT_BYTES) -> Iterator[Batch]:
    """Yield the events in as few batches as possible, in their order.

    Arguments:
        events: the events.
        max_bytes: the most bytes of the events of one body, including the commas between them.

    Raises:
        InvalidArgument: an item is not an event, or is too large for a body.
    """
    if not isinstance(events, Sequence):
        raise InvalidArgument(f"events must be a list of CaptureEvent, not a {type(events).__name__}")
    parts: list[bytes] = []
    size, start, repeatable = 0, 0, True
    for at, event in enumerate(events):
        if not isinstance(event, CaptureEvent):
            raise InvalidArgument(f"event number {at + 1} is a {type(event).__name__}, not a CaptureEvent")
        part = _ENCODER.encode(event.to_wire())
        if len(part) > max_bytes:
            raise InvalidArgument(
                f"event number {at + 1} has {len(part):,} bytes and a request can have {max_bytes:,}: make it smaller"
            )
        if parts and size + 1 + len(part) > max_bytes:
            yield Batch(events=b",".join(parts), start=start, stop=at, repeatable=repeatable)
            parts, size, start, repeatable = [], 0, at, True
        size += len(part) + bool(parts)
        parts.append(part)
        repeatable = repeatable and event.is_repeatable
    if parts:
        yield Batch(events=b",".join(parts), start=start, stop=len(events), repeatable=repeatable)


def capture_events(batch: Batch, token: Secret) -> Request[CaptureBody]:
    """Build POST /batch/ on the ingestion host, with the project's public token and without the personal key.

    The token is inserted here, so that no frame above has it in a local variable.
    """
    return Request(
        action="capture",
        method="POST",
        path="batch/",
        route="POST batch/",
        bucket=Bucket.CAPTURE,
        expects=CAPTURE_ACCEPTED,
        in_project=False,
        body=b'{"api_key":%b,"historical_migration":false,"batch":[%b]}'
        % (_ENCODER.encode(token.reveal()), batch.events),
        mutating=True,
        repeatable=batch.repeatable,
        to_ingestion=True,
    )
