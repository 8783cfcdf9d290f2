"""LimitWait: what the requests of one rate limit wait for. Values only."""

import msgspec


class LimitWait(msgspec.Struct, frozen=True, kw_only=True):
    """Requests of a rate limit wait before they are sent.

    Arguments:
        bucket: name of the rate limit.
        is_pause: whether the server asked for the wait; False if it keeps within the rate limit.
        waited_s: seconds since the wait began.
        left_s: seconds until the next request may be sent; None if that depends on a response.
    """

    bucket: str
    is_pause: bool
    waited_s: float
    left_s: float | None
