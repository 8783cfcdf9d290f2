"""Capture: sends events, to change properties of many persons in few requests (contract 12)."""

from collections.abc import Sequence

from asyncclient._protocol import endpoints
from asyncclient._protocol.endpoints import CaptureEvent
from asyncclient._protocol.http import Request, Response
from asyncclient._protocol.responses import reading
from asyncclient._protocol.responses.capture_response import CaptureBody, exhausted_quota
from asyncclient._protocol.responses.decoding import invalid_response
from asyncclient._secret import Secret
from asyncclient._transport.pipeline import RequestPipeline
from asyncclient.config import PROJECT_KEY, problem_of_token
from asyncclient.errors import QuotaLimited


class Capture:
    """`client.capture`: sends events to the ingestion host with the project's token, never with the personal key.

    The server does not acknowledge single events and applies them later: only a later read proves a change. An event
    for a distinct ID without a person creates a person, so do not send events for persons that may be deleted.
    """

    def __init__(self, pipeline: RequestPipeline) -> None:
        self._pipeline = pipeline

    async def batch(self, events: Sequence[CaptureEvent]) -> int:
        """Send events in their order, in as few requests as possible, one after another (contract 12).

        A request that may have arrived is retried like a read if a second arrival has no further effect: all its
        events are made by `CaptureEvent.set` or `unset`, or have a UUID and a timestamp. Any other request is retried
        only if it certainly had no effect. Without `project_api_key` the first call fetches the project's token from
        the server, which needs the scope project:read.

        Arguments:
            events: any number of events; without events no request is made.

        Returns:
            The number of requests, retries not counted; `split` shows it beforehand.

        Raises:
            InvalidArgument: an event cannot be sent, or the project is "@current"; nothing was sent.
            QuotaLimited: the project's quota is used up; no event of that request is stored.
            PostHogError: there is no response, or it reports an error; the server accepted the requests before it.
        """
        self._pipeline.refuse_current_project()
        batches = list(endpoints.batches(events))
        for batch in batches:
            token = await self._token()
            request = endpoints.capture_events(batch, token)
            response = await self._pipeline.send(request)
            quota = exhausted_quota(reading.read(request, response, token))
            if quota is not None:
                raise _quota_limited(request, response, quota)
        return len(batches)

    def split(self, events: Sequence[CaptureEvent]) -> list[Sequence[CaptureEvent]]:
        """Split events into the parts that `batch` sends in one request each.

        Arguments:
            events: any number of events.

        Returns:
            The parts, in order.

        Raises:
            InvalidArgument: an event cannot be sent.
        """
        return [events[batch.start : batch.stop] for batch in endpoints.batches(events)]

    def goes_to(self, token: str | None) -> bool | None:
        """Return whether events go to the project with this token.

        Arguments:
            token: token of a project, as `projects.get` returns it.

        Returns:
            None if the client has not fetched its token yet.
        """
        known = self._pipeline.shared.token
        return None if known is None else token is not None and known.reveal() == token

    async def _token(self) -> Secret:
        """Return the project's token; it is fetched from the server once, however many callers need it."""
        shared = self._pipeline.shared
        if shared.token is not None:
            return shared.token
        async with shared.asking_token:
            if shared.token is None:
                shared.token = await self._fetch_token()
            return shared.token

    async def _fetch_token(self) -> Secret:
        pipeline = self._pipeline.reader()
        request = endpoints.get_project(pipeline.shared.project_id)
        response = await pipeline.send(request)
        token = Secret(reading.read(request, response, pipeline.shared.key).api_token or "")
        if problem_of_token(token, pipeline.shared.key) is not None:
            raise invalid_response(request, response, f"the project has no usable api_token: set {PROJECT_KEY}")
        return token


def _quota_limited(request: Request[CaptureBody], response: Response, quota: str) -> QuotaLimited:
    """Return the exception for events that the server accepted and does not store."""
    return QuotaLimited(
        response.status,
        method=request.method,
        path=response.path,
        route=request.route,
        code="quota_limited",
        detail=f"the project's quota ({quota}) is used up: no event of this request is stored",
    )
