"""Persons behind an insight. No events are kept here, so nobody ever stands behind one.

These calls declare no scope, so only a key without scopes gets this far (contract 2).
"""

from asyncclient.testing.handlers.handler_context import HandlerContext
from asyncclient.testing.handlers.persons.listing import page_path
from asyncclient.testing.http import envelope
from asyncclient.testing.http.envelope import Response


def funnel(job: HandlerContext) -> Response:
    """Persons in a funnel."""
    return _nobody(job)


def trends(job: HandlerContext) -> Response:
    """Persons at a point of a trend, which must be named."""
    query = job.call.parameters
    if not query.get("entity_id") or not query.get("entity_type"):
        raise envelope.invalid("An entity id and the entity type must be provided to determine an entity")
    return _nobody(job)


def lifecycle(job: HandlerContext) -> Response:
    """Persons in a state of the lifecycle."""
    return _nobody(job)


def _nobody(job: HandlerContext) -> Response:
    return envelope.ok(
        {
            "results": [{"people": [], "count": 0}],
            "next": None,
            "initial": job.call.url(page_path(job.call, job.options)),
            "missing_persons": 0,
            "is_cached": False,
            "last_refresh": None,
        }
    )
