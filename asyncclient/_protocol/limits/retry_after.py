"""How long a response asks to wait: from `Retry-After`, or else from the text of a 429 (contract 3). Pure."""

import re
import time
from collections.abc import Callable, Mapping

from asyncclient._protocol.server_clock import http_date

MAX_WAIT_S = 1e9
"""Longer waits are read as this one."""

_SECONDS = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_SECONDS_IN_DETAIL = re.compile(r"available in ([0-9]+) second")


def retry_after_s(headers: Mapping[str, str], detail: str, wall: Callable[[], float] = time.time) -> float | None:
    """How long the server asks to wait, in seconds.

    Arguments:
        headers: of the response, by their lower-case names.
        detail: of the error body; PostHog's names the seconds where the header is missing.
        wall: our clock, for a date in a response that lacks the server's.

    Returns:
        None when the response asks for no wait. 0 when it asks for one without a usable length: zero, negative, in the
        past, or no number and no date.
    """
    header = headers.get("retry-after", "").strip()
    wait_s = _header_wait_s(header, headers.get("date", ""), wall)
    if wait_s <= 0 and (in_detail := _SECONDS_IN_DETAIL.search(detail)):
        wait_s = float(in_detail[1])
        header = header or "told"
    return min(max(0.0, wait_s), MAX_WAIT_S) if header else None


def _header_wait_s(header: str, date: str, wall: Callable[[], float]) -> float:
    if _SECONDS.fullmatch(header):
        return float(header)
    if header and (until := http_date(header)) is not None:
        now = http_date(date)
        return until - (wall() if now is None else now)
    return 0.0
