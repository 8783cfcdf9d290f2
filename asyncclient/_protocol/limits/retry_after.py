"""Reads how long a response asks to wait, from `Retry-After` or else from the text of a 429 (contract 3). Pure."""

import re
import time
from collections.abc import Callable, Mapping

from asyncclient._protocol.server_clock import http_date

MAX_WAIT_S = 1e9
"""The longest wait in seconds; longer ones are cut to it."""

_SECONDS = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_SECONDS_IN_DETAIL = re.compile(r"available in ([0-9]+) second")


def retry_after_s(headers: Mapping[str, str], detail: str, wall: Callable[[], float] = time.time) -> float | None:
    """Return how long the server asks to wait, in seconds.

    Arguments:
        headers: headers of the response, by lower-case name.
        detail: `detail` of the error body; PostHog names the seconds there if the header is missing.
        wall: this machine's time in seconds since the epoch, used if `Retry-After` is a date and `Date` is missing.

    Returns:
        None if the response asks for no wait. 0 if it asks for one without a usable length: zero, negative, in the
        past, or neither a number nor a date.
    """
    header = headers.get("retry-after", "").strip()
    wait_s = _header_wait_s(header, headers.get("date", ""), wall)
    if wait_s <= 0 and (in_detail := _SECONDS_IN_DETAIL.search(detail)):
        wait_s = float(in_detail[1])
        header = header or "detail"
    return min(max(0.0, wait_s), MAX_WAIT_S) if header else None


def _header_wait_s(header: str, date: str, wall: Callable[[], float]) -> float:
    if _SECONDS.fullmatch(header):
        return float(header)
    if header and (until := http_date(header)) is not None:
        now = http_date(date)
        return until - (wall() if now is None else now)
    return 0.0
