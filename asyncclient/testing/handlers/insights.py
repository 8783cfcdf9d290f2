"""Handlers for the persons behind an insight; there are none, because insights are not computed here.

These calls declare no scope, so only a key without scopes reaches them (contract 2).
"""

from asyncclient.testing.handlers.handler_context import HandlerContext
from asyncclient.testing.handlers.persons.listing import page_path
from asyncclient.testing.http import envelope
from asyncclient.testing.http.envelope import Response


def funnel(context: HandlerContext) -> Response:
    """Return the persons in a funnel."""
    return _no_persons(context)


def trends(context: HandlerContext) -> Response:
    """Return the persons at a point of a trend, which the query must name."""
    query = context.request.parameters
    if not query.get("entity_id") or not query.get("entity_type"):
        raise envelope.invalid("An entity id and the entity type must be provided to determine an entity")
    return _no_persons(context)


def lifecycle(context: HandlerContext) -> Response:
    """Return the persons in a state of the lifecycle."""
    return _no_persons(context)


def _no_persons(context: HandlerContext) -> Response:
    return envelope.ok(
        {
            "results": [{"people": [], "count": 0}],
            "next": None,
            "initial": context.request.url(page_path(context.request, context.options)),
            "missing_persons": 0,
            "is_cached": False,
            "last_refresh": None,
        }
    )
