"""How long an answer asks to wait: from `Retry-After`, or else from the text of a 429 (contract 3). Pure."""

import re
import time
from collections.abc import Callable, Mapping

from asyncclient._protocol.server_clock import http_date

LONGEST_WAIT_S = 1e9
"""Longer waits are read as this one."""

_SECONDS = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_SECONDS_IN_DETAIL = re.compile(r"available in ([0-9]+) second")


def retry_after_s(headers: Mapping[str, str], detail: str, wall: Callable[[], float] = time.time) -> float | None:
    """How long the server asks to wait, in seconds.

    Arguments:
        headers: of the answer, by their lower-case names.
        detail: of the error body; PostHog's names the seconds where the header is missing.
        wall: our clock, for a date in an answer that lacks the server's.

    Returns:
        None when the answer asks for no wait. 0 when it asks for one without a usable length: zero, negative, in the
        past, or no number and no date.
    """
    header = headers.get("retry-after", "").strip()
    asked_s = _asked_s(header, headers.get("date", ""), wall)
    if asked_s <= 0 and (told := _SECONDS_IN_DETAIL.search(detail)):
        asked_s = float(told[1])
        header = header or "told"
    return min(max(0.0, asked_s), LONGEST_WAIT_S) if header else None


def _asked_s(header: str, date: str, wall: Callable[[], float]) -> float:
    if _SECONDS.fullmatch(header):
        return float(header)
    if header and (until := http_date(header)) is not None:
        now = http_date(date)
        return until - (wall() if now is None else now)
    return 0.0
