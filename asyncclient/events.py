"""What the client tells of its requests. Frozen values; nothing in them identifies a person or holds the key."""

import msgspec

from asyncclient.limits import Bucket


class _Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", gc=False):
    pass


class RequestFinished(_Event, frozen=True, tag="request"):
    """A request that may have left the machine is over.

    Arguments:
        action: the call's name.
        bucket: the rate limit that it counts in.
        mutating: whether the call may change something.
        status: of the answer; None when there was none.
        elapsed_s: seconds from leaving to the end.
        attempt: which one of the call it was, from 1.
    """

    action: str
    bucket: Bucket
    mutating: bool
    status: int | None
    elapsed_s: float
    attempt: int


class Retrying(_Event, frozen=True, tag="retry"):
    """A request will be sent again, after a wait.

    Arguments:
        action: the call's name.
        attempt: which one of the call has failed, from 1.
        after_s: seconds until the next one.
        reason: a status or the kind of error.
    """

    action: str
    attempt: int
    after_s: float
    reason: str


class Paused(_Event, frozen=True, tag="pause"):
    """Every request of the bucket waits because the server asked for it.

    Arguments:
        bucket: the rate limit whose requests wait.
        for_s: seconds that the server asks for; after an hour it is asked again, also where this is longer.
        reason: the status of its answer.
    """

    bucket: Bucket
    for_s: float
    reason: str


class LimitLowered(_Event, frozen=True, tag="limit"):
    """An unexpected 429 lowered a limit, which recovers within the hour.

    Arguments:
        bucket: the rate limit.
        window_s: length of the window in seconds.
        old: requests that it allowed; None is unlimited.
        new: requests that it allows now.
    """

    bucket: Bucket
    window_s: float
    old: int | None
    new: int | None


class PrefixMoved(_Event, frozen=True, tag="prefix"):
    """The server announced the successor of the path prefix, and it is used from now on (contract 1).

    Arguments:
        old: the prefix until now.
        new: the prefix from now on.
    """

    old: str
    new: str


ClientEvent = RequestFinished | Retrying | Paused | LimitLowered | PrefixMoved
