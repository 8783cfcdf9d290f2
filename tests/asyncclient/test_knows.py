"""`knows` finds out by reads alone which routes a server has (contract 8)."""

from itertools import product
from typing import Any

import pytest

from asyncclient import (
    InvalidArgument,
    Limits,
    PermissionDenied,
    PostHogClient,
    PostHogError,
    PrefixMoved,
    RateLimits,
    RetryPolicy,
)
from asyncclient.testing import LocalPostHog, ServerOptions

ROUTES = {
    "bulk_delete": "bulk_delete",
    "batch_by_uuids": "batch_reads",
    "batch_by_distinct_ids": "batch_reads",
    "deletion_status": "deletion_status",
    "delete_events": "delete_events",
    "delete_recordings": "delete_recordings",
}
AGES = ("deletion_status", "delete_events", "delete_recordings", "bulk_delete", "batch_reads")


def client_of(server: LocalPostHog, **settings: Any) -> PostHogClient:
    settings = {"limits": Limits(RateLimits.off()), "retry": RetryPolicy.never(), "project_id": 1} | settings
    return PostHogClient(host=server.url, personal_api_key=server.personal_api_key, **settings)


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("unmapped", ["405", "403"])
@pytest.mark.parametrize("scopes", [None, ("*",), ("person:write",), ("person:read",)])
@pytest.mark.parametrize(
    "alias", ["rewrite", *(pytest.param(alias, marks=pytest.mark.slow) for alias in ("plain", "redirect", "gone"))]
)
async def test_every_server_age_is_recognized_and_nothing_is_changed(alias: str, scopes: Any, unmapped: str) -> None:
    async with LocalPostHog(persons=2) as server:
        for known in product([True, False], repeat=len(AGES)):
            age = dict(zip(AGES, known, strict=True))
            server.world.mutations.options = ServerOptions(
                alias=alias,  # type: ignore[arg-type]
                scopes=scopes,
                unmapped_method=unmapped,  # type: ignore[arg-type]
                **age,
            )
            async with client_of(server) as client:
                found = {route: await client.persons.knows(route) for route in ROUTES}
            assert found == {route: age[option] for route, option in ROUTES.items()}, age
        assert server.world.count() == 2
        assert not any(each.applied for each in server.requests if each.method == "DELETE")
        assert {each.method for each in server.requests if each.action not in ("batch_by_uuids", "unknown")} == {"GET"}


async def test_a_route_that_is_not_known_moves_no_prefix() -> None:
    events: list[Any] = []
    options = ServerOptions(alias="plain", delete_events=False)
    async with LocalPostHog(persons=1, options=options) as server, client_of(server, on_event=events.append) as client:
        assert not await client.persons.knows("delete_events")
        assert {each.path.split("/")[2] for each in server.requests} == {"environments"}
        assert not [each for each in events if isinstance(each, PrefixMoved)]


async def test_a_key_that_may_not_read_is_an_error_and_not_an_age() -> None:
    options = ServerOptions(scopes=("activity_log:read",))
    async with LocalPostHog(persons=1, options=options) as server, client_of(server, api_prefix="projects") as client:
        for route in ("batch_by_uuids", "deletion_status"):
            with pytest.raises(PermissionDenied):
                await client.persons.knows(route)


@pytest.mark.parametrize("project_response", ["403", "404"])
async def test_a_wrong_project_is_an_error_and_not_an_age(project_response: Any) -> None:
    options = ServerOptions(unknown_project=project_response)
    async with (
        LocalPostHog(persons=1, options=options) as server,
        client_of(server, project_id=99, api_prefix="projects") as client,
    ):
        for route in ROUTES:
            with pytest.raises(PostHogError):
                await client.persons.knows(route)


@pytest.mark.parametrize("response", [(404, b"<html>nginx</html>"), (400, b"{}"), (403, b"{}"), (500, b""), (302, b"")])
async def test_a_response_that_does_not_show_the_route_is_raised(raw: Any, response: tuple[int, bytes]) -> None:
    server = await raw.serve(raw.http(*response))
    client = await raw.client(server.url)
    for route in ROUTES:
        with pytest.raises(PostHogError):
            await client.persons.knows(route)


async def test_an_unknown_name_is_refused_before_anything_is_sent(raw: Any) -> None:
    server = await raw.serve(raw.http())
    client = await raw.client(server.url)
    with pytest.raises(InvalidArgument, match="not one of bulk_delete"):
        await client.persons.knows("../../projects")
    assert server.requests == []
