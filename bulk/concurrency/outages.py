"""The client of a job waits outages out, and reports them as events of the engine.

How an outage is noticed and waited out is in `asyncclient`: it holds all requests back and probes the server.
"""

from collections.abc import Callable

import msgspec

import asyncclient
from asyncclient import ClientEvent, PostHogClient
from bulk.events import OutageEvent, ServerReachable, ServerUnreachable

RETRY_FOR_S = 900.0
"""Seconds without any success after which an outage ends a command, unless the caller sets another time."""


def with_outage_wait(
    client: PostHogClient,
    retry_for_s: float,
    *,
    host_is_known: bool = False,
    on_outage: Callable[[OutageEvent], None] | None = None,
) -> PostHogClient:
    """Return a view of a client that waits outages out.

    Arguments:
        client: the client.
        retry_for_s: for how long, in seconds; with 0 a call fails at once.
        host_is_known: whether the host was reached before, so that its name is not mistyped.
        on_outage: called with events about outages; None for no events.

    Raises:
        InvalidArgument: it is not a number of seconds from 0 to 365 days.
    """
    policy = msgspec.structs.replace(client.retry, retry_for_s=retry_for_s, host_is_known=host_is_known)
    waiting = client.with_retry(policy)
    return waiting if on_outage is None else waiting.observed(emit_outages(on_outage))


def outage_event(event: ClientEvent) -> OutageEvent | None:
    """Return the event of the engine for an event of the client about an outage; None for any other event."""
    match event:
        case asyncclient.ServerUnreachable():
            return ServerUnreachable(
                away_s=event.away_s,
                retry_in_s=event.retry_in_s,
                gives_up_in_s=event.gives_up_in_s,
                reason=event.reason,
            )
        case asyncclient.ServerReachable():
            return ServerReachable(away_s=event.away_s)
    return None


def emit_outages(emit: Callable[[OutageEvent], None]) -> Callable[[ClientEvent], None]:
    """Return a listener for a client that passes on events about outages.

    Arguments:
        emit: called with each of them.
    """

    def listener(event: ClientEvent) -> None:
        if (outage := outage_event(event)) is not None:
            emit(outage)

    return listener
