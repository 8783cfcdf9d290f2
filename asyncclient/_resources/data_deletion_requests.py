"""DataDeletionRequests: delete the events that a query selects, also those without a person (contract 13)."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from asyncclient._protocol import endpoints
from asyncclient._transport.pipeline import RequestPipeline
from asyncclient.erasure import DataDeletionRequest, EventCount
from asyncclient.errors import InvalidResponse
from asyncclient.models import Page


class DataDeletionRequests:
    """`client.data_deletion_requests`: requests to delete the events that a query selects.

    They reach events without a person and events dated in the future. PostHog approves each request by hand, and
    deletes at the weekend. The calls are behind a flag of PostHog, and have limits per project, which the client
    keeps within one process: 10 creations per hour, 5 previews per minute and 30 per hour.
    """

    def __init__(self, pipeline: RequestPipeline) -> None:
        self._pipeline = pipeline

    async def preview(self, query: str, variables: Mapping[str, Any] | None = None) -> EventCount:
        """Return how many events a query selects; changes nothing (contract 13).

        The server declares no scope for it, so that a key with scopes is probably refused.

        Arguments:
            query: HogQL for one column, the events' UUIDs; at most 100,000 bytes.
            variables: values by name; at most 100,000 bytes as JSON.

        Returns:
            The count.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            BadRequest: the server does not accept the query.
            PermissionDenied: PostHog has not switched the calls on, or they refuse keys with scopes.
            PostHogError: there is no response, or it reports an error.
        """
        return await self._pipeline.call(endpoints.preview_deletion(query, variables))

    async def create(
        self, query: str, variables: Mapping[str, Any] | None = None, *, submission_id: UUID | str
    ) -> DataDeletionRequest:
        """Request the deletion of the events that a query selects (contract 13).

        The submission ID makes it idempotent: keep it before the call, and repeat the call with the same one after an
        unclear outcome. The client does so by itself after a lost response.

        Arguments:
            query: HogQL for one column, the events' UUIDs; at most 100,000 bytes.
            variables: values by name; at most 100,000 bytes as JSON.
            submission_id: a UUID of yours for this request.

        Returns:
            The request, new or the one that was created with this submission ID.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            Conflict: five requests are active, or another one has the submission ID; older servers say so with
                `BadRequest`.
            BadRequest: the server does not accept the query.
            PermissionDenied: PostHog has not switched the calls on, or the key lacks the scope.
            PostHogError: there is no response, or it reports an error.
        """
        return await self._pipeline.call(endpoints.create_deletion(query, variables, submission_id))

    async def list(self, *, limit: int = 100, offset: int = 0) -> Page[DataDeletionRequest]:
        """Return one page of the project's requests, the newest first (contract 13).

        Arguments:
            limit: rows, 1 to 10,000.
            offset: rows to skip.

        Returns:
            The page.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            PermissionDenied: PostHog has not switched the calls on, or the key lacks the scope.
            PostHogError: there is no response, or it reports an error.
        """
        return await self._pipeline.call(endpoints.list_deletions(limit=limit, offset=offset))

    async def get(self, id: UUID | str | int) -> DataDeletionRequest:  # noqa: A002
        """Return one request; it is done when its status is "completed" (contract 13).

        Arguments:
            id: of the request.

        Returns:
            The request.

        Raises:
            InvalidArgument: the ID is neither a UUID nor a number; raised before anything is sent.
            NotFound: the project has no such request.
            PermissionDenied: PostHog has not switched the calls on, or the key lacks the scope.
            InvalidResponse: the response does not match this call, or is about another request.
            PostHogError: there is no response, or it reports an error.
        """
        request = endpoints.get_deletion(id)
        found = await self._pipeline.call(request)
        if not request.path.endswith(f"/{str(found.id).lower()}/"):
            problem = "the response is about another request than the requested one"
            raise InvalidResponse(200, method=request.method, path=request.path, route=request.route, detail=problem)
        return found
