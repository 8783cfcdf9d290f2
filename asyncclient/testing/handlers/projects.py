"""Handlers for projects: the only project of the local server, so that PostHog clients can find it."""

from typing import Any

from asyncclient.testing.handlers.handler_context import HandlerContext
from asyncclient.testing.http import envelope
from asyncclient.testing.http.envelope import Response
from asyncclient.testing.options import ServerOptions
from asyncclient.testing.tables.uuids import derive_uuid, format_uuid


def projects(context: HandlerContext) -> Response:
    """Return the project with its settings, or the list of projects."""
    return _one(context.options) if "project" in context.values else _all(context)


def _all(context: HandlerContext) -> Response:
    only = context.personal_key.projects if context.personal_key is not None else ()
    reached = only is None or context.options.project_id in only
    results = [_basics(context.options)] if reached else []
    return envelope.ok({"count": len(results), "next": None, "previous": None, "results": results})


def _one(options: ServerOptions) -> Response:
    return envelope.ok(
        {
            **_basics(options),
            "created_at": "2024-01-01T00:00:00Z",
            "app_urls": [],
            "anonymize_ips": False,
            "person_display_name_properties": None,
            "effective_membership_level": 15,
        }
    )


def _basics(options: ServerOptions) -> dict[str, Any]:
    return {
        "id": options.project_id,
        "uuid": format_uuid(derive_uuid(options.project_id, "project")),
        "organization": options.organization,
        "api_token": options.project_api_key,
        "name": options.project_name,
        "completed_snippet_onboarding": True,
        "ingested_event": True,
        "is_demo": False,
        "timezone": "UTC",
        "access_control": False,
    }
