"""What one response does not show decides nothing about a data deletion request or its events (guarantee 11)."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from changed_responses import Body, rewrite

from asyncclient import InvalidResponse, Limits, PostHogClient, RateLimits, RetryPolicy
from asyncclient.testing import Fault, LocalPostHog, ServerOptions
from bulk.without_person.chunks import digest_of
from bulk.without_person.plan import FORMAT, WithoutPersonHeader, write_plan
from bulk.without_person.submission import submit_job, verify_without_person


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the wait before a second read."""
    monkeypatch.setattr("bulk.posthog.person_reader.CONFIRM_AFTER_S", 0.0)


class Submitted:
    """A job of two requests that PostHog has."""

    def __init__(self, server: LocalPostHog, client: PostHogClient, path: Path) -> None:
        self.server = server
        self.client = client
        self.path = path

    async def verify(self) -> tuple[list[str], int]:
        """Return the states of the requests, and the exit code."""
        report = await verify_without_person(self.client, self.path)
        return [request.state for request in report.requests], report.exit_code


@pytest.fixture
async def submitted(tmp_path: Path) -> AsyncIterator[Submitted]:
    """Submit a job of two requests."""
    server = LocalPostHog(options=ServerOptions(scopes=None))
    async with (
        server,
        PostHogClient(
            host=server.url,
            personal_api_key=server.personal_api_key,
            project_id=1,
            limits=Limits(RateLimits.off()),
            retry=RetryPolicy(attempts=1),
        ) as client,
    ):
        chunks = [("a",), ("b",)]
        header = WithoutPersonHeader(
            format=FORMAT,
            job="0123456789abcdef",
            host=server.url,
            project_id=1,
            project_name="Test",
            created_at="2026-11-29T00:00:00+00:00",
            ids_digest=digest_of(chunks),
        )
        path = tmp_path / "job.journal.jsonl"
        await submit_job(client, write_plan(tmp_path / "job.plan.jsonl", header, chunks), path, events=1)
        yield Submitted(server, client, path)


@pytest.mark.parametrize("nth", [0, 1])
async def test_a_request_that_one_response_does_not_know_is_read_again(submitted: Submitted, nth: int) -> None:
    submitted.server.faults.add(Fault("status", status=404, action="get_deletion", times=1, after=nth))
    assert await submitted.verify() == (["pending", "pending"], 75)


async def test_a_request_that_is_unknown_for_a_while_is_missing_until_a_later_verify_finds_it(
    submitted: Submitted,
) -> None:
    submitted.server.faults.add(Fault("status", status=404, action="get_deletion"))
    assert await submitted.verify() == (["missing", "missing"], 1)
    submitted.server.faults.clear()
    assert await submitted.verify() == (["pending", "pending"], 75)
    for request in submitted.server.world.mutations.data_deletions.newest_first():
        submitted.server.world.decide_deletion(request.id, approved=True)
    submitted.server.run_event_deletion()
    assert await submitted.verify() == (["completed", "completed"], 0)


async def test_a_response_about_another_request_proves_nothing(submitted: Submitted) -> None:
    """Its status says nothing about the one that was asked for."""
    first, _ = submitted.server.world.mutations.data_deletions.newest_first()
    submitted.server.world.decide_deletion(first.id, approved=True)
    submitted.server.run_event_deletion()

    def mixed_up(action: str, body: Body) -> Body | None:
        return {**body, "id": str(first.id), "status": "completed"} if action == "get_deletion" else None

    rewrite(submitted.server, mixed_up)
    with pytest.raises(InvalidResponse, match="another request"):
        await submitted.verify()


@pytest.mark.parametrize(
    "fault",
    [
        Fault("intermediary", sender="login_page_200"),
        Fault("page", page="json"),
        Fault("cut_body"),
        Fault("status", status=503),
        Fault("status", status=409),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}",
)
async def test_a_response_that_is_no_answer_changes_no_state(submitted: Submitted, fault: Any) -> None:
    submitted.server.faults.add(fault)
    with pytest.raises(Exception, match=r"."):
        await submitted.verify()
    submitted.server.faults.clear()
    assert await submitted.verify() == (["pending", "pending"], 75)
