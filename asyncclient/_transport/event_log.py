"""Writes each event of the client to the logger `asyncclient` of the standard library's `logging`.

The records name calls, statuses and times, and never a person, a value or the key. Without a handler of the
application they go nowhere. Each record has its event as the attribute `event`, for handlers that want its fields.
"""

import logging
from typing import Final

from asyncclient.events import (
    ClientEvent,
    LimitLowered,
    Paused,
    PrefixMoved,
    RequestFinished,
    Retrying,
    ServerReachable,
    ServerUnreachable,
)
from asyncclient.limits import Bucket

LOGGER: Final = logging.getLogger("asyncclient")
LOGGER.addHandler(logging.NullHandler())

_LEVELS: Final = {
    RequestFinished: logging.DEBUG,
    Retrying: logging.INFO,
    PrefixMoved: logging.INFO,
    ServerReachable: logging.INFO,
}
"""The level of a kind of event; a warning for all others."""
_BUCKETS = {
    Bucket.DELETES: "deletions",
    Bucket.OTHERS: "reads and changes",
    Bucket.DEFAULT: "reads of the project",
    Bucket.PREVIEWS: "previews of data deletion requests",
    Bucket.SUBMISSIONS: "data deletion requests",
    Bucket.CAPTURE: "captured events",
}


def log_event(event: ClientEvent) -> None:
    """Write an event to the logger, if its level is enabled."""
    level = _LEVELS.get(type(event), logging.WARNING)
    if LOGGER.isEnabledFor(level):
        LOGGER.log(level, "%s", message_of(event), extra={"event": event})


def message_of(event: ClientEvent) -> str:
    """Return the message that the log has for an event."""
    match event:
        case RequestFinished():
            status = "no response" if event.status is None else f"status {event.status}"
            return f"{event.action}: {status} after {event.elapsed_s:.3f} s, attempt {event.attempt}"
        case Retrying():
            return f"{event.action}: attempt {event.attempt} failed ({event.reason}); retry in {event.after_s:.1f} s"
        case Paused():
            return (
                f"rate limited ({event.reason}): {_BUCKETS[event.bucket]} wait {event.for_s:.1f} s, as the server asks"
            )
        case LimitLowered():
            old, new = ("none" if limit is None else limit for limit in (event.old, event.new))
            return f"rate limit of {_BUCKETS[event.bucket]} lowered from {old} to {new} per {event.window_s:.0f} s"
        case ServerUnreachable():
            return (
                f"server not reachable for {event.away_s:.1f} s ({event.reason}); "
                f"next probe in {event.retry_in_s:.1f} s, giving up in {event.gives_up_in_s:.0f} s"
            )
        case ServerReachable():
            return f"server reachable again after {event.away_s:.1f} s"
        case PrefixMoved():
            return f"path of API calls changed from /api/{event.old}/ to /api/{event.new}/"
