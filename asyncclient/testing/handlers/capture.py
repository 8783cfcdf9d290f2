"""What PostHog's SDKs ask for: events by the batch, and flags, of which there are none (contract 12).

The key here is the project's public token, in the body.
"""

from typing import Any

from asyncclient.testing.handlers.handler_context import HandlerContext
from asyncclient.testing.http import envelope
from asyncclient.testing.http.envelope import Refusal, Response
from asyncclient.testing.http.parsed_request import MOST_PLAIN

_TOO_LARGE = b"<html><head><title>413 Request Entity Too Large</title></head><body></body></html>"


def capture(job: HandlerContext) -> Response:
    """Take events: a batch, a list of them, or one; nothing is acknowledged by event."""
    if max(len(job.call.plain), len(job.call.body)) > MOST_PLAIN:
        return Response(413, _TOO_LARGE, envelope.HTML)
    data = job.call.peek()
    if not isinstance(data, (dict, list)):
        raise envelope.invalid("Malformed request data: invalid JSON.", code="invalid_payload")
    events: list[Any] = data if isinstance(data, list) else data.get("batch", [data])
    if not isinstance(events, list):
        raise envelope.invalid("Malformed request data: batch is no list.", code="invalid_payload")
    _check_token(_token(data, events), job)
    if job.options.capture_quota_exceeded:
        return envelope.ok({"status": job.options.capture_status, "quota_limited": ["events"]})
    job.applied = job.ingestion.receive(events, swallow=job.struck_by("swallow"))
    return envelope.ok({"status": job.options.capture_status})


def flags(job: HandlerContext) -> Response:
    """The project has no feature flags."""
    data = job.call.peek()
    _check_token(_token(data, []), job)
    return envelope.ok(
        {
            "errorsWhileComputingFlags": False,
            "flags": {},
            "featureFlags": {},
            "featureFlagPayloads": {},
            "requestId": "01900000-0000-7000-8000-000000000002",
        }
    )


def _token(data: Any, events: list[Any]) -> Any:
    """The token of a request: beside the events, else in the first of them."""
    for holder in (data, *events[:1]):
        if isinstance(holder, dict):
            properties = holder.get("properties")
            inside = properties.get("token") if isinstance(properties, dict) else None
            found = holder.get("api_key") or holder.get("token") or inside
            if found:
                return found
    return None


def _check_token(token: Any, job: HandlerContext) -> None:
    if token is None:
        detail = "API key not provided. You can find your project API key in your PostHog project settings."
        raise _unauthorized("missing_api_key", detail)
    if token != job.options.project_api_key:
        detail = "Project API key invalid. You can find your project API key in your PostHog project settings."
        raise _unauthorized("invalid_api_key", detail)


def _unauthorized(code: str, detail: str) -> Refusal:
    return Refusal(envelope.error(401, "authentication_error", code, detail))
