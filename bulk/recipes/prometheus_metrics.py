"""Prometheus metrics of the client's requests, waits and outages: `PostHogClient(..., on_event=ClientMetrics())`.

Needs prometheus-client. No label identifies a person.
"""

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from asyncclient import (
    ClientEvent,
    LimitLowered,
    Paused,
    RequestFinished,
    Retrying,
    ServerReachable,
    ServerUnreachable,
)


class ClientMetrics:
    """Counts the events of a client.

    Arguments:
        registry: where the metrics are registered.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._requests = Counter(
            "posthog_requests", "Requests by call and HTTP status", ["action", "status"], registry=registry
        )
        self._duration = Histogram(
            "posthog_request_seconds", "Seconds from sending to the end", ["action"], registry=registry
        )
        self._retries = Counter("posthog_retries", "Attempts that are retried", ["action"], registry=registry)
        self._pauses = Counter(
            "posthog_pause_seconds", "Seconds for which the server asked to wait", ["bucket"], registry=registry
        )
        self._lowered = Counter("posthog_limits_lowered", "Limits that a 429 lowered", ["bucket"], registry=registry)
        self._unreachable = Gauge("posthog_unreachable", "1 while the server does not respond", registry=registry)

    def __call__(self, event: ClientEvent) -> None:
        """Take in an event; never blocks."""
        match event:
            case RequestFinished():
                self._requests.labels(event.action, event.status or "none").inc()
                self._duration.labels(event.action).observe(event.elapsed_s)
            case Retrying():
                self._retries.labels(event.action).inc()
            case Paused():
                self._pauses.labels(event.bucket.value).inc(event.for_s)
            case LimitLowered():
                self._lowered.labels(event.bucket.value).inc()
            case ServerUnreachable():
                self._unreachable.set(1)
            case ServerReachable():
                self._unreachable.set(0)
            case _:
                pass
