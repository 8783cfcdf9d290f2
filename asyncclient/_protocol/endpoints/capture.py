"""The capture route: how events become bodies that the server takes (contract 12). Pure."""

from collections.abc import Iterator, Sequence

import msgspec

from asyncclient._protocol.endpoints.capture_event import CaptureEvent
from asyncclient._protocol.http import Request
from asyncclient._protocol.limits.rate_limits import Bucket
from asyncclient._protocol.responses.capture_response import TAKEN, CaptureAnswer
from asyncclient._secret import Secret
from asyncclient.errors import InvalidArgument

LARGEST_CAPTURE = 19_000_000
"""Bytes of a body; the server refuses 20 MB, however it counts them."""
AROUND = 1024
"""Bytes kept for what stands around the events; a token has 512 at the most."""
MOST_BYTES = LARGEST_CAPTURE - AROUND

_ENCODER = msgspec.json.Encoder()


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """The events of one request: as JSON without the brackets around them, and where they stand among those given."""

    events: bytes
    start: int
    stop: int
    repeatable: bool

    def __repr__(self) -> str:
        return f"<Batch of {self.stop - self.start} events>"


def batches(events: Sequence[CaptureEvent], *, most_bytes: int = MOST_BYTES) -> Iterator[Batch]:
    """The events in as few bodies as keep within the bound, in their order.

    Arguments:
        most_bytes: of a body's events, the commas between them included.

    Raises:
        InvalidArgument: one is no event, or larger than a body may be.
    """
    if not isinstance(events, Sequence):
        raise InvalidArgument(f"events takes a list of CaptureEvent, not a {type(events).__name__}")
    parts: list[bytes] = []
    size, start, repeatable = 0, 0, True
    for at, event in enumerate(events):
        if not isinstance(event, CaptureEvent):
            raise InvalidArgument(f"event number {at + 1} is a {type(event).__name__}, not a CaptureEvent")
        part = _ENCODER.encode(event.to_wire())
        if len(part) > most_bytes:
            raise InvalidArgument(
                f"event number {at + 1} has {len(part):,} bytes and a request takes {most_bytes:,}: send less of it"
            )
        if parts and size + 1 + len(part) > most_bytes:
            yield Batch(events=b",".join(parts), start=start, stop=at, repeatable=repeatable)
            parts, size, start, repeatable = [], 0, at, True
        size += len(part) + bool(parts)
        parts.append(part)
        repeatable = repeatable and event.is_repeatable
    if parts:
        yield Batch(events=b",".join(parts), start=start, stop=len(events), repeatable=repeatable)


def capture_events(batch: Batch, token: Secret) -> Request[CaptureAnswer]:
    """POST /batch/ on the ingestion host, with the project's public token and without the personal key.

    The token is put in here so that it is in no local variable of the frames above.
    """
    return Request(
        action="capture",
        method="POST",
        path="batch/",
        route="POST batch/",
        bucket=Bucket.CAPTURE,
        expects=TAKEN,
        in_project=False,
        body=b'{"api_key":%b,"historical_migration":false,"batch":[%b]}'
        % (_ENCODER.encode(token.reveal()), batch.events),
        mutating=True,
        repeatable=batch.repeatable,
        to_ingestion=True,
    )
