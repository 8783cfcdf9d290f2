"""Data deletion requests against the local server, which plays approval, weekend job and limits (contract 13)."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from virtual_time import run_virtual

from asyncclient import (
    BadRequest,
    Bucket,
    Conflict,
    InvalidArgument,
    Limits,
    NotFound,
    PermissionDenied,
    PostHogClient,
    RateLimited,
    RateLimits,
    RetryPolicy,
)
from asyncclient.testing import Fault, LocalPostHog, ServerOptions

QUERY = "SELECT uuid FROM events WHERE distinct_id IN {ids}"
IDS = {"ids": ["ghost-1", "ghost-2"]}


def client_of(server: LocalPostHog, **settings: Any) -> PostHogClient:
    settings = {"limits": Limits(RateLimits.off()), "retry": RetryPolicy(base_s=0.0)} | settings
    return PostHogClient(host=server.url, personal_api_key=server.personal_api_key, project_id=1, **settings)


def unscoped(**options: Any) -> ServerOptions:
    """Return the options of a server whose key may preview, which declares no scope."""
    return ServerOptions(scopes=None, **options)


def haunt(server: LocalPostHog) -> None:
    """Add events without a person, of which two distinct IDs are to go, and events that are to stay."""
    server.world.add_person(["ada"])
    for distinct_id, at in (("ghost-1", 1), ("ghost-1", 2), ("ghost-2", 9e9), ("other", 3), ("ada", 4)):
        server.world.add_event(distinct_id, timestamp=at)


async def test_a_request_is_approved_by_hand_and_completed_by_the_weekend_job() -> None:
    async with LocalPostHog(options=unscoped()) as server, client_of(server) as client:
        haunt(server)
        requests = client.data_deletion_requests
        assert (await requests.preview(QUERY, IDS)).count == 3
        submission = uuid4()
        made = await requests.create(QUERY, IDS, submission_id=submission)
        assert (made.status, made.submission_id, made.count, made.is_active) == ("pending", submission, 3, True)
        assert "ghost" not in repr(made)
        server.run_event_deletion()
        assert (await requests.get(made.id)).status == "pending"
        server.world.decide_deletion(str(made.id), approved=True)
        assert (await requests.get(made.id)).status == "approved"
        assert len(server.world.personless_events("ghost-1")) == 2
        server.run_event_deletion()
        done = await requests.get(made.id)
        assert (done.is_completed, done.is_active) == (True, False)
        assert done.completed_at is not None
        assert server.world.personless_events("ghost-1") == server.world.personless_events("ghost-2") == []
        assert len(server.world.personless_events("other")) == 1
        ada = server.world.uuid_of("ada")
        assert ada is not None
        assert len(server.world.events(ada)) == 1
        assert (await requests.preview(QUERY, IDS)).count == 0


async def test_a_refused_request_deletes_nothing() -> None:
    async with LocalPostHog(options=unscoped()) as server, client_of(server) as client:
        haunt(server)
        made = await client.data_deletion_requests.create(QUERY, IDS, submission_id=uuid4())
        server.world.decide_deletion(str(made.id), approved=False)
        server.run_event_deletion()
        assert (await client.data_deletion_requests.get(made.id)).status == "failed"
        assert len(server.world.personless_events("ghost-1")) == 2


async def test_the_submission_id_makes_a_creation_idempotent_also_after_a_lost_response() -> None:
    async with LocalPostHog(options=unscoped()) as server, client_of(server) as client:
        haunt(server)
        submission = uuid4()
        server.faults.add(Fault("reset_after", action="create_deletion", times=1))
        made = await client.data_deletion_requests.create(QUERY, IDS, submission_id=submission)
        again = await client.data_deletion_requests.create(QUERY, IDS, submission_id=str(submission))
        assert made == again
        assert [each.status for each in server.requests if each.action == "create_deletion"][1:] == [200, 200]
        page = await client.data_deletion_requests.list()
        assert [each.id for each in page.results] == [made.id]


@pytest.mark.parametrize(("code", "error"), [("409", Conflict), ("400", BadRequest)])
async def test_a_sixth_active_request_and_a_used_submission_id_are_conflicts(code: Any, error: Any) -> None:
    async with LocalPostHog(options=unscoped(deletion_conflict=code)) as server, client_of(server) as client:
        requests = client.data_deletion_requests
        made = [await requests.create(QUERY, IDS, submission_id=UUID(int=n)) for n in range(1, 6)]
        with pytest.raises(error):
            await requests.create(QUERY, IDS, submission_id=UUID(int=6))
        with pytest.raises(error):
            await requests.create(QUERY, {"ids": ["x"]}, submission_id=UUID(int=1))
        server.world.decide_deletion(str(made[0].id), approved=False)
        await requests.create(QUERY, IDS, submission_id=UUID(int=6))
        page = await requests.list(limit=2, offset=1)
        assert (page.count, [each.submission_id for each in page.results]) == (6, [UUID(int=5), UUID(int=4)])


async def test_without_the_flag_or_the_scope_it_says_so() -> None:
    async with LocalPostHog(options=unscoped(data_deletion=False)) as server, client_of(server) as client:
        for call in (
            client.data_deletion_requests.preview(QUERY, IDS),
            client.data_deletion_requests.create(QUERY, IDS, submission_id=uuid4()),
            client.data_deletion_requests.list(),
            client.data_deletion_requests.get(uuid4()),
        ):
            with pytest.raises(PermissionDenied, match="not enabled"):
                await call
    async with LocalPostHog(options=ServerOptions(scopes=("*",))) as server, client_of(server) as client:
        with pytest.raises(PermissionDenied, match="personal API key access"):
            await client.data_deletion_requests.preview(QUERY, IDS)
        await client.data_deletion_requests.create(QUERY, IDS, submission_id=uuid4())
    async with LocalPostHog(options=ServerOptions(scopes=("query:read",))) as server, client_of(server) as client:
        with pytest.raises(PermissionDenied, match="data_deletion_request:read"):
            await client.data_deletion_requests.list()


async def test_unusable_arguments_are_refused_before_anything_is_sent() -> None:
    async with LocalPostHog() as server, client_of(server) as client:
        requests = client.data_deletion_requests
        for query, variables in (("", {}), ("x" * 100_001, {}), ("SELECT", {"a": "x" * 100_000}), ("SELECT", [1])):
            with pytest.raises(InvalidArgument):
                await requests.preview(query, variables)  # type: ignore[arg-type]
        with pytest.raises(InvalidArgument, match="submission_id"):
            await requests.create(QUERY, submission_id="../persons")
        with pytest.raises(InvalidArgument, match="id"):
            await requests.get("1/../../persons")
        assert not server.requests


async def test_a_query_of_other_columns_is_refused_and_an_unknown_request_is_missing() -> None:
    async with LocalPostHog(options=unscoped()) as server, client_of(server) as client:
        haunt(server)
        for query in ("SELECT distinct_id FROM events", "SELECT uuid, timestamp FROM events", "DELETE FROM events"):
            with pytest.raises(BadRequest):
                await client.data_deletion_requests.preview(query)
        with pytest.raises(NotFound):
            await client.data_deletion_requests.get(uuid4())


def test_the_client_stays_within_the_limits_per_project() -> None:
    async def made() -> tuple[float, dict[str, int]]:
        clock = asyncio.get_running_loop().time
        server = LocalPostHog(options=unscoped(rate_limits="posthog"), clock=lambda: 1_795_000_000.0 + clock())
        async with server, client_of(server, limits=Limits(clock=clock), clock=clock) as client:
            for _ in range(7):
                await client.data_deletion_requests.preview(QUERY, IDS)
            elapsed = clock()
            for n in range(1, 12):
                request = await client.data_deletion_requests.create(QUERY, IDS, submission_id=UUID(int=n))
                server.world.decide_deletion(str(request.id), approved=False)
            assert not [each for each in server.requests if each.status == 429]
            assert clock() - elapsed >= 3600
            return elapsed, server.request_counts

    elapsed, counts = run_virtual(made())
    assert elapsed >= 60
    assert (counts["preview_deletion"], counts["create_deletion"]) == (7, 11)


async def test_the_server_counts_the_keys_of_a_project_together() -> None:
    from asyncclient.testing import PersonalKey

    options = unscoped(rate_limits="posthog", more_keys=(PersonalKey(key="phx_other", scopes=None),))
    async with LocalPostHog(options=options) as server, client_of(server, retry=RetryPolicy(attempts=1)) as client:
        for _ in range(5):
            await client.data_deletion_requests.preview(QUERY, IDS)
        other = PostHogClient(
            host=server.url,
            personal_api_key="phx_other",
            project_id=1,
            limits=Limits(RateLimits.off()),
            retry=RetryPolicy(attempts=1),
        )
        async with other:
            with pytest.raises(RateLimited):
                await other.data_deletion_requests.preview(QUERY, IDS)


def test_the_limits_can_be_written_and_read() -> None:
    rates = RateLimits(previews_per_minute=2, previews_per_hour=None, submissions_per_hour=7)
    assert RateLimits.parse(str(rates)) == rates
    assert rates.windows(Bucket.PREVIEWS) == {60.0: 2}
    assert rates.windows(Bucket.SUBMISSIONS) == {3600.0: 7}
    assert RateLimits.off().windows(Bucket.SUBMISSIONS) == {}
