"""`make_plan` with `reuse`, then `run_job`: the pair of calls that starts a job and resumes it."""

import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from asyncclient import Limits, PostHogClient, PropertyFilter, RateLimits
from asyncclient.testing import LocalPostHog
from bulk.engine import run_job
from bulk.errors import FileTrouble, PlanError, Refused
from bulk.operations import DeletePersons, Operation, UpdateProperties
from bulk.plan.plan_file import load_plan
from bulk.plan.planner import make_plan
from bulk.selection.selections import ByDistinctIds, ByFilter, Selection

VIP = UpdateProperties(properties={"plan": "vip"})
IDS = [f"user-{number}" for number in range(5)]


@pytest.fixture
async def server() -> AsyncIterator[LocalPostHog]:
    async with LocalPostHog(persons=20, seed=3) as running:
        yield running


@pytest.fixture
async def client(server: LocalPostHog) -> AsyncIterator[PostHogClient]:
    async with client_of(server) as opened:
        yield opened


def client_of(server: LocalPostHog, **settings: Any) -> PostHogClient:
    settings.setdefault("project_id", server.project_id)
    return PostHogClient(
        host=server.url, personal_api_key=server.personal_api_key, limits=Limits(RateLimits.off()), **settings
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.plan.jsonl"


@pytest.fixture
def ids_file(tmp_path: Path) -> Path:
    file = tmp_path / "ids.txt"
    file.write_text("".join(f"{one}\n" for one in IDS))
    return file


def content(path: Path) -> str:
    return path.read_text()


async def test_the_pair_of_calls_starts_and_resumes(
    server: LocalPostHog, client: PostHogClient, path: Path, ids_file: Path
) -> None:
    journal = path.with_name("x.journal.jsonl")
    for _ in range(2):
        with await make_plan(client, VIP, ByDistinctIds(ids_file), path, reuse=True) as plan:
            report = await run_job(client, plan, journal, approve=plan.digest)
        assert (report.exit_code, report.count) == (0, 5)
    assert server.request_counts["update"] == 5


async def test_without_reuse_an_existing_plan_is_an_error(client: PostHogClient, path: Path) -> None:
    (await make_plan(client, VIP, ByDistinctIds(IDS), path)).close()
    with pytest.raises(FileTrouble, match="exists already"):
        await make_plan(client, VIP, ByDistinctIds(IDS), path)


@pytest.mark.parametrize("again", ["list", "iterator", "stream"])
async def test_the_same_input_is_recognized_by_its_content(
    server: LocalPostHog, client: PostHogClient, path: Path, again: str
) -> None:
    def source() -> Any:
        text = "".join(f"{one}\n" for one in IDS).encode()
        return {"list": list(IDS), "iterator": iter(IDS), "stream": io.BytesIO(text)}[again]

    first = await make_plan(client, VIP, ByDistinctIds(source()), path, reuse=True)
    first.close()
    requests = len(server.requests)
    with await make_plan(client, VIP, ByDistinctIds(source()), path, reuse=True) as plan:
        assert (plan.count, plan.digest) == (5, first.digest)
        assert plan.content is not None
        assert plan.content.lines == 5
    assert len(server.requests) == requests


FREE = ByFilter(properties=(PropertyFilter("plan", "free"),))


@pytest.mark.parametrize(
    ("operation", "selection", "says"),
    [
        (DeletePersons(), ByDistinctIds(IDS), "is for another operation"),
        (VIP, ByDistinctIds(IDS, allow_shared_ids=True), "is for another selection"),
        (VIP, FREE, "is for another selection"),
        (VIP, ByDistinctIds(IDS[:4]), "the list of values changed since the plan was made: 1 line removed"),
        (VIP, ByDistinctIds([*IDS[:4], "user-9"]), "1 line added and 1 line removed"),
    ],
)
async def test_a_plan_for_something_else_is_refused(
    server: LocalPostHog, client: PostHogClient, path: Path, operation: Operation, selection: Selection, says: str
) -> None:
    (await make_plan(client, VIP, ByDistinctIds(IDS), path)).close()
    before = content(path)
    with pytest.raises(Refused, match=says):
        await make_plan(client, operation, selection, path, reuse=True)
    assert content(path) == before


async def test_a_plan_for_another_project_or_host_is_refused(
    server: LocalPostHog, client: PostHogClient, path: Path
) -> None:
    (await make_plan(client, VIP, FREE, path)).close()
    async with client_of(server, project_id=7) as other:
        with pytest.raises(Refused, match="is for project 1, but the client is set to 7"):
            await make_plan(other, VIP, FREE, path, reuse=True)


async def test_something_that_is_no_plan_is_not_reused(client: PostHogClient, ids_file: Path) -> None:
    with pytest.raises(PlanError, match="is not a plan"):
        await make_plan(client, VIP, FREE, ids_file, reuse=True)


async def test_the_content_is_in_the_footer_and_in_nothing_that_outlives_the_plan(
    client: PostHogClient, path: Path, ids_file: Path
) -> None:
    journal = path.with_name("x.journal.jsonl")
    with await make_plan(client, VIP, ByDistinctIds(ids_file), path) as plan:
        assert plan.content is not None
        digest = plan.content.digest
        report = await run_job(client, plan, journal, approve=plan.digest)
    assert digest in content(path).splitlines()[-1]
    assert digest not in content(journal) + repr(report)
    with load_plan(path) as again:
        assert again.content == plan.content
