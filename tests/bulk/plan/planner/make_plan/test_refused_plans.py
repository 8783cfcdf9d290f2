"""Planning that is refused, interrupted or fails: the error is exact, and no file is left behind."""

import asyncio
import io
from pathlib import Path
from typing import Any

import pytest

from asyncclient import PermissionDenied, PostHogClient, PropertyFilter, ServerError
from asyncclient.retry import RetryPolicy
from asyncclient.testing import Fault, LocalPostHog, ServerOptions
from bulk.errors import FileTrouble, InputError, Refused
from bulk.plan.planner import make_plan
from bulk.selection.selections import ByDistinctIds, ByFilter, Selection
from tests.bulk.plan.planner.make_plan.plans import FREE, OPERATION, client_of, left_behind


def occupy(path: Path, text: str) -> None:
    path.write_text(text)


def content(path: Path) -> str:
    return path.read_text()


@pytest.mark.parametrize(
    ("selection", "words"),
    [
        (ByFilter(), "selection is empty"),
        (ByDistinctIds([]), "is empty"),
        (ByDistinctIds(io.BytesIO(b"")), "is empty"),
        (ByDistinctIds([1]), "value 1"),
        ({"key": "plan", "value": "free"}, "the selection has type dict: .* as in ByFilter"),
        ([{"key": "plan", "value": "free"}], "the selection has type list: "),
        (PropertyFilter("plan", "free"), "the selection has type PropertyFilter: "),
        ("leavers.txt", "the selection has type str: "),
        (None, "the selection has type NoneType: "),
        (ByFilter, "the selection has type StructMeta: "),
    ],
)
async def test_an_empty_selection_or_none_at_all_is_refused_before_any_request(
    server: LocalPostHog, client: PostHogClient, plan_path: Path, selection: Any, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        await make_plan(client, OPERATION, selection, plan_path)
    assert not server.requests
    assert left_behind(plan_path) == []


async def test_planning_for_the_current_project_is_refused(server: LocalPostHog, plan_path: Path) -> None:
    async with client_of(server, project_id="@current") as client:
        with pytest.raises(InputError, match="@current"):
            await make_plan(client, OPERATION, FREE, plan_path)
    assert not server.requests


@pytest.mark.parametrize("settings", [{"page_size": 0}, {"page_size": 1001}, {"concurrency": 0}])
async def test_settings_out_of_range_are_refused(
    client: PostHogClient, plan_path: Path, settings: dict[str, int]
) -> None:
    with pytest.raises(InputError, match=f"is {next(iter(settings.values()))}"):
        await make_plan(client, OPERATION, FREE, plan_path, **settings)


async def test_an_existing_plan_is_never_replaced(server: LocalPostHog, client: PostHogClient, plan_path: Path) -> None:
    occupy(plan_path, "mine")
    with pytest.raises(FileTrouble, match="exists"):
        await make_plan(client, OPERATION, FREE, plan_path)
    assert content(plan_path) == "mine"
    assert not server.requests


@pytest.mark.parametrize(
    ("selection", "words"),
    [
        (ByFilter(email="nobody@example.org"), "no person matches the selection"),
        (ByDistinctIds(["nobody"]), "no person matches the only input line"),
        (ByDistinctIds(["nobody", "no one"]), "no person matches any of the 2 input lines"),
        (ByDistinctIds(["nobody", "a\0"]), "2 input lines; 1 of them cannot be used"),
        (
            ByDistinctIds(["null", "a\0", ""]),
            r"none of the 2 input lines can be used \(line 1: placeholder ID; line 2: NUL byte\)",
        ),
    ],
)
async def test_a_selection_without_a_match_is_refused_and_leaves_no_file(
    client: PostHogClient, plan_path: Path, selection: Selection, words: str
) -> None:
    with pytest.raises(Refused, match=words):
        await make_plan(client, OPERATION, selection, plan_path)
    assert left_behind(plan_path) == []


@pytest.mark.parametrize("action", ["projects", "list"])
async def test_a_key_without_the_scope_leaves_no_file(plan_path: Path, action: str) -> None:
    scopes = ("person:read",) if action == "projects" else ("project:read",)
    async with (
        LocalPostHog(persons=10, options=ServerOptions(scopes=scopes)) as server,
        client_of(server) as client,
    ):
        with pytest.raises(PermissionDenied):
            await make_plan(client, OPERATION, ByFilter(everyone=True), plan_path)
    assert left_behind(plan_path) == []


@pytest.mark.parametrize("selection", [FREE, ByDistinctIds([f"user-{n}" for n in range(900)])])
@pytest.mark.parametrize("after", range(5))
async def test_planning_interrupted_at_any_request_leaves_no_file(
    server: LocalPostHog, client: PostHogClient, plan_path: Path, selection: Selection, after: int
) -> None:
    server.faults.add(Fault("stall", after=after))
    planning = asyncio.create_task(make_plan(client, OPERATION, selection, plan_path, page_size=100))
    while len(server.requests) <= after:  # noqa: ASYNC110 - the server has no event for it
        await asyncio.sleep(0)
    planning.cancel()
    with pytest.raises(asyncio.CancelledError):
        await planning
    assert left_behind(plan_path) == []


@pytest.mark.parametrize("selection", [FREE, ByDistinctIds([f"user-{n}" for n in range(900)])])
async def test_an_error_while_planning_leaves_no_file_and_is_raised_unchanged(
    server: LocalPostHog, plan_path: Path, selection: Selection
) -> None:
    server.faults.add(Fault("status", status=502, after=3))
    async with client_of(server, retry=RetryPolicy.never()) as client:
        with pytest.raises(ServerError):
            await make_plan(client, OPERATION, selection, plan_path, page_size=100, retry_for_s=0)
    assert left_behind(plan_path) == []
