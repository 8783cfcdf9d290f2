"""Handlers for PostHog's SDKs: captured events and feature flags, of which there are none (contract 12).

These requests have the project's public token in the body.
"""

from typing import Any

from asyncclient.testing.handlers.handler_context import HandlerContext
from asyncclient.testing.http import envelope
from asyncclient.testing.http.envelope import Refusal, Response
from asyncclient.testing.http.parsed_request import MAX_BATCH_BYTES

_TOO_LARGE = b"<html><head><title>413 Request Entity Too Large</title></head><body></body></html>"


def capture(context: HandlerContext) -> Response:
    """Receive events: a batch, a list or a single event. Single events are not acknowledged."""
    if max(len(context.request.plain), len(context.request.body)) > MAX_BATCH_BYTES:
        return Response(413, _TOO_LARGE, envelope.HTML)
    data = context.request.peek()
    if not isinstance(data, (dict, list)):
        raise envelope.invalid("Malformed request data: invalid JSON.", code="invalid_payload")
    events: list[Any] = data if isinstance(data, list) else data.get("batch", [data])
    if not isinstance(events, list):
        raise envelope.invalid("Malformed request data: batch is no list.", code="invalid_payload")
    _check_token(_token(data, events), context)
    if context.options.capture_quota_exceeded:
        return envelope.ok({"status": context.options.capture_status, "quota_limited": ["events"]})
    context.applied = context.ingestion.receive(events, swallow=context.fault_of_kind("swallow"))
    return envelope.ok({"status": context.options.capture_status})


def flags(context: HandlerContext) -> Response:
    """Return no feature flags."""
    data = context.request.peek()
    _check_token(_token(data, []), context)
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
    """Return the token of a request: beside the events, else in the first event."""
    for source in (data, *events[:1]):
        if isinstance(source, dict):
            properties = source.get("properties")
            in_properties = properties.get("token") if isinstance(properties, dict) else None
            found = source.get("api_key") or source.get("token") or in_properties
            if found:
                return found
    return None


def _check_token(token: Any, context: HandlerContext) -> None:
    if token is None:
        detail = "API key not provided. You can find your project API key in your PostHog project settings."
        raise _unauthorized("missing_api_key", detail)
    if token != context.options.project_api_key:
        detail = "Project API key invalid. You can find your project API key in your PostHog project settings."
        raise _unauthorized("invalid_api_key", detail)


def _unauthorized(code: str, detail: str) -> Refusal:
    return Refusal(envelope.error(401, "authentication_error", code, detail))
