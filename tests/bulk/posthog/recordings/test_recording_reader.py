"""Recordings are counted by few queries, and a person whose recordings could not be read is left out (contract 6.7)."""

from typing import Any

import pytest

from asyncclient import Limits, PostHogClient, RateLimits, RetryPolicy
from asyncclient.testing import Fault, LocalPostHog, ServerOptions
from bulk.concurrency.stop_gate import StopGate
from bulk.posthog.recordings.recording_reader import MAX_TEXT, NotReadable, RecordingCount, RecordingReader


def client_of(server: LocalPostHog) -> PostHogClient:
    return PostHogClient(
        host=server.url,
        personal_api_key=server.personal_api_key,
        project_id=1,
        limits=Limits(RateLimits.off()),
        retry=RetryPolicy(attempts=1),
    )


def asked(server: LocalPostHog) -> list[int]:
    """Return the number of distinct IDs of each query, without the empty last pages."""
    bodies = [each.body["query"]["values"] for each in server.requests if each.action == "query"]
    return [len(values["distinct_ids"]) for values in bodies if not values["after"]]


async def test_the_recordings_of_each_person_are_counted_by_few_queries() -> None:
    async with LocalPostHog() as server, client_of(server) as client:
        for n in range(0, 2500, 5):
            server.world.add_recording(f"s{n}", [f"id-{n}"])
        await client.session_recordings.bulk_delete([f"s{n}" for n in range(0, 500, 5)])
        reader = RecordingReader(client, StopGate())
        counts = await reader.count({n: [f"id-{n}"] for n in range(2500)})
        assert counts == {
            n: RecordingCount(kept=int(n % 5 == 0 and n >= 500), marked=int(n % 5 == 0 and n < 500))
            for n in range(2500)
        }
        assert asked(server) == [1000, 1000, 500]


async def test_a_recording_of_two_persons_counts_for_both_and_once_for_each() -> None:
    async with LocalPostHog() as server, client_of(server) as client:
        server.world.add_recording("s1", ["a", "b", "c"])
        counts = await RecordingReader(client, StopGate()).count({7: ["a", "b"], 8: ["c"], 9: ["d"], 10: []})
        assert counts == {7: RecordingCount(kept=1), 8: RecordingCount(kept=1), 9: RecordingCount()}


async def test_long_distinct_ids_are_split_by_length() -> None:
    async with LocalPostHog() as server, client_of(server) as client:
        ids = [f"{n}".ljust(400, "x") for n in range(600)]
        server.world.add_recording("s1", [ids[599]])
        counts = await RecordingReader(client, StopGate()).count({0: ids})
        assert counts == {0: RecordingCount(kept=1)}
        assert asked(server) == [MAX_TEXT // 400, MAX_TEXT // 400, 100]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (ServerOptions(scopes=("person:read",)), NotReadable.NO_SCOPE),
        (ServerOptions(recording_marks=False), NotReadable.NO_MARKS),
    ],
)
async def test_after_a_refusal_it_asks_no_more(options: ServerOptions, why: NotReadable) -> None:
    async with LocalPostHog(options=options) as server, client_of(server) as client:
        reader = RecordingReader(client, StopGate())
        assert await reader.count({n: [f"id-{n}"] for n in range(2500)}) == {}
        assert await reader.count({1: ["a"]}) == {}
        assert reader.not_readable is why
        assert len(server.requests) == 1


@pytest.mark.parametrize("fault", [Fault("status", status=503), Fault("garbage"), Fault("reset_after")])
async def test_persons_of_a_query_that_failed_are_left_out_and_three_failures_in_a_row_end_it(fault: Any) -> None:
    async with LocalPostHog() as server, client_of(server) as client:
        reader = RecordingReader(client, StopGate())
        server.faults.add(Fault(**{**_fields(fault), "times": 1}))
        counts = await reader.count({n: [f"id-{n}"] for n in range(1500)})
        assert counts.keys() == set(range(1000, 1500))
        server.faults.add(Fault(**_fields(fault)))
        before = len(server.requests)
        assert await reader.count({n: [f"id-{n}"] for n in range(6000)}) == {}
        assert len(server.requests) - before == 3
        assert reader.not_readable is None


def _fields(fault: Fault) -> dict[str, Any]:
    return {name: getattr(fault, name) for name in fault.__struct_fields__}
