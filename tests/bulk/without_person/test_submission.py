"""Submitting in one process: what is on disk when a request leaves, cancelled at every request, and chunks."""

import asyncio
import contextlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from asyncclient import Limits, PostHogClient, RateLimits, RetryPolicy
from asyncclient.testing import Fault, LocalPostHog, ServerOptions
from bulk.errors import JournalBusy, Refused
from bulk.without_person.chunks import digest_of, in_chunks
from bulk.without_person.plan import FORMAT, WithoutPersonHeader, WithoutPersonPlan, write_plan
from bulk.without_person.records import WithoutPersonStates, open_journal, read_states
from bulk.without_person.submission import submit_job, verify_without_person


def client_of(server: LocalPostHog, **settings: Any) -> PostHogClient:
    settings = {"limits": Limits(RateLimits.off()), "retry": RetryPolicy(attempts=1)} | settings
    return PostHogClient(host=server.url, personal_api_key=server.personal_api_key, project_id=1, **settings)


def planned(folder: Path, server: LocalPostHog, chunks: list[tuple[str, ...]], name: str = "job") -> WithoutPersonPlan:
    header = WithoutPersonHeader(
        format=FORMAT,
        job=os.urandom(8).hex(),
        host=server.url,
        project_id=1,
        project_name="Test",
        created_at="2026-11-29T00:00:00+00:00",
        ids_digest=digest_of(chunks),
    )
    return write_plan(folder / f"{name}.plan.jsonl", header, chunks)


async def until(server: LocalPostHog, action: str, count: int) -> None:
    async with asyncio.timeout(10):
        while server.request_counts.get(action, 0) < count:  # noqa: ASYNC110 - the server has no event for this
            await asyncio.sleep(0)


async def test_the_intent_is_on_disk_before_a_request_leaves_and_a_cancelled_one_is_repeated(tmp_path: Path) -> None:
    path = tmp_path / "job.journal.jsonl"
    async with LocalPostHog(options=ServerOptions(scopes=None)) as server, client_of(server) as client:
        plan = planned(tmp_path, server, [("a",), ("b",), ("c",)])
        for kind in ("stall", "stall_after"):
            for nth in range(3):
                server.faults.clear()
                server.faults.add(Fault(kind, action="create_deletion"))  # type: ignore[arg-type]
                before = server.request_counts.get("create_deletion", 0)
                run = asyncio.create_task(submit_job(client, plan, path, events=0))
                await until(server, "create_deletion", before + 1)
                chunks = read_states(path).chunks
                waiting = next(chunk for chunk in chunks if chunk.request is None)
                assert waiting.intended_at is not None
                run.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await run
                assert len(server.world.mutations.data_deletions.newest_first()) <= 1, nth
        server.faults.clear()
        report = await submit_job(client, plan, path, events=None)
        assert [request.state for request in report.requests] == ["pending"] * 3
        made = server.world.mutations.data_deletions.newest_first()
        assert sorted(request.variables["ids"] for request in made) == [["a"], ["b"], ["c"]]


async def test_a_journal_in_use_and_one_of_another_plan_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "job.journal.jsonl"
    async with LocalPostHog(options=ServerOptions(scopes=None)) as server, client_of(server) as client:
        plan, other = planned(tmp_path, server, [("a",)]), planned(tmp_path, server, [("b",)], "other")
        with open_journal(path, WithoutPersonStates()), pytest.raises(JournalBusy):
            await submit_job(client, plan, path, events=1)
        await submit_job(client, plan, path, events=1)
        with pytest.raises(Refused, match="another job"):
            await submit_job(client, other, path, events=1)
        elsewhere = PostHogClient(host=server.url, personal_api_key=server.personal_api_key, project_id=2)
        async with elsewhere:
            words = r"project 1, but the client is set to 2; set the project ID to 1\.$"
            with pytest.raises(Refused, match=words):
                await verify_without_person(elsewhere, path)
        assert server.request_counts["create_deletion"] == 1


async def test_a_request_that_posthog_no_longer_has_needs_attention(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bulk.posthog.person_reader.CONFIRM_AFTER_S", 0.0)
    path = tmp_path / "job.journal.jsonl"
    async with LocalPostHog(options=ServerOptions(scopes=None)) as server, client_of(server) as client:
        await submit_job(client, planned(tmp_path, server, [("a",)]), path, events=1)
        server.faults.add(Fault("status", status=404, action="get_deletion"))
        report = await verify_without_person(client, path)
        assert (report.requests[0].state, report.exit_code) == ("missing", 1)


def test_chunks_are_filled_up_to_the_limit_and_do_not_depend_on_the_order() -> None:
    ids = [f"id-{number:05}-é" for number in range(9_000)]
    chunks = in_chunks(reversed(ids))
    assert [each for chunk in chunks for each in chunk] == ids
    sizes = [len(json.dumps({"ids": list(chunk)})) for chunk in chunks]
    assert max(sizes) <= 100_000
    assert all(size > 99_900 for size in sizes[:-1])
    assert chunks == in_chunks([*ids, *ids])
    assert digest_of(chunks) == digest_of([(each,) for each in reversed(ids)])
    assert digest_of(chunks) != digest_of(chunks[:-1])
