"""Planning requests: which persons, which findings, what is due, and what the receipts tell of each row."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from asyncclient import Limits, PostHogClient, RateLimits
from asyncclient.testing import LocalPostHog
from bulk import ByDistinctIds, ByEmails, ByRequests, DeletePersons, JobRecord, Refused, make_plan, run_job
from bulk.errors import FileTrouble
from bulk.report.requests import due_in
from bulk.requests.receipts import Receipts
from bulk.selection.input_findings import by_kind
from bulk.selection.inputs.coverage import coverage_of


@pytest.fixture
async def server() -> AsyncIterator[LocalPostHog]:
    async with LocalPostHog(persons=40, seed=3) as running:
        yield running


@pytest.fixture
async def client(server: LocalPostHog) -> AsyncIterator[PostHogClient]:
    async with PostHogClient(
        host=server.url,
        project_id=server.project_id,
        personal_api_key=server.personal_api_key,
        limits=Limits(RateLimits.off()),
    ) as opened:
        yield opened


def persons(server: LocalPostHog) -> list[Any]:
    return [server.world.person(uuid) for uuid in server.world.iter_uuids()]


def row(reference: str, received: str = "2026-11-01", **ids: str) -> dict[str, str]:
    return {"reference": reference, "received": received, **ids}


async def test_rows_of_every_kind_select_their_persons_in_their_order(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path
) -> None:
    one, two, three, *_ = (each for each in persons(server) if "email" in each.properties)
    requests = [
        row("DSR-1", email=one.properties["email"]),
        row("DSR-2", distinct_id=two.distinct_ids[0]),
        row("DSR-3", uuid=str(three.uuid)),
        row("DSR-4", distinct_id="nobody"),
        row("DSR-5", "2026-12-01", uuid=str(one.uuid)),
        row("DSR-6", "2026-12-01", distinct_id=two.distinct_ids[0]),
        row("DSR-7", "never", distinct_id="x"),
        row("DSR-2", uuid="018f3f3c-0000-7000-8000-00000000dead"),
    ]
    with await make_plan(client, DeletePersons(), ByRequests(requests), tmp_path / "x.plan.jsonl") as plan:
        assert [(target.uuid, target.line) for target in plan.iter()] == [(one.uuid, 1), (two.uuid, 2), (three.uuid, 3)]
        findings = by_kind(plan.findings)
        assert findings["unmatched"]["lines"] == "4,8"
        assert findings["aliases"] == {"count": 1, "lines": "5", "first_lines": [[5, 1]]}
        assert findings["duplicates"]["lines"] == "6"
        assert list(findings["refused"]["reasons"]) == ["received is not a date such as 2026-11-29"]
        assert (coverage_of(findings).lines, coverage_of(findings).not_covered) == (8, 3)
        # DSR-2 is one request with two rows; that of row 7 has no day
        assert [(one.due, one.requests) for one in due_in(plan.findings)] == [("2026-12-01", 4), ("2027-01-01", 2)]
    receipts = Receipts.open(tmp_path / "x.receipts")
    assert {
        reference: [(line.targets, line.lines[0].outcome) for line in receipts.request_lines(reference)]
        for reference in ("DSR-1", "DSR-2", "DSR-3", "DSR-4", "DSR-5", "DSR-6", "DSR-7")
    } == {
        "DSR-1": [((0,), "selected")],
        "DSR-2": [((1,), "selected"), ((), "unmatched")],
        "DSR-3": [((2,), "selected")],
        "DSR-4": [((), "unmatched")],
        "DSR-5": [((0,), "already_selected")],
        "DSR-6": [((1,), "repeated")],
        "DSR-7": [((), "refused")],
    }


async def test_every_selection_has_receipts_of_its_ids(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path
) -> None:
    known = [each for each in persons(server) if "email" in each.properties][:5]
    emails = [each.properties["email"].upper() for each in known]
    selections = {
        "ids": (ByDistinctIds([each.distinct_ids[0] for each in known]), [each.distinct_ids[0] for each in known]),
        "emails": (ByEmails(emails, match="ignore-case"), emails + [each.lower() for each in emails]),
    }
    for name, (selection, ids) in selections.items():
        with await make_plan(client, DeletePersons(), selection, tmp_path / f"{name}.plan.jsonl"):
            found = Receipts.open(tmp_path / f"{name}.receipts").find([*ids, *(str(each.uuid) for each in known), "no"])
        assert [found[each].targets for each in ids] == [(at % 5,) for at in range(len(ids))]
        assert [found[str(each.uuid)].targets for each in known] == [(at,) for at in range(5)]
        assert "no" not in found


async def test_a_plan_records_who_ordered_it_and_is_not_reused_for_another_record(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path
) -> None:
    path, selection = tmp_path / "x.plan.jsonl", ByDistinctIds([persons(server)[0].distinct_ids[0]])
    record = JobRecord(operator="Ann", reason="DSR", reference="DSR-1", received="2026-11-01")
    (await make_plan(client, DeletePersons(), selection, path, record=record)).close()
    for same in (record, JobRecord(), JobRecord(approver="Bob")):
        with await make_plan(client, DeletePersons(), selection, path, record=same, reuse=True) as plan:
            assert plan.header.record == record
    with pytest.raises(Refused, match="records another operator, reason, reference or day"):
        await make_plan(client, DeletePersons(), selection, path, record=JobRecord(operator="Eve"), reuse=True)


async def test_a_plan_that_is_discarded_takes_its_receipts_with_it(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path
) -> None:
    selection = ByDistinctIds([persons(server)[0].distinct_ids[0]])
    plan = await make_plan(client, DeletePersons(), selection, tmp_path / "x.plan.jsonl")
    assert (tmp_path / "x.receipts").exists()
    plan.discard()
    assert os.listdir(tmp_path) == []


async def test_the_receipts_of_a_job_are_kept_when_its_plan_is_gone(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path
) -> None:
    selection, path = ByDistinctIds([persons(server)[0].distinct_ids[0]]), tmp_path / "x.plan.jsonl"
    with await make_plan(client, DeletePersons(), selection, path) as plan:
        await run_job(client, plan, tmp_path / "x.journal.jsonl", approve=plan.digest)
    path.unlink()
    before, sent = (tmp_path / "x.receipts").read_bytes(), len(server.requests)
    with pytest.raises(FileTrouble, match="give the new plan another name"):
        await make_plan(client, DeletePersons(), selection, path)
    assert ((tmp_path / "x.receipts").read_bytes(), len(server.requests)) == (before, sent)
