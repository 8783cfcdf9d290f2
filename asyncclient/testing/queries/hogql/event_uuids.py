"""Evaluates the query of a data deletion request: one column, the UUIDs of events (contract 13)."""

from collections.abc import Mapping
from typing import Any

from asyncclient.testing.queries.hogql.selecting import run_query
from asyncclient.testing.queries.hogql.syntax import BadQuery
from asyncclient.testing.state.data_deletions import DeletionRequest
from asyncclient.testing.state.mutations import Mutations


def event_uuids(text: str, variables: Mapping[str, Any], mutations: Mutations) -> list[bytes]:
    """Return the UUIDs that a query selects, one per event.

    Raises:
        BadQuery: the local server does not evaluate the query, or it selects something else.
    """
    found = run_query(text, variables, mutations, default_limit=None)
    if len(found.names) != 1 or not all(isinstance(row[0], bytes) for row in found.rows):
        raise BadQuery("The query must select exactly one column of type UUID.")
    return [row[0] for row in found.rows]


def delete_selected(request: DeletionRequest, mutations: Mutations) -> int:
    """Delete the events that a request's query selects, and return how many it then selects."""
    mutations.delete_events_by_uuid(frozenset(event_uuids(request.query, request.variables, mutations)))
    return len(event_uuids(request.query, request.variables, mutations))
