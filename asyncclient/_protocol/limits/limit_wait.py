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

    @classmethod
    def of(cls, bucket: str, waited_s: float, left_s: float | None, *, pause_s: float) -> "LimitWait":
        """Return the wait of a rate limit.

        Arguments:
            bucket: name of the rate limit.
            waited_s: seconds since the wait began.
            left_s: seconds until the next request may be sent; None if that depends on a response.
            pause_s: seconds that are left of the server's pause.
        """
        is_pause = left_s is not None and 0 < left_s <= pause_s
        return cls(
            bucket=bucket, is_pause=is_pause, waited_s=waited_s, left_s=None if left_s is None else max(0.0, left_s)
        )
