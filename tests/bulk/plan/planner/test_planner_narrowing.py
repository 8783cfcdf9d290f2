"""Planning and exports name what cannot be read and continue with the rest (guarantees 15, 33)."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from changed_responses import limit_rows, rewrite

from asyncclient import Limits, PostHogClient, PropertyFilter, RateLimits
from asyncclient.testing import Fault, LocalPostHog, ServerOptions
from bulk import (
    ByActivity,
    ByDistinctIds,
    ByEmails,
    ByFilter,
    ByPersonIds,
    ByQuery,
    DeletePersons,
    NotFinished,
    make_plan,
)
from bulk.export.person_export import csv_lines, export_lines
from bulk.selection.input_findings import Findings, by_kind

PERSONS = 60
BAD = 17
"""The number of the person that cannot be read; its line is one more."""

Break = Callable[[dict[str, Any]], Any]
BROKEN: dict[str, Break] = {
    "created_at is null": lambda row: row.update(created_at=None),
    "distinct_ids is null": lambda row: row.update(distinct_ids=None),
    "NaN": lambda row: row["properties"].update(score=float("nan")),
    "a lone surrogate": lambda row: row["properties"].update(city="\ud83d"),
}


@asynccontextmanager
async def opened(**options: Any) -> AsyncIterator[tuple[LocalPostHog, PostHogClient, list[UUID]]]:
    """Start a server whose persons all have an email, and return it with a client and the persons."""
    async with LocalPostHog(persons=0, options=ServerOptions(gzip=False, **options)) as server:
        uuids = [server.world.add_person([f"d{n}"], {"email": f"e{n}@example.org"}) for n in range(PERSONS)]
        client = PostHogClient(
            host=server.url,
            project_id=server.project_id,
            personal_api_key=server.personal_api_key,
            limits=Limits(RateLimits.off()),
            uniform=lambda low, _: low,
        )
        async with client:
            yield server, client, uuids


def selection(kind: str, uuids: list[UUID]) -> Any:
    match kind:
        case "UUIDs":
            return ByPersonIds(uuids)
        case "emails":
            return ByEmails([f"e{n}@example.org" for n in range(PERSONS)])
        case _:
            return ByDistinctIds([f"d{n}" for n in range(PERSONS)])


def fail_for(server: LocalPostHog, uuid: UUID, *, status: int = 504) -> None:
    """Let every response that has the person be an error."""

    def failing(_: str, body: dict[str, Any]) -> dict[str, Any] | None:
        return {} if str(uuid) in json.dumps(body) else None

    rewrite(server, failing, status=status)


def break_row(server: LocalPostHog, uuid: UUID, change: Break, *, in_listings: bool = False) -> None:
    """Let the person be unreadable in every response, or only in listings."""

    def broken(action: str, body: dict[str, Any]) -> dict[str, Any] | None:
        if in_listings and action != "list":
            return None
        results = body.get("results")
        rows = list(results.values()) if isinstance(results, dict) else results or []
        rows = [row for row in rows if isinstance(row, dict) and row.get("uuid") == str(uuid)]
        for row in rows:
            change(row)
        return body if rows else None

    rewrite(server, broken)


async def planned(client: PostHogClient, chosen: Any, folder: Path) -> tuple[list[UUID], dict[str, Any]]:
    with await make_plan(client, DeletePersons(), chosen, folder / "x.plan.jsonl") as plan:
        return [target.uuid for target in plan.iter()], by_kind(plan.findings)


async def exported(client: PostHogClient, chosen: Any, _: Path) -> tuple[list[UUID], dict[str, Any]]:
    findings = Findings()
    lines = [UUID(json.loads(line)["uuid"]) async for line in export_lines(client, chosen, findings)]
    return lines, by_kind(findings.to_list(requests=0))


BOTH = pytest.mark.parametrize("read", [planned, exported])
KINDS = pytest.mark.parametrize("kind", ["UUIDs", "distinct IDs", "emails"])


@pytest.mark.quick_cases(1)
@BOTH
@KINDS
@pytest.mark.parametrize("status", [500, 502, 504, 512, 520, 521, 522, 523, 524])
async def test_the_line_for_which_the_server_fails_is_named_and_the_others_are_read(
    read: Any, kind: str, status: int, tmp_path: Path
) -> None:
    async with opened() as (server, client, uuids):
        fail_for(server, uuids[BAD], status=status)
        found, findings = await read(client, selection(kind, uuids), tmp_path)
        assert sorted(found) == sorted(set(uuids) - {uuids[BAD]})
        assert findings["unread"] == {"count": 1, "lines": str(BAD + 1)}
        assert findings["unmatched"]["count"] == 0


@BOTH
@KINDS
@pytest.mark.parametrize("why", BROKEN)
async def test_the_line_of_an_unreadable_person_is_named_and_the_others_are_read(
    read: Any, kind: str, why: str, tmp_path: Path
) -> None:
    async with opened() as (server, client, uuids):
        break_row(server, uuids[BAD], BROKEN[why])
        found, findings = await read(client, selection(kind, uuids), tmp_path)
        assert sorted(found) == sorted(set(uuids) - {uuids[BAD]})
        assert findings["unread"] == {"count": 1, "lines": str(BAD + 1)}


@pytest.mark.quick_cases(1)
@BOTH
@KINDS
async def test_a_server_that_fails_for_everyone_ends_the_read(read: Any, kind: str, tmp_path: Path) -> None:
    async with opened() as (server, client, uuids):
        for action in ("batch_by_uuids", "batch_by_distinct_ids", "list"):
            server.faults.add(Fault("status", action=action, status=504))
        with pytest.raises(NotFinished, match="60 selected persons could not be read"):
            await read(client, selection(kind, uuids), tmp_path)
        assert max(server.request_counts.values()) < 150


@pytest.mark.quick_cases(2)
@BOTH
@pytest.mark.parametrize(
    "query",
    [
        ByQuery(query="SELECT id AS person_id FROM persons", everyone=True),
        ByQuery(query="SELECT distinct_id FROM person_distinct_ids", everyone=True),
        ByActivity(created_after="2000-01-01", everyone=True),
    ],
    ids=["person IDs", "distinct IDs", "activity"],
)
async def test_a_person_of_a_query_that_cannot_be_read_is_counted(read: Any, query: Any, tmp_path: Path) -> None:
    async with opened() as (server, client, uuids):

        def failing(action: str, body: dict[str, Any]) -> dict[str, Any] | None:
            return {} if action.startswith("batch") and str(uuids[BAD]) in json.dumps(body) else None

        rewrite(server, failing, status=504)
        found, findings = await read(client, query, tmp_path)
        assert sorted(found) == sorted(set(uuids) - {uuids[BAD]})
        assert findings["query"]["unread"] == 1


@BOTH
@pytest.mark.parametrize("why", BROKEN)
async def test_an_unreadable_row_of_a_listing_is_named_by_its_place(read: Any, why: str, tmp_path: Path) -> None:
    async with opened() as (server, client, uuids):
        listed = [ref.uuid async for ref in client.persons.iter_refs()]
        break_row(server, uuids[BAD], BROKEN[why])
        found, findings = await read(client, ByFilter(everyone=True), tmp_path)
        assert sorted(found) == sorted(set(uuids) - {uuids[BAD]})
        place = listed.index(uuids[BAD]) + 1
        assert findings["unreadable_rows"] == {"count": 1, "lines": str(place)}
        assert findings["listed"]["count"] == PERSONS - 1


@BOTH
async def test_a_page_of_a_listing_that_takes_too_long_is_requested_in_smaller_pages(read: Any, tmp_path: Path) -> None:
    async with opened() as (server, client, uuids):
        requested = limit_rows(server, 20)
        found, _ = await read(client, ByFilter(everyone=True), tmp_path)
        assert sorted(found) == sorted(uuids)
        assert requested[:3] == [1000, 250, 62]


@KINDS
async def test_an_export_from_a_server_without_batch_reads_reads_persons_one_by_one(kind: str, tmp_path: Path) -> None:
    async with opened(batch_reads=False) as (_, client, uuids):
        found, findings = await exported(client, selection(kind, uuids), tmp_path)
        assert sorted(found) == sorted(uuids)
        assert findings["unmatched"]["count"] == 0


async def test_a_protected_person_whose_row_cannot_be_read_stays_protected(tmp_path: Path) -> None:
    async with opened() as (server, client, uuids):
        break_row(server, uuids[BAD], BROKEN["NaN"], in_listings=True)
        protect = [PropertyFilter("email", f"e{BAD}@example.org")]
        path = tmp_path / "x.plan.jsonl"
        with await make_plan(client, DeletePersons(), ByPersonIds(uuids), path, protect=protect) as plan:
            assert {target.uuid for target in plan.iter()} == set(uuids) - {uuids[BAD]}


async def test_a_protected_person_of_which_nothing_can_be_read_ends_planning(tmp_path: Path) -> None:
    async with opened() as (server, client, uuids):
        break_row(server, uuids[BAD], lambda row: row.update(uuid=None))
        protect = [PropertyFilter("email", f"e{BAD}@example.org")]
        with pytest.raises(NotFinished, match="would stay unprotected"):
            await make_plan(client, DeletePersons(), ByPersonIds(uuids), tmp_path / "x.plan.jsonl", protect=protect)


async def test_conditions_that_leave_out_only_an_unreadable_row_are_still_everyone(tmp_path: Path) -> None:
    async with opened() as (server, client, uuids):
        break_row(server, uuids[BAD], BROKEN["created_at is null"])
        chosen = ByFilter(properties=[PropertyFilter("email", "example.org", operator="icontains")])
        with pytest.raises(Exception, match="every person of the project"):
            await make_plan(client, DeletePersons(), chosen, tmp_path / "x.plan.jsonl")


async def test_a_row_that_only_csv_cannot_show_is_counted() -> None:
    async with opened() as (server, client, uuids):
        handler: Any = server._handler
        handle = handler.handle

        def handled(call: Any) -> Any:
            outcome = handle(call)
            body = outcome.response.body.replace(b"e17@example.org", b"\xed\xa0\xbd@example.org")
            return msgspec.structs.replace(outcome, response=msgspec.structs.replace(outcome.response, body=body))

        handler.handle = handled
        findings = Findings()
        rows = [row async for row in csv_lines(export_lines(client, ByFilter(), findings), findings)]
        assert len(rows) == PERSONS  # the header and all others
        assert len(findings.unreadable_rows) == 1
        assert uuids[BAD].hex not in b"".join(rows).decode().replace("-", "")
