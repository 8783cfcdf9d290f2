"""PostHogClient: builds the layers, holds the resources, opens and closes."""

import os
import random
import time
from collections.abc import Callable, Mapping
from ssl import SSLContext
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, Self

from asyncclient import config
from asyncclient._protocol import endpoints
from asyncclient._protocol.http import BeforeSend
from asyncclient._protocol.server_clock import ServerClock, boot_time
from asyncclient._resources.capture import Capture
from asyncclient._resources.data_deletion_requests import DataDeletionRequests
from asyncclient._resources.persisted_folders import PersistedFolders
from asyncclient._resources.persons.api import Persons
from asyncclient._resources.projects import Projects
from asyncclient._resources.query import Query
from asyncclient._resources.session_recordings import SessionRecordings
from asyncclient._secret import Secret
from asyncclient._transport.path_prefix import ApiPrefix, PathPrefix
from asyncclient._transport.pipeline import ClientState, OnEvent, RequestPipeline
from asyncclient._transport.session import check_session, connections_of
from asyncclient._transport.session_options import SessionOptions
from asyncclient.errors import InvalidArgument
from asyncclient.limits import Limits, RateLimits
from asyncclient.retry import RetryPolicy

if TYPE_CHECKING:
    import aiohttp


class PostHogClient:
    """An async client of PostHog's persons API; use it with `async with`.

    Arguments:
        host: "us", "eu" or the URL of a self-hosted instance.
        project_id: a positive number; "@current" reads only.
        personal_api_key: starts with phx_; shown nowhere.
        project_api_key: the project's public token (phc_), for captured events only; without it the server is asked.
        ingest_host: takes captured events; the default is that of PostHog Cloud, or `host` itself (contract 12).
        limits: rate limits, one object for all clients of a key; the default is PostHog's for the kind of key.
        retry: for reads, and for writes that certainly had no effect.
        timeout_s: for one request, connecting included.
        max_connections: kept open at once; a session of yours has its own limit.
        api_prefix: "auto", "environments" or "projects" (contract 1).
        on_event: called with every request, retry and pause.
        allow_http: take plain http to other machines than this one.
        session: your own aiohttp session, used as it is and never closed; see asyncclient/README.md for what cannot be
            guaranteed with it. The four arguments below are for the session that the client makes without it.
        ssl: the TLS context; it has to verify the server.
        proxy: the URL of a proxy, such as http://user:password@host:port.
        trust_env: use the proxies of the environment.
        user_agent: the value of the User-Agent header; the default is posthog-bulk.
        clock, wall, uniform: seconds of a clock that cannot be set, seconds since the epoch, randomness; for tests.

    Raises:
        InvalidArgument: an argument cannot be used; nothing is sent.
    """

    def __init__(
        self,
        *,
        host: str = "us",
        project_id: int | str,
        personal_api_key: str | Secret,
        project_api_key: str | Secret | None = None,
        ingest_host: str | None = None,
        limits: Limits | None = None,
        retry: RetryPolicy | None = None,
        timeout_s: float = 60.0,
        max_connections: int = 64,
        api_prefix: ApiPrefix = "auto",
        on_event: OnEvent | None = None,
        allow_http: bool = False,
        session: "aiohttp.ClientSession | None" = None,
        ssl: SSLContext | None = None,
        proxy: str | Secret | None = None,
        trust_env: bool = False,
        user_agent: str | None = None,
        clock: Callable[[], float] = boot_time,
        wall: Callable[[], float] = time.time,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        key = _hidden(personal_api_key)
        personal_api_key = key  # no frame of a traceback holds the text
        token = None if project_api_key is None else _hidden(project_api_key)
        project_api_key = token
        hidden_proxy = None if proxy is None else _hidden(proxy)
        proxy = hidden_proxy
        config.check_key(key)
        if token is not None:
            config.check_token(token, key)
        timeout_s = endpoints.seconds(timeout_s, "timeout_s")
        project = endpoints.project_id(project_id)
        options = SessionOptions(
            max_connections=max_connections,
            ssl_context=ssl,
            proxy=hidden_proxy,
            trust_env=trust_env,
            user_agent=user_agent,
        )
        if session is not None:
            check_session(session)
            options.check_unused()
        origin = config.parse_origin(host, allow_http=allow_http)
        shared = ClientState(
            origin=origin,
            ingest_origin=config.parse_ingest_origin(ingest_host, origin, allow_http=allow_http),
            project_id=project,
            key=key,
            limits=Limits(RateLimits.for_key(key), clock=clock) if limits is None else limits,
            prefix=PathPrefix(api_prefix, project),
            timeout_s=timeout_s,
            options=options,
            session=session,
            uniform=uniform,
            clock=clock,
            server_clock=ServerClock(clock, wall),
            token=token,
        )
        self._take(RequestPipeline(shared, retry or RetryPolicy(), (on_event,) if on_event else ()))

    def _take(self, core: RequestPipeline) -> None:
        self._core = core
        self.persons = Persons(core)
        self.persisted_folders = PersistedFolders(core)
        self.projects = Projects(core)
        self.capture = Capture(core)
        self.query = Query(core)
        self.session_recordings = SessionRecordings(core)
        self.data_deletion_requests = DataDeletionRequests(core)

    @classmethod
    def from_env(
        cls,
        environ: Mapping[str, str] | None = None,
        *,
        host: str | None = None,
        project_id: int | str | None = None,
        personal_api_key: str | Secret | None = None,
        project_api_key: str | Secret | None = None,
        ingest_host: str | None = None,
        limits: Limits | None = None,
        retry: RetryPolicy | None = None,
        timeout_s: float = 60.0,
        max_connections: int = 64,
        api_prefix: ApiPrefix = "auto",
        on_event: OnEvent | None = None,
        allow_http: bool = False,
        session: "aiohttp.ClientSession | None" = None,
        ssl: SSLContext | None = None,
        proxy: str | Secret | None = None,
        trust_env: bool = False,
        user_agent: str | None = None,
    ) -> Self:
        """A client as the environment's POSTHOG_* variables say; arguments that are not None win over them.

        POSTHOG_HOST, POSTHOG_PROJECT_ID, POSTHOG_PERSONAL_API_KEY or POSTHOG_PERSONAL_API_KEY_FILE, and
        POSTHOG_PROJECT_API_KEY are read. An empty POSTHOG_HOST is refused, so that no key goes to an unintended host.

        Arguments:
            environ: the variables; None for those of this process.
            host: "us", "eu" or the URL of a self-hosted instance.
            project_id: a positive number; "@current" reads only.
            personal_api_key: starts with phx_.
            project_api_key: the project's public token (phc_), for captured events only.
            ingest_host: takes captured events.
            limits: rate limits, shared by all clients that are given the same object.
            retry: when requests are repeated.
            timeout_s: seconds for one request, connecting included.
            max_connections: connections that are kept open at once.
            api_prefix: "auto", "environments" or "projects".
            on_event: called with every request, retry and pause.
            allow_http: take plain http to other machines than this one.
            session: your own aiohttp session, used as it is and never closed.
            ssl: the TLS context of the client's own session.
            proxy: the URL of a proxy, for the client's own session.
            trust_env: use the proxies of the environment.
            user_agent: the value of the User-Agent header.

        Returns:
            A client that is not open yet.

        Raises:
            InvalidArgument: something is missing or cannot be used.
        """
        settings = config.Settings.of(os.environ if environ is None else environ)
        environ = None  # no frame of a traceback holds the key
        key = personal_api_key if personal_api_key is None else _hidden(personal_api_key)
        personal_api_key = key
        token = settings.token if project_api_key is None else _hidden(project_api_key)
        project_api_key = token
        hidden_proxy = proxy if proxy is None else _hidden(proxy)
        proxy = hidden_proxy
        project = settings.project_id if project_id is None else project_id
        if project is None:
            raise InvalidArgument(f"no project ID: set {config.PROJECT_ID} or give --project-id")
        return cls(
            host=settings.read_host() if host is None else host,
            project_id=project,
            personal_api_key=settings.read_key() if key is None else key,
            project_api_key=token,
            ingest_host=ingest_host,
            limits=limits,
            retry=retry,
            timeout_s=timeout_s,
            max_connections=max_connections,
            api_prefix=api_prefix,
            on_event=on_event,
            allow_http=allow_http,
            session=session,
            ssl=ssl,
            proxy=hidden_proxy,
            trust_env=trust_env,
            user_agent=user_agent,
        )

    @property
    def origin(self) -> str:
        """Scheme, host and port that all requests go to, but for captured events."""
        return self._core.shared.origin

    @property
    def ingest_origin(self) -> str:
        """Scheme, host and port that captured events go to."""
        return self._core.shared.ingest_origin

    @property
    def project_id(self) -> int | str:
        """The project's number, or "@current"."""
        return self._core.shared.project_id

    @property
    def limits(self) -> Limits:
        """The rate limits that all requests pass."""
        return self._core.shared.limits

    @property
    def max_connections(self) -> int:
        """Connections that are kept open at once; further requests wait for one of them."""
        shared = self._core.shared
        return (shared.session and connections_of(shared.session)) or shared.options.max_connections

    def server_time(self) -> float:
        """The time by the server's responses, in seconds since the epoch; by this machine's clock before the first one.

        It may be a second or so behind, and is never ahead by more than the round trip of a request. Setting this
        machine's clock does not change it.
        """
        return self._core.shared.server_clock.now()

    def boot_time(self) -> float:
        """Seconds by a clock that cannot be set, for ages: it runs on while the machine is suspended (Linux)."""
        return self._core.shared.clock()

    @property
    def retry(self) -> RetryPolicy:
        """When requests are retried."""
        return self._core.policy

    @property
    def unreachable_s(self) -> float:
        """Seconds of all outages of the API so far that were waited out, the current one included."""
        return self._core.shared.available(to_ingestion=False).unreachable_s

    async def in_outage(self, *, to_ingestion: bool = False) -> bool:
        """Return whether a request failed just now because of an outage; in one, all requests wait (`retry_for_s`).

        Arguments:
            to_ingestion: whether it is the ingestion host that did not respond.

        Raises:
            RuntimeError: the client is not open.
        """
        return await self._core.in_outage(to_ingestion=to_ingestion)

    def once(self, before_send: BeforeSend) -> "PostHogClient":
        """A view whose calls are each attempted exactly once, after `before_send`.

        Arguments:
            before_send: awaited when the rate limit gave leave, before bytes may leave. When it raises, nothing is
                sent and the leave is given back.
        """
        core = self._core
        return self._view(RequestPipeline(core.shared, core.policy, core.listeners, before_send))

    def observed(self, on_event: OnEvent) -> "PostHogClient":
        """A view that tells of its calls' events here too.

        Arguments:
            on_event: called with every request, retry and pause of the view's calls; must not block.
        """
        core = self._core
        return self._view(RequestPipeline(core.shared, core.policy, (*core.listeners, on_event), core.before_send))

    def with_retry(self, policy: RetryPolicy) -> "PostHogClient":
        """A view with another retry policy.

        Arguments:
            policy: when the view's requests are repeated.
        """
        core = self._core
        return self._view(RequestPipeline(core.shared, policy, core.listeners, core.before_send))

    async def settle_prefix(self) -> None:
        """Find out which path prefix the server wants, by a read; done before the first write at the latest.

        Raises:
            PostHogError: the response to the read is not PostHog's.
        """
        await self._core.settle_prefix()

    async def aclose(self) -> None:
        """Close all connections; the client cannot be used any more.

        Raises:
            CancelledError: closing was cancelled; the connections are closed all the same.
        """
        await self._core.shared.close()

    async def __aenter__(self) -> Self:
        shared = self._core.shared
        if shared.wire is not None or shared.ended:
            raise RuntimeError("a client is opened once: make a new one")
        shared.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        core = getattr(self, "_core", None)  # none yet when a setting is refused
        return f"<PostHogClient {core.shared!r}>" if core is not None else "<PostHogClient>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a client cannot be pickled")

    def _view(self, core: RequestPipeline) -> "PostHogClient":
        view = PostHogClient.__new__(PostHogClient)
        PostHogClient._take(view, core)
        return view


def _hidden(secret: str | Secret) -> Secret:
    return secret if isinstance(secret, Secret) else Secret(secret)
