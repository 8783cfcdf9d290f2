"""How numbers, durations and times are written for people: one function for each, used by command and report."""

import math
import re
from datetime import UTC, datetime

_COUNT = re.compile(r"[0-9]{1,18}|[0-9]{1,3}(,[0-9]{3}){1,5}")
_UNITS = ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s"))


def format_count(count: int) -> str:
    """Return a number with a comma between thousands: 2,473."""
    return f"{count:,}"


def parse_count(text: str) -> int | None:
    """Return the number in a text, which may have commas between thousands; None for any other text."""
    bare = text.strip()
    return int(bare.replace(",", "")) if _COUNT.fullmatch(bare) else None


def format_range(low: int, high: int) -> str:
    """Return a range of numbers, or the number if both ends are the same: 2,473 to 5,000."""
    return f"{low:,} to {high:,}" if low < high else f"{high:,}"


def count_of(count: int, noun: str) -> str:
    """Return a number with its noun, in the plural where needed: 1 person, 2,473 persons."""
    return f"{count:,} {noun}" + "s" * (count != 1)


def format_duration(seconds: float | None) -> str:
    """Return a duration in one or two units: 0.3 s, 45 s, 12 min 5 s, 2 d 4 h; "unknown" for None.

    Arguments:
        seconds: negative durations are shown as 0 s.
    """
    if seconds is None or not math.isfinite(seconds):
        return "unknown"
    if 0 < seconds < 1:
        return f"{max(0.1, seconds):.1f} s"
    whole = max(0, round(seconds))
    for unit, name, smaller, smaller_name in _UNITS:
        if whole >= unit:
            rest = whole % unit // smaller
            return f"{whole // unit} {name}" + (f" {rest} {smaller_name}" if rest else "")
    return f"{whole} s"


def format_time(when: str | datetime | None, *, seconds: bool = False) -> str:
    """Return a time to the minute or the second in UTC: 2026-11-29 10:57 UTC; "unknown" for None.

    Arguments:
        when: a time with its zone, or its ISO 8601 form; text in another form is returned unchanged.
        seconds: whether to show the seconds: 2026-11-29 10:57:08 UTC.
    """
    if when is None:
        return "unknown"
    if isinstance(when, str):
        try:
            parsed = datetime.fromisoformat(when)
        except ValueError:
            return when
    else:
        parsed = when
    if parsed.tzinfo is None:
        return str(when)
    in_utc = parsed.astimezone(UTC)
    return f"{in_utc:%Y-%m-%d %H:%M:%S} UTC" if seconds else f"{in_utc:%Y-%m-%d %H:%M} UTC"
