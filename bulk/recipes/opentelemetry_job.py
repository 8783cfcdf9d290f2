"""OpenTelemetry metrics of the client, and one span per job with a child span for each request.

Needs opentelemetry-sdk and opentelemetry-instrumentation-aiohttp-client. `AioHttpClientInstrumentor().instrument()` of
the latter makes the spans of the requests; call it before the client is opened. No attribute identifies a person.
"""

from pathlib import Path

from opentelemetry.metrics import Meter
from opentelemetry.trace import Tracer

from asyncclient import ClientEvent, Paused, PostHogClient, RequestFinished, Retrying
from bulk import JobEvent, Plan, Report, run_job
from bulk.events import PhaseChanged


class ClientInstruments:
    """Records the events of a client: `PostHogClient(..., on_event=ClientInstruments(meter))`.

    Arguments:
        meter: as in `opentelemetry.metrics.get_meter("posthog-bulk")`.
    """

    def __init__(self, meter: Meter) -> None:
        self._duration = meter.create_histogram("posthog.request.duration", unit="s")
        self._retries = meter.create_counter("posthog.retries")
        self._pauses = meter.create_counter("posthog.pause.time", unit="s")

    def __call__(self, event: ClientEvent) -> None:
        """Take in an event; never blocks."""
        match event:
            case RequestFinished():
                attributes = {"action": event.action, "status": str(event.status), "mutating": event.mutating}
                self._duration.record(event.elapsed_s, attributes)
            case Retrying():
                self._retries.add(1, {"action": event.action})
            case Paused():
                self._pauses.add(event.for_s, {"bucket": event.bucket.value})
            case _:
                pass


async def run_traced(client: PostHogClient, plan: Plan, journal: Path, *, approve: str, tracer: Tracer) -> Report:
    """Run a plan within a span that has the phases as events, and the result as attributes.

    Arguments:
        client: set to the host and project of the plan.
        plan: from `make_plan` or `load_plan`.
        journal: path of the journal.
        approve: the digest of the plan.
        tracer: as in `opentelemetry.trace.get_tracer("posthog-bulk")`.
    """
    with tracer.start_as_current_span("posthog-bulk run") as span:
        span.set_attribute("posthog.targets", plan.count)

        def add_phase(event: JobEvent) -> None:
            if isinstance(event, PhaseChanged):
                span.add_event(event.phase)

        report = await run_job(client, plan, journal, approve=approve, on_progress=add_phase)
        span.set_attribute("posthog.exit_code", report.exit_code)
        return report
