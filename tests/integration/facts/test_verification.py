"""`verify`, days and weeks after a run: what it notices, what it records, and how few requests it takes."""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from changed_responses import Body, rewrite
from virtual_time import run_virtual

from asyncclient.testing import Fault
from bulk import (
    ByDistinctIds,
    ByFilter,
    DeletePersons,
    NotFinished,
    Refused,
    UnsetProperties,
    plan_reappeared,
    read_report,
    verify_job,
)
from bulk.journal.records import Verified

ERASURE = DeletePersons(delete_events=True)
DAY_S = 86_400.0
TO_BEGIN_WITH = 3
"""Requests before the first read: the project, and whether the server has two of its calls."""


def requests_of(server: Any) -> Counter[str]:
    return Counter(server.request_counts)


def causes(report: Any) -> list[tuple[str, str | None]]:
    return [(each.kind, each.targets) for each in report.duty.causes]


def leave_out_once(server: Any, action: str) -> list[str]:
    """Let the next response to these reads show nobody; return a list that is empty once it did."""
    due = [action]

    def change(asked: str, body: Body) -> Body | None:
        if asked not in due:
            return None
        due.clear()
        return {**body, "results": [] if asked == "query" else {}}

    rewrite(server, change)
    return due


async def test_new_persons_with_the_distinct_id_of_a_deleted_one_are_named(arena: Any, axis: Any) -> None:
    async with arena(persons=20) as a:
        known = a.server.world.add_person(["old-id", "later-id"])
        plan = await a.plan(operation=DeletePersons(), selection=ByDistinctIds(["user-3", "later-id", "user-5"]))
        assert (await a.run(plan)).exit_code == 0
        other = a.server.world.add_person(["later-id"])  # an event created it, with another UUID
        assert other != known
        report = await verify_job(a.client, plan, a.journal)
        assert (report.exit_code, causes(report)) == (1, [("reappeared", "1")])
        assert axis(report, "person") == {"deleted_confirmed": 3}
        assert read_report(a.journal).duty == report.duty
        a.server.world.remove_person(other)
        assert (await verify_job(a.client, plan, a.journal)).exit_code == 0


async def test_the_plan_of_re_created_persons_has_exactly_those(arena: Any, tmp_path: Path) -> None:
    async with arena(persons=20) as a:
        a.server.world.add_person(["old-id", "later-id"])
        plan = await a.plan(operation=ERASURE, selection=ByDistinctIds(["user-3", "later-id", "user-5", "user-7"]))
        await a.run(plan)
        again = tmp_path / "again.plan.jsonl"
        with pytest.raises(Refused, match="no person that was re-created"):
            await plan_reappeared(a.client, plan, a.journal, again)
        back = {a.server.world.add_person(["later-id"]), a.server.world.recreate(a.everybody[5])}
        await verify_job(a.client, plan, a.journal)
        protected = "user-5"
        (tmp_path / "protected.txt").write_text(f"{protected}\n")
        kept = await plan_reappeared(
            a.client, plan, a.journal, tmp_path / "kept.plan.jsonl", protect=[tmp_path / "protected.txt"]
        )
        assert [target.uuid for target in kept.iter()] == [a.server.world.uuid_of("later-id")]
        made = await plan_reappeared(a.client, plan, a.journal, again)
        assert {target.uuid for target in made.iter()} == back
        assert made.header.operation == plan.header.operation
        left = a.server.world.count()
        from bulk import run_job

        report = await run_job(a.client, made, tmp_path / "again.journal.jsonl", approve=made.digest)
        assert (report.exit_code, a.server.world.count()) == (0, left - 2)
        with pytest.raises(Refused, match="gone again"):
            await plan_reappeared(a.client, plan, a.journal, tmp_path / "third.plan.jsonl")


async def test_one_response_that_leaves_a_new_person_out_does_not_make_the_job_complete(arena: Any) -> None:
    async with arena(persons=5) as a:
        a.server.world.add_person(["old-id", "later-id"])
        plan = await a.plan(operation=DeletePersons(), selection=ByDistinctIds(["later-id"]))
        await a.run(plan)
        a.server.world.add_person(["later-id"])
        assert causes(await verify_job(a.client, plan, a.journal)) == [("reappeared", "0")]
        once = leave_out_once(a.server, "batch_by_distinct_ids")
        assert causes(await verify_job(a.client, plan, a.journal)) == [("reappeared", "0")]
        assert once == []


async def test_a_new_person_that_a_verification_cannot_read_again_is_still_named(arena: Any) -> None:
    async with arena(persons=5) as a:
        a.server.world.add_person(["old-id", "later-id"])
        plan = await a.plan(operation=DeletePersons(), selection=ByDistinctIds(["later-id"]))
        await a.run(plan)
        a.server.world.add_person(["later-id"])
        await verify_job(a.client, plan, a.journal)
        rewrite(a.server, lambda action, body: {"results": []} if action == "batch_by_distinct_ids" else None)
        report = await verify_job(a.client, plan, a.journal)
        assert (causes(report), a.of(Verified)[-1].unread) == ([("reappeared", "0")], "0")


async def test_a_listed_person_that_one_response_leaves_out_is_read_again(arena: Any) -> None:
    async with arena(persons=20) as a:
        plan = await a.plan(a.everybody[:8], operation=DeletePersons())
        await a.run(plan)
        a.server.world.add_person(["another-id"], uuid=a.everybody[2])
        once = leave_out_once(a.server, "batch_by_uuids")
        assert causes(await verify_job(a.client, plan, a.journal)) == [("reappeared", "2")]
        assert once == []


@pytest.mark.parametrize("left_out", ["batch_by_uuids", "batch_by_distinct_ids"])
async def test_one_response_that_leaves_a_re_created_person_out_does_not_keep_it_out_of_the_plan(
    arena: Any, tmp_path: Path, left_out: str
) -> None:
    async with arena(persons=20) as a:
        known = a.server.world.add_person(["old-id", "later-id"]), a.server.world.add_person(["other-id"])
        plan = await a.plan(operation=ERASURE, selection=ByDistinctIds(["later-id", "other-id"]))
        await a.run(plan)
        back = {a.server.world.add_person(["later-id"]), a.server.world.add_person(["new-id"], uuid=known[1])}
        assert causes(await verify_job(a.client, plan, a.journal)) == [("reappeared", "0-1")]
        once = leave_out_once(a.server, left_out)
        made = await plan_reappeared(a.client, plan, a.journal, tmp_path / "again.plan.jsonl")
        assert once == []
        assert {target.uuid for target in made.iter()} == back


async def test_a_re_created_person_that_cannot_be_read_is_not_left_out_of_the_plan(arena: Any, tmp_path: Path) -> None:
    async with arena(persons=5) as a:
        plan = await a.plan(operation=DeletePersons())
        await a.run(plan)
        a.server.world.recreate(a.everybody[2])
        await verify_job(a.client, plan, a.journal)
        a.server.faults.add(Fault("status", status=503, action="batch_by_uuids"))
        with pytest.raises(NotFinished, match="planning interrupted"):
            await plan_reappeared(a.client, plan, a.journal, tmp_path / "again.plan.jsonl", retry_for_s=0.0)
        assert not (tmp_path / "again.plan.jsonl").exists()


async def test_an_id_that_many_share_re_creates_nobody(arena: Any) -> None:
    async with arena(persons=5) as a:
        a.server.world.add_person(["undefined"])
        selection = ByDistinctIds(["undefined", "user-1"], allow_shared_ids=True)
        plan = await a.plan(operation=DeletePersons(), selection=selection)
        await a.run(plan)
        a.server.world.add_person(["undefined"], uuid="01900000-0000-7000-8000-000000000999")
        assert (await verify_job(a.client, plan, a.journal)).exit_code == 0


async def test_a_deleted_person_that_the_list_still_shows_is_named(arena: Any, axis: Any) -> None:
    async with arena(persons=20, list_lag_s=3600.0) as a:
        plan = await a.plan(a.everybody[:8], operation=DeletePersons())
        assert (await a.run(plan)).exit_code == 0
        report = await verify_job(a.client, plan, a.journal)
        assert (report.exit_code, report.duty.state) == (75, "waiting")
        assert report.duty.waiting_for == ("PostHog to remove 8 deleted persons from its persons list",)
        assert axis(report, "person") == {"deleted_confirmed": 8}
        assert a.of(Verified)[-1].listed == "0-7"
        a.server.settle()
        report = await verify_job(a.client, plan, a.journal)
        assert (report.exit_code, a.of(Verified)[-1].listed) == (0, None)


@pytest.mark.parametrize("failed", [False, True], ids=["one response without them", "no response"])
async def test_a_person_that_was_listed_stays_named_until_two_responses_do_not_show_it(
    arena: Any, *, failed: bool
) -> None:
    async with arena(persons=20, list_lag_s=3600.0) as a:
        plan = await a.plan(a.everybody[:8], operation=DeletePersons())
        await a.run(plan)
        await verify_job(a.client, plan, a.journal)
        if failed:
            a.server.faults.add(Fault("status", status=400, action="query", times=1))
        else:
            leave_out_once(a.server, "query")
        report = await verify_job(a.client, plan, a.journal)
        assert (report.exit_code, a.of(Verified)[-1].listed) == (75, "0-7")
        a.server.settle()
        report = await verify_job(a.client, plan, a.journal)
        assert (report.exit_code, a.of(Verified)[-1].listed) == (0, None)


async def test_a_person_that_is_back_with_another_distinct_id_is_found_in_the_list(arena: Any, axis: Any) -> None:
    async with arena(persons=20) as a:
        plan = await a.plan(a.everybody[:8], operation=DeletePersons())
        await a.run(plan)
        a.server.world.add_person(["another-id"], uuid=a.everybody[2])
        report = await verify_job(a.client, plan, a.journal)
        assert (causes(report), axis(report, "person")) == (
            [("reappeared", "2")],
            {"deleted_confirmed": 7, "recreated": 1},
        )


async def test_a_key_that_must_not_query_leaves_the_list_unread_and_says_so(arena: Any) -> None:
    async with arena(persons=20, scopes=("person:write", "project:read"), list_lag_s=3600.0) as a:
        plan = await a.plan(a.everybody[:8], operation=DeletePersons())
        await a.run(plan)
        report = await verify_job(a.client, plan, a.journal)
        assert report.duty.sentence == (
            "Complete: 8 persons gone (confirmed by reading back), PostHog's list of persons not read "
            "(the key lacks the scope query:read)."
        )


async def test_a_verification_that_is_interrupted_records_no_result(arena: Any) -> None:
    async with arena(persons=20) as a:
        plan = await a.plan(operation=DeletePersons())
        await a.run(plan)
        a.server.faults.add(Fault("status", status=401, action="batch_by_distinct_ids"))
        with pytest.raises(Exception, match="401"):
            await verify_job(a.client, plan, a.journal)
        assert a.of(Verified) == []


async def test_properties_are_read_back_in_one_request_per_200_persons(arena: Any) -> None:
    async with arena(persons=900) as a:
        operation = UnsetProperties(["plan"], route="capture")
        plan = await a.plan(operation=operation, selection=ByFilter(everyone=True))
        assert (await a.run(plan)).exit_code == 0
        before = requests_of(a.server)
        report = await verify_job(a.client, plan, a.journal)
        assert (report.exit_code, report.duty.state) == (0, "complete")
        used = requests_of(a.server) - before
        assert used["batch_by_uuids"] == -(-plan.count // 200)
        assert used.total() <= used["batch_by_uuids"] + 1


@pytest.mark.slow
def test_many_persons_are_verified_every_day_until_they_are_purged_two_weeks_later(
    virtual: Any, axis: Any, case_count: Callable[[int, int], int]
) -> None:
    count = case_count(2_000, 20_000)
    by_ids, queries = count // 200, -(-count // 5_000)

    async def main() -> None:
        async with virtual(
            persons=count + 1_000, weekly_event_deletion=True, event_deletion_slips_s=5 * DAY_S, seeded_events=True
        ) as a:
            now = a.server.clock
            monday_10 = 4 * DAY_S + 10 * 3600  # 1970-01-05 was a Monday
            await asyncio.sleep((monday_10 + 3 * DAY_S - now()) % (7 * DAY_S))  # Thursday: Sunday's purge is too early
            plan = await a.plan(a.everybody[:count], operation=ERASURE)
            report = await a.run(plan)
            assert (report.exit_code, report.duty.state) == (0, "waiting")
            started, days = now(), list[tuple[str, int]]()
            promised = set[str]()
            while report.duty.state != "complete":
                assert now() < started + 15 * DAY_S
                await asyncio.sleep(DAY_S)
                promised.add(report.duty.expected_at or "")
                before = requests_of(a.server)
                report = await verify_job(a.client, plan, a.journal)
                used = requests_of(a.server) - before
                assert used["batch_by_distinct_ids"] == by_ids
                assert used["query"] == queries
                pages = used["deletion_status"] - 1  # one asks whether the server has the call
                assert pages == (1 if report.duty.waiting_for else count // 1_000 + 1)
                assert used.total() == by_ids + queries + pages + TO_BEGIN_WITH
                assert report.exit_code == (75 if report.duty.waiting_for else 0)
                assert read_report(a.journal).duty == report.duty
                days.append((f"{datetime.fromtimestamp(now(), UTC):%A}", used.total()))
            assert [day for day, _ in days][-1] == "Sunday"
            assert 9 <= len(days) <= 14
            assert len(promised) == 2  # the first purge was too early, which the first Monday shows
            assert axis(report, "events") == {"purged": count}
            assert {requests for _, requests in days[:-1]} == {by_ids + queries + 1 + TO_BEGIN_WITH}

    run_virtual(main())


async def test_a_re_created_person_that_the_list_of_an_older_server_hides_is_found(arena: Any, axis: Any) -> None:
    older = {"batch_reads": False, "deletion_status": False, "keep_person": False, "delete_order": "legacy"}
    async with arena(persons=5, **older) as a:
        plan = await a.plan(operation=DeletePersons())
        await a.run(plan)
        a.server.world.recreate(a.everybody[2])
        report = await verify_job(a.client, plan, a.journal)
        assert axis(report, "person") == {"deleted_confirmed": 4, "recreated": 1}
        assert report.exit_code == 1
