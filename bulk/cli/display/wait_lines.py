"""The line that shows a wait: what the command waits for, for how long, and until when; and times of day.

Pure, except for the local time.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from bulk.cli.display.names import bucket_name
from bulk.events import Wait, WaitKind
from bulk.formatting import count_of, format_count, format_duration
from bulk.sanitize import plain

MINUTES_FROM_S = 120.0
"""A time that far ahead is shown without its seconds."""
SOON_S = 0.5
_ACCEPTED = {"person": "deletions", "properties": "changes"}


def wait_line(wait: Wait, *, now: datetime) -> str:
    """Return the line of a wait.

    Arguments:
        wait: the wait.
        now: the local time.
    """
    return _LINES[wait.kind](wait, now)


def local_time() -> datetime:
    """Return the time now in the zone of this machine."""
    return datetime.now().astimezone()


def clock_time(when: datetime, *, now: datetime) -> str:
    """Return a time of day: with its seconds if it is near, and with its date if that is another one."""
    if when.date() != now.date():
        return f"{when:%Y-%m-%d %H:%M}"
    near = abs((when - now).total_seconds()) < MINUTES_FROM_S
    return f"{when:%H:%M:%S}" if near else f"{when:%H:%M}"


def _ends(wait: Wait, now: datetime) -> str:
    """Return how long the wait still lasts and when it ends; empty if that is not known."""
    if wait.left_s is None:
        return ""
    until = clock_time(now + timedelta(seconds=wait.left_s), now=now)
    return f"{format_duration(wait.left_s)} (at {until})"


def _outage(wait: Wait, now: datetime) -> str:
    since = now - timedelta(seconds=wait.waited_s)
    soon = wait.left_s is None or wait.left_s < SOON_S
    again = "now" if soon else f"in {format_duration(wait.left_s)}"
    reason = f" ({plain(wait.reason)})" if wait.reason else ""
    text = f"Server not reachable since {since:%H:%M:%S}{reason}; trying again {again}"
    if wait.gives_up_in_s is not None:
        text += f"; giving up at {clock_time(now + timedelta(seconds=wait.gives_up_in_s), now=now)}"
    return text


def _pause(wait: Wait, now: datetime) -> str:
    until = clock_time(now + timedelta(seconds=wait.left_s or 0.0), now=now)
    before = f" before further {bucket_name(wait.bucket)}" if wait.bucket else ""
    return (
        f"Rate limited: the server asked us to wait{before}, {format_duration(wait.left_s or 0.0)} left (until {until})"
    )


def _rate_limit(wait: Wait, now: datetime) -> str:
    ends = _ends(wait, now)
    following = f": next request in {ends}" if ends else f" for {format_duration(wait.waited_s)}"
    return f"Waiting to stay within the rate limit{following}"


def _catching_up(wait: Wait, now: datetime) -> str:
    what = _ACCEPTED.get(wait.axis or "", "changes")
    many = what.capitalize() if wait.targets is None else f"{format_count(wait.targets)} {what}"
    text = f"{many} accepted but not yet visible; checking again in {_ends(wait, now)}"
    return text if wait.gives_up_in_s is None else f"{text}, for up to {format_duration(wait.gives_up_in_s)}"


def _second_read(wait: Wait, now: datetime) -> str:
    missing = "IDs" if wait.targets is None else count_of(wait.targets, "ID")
    return f"{missing} missing from a response; reading again in {_ends(wait, now)}"


def _retry(wait: Wait, now: datetime) -> str:
    return f"A request failed; retrying in {_ends(wait, now)}"


def _response(wait: Wait, now: datetime) -> str:
    del now  # nothing tells when the response comes
    return f"Waiting for the server to respond, for {format_duration(wait.waited_s)} so far"


def _file(wait: Wait, now: datetime) -> str:
    del now  # how long the rest takes is not known
    verb = "Overwriting" if wait.kind is WaitKind.OVERWRITE else "Reading"
    return f"{verb} {plain(wait.file or 'the file')}, {wait.percent or 0}% so far, for {format_duration(wait.waited_s)}"


def _input(wait: Wait, now: datetime) -> str:
    del now  # nothing tells when they come
    return f"Waiting for the next lines of the input, for {format_duration(wait.waited_s)} so far"


_LINES: dict[WaitKind, Callable[[Wait, datetime], str]] = {
    WaitKind.OUTAGE: _outage,
    WaitKind.PAUSE: _pause,
    WaitKind.RATE_LIMIT: _rate_limit,
    WaitKind.CATCHING_UP: _catching_up,
    WaitKind.SECOND_READ: _second_read,
    WaitKind.RETRY: _retry,
    WaitKind.RESPONSE: _response,
    WaitKind.FILE: _file,
    WaitKind.OVERWRITE: _file,
    WaitKind.INPUT: _input,
}
