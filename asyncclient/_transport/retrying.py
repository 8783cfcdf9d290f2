"""RetryingTransport: takes a request from attempt to attempt, as the policy decides (`asyncclient.retry`).

It is one coroutine around all that concerns a request. It asks the path prefix where an attempt goes, and the outage
watch whether it may leave; the rate limit and the wire make it.

A call that an outage made fail is sent again when the server responds, if it certainly had no effect. That costs none
of its attempts.
"""

import random
from collections.abc import Callable
from typing import Any

import anyio

from asyncclient._protocol.http import BeforeSend, Request, Response
from asyncclient._protocol.outage import MAX_OUTAGES_PER_CALL
from asyncclient._protocol.responses.decoding import to_error
from asyncclient._secret import Secret
from asyncclient._transport.availability import OutageWatch
from asyncclient._transport.path_prefix import PathPrefix
from asyncclient._transport.rate_limited import RateLimitedTransport, RequestWithheld
from asyncclient.errors import ApiStatusError, ConnectFailed, PostHogError, TransportError, Unreachable
from asyncclient.events import ClientEvent, PrefixMoved, Retrying
from asyncclient.retry import GiveUp, RetryPolicy, decide


class RetryingTransport:
    """Sends until there is a response or the policy gives up.

    Arguments:
        inner: makes an attempt.
        prefix: the path prefix in use.
        outages: tells whether the server is in an outage; None if outages are not waited out.
    """

    def __init__(
        self,
        inner: RateLimitedTransport,
        prefix: PathPrefix,
        policy: RetryPolicy,
        key: Secret,
        emit: Callable[[ClientEvent], None],
        uniform: Callable[[float, float], float] = random.uniform,
        outages: OutageWatch | None = None,
    ) -> None:
        self._inner = inner
        self._prefix = prefix
        self._server = None if outages is None else outages.server
        self._policy = policy
        self._key = key
        self._emit = emit
        self._uniform = uniform
        self._outages = outages

    async def send(self, request: Request[Any], before_send: BeforeSend | None) -> Response:
        """Send until a response needs no retry or the policy gives up; only once if `before_send` is given.

        A read that did not reach its route is sent again below the successor of the prefix.
        """
        prefix, server = self._prefix, self._server
        attempt, outages = 1, 0
        while True:
            error: PostHogError
            used, path = prefix.name, prefix.path(request)
            try:
                if server is not None and server.is_in_doubt:
                    await self._wait(request, path)
                response = await self._inner.send(request, path, before_send, attempt=attempt, server=server)
                if server is not None:
                    server.has_responded = True
                if not prefix.fixed and request.in_project:
                    if prefix.learn(used, request, response):
                        self._emit(PrefixMoved(old=used, new=prefix.name))
                    if before_send is None and prefix.must_resend(used, request, response):
                        continue
                if response.status < 500:
                    return response
                error = to_error(request, response, self._key)
            except RequestWithheld:
                continue
            except Unreachable:
                raise
            except PostHogError as problem:
                error = problem
            if before_send is not None or request.once:
                raise error
            mutating = request.mutating and not request.repeatable
            had_no_effect = not mutating or isinstance(error, ConnectFailed)
            if had_no_effect and outages < MAX_OUTAGES_PER_CALL and await self._in_outage(error):
                outages += 1
                continue
            decision = decide(
                self._policy,
                error,
                attempt=attempt,
                mutating=mutating,
                shrinks=request.shrinks,
                uniform=self._uniform,
            )
            if isinstance(decision, GiveUp):
                raise error
            self._emit(
                Retrying(action=request.action, attempt=attempt, after_s=decision.after_s, reason=_reason(error))
            )
            await anyio.sleep(decision.after_s)
            attempt += 1

    async def _wait(self, request: Request[Any], path: str) -> None:
        assert self._outages is not None, "the server is the one of the outage watch"
        await self._outages.wait(request, path)

    async def _in_outage(self, error: PostHogError) -> bool:
        outages = self._outages
        return outages is not None and outages.may_be_outage(error) and await outages.in_outage()


def _reason(error: PostHogError) -> str:
    if isinstance(error, ApiStatusError):
        return str(error.status)
    return error.reason if isinstance(error, TransportError) else str(error)
