"""The token of captured events: whose it is, when it is fetched, and what is said without one."""

from typing import Any

import anyio
import pytest

from asyncclient import (
    AuthenticationFailed,
    CaptureEvent,
    InvalidArgument,
    InvalidResponse,
    Limits,
    PermissionDenied,
    PostHogClient,
    PostHogError,
    RateLimits,
    RetryPolicy,
)
from asyncclient.testing import Fault, LocalPostHog, ServerOptions
from tests.asyncclient.fast_clients import FAST

BOUGHT = CaptureEvent("bought", "somebody")


def client_of(server: LocalPostHog, **settings: Any) -> PostHogClient:
    settings = {"limits": Limits(RateLimits.off()), "retry": FAST, "project_id": 1, "api_prefix": "projects"} | settings
    return PostHogClient(host=server.url, personal_api_key=server.personal_api_key, **settings)


async def test_the_current_project_is_refused_before_anything_is_sent() -> None:
    async with LocalPostHog(persons=0) as server, client_of(server, project_id="@current") as client:
        for events in ([BOUGHT], []):
            with pytest.raises(InvalidArgument, match="@current"):
                await client.capture.batch(events)
        assert server.requests == []


async def test_the_token_is_fetched_once_however_many_callers_need_it() -> None:
    async with LocalPostHog(persons=0) as server, client_of(server) as client:
        view = client.observed(lambda event: None)
        async with anyio.create_task_group() as group:
            for each in (client, view) * 8:
                group.start_soon(each.capture.batch, [BOUGHT])
        paths = [each.path for each in server.requests if each.action != "capture"]
        assert paths == ["/api/projects/1/"]
        assert server.request_counts["capture"] == 16


async def test_a_given_token_is_used_without_a_request() -> None:
    async with LocalPostHog(persons=0) as server:
        async with client_of(server, project_api_key=server.project_api_key) as client:
            await client.capture.batch([BOUGHT])
        environ = {
            "POSTHOG_HOST": server.url,
            "POSTHOG_PROJECT_ID": "1",
            "POSTHOG_PERSONAL_API_KEY": server.personal_api_key,
            "POSTHOG_PROJECT_API_KEY": server.project_api_key,
        }
        async with PostHogClient.from_env(environ) as client:
            await client.capture.batch([BOUGHT])
        assert server.request_counts == {"capture": 2}


async def test_a_token_that_could_not_be_fetched_is_fetched_again_next_time() -> None:
    async with LocalPostHog(persons=0) as server, client_of(server, retry=RetryPolicy.never()) as client:
        server.faults.add(Fault("status", status=503, times=1))
        with pytest.raises(PostHogError):
            await client.capture.batch([BOUGHT])
        assert "capture" not in server.request_counts
        await client.capture.batch([BOUGHT])
        assert server.request_counts["capture"] == 1


async def test_a_key_that_may_not_read_the_token_gets_a_clear_error() -> None:
    options = ServerOptions(scopes=("person:read",))
    async with LocalPostHog(persons=0, options=options) as server, client_of(server) as client:
        with pytest.raises(PermissionDenied, match="project:read"):
            await client.capture.batch([BOUGHT])


@pytest.mark.parametrize("token", ["null", '""', '"phx_secret"', '"a b"', "7"])
async def test_a_project_without_a_usable_token_is_an_error_that_does_not_show_it(raw: Any, token: str) -> None:
    server = await raw.serve(raw.http(body=f'{{"id": 1, "name": "x", "api_token": {token}}}'.encode()))
    client = await raw.client(server.url)
    with pytest.raises(InvalidResponse) as caught:
        await client.capture.batch([BOUGHT])
    assert "secret" not in str(caught.value)
    assert [each.path for each in server.requests] == ["/api/projects/1/"]


async def test_a_wrong_token_is_refused() -> None:
    async with LocalPostHog(persons=0) as server, client_of(server, project_api_key="phc_wrong") as client:
        with pytest.raises(AuthenticationFailed) as caught:
            await client.capture.batch([BOUGHT])
        assert (caught.value.status, caught.value.code) == (401, "invalid_api_key")
        assert server.request_counts["capture"] == 1
