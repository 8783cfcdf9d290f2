"""What the client tells of its requests. Frozen values; nothing in them identifies a person or holds the key."""

import msgspec

from asyncclient.limits import Bucket


class _Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", gc=False):
    pass


class RequestFinished(_Event, frozen=True, tag="request"):
    """A request that may have left the machine is over. `status` is None when there was no answer."""

    action: str
    bucket: Bucket
    mutating: bool
    status: int | None
    elapsed_s: float
    attempt: int


class Retrying(_Event, frozen=True, tag="retry"):
    """A request will be sent again, after a wait. `reason` is a status or the kind of error."""

    action: str
    attempt: int
    after_s: float
    reason: str


class Paused(_Event, frozen=True, tag="pause"):
    """Every request of the bucket waits because the server asked for it. `reason` is the status of its answer.

    After an hour the server is asked again, also where `for_s` is longer.
    """

    bucket: Bucket
    for_s: float
    reason: str


class LimitLowered(_Event, frozen=True, tag="limit"):
    """An unexpected 429 lowered a limit, which recovers within the hour; None means unlimited."""

    bucket: Bucket
    window_s: float
    old: int | None
    new: int | None


class PrefixMoved(_Event, frozen=True, tag="prefix"):
    """The server announced the successor of the path prefix, and it is used from now on (contract 1)."""

    old: str
    new: str


ClientEvent = RequestFinished | Retrying | Paused | LimitLowered | PrefixMoved
