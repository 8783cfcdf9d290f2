"""Session recordings against the local server, and against responses that are not PostHog's (contract 6.7)."""

import json
from typing import Any

import pytest

from asyncclient import (
    BadRequest,
    InvalidArgument,
    InvalidResponse,
    Limits,
    ListingError,
    PermissionDenied,
    PostHogClient,
    RateLimits,
    RecordingMark,
    RetryPolicy,
)
from asyncclient.testing import LocalPostHog, ServerOptions

DAY_S = 86_400


def client_of(server: LocalPostHog) -> PostHogClient:
    return PostHogClient(
        host=server.url,
        personal_api_key=server.personal_api_key,
        project_id=1,
        limits=Limits(RateLimits.off()),
        retry=RetryPolicy(base_s=0.0),
    )


async def marks(client: PostHogClient, distinct_ids: Any, **more: Any) -> list[RecordingMark]:
    return [mark async for page in client.session_recordings.iter_marks(distinct_ids, **more) for mark in page]


@pytest.mark.parametrize("page_size", [1, 2, 10_000])
async def test_every_recording_of_the_distinct_ids_is_shown_once_with_its_mark(page_size: int) -> None:
    async with LocalPostHog() as server, client_of(server) as client:
        server.world.add_recording("s1", ["ada"])
        server.world.add_recording("s2", ["ada", "o'ada\\"])
        server.world.add_recording("s3", ["bob"])
        server.world.add_recording("s4", ["o'ada\\"])
        assert (await client.session_recordings.bulk_delete(["s2"])).deleted_count == 1
        found = await marks(client, ["ada", "o'ada\\"], page_size=page_size)
        assert [(each.session_id, set(each.distinct_ids), each.is_deleted) for each in found] == [
            ("s1", {"ada"}, False),
            ("s2", {"ada", "o'ada\\"}, True),
            ("s4", {"o'ada\\"}, False),
        ]
        assert await marks(client, ["nobody"]) == []
        assert not any("ada" in each.body["query"]["query"] for each in server.requests if each.action == "query")


async def test_a_deletion_of_a_person_marks_its_recordings_later_and_the_rows_go_after_the_grace_period() -> None:
    now = 1_790_000_000.0
    options = ServerOptions(recording_lag_s=60.0, recording_grace_days=2)
    async with LocalPostHog(options=options, clock=lambda: now) as server, client_of(server) as client:
        ada = server.world.add_person(["ada", "ada-phone"])
        server.world.add_person(["bob"])
        server.world.add_recording("s1", ["ada-phone"])
        server.world.add_recording("s2", ["bob"])
        await client.persons.delete_recordings(ada)
        assert [each.is_deleted for each in await marks(client, ["ada", "ada-phone", "bob"])] == [False, False]
        now += 60
        assert [each.is_deleted for each in await marks(client, ["ada", "ada-phone", "bob"])] == [True, False]
        now += 2 * DAY_S
        assert [each.session_id for each in await marks(client, ["ada", "ada-phone", "bob"])] == ["s2"]
        assert server.world.recordings("ada-phone") == []


async def test_a_bulk_delete_of_persons_marks_the_recordings_also_of_those_that_it_deletes() -> None:
    async with LocalPostHog() as server, client_of(server) as client:
        ada, bob = server.world.add_person(["ada"]), server.world.add_person(["bob"])
        server.world.add_recording("s1", ["ada"])
        server.world.add_recording("s2", ["bob"])
        await client.persons.bulk_delete(ids=[ada], delete_recordings=True)
        await client.persons.delete(bob)
        assert [each.is_deleted for each in await marks(client, ["ada", "bob"])] == [True, False]


async def test_servers_without_the_column_and_keys_without_the_scope_say_so() -> None:
    async with LocalPostHog(options=ServerOptions(recording_marks=False)) as server, client_of(server) as client:
        with pytest.raises(BadRequest, match="is_deleted"):
            await marks(client, ["ada"])
    async with LocalPostHog(options=ServerOptions(scopes=("person:write",))) as server, client_of(server) as client:
        with pytest.raises(PermissionDenied, match="query:read"):
            await marks(client, ["ada"])


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        ([["s1", ["ada"], 2]], InvalidResponse),
        ([["s1", "ada", 1]], InvalidResponse),
        ([[1, ["ada"], 1]], InvalidResponse),
        ([["s1", ["ada"]]], InvalidResponse),
        ([["s2", ["ada"], 1], ["s1", ["ada"], 1]], ListingError),
    ],
)
async def test_rows_that_are_not_recordings_in_order_are_refused(raw: Any, rows: Any, error: type[Exception]) -> None:
    server = await raw.serve(raw.http(body=json.dumps({"results": rows, "is_cached": False}).encode()))
    client = await raw.client(server.url)
    with pytest.raises(error, match="not a recording" if error is InvalidResponse else "ascending"):
        await marks(client, ["ada"])


async def test_a_person_s_recordings_are_listed_the_newest_first_without_deleted_ones() -> None:
    async with LocalPostHog() as server, client_of(server) as client:
        ada = server.world.add_person(["ada"])
        now = server.world.mutations.clock()
        for number, days in enumerate((0.5, 1, 2, 40)):
            server.world.add_recording(f"s{number}", ["ada"], started_at=now - days * DAY_S)
        await client.session_recordings.bulk_delete(["s1"])
        page = await client.session_recordings.list(ada)
        assert [each.id for each in page.results] == ["s0", "s2"]
        assert not page.has_next
        assert page.results[0].distinct_id == "ada"
        assert "ada" not in repr(page)
        page = await client.session_recordings.list(ada, date_from="-90d", limit=2)
        assert [each.id for each in page.results] == ["s0", "s2"]
        assert page.has_next
        page = await client.session_recordings.list(ada, date_from="all", limit=2, offset=2)
        assert [each.id for each in page.results] == ["s3"]


async def test_recordings_deleted_by_id_count_once_and_unknown_ones_not_at_all() -> None:
    async with LocalPostHog() as server, client_of(server) as client:
        server.world.add_recording("s1", ["ada"])
        summary = await client.session_recordings.bulk_delete(["s1", "none"])
        assert (summary.success, summary.deleted_count, summary.total_requested) == (True, 1, 2)
        assert (await client.session_recordings.bulk_delete(["s1"])).deleted_count == 0
        assert [each.is_deleted for each in server.world.recordings("ada")] == [True]


async def test_too_many_or_unusable_ids_are_refused_before_anything_is_sent() -> None:
    async with LocalPostHog() as server, client_of(server) as client:
        for ids in ([], ["s"] * 101, "s1", ["s", 1], ["\ud800"]):
            with pytest.raises(InvalidArgument):
                await client.session_recordings.bulk_delete(ids)  # type: ignore[arg-type]
        for distinct_ids in ([], ["d"] * 1001, "ada", [""]):
            with pytest.raises(InvalidArgument):
                await marks(client, distinct_ids)
        with pytest.raises(InvalidArgument):
            await client.session_recordings.list("../persons")
        assert not server.requests


async def test_an_older_server_takes_20_recordings_at_once() -> None:
    async with LocalPostHog(options=ServerOptions(recordings_per_deletion=20)) as server, client_of(server) as client:
        with pytest.raises(BadRequest, match="20"):
            await client.session_recordings.bulk_delete([f"s{n}" for n in range(21)])


async def test_seeded_persons_have_recordings_if_requested() -> None:
    async with LocalPostHog(persons=6, options=ServerOptions(seeded_recordings=True)) as server:
        counts = [
            len(server.world.recordings(person.distinct_ids[0]))
            for uuid in server.world.iter_uuids()
            if (person := server.world.person(uuid)) is not None
        ]
        assert counts == [0, 1, 2, 0, 1, 2]
