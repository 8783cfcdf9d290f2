"""The measuring server, and how `completeness` counts repeated calls."""

import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import pytest

from asyncclient import CaptureEvent, Limits, PostHogClient, RateLimits
from asyncclient.testing import RecordedRequest
from benchmarks.harness import Bench, process
from benchmarks.servers.canned import UPDATED, uuid_text
from benchmarks.servers.local_posthog import repeated
from benchmarks.servers.server_control import KEY, ServerControl


def client(url: str) -> PostHogClient:
    return PostHogClient(host=url, project_id=1, personal_api_key=KEY, limits=Limits(RateLimits.off()))


@pytest.mark.slow
async def test_the_server_keeps_changes_of_persons() -> None:
    with process("benchmarks.servers.server") as (_, port):
        server = ServerControl(f"http://127.0.0.1:{int(port)}")
        server.reset(persons=7)
        ids = [UUID(uuid_text(number)) for number in range(7)]
        async with client(server.url) as opened:
            persons = opened.persons
            server.arm(requests=3, skip=1)
            assert [person.uuid async for person in persons.iter(page_size=3)] == ids
            await persons.update(ids[2], UPDATED)
            assert (await persons.batch_by_uuids(ids[1:4]))[ids[2]].properties["tier"] == "gold"
            scores = {4: 4, 5: 9}
            await opened.capture.batch([CaptureEvent.set(f"user-{each}", {"score": scores[each]}) for each in scores])
            found = await persons.batch_by_uuids(ids[4:6])
            assert [found[each].properties["score"] for each in ids[4:6]] == [4, 9]
            await persons.bulk_delete(ids=ids[:2], delete_events=True, keep_person=True)
            assert len(await persons.batch_by_uuids(ids)) == 7
            rows = (await persons.deletion_status()).results
            assert [row.person_uuid for row in rows] == [ids[1], ids[0]]
            summary = await persons.bulk_delete(ids=ids[:3], delete_events=False, keep_person=False)
            assert summary.persons_deleted == 3
            assert set(await persons.batch_by_uuids(ids)) == {*ids[3:]}
        assert {name: server.state()[name] for name in ("count", "here", "changed", "rows", "with_own_score")} == {
            "count": 7, "here": 4, "changed": 1, "rows": 2, "with_own_score": 1,
        }  # fmt: skip
        span = server.span()
        assert 0 < span["later_wall_s"] < span["wall_s"]


@pytest.mark.slow
async def test_another_number_of_requests_than_expected_is_an_error() -> None:
    with process("benchmarks.servers.server") as (_, port):
        server = ServerControl(f"http://127.0.0.1:{int(port)}")
        server.reset(persons=2)
        server.arm(requests=1)
        with pytest.raises(RuntimeError, match="0 mutating requests instead of 1"):
            server.span()
        async with aiohttp.ClientSession() as session:
            for _ in range(2):
                async with session.patch(f"{server.persons}{uuid_text(0)}/", json={}) as response:
                    assert response.status == 202
        with pytest.raises(RuntimeError, match="2 mutating requests instead of 1"):
            server.span()


@pytest.mark.slow
def test_a_failing_contender_fails_the_benchmark(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"per_person: requests-loop ended with 1:(.|\n)*refused"):
        Bench(smoke=True, repeats=1, folder=tmp_path).run(
            "per_person", "requests-loop", {"url": "http://127.0.0.1:9", "persons": 1}
        )


def recorded(action: str, *uuids: str, applied: bool = True, keep: bool = False, fault: str = "") -> RecordedRequest:
    single = action == "destroy"
    return RecordedRequest(
        number=0, method="", path=f"/api/projects/1/persons/{uuids[0]}/" if single else "", query=(),
        body=None if single else {"ids": [*uuids], "keep_person": keep}, action=action, at=0.0, headers={}, bytes=0,
        applied=applied, fault=fault or None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("requests", "times"),
    [
        ([recorded("destroy", "a"), recorded("destroy", "a")], 1),
        ([recorded("destroy", "a"), recorded("destroy", "b")], 0),
        ([recorded("destroy", "a", applied=False), recorded("destroy", "a")], 0),
        ([recorded("bulk_delete", "a", "b", keep=True), recorded("bulk_delete", "a", "b")], 0),
        ([recorded("bulk_delete", "a", "b"), recorded("bulk_delete", "a", "b", "c")], 2),
        ([recorded("bulk_delete", "a", fault="deletion_errors"), recorded("bulk_delete", "a")], 0),
        ([recorded("bulk_delete", "a", fault="orphan_events"), recorded("bulk_delete", "a")], 1),
        ([recorded("bulk_delete", "a", keep=True, fault="orphan_events"), recorded("bulk_delete", "a", keep=True)], 0),
    ],
)
def test_a_call_counts_as_repeated_if_the_same_call_had_taken_effect(requests: list[Any], times: int) -> None:
    assert repeated(requests) == times


@pytest.mark.slow
@pytest.mark.parametrize("question", ["journal", "limiter", "values"])
def test_a_benchmark_runs_from_the_command_line(question: str, tmp_path: Path) -> None:
    figures = tmp_path / "figures.jsonl"
    command = [sys.executable, "-m", "benchmarks", "--smoke", "--only", question, "--json", str(figures)]
    ended = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False, timeout=120
    )
    assert ended.returncode == 0, ended.stderr
    assert f"== {question}:" in ended.stdout
    assert len(figures.read_bytes().splitlines()) == 2
