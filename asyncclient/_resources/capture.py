"""The capture route: properties of many persons changed in few requests (contract 12)."""

from collections.abc import Sequence

from asyncclient._protocol import endpoints
from asyncclient._protocol.endpoints import CaptureEvent
from asyncclient._protocol.http import Request, Response
from asyncclient._protocol.responses import reading
from asyncclient._protocol.responses.capture_response import CaptureAnswer, refused_quota
from asyncclient._protocol.responses.decoding import invalid
from asyncclient._secret import Secret
from asyncclient._transport.pipeline import RequestPipeline
from asyncclient.config import PROJECT_KEY, problem_of_token
from asyncclient.errors import QuotaLimited


class Capture:
    """`client.capture`. Requests go to the ingestion host with the project's public token, never with the personal key.

    Nothing is acknowledged per event and processing is asynchronous: proof of a change is a later read. An event for
    a distinct id that has no person makes one, so send nothing for persons that may have been deleted meanwhile.
    """

    def __init__(self, core: RequestPipeline) -> None:
        self._core = core

    async def batch(self, events: Sequence[CaptureEvent]) -> int:
        """Send events in their order, in as few requests as the server takes, one after another (contract 12).

        A request that may have arrived is repeated, as reads are, where that changes nothing: all its events are
        `CaptureEvent.set` or `unset`, or carry a uuid and a timestamp. Any other is repeated only when it certainly
        had no effect. The first call asks the server for the project's token unless the client was given it; that
        needs the scope project:read.

        Arguments:
            events: any number; none makes no request.

        Returns:
            How many requests were made, retries not counted; `split` tells beforehand.

        Raises:
            InvalidArgument: one cannot be sent, or the project is "@current"; nothing was sent.
            QuotaLimited: the project's quota is used up; nothing of that request is stored.
            PostHogError: no or no good answer; the requests before that one were taken.
        """
        self._core.refuse_current_project()
        batches = list(endpoints.batches(events))
        for batch in batches:
            token = await self._token()
            request = endpoints.capture_events(batch, token)
            response = await self._core.send(request)
            limited = refused_quota(reading.read(request, response, token))
            if limited is not None:
                raise _quota_limited(request, response, limited)
        return len(batches)

    def split(self, events: Sequence[CaptureEvent]) -> list[Sequence[CaptureEvent]]:
        """The events in parts that `batch` sends in exactly one request each.

        Arguments:
            events: any number.

        Returns:
            The parts, in order.

        Raises:
            InvalidArgument: an event cannot be sent.
        """
        return [events[batch.start : batch.stop] for batch in endpoints.batches(events)]

    def goes_to(self, token: str | None) -> bool | None:
        """Whether events go to the project of this token; None where only the server can tell which token to use.

        Arguments:
            token: a project's, as `projects.get` shows it.
        """
        held = self._core.shared.token
        return None if held is None else token is not None and held.reveal() == token

    async def _token(self) -> Secret:
        """The project's token; asked of the server once, however many callers need it."""
        shared = self._core.shared
        if shared.token is not None:
            return shared.token
        async with shared.asking_token:
            if shared.token is None:
                shared.token = await self._asked()
            return shared.token

    async def _asked(self) -> Secret:
        core = self._core.reader()
        request = endpoints.get_project(core.shared.project_id)
        response = await core.send(request)
        token = Secret(reading.read(request, response, core.shared.key).api_token or "")
        if problem_of_token(token, core.shared.key) is not None:
            raise invalid(request, response, f"the project has no usable api_token: set {PROJECT_KEY}")
        return token


def _quota_limited(request: Request[CaptureAnswer], response: Response, limited: str) -> QuotaLimited:
    """The exception for events that were taken and are not stored."""
    return QuotaLimited(
        response.status,
        method=request.method,
        path=response.path,
        route=request.route,
        code="quota_limited",
        detail=f"the project's quota ({limited}) is used up: nothing of this request is stored",
    )
