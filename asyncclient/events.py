"""Events that the client emits about its requests: frozen values without person identifiers and without the key."""

import msgspec

from asyncclient.limits import Bucket


class _Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", gc=False):
    pass


class RequestFinished(_Event, frozen=True, tag="request"):
    """An attempt that may have sent bytes has ended.

    Arguments:
        action: name of the call.
        bucket: the rate limit that the request counts in.
        mutating: whether the call can change something.
        status: HTTP status of the response; None if there was no response.
        elapsed_s: seconds from sending to the end.
        attempt: number of the attempt within its call, from 1.
    """

    action: str
    bucket: Bucket
    mutating: bool
    status: int | None
    elapsed_s: float
    attempt: int


class Retrying(_Event, frozen=True, tag="retry"):
    """An attempt failed and will be retried after a wait.

    Arguments:
        action: name of the call.
        attempt: number of the failed attempt within its call, from 1.
        after_s: seconds until the next attempt.
        reason: the HTTP status, or what happened if there was no response, as text for people.
    """

    action: str
    attempt: int
    after_s: float
    reason: str


class Paused(_Event, frozen=True, tag="pause"):
    """Rate limited: all requests of the bucket wait because the server asked for it.

    Arguments:
        bucket: the rate limit whose requests wait.
        for_s: seconds that the server asks for. After one hour a request is tried again, even if this is longer.
        reason: HTTP status of the response that asked.
    """

    bucket: Bucket
    for_s: float
    reason: str


class LimitLowered(_Event, frozen=True, tag="limit"):
    """An unexpected 429 lowered a limit; it recovers within an hour.

    Arguments:
        bucket: the rate limit.
        window_s: length of the window in seconds.
        old: requests per window before; None is unlimited.
        new: requests per window from now on.
    """

    bucket: Bucket
    window_s: float
    old: int | None
    new: int | None


class ServerUnreachable(_Event, frozen=True, tag="unreachable"):
    """The server does not respond: all requests wait, and the server is probed again soon.

    Arguments:
        away_s: seconds since the outage was noticed.
        retry_in_s: seconds until the next probe.
        gives_up_in_s: seconds until the last one, if all of them fail.
        reason: what the last probe ended with: the HTTP status, or what happened in our own words.
    """

    away_s: float
    retry_in_s: float
    gives_up_in_s: float
    reason: str


class ServerReachable(_Event, frozen=True, tag="reachable"):
    """The server responds again after an outage.

    Arguments:
        away_s: how long the outage lasted, in seconds.
    """

    away_s: float


class PrefixMoved(_Event, frozen=True, tag="prefix"):
    """The server announced another path prefix, which the client uses from now on (contract 1).

    Arguments:
        old: the prefix until now.
        new: the prefix from now on.
    """

    old: str
    new: str


ClientEvent = RequestFinished | Retrying | Paused | LimitLowered | ServerUnreachable | ServerReachable | PrefixMoved
