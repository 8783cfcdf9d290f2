"""The journal has the outages and the waits of a job, with and without a display, and its report shows them."""

import asyncio
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from outages import go_away
from virtual_time import run_virtual

from asyncclient import RateLimits
from bulk import DeletePersons, NotFinished, UpdateProperties, verify_job
from bulk.journal.records import RunEnded, Waited
from bulk.report.load import read_report

PERSON_ONLY = DeletePersons()
UPDATE = UpdateProperties({"plan": "vip"}, route="rest")


def waited(a: Any) -> list[Waited]:
    """Return the last record of each wait."""
    last: dict[int, Waited] = {}
    for record in a.records():
        if isinstance(record, Waited):
            last[record.wait] = record
    return [*last.values()]


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize("on_progress", [None, lambda _: None], ids=["alone", "shown"])
@pytest.mark.parametrize("action", ["projects", "bulk_delete"])
def test_an_outage_is_in_the_journal_and_the_report(
    open_arena: Any, on_progress: Callable[[Any], None] | None, action: str
) -> None:
    async def main() -> None:
        async with open_arena(persons=40) as a:
            plan = await a.plan(operation=PERSON_ONLY)
            if action == "projects":  # before a run of a job that exists, when nothing can be written yet
                await a.run(plan)
            go_away(a.server, action, for_s=300.0, number=1)
            began = a.client.server_time()
            report = await (
                verify_job(a.client, plan, a.journal, on_progress=on_progress)
                if action == "projects"
                else a.run(plan, on_progress=on_progress)
            )
            (outage,) = [each for each in waited(a) if each.kind == "outage"]
            assert 295 <= outage.waited_s <= 330
            assert 295 <= outage.until - outage.since <= 330
            assert began - 1 <= outage.since <= began + 5
            (entry,) = [each for each in report.timeline if each.kind == "outage"]
            assert entry.waited_s == outage.waited_s
            assert [(each.kind, each.times) for each in report.waits if each.kind == "outage"] == [("outage", 1)]

    run_virtual(main())


def test_an_outage_that_ends_the_run_is_recorded_before_its_end(open_arena: Any) -> None:
    async def main() -> None:
        async with open_arena(persons=40) as a:
            plan = await a.plan(operation=PERSON_ONLY)
            go_away(a.server, "bulk_delete", for_s=10_000.0, number=1)
            with pytest.raises(NotFinished):
                await a.run(plan, retry_for_s=600.0)
            (outage,) = waited(a)
            ended = next(each for each in a.records() if isinstance(each, RunEnded))
            assert outage.waited_s == pytest.approx(600, abs=40)
            assert 0 <= ended.at - outage.until <= 2

    run_virtual(main())


def test_a_run_that_is_killed_in_an_outage_leaves_at_least_half_of_it(open_arena: Any) -> None:
    async def main() -> None:
        async with open_arena(persons=40) as a:
            plan = await a.plan(operation=PERSON_ONLY)
            go_away(a.server, "bulk_delete", for_s=10_000.0, number=1)
            run = asyncio.ensure_future(a.run(plan, retry_for_s=900.0))
            await anyio.sleep(500)
            at_kill = a.journal.read_bytes()
            run.cancel()
            await asyncio.wait([run])
            a.journal.write_bytes(at_kill)
            (outage,) = waited(a)
            assert 240 <= outage.waited_s <= 500
            report = read_report(a.journal, plan)
            assert [each.kind for each in report.timeline if each.waited_s] == ["outage"]

    run_virtual(main())


@pytest.mark.slow
def test_waits_at_the_rate_limit_are_few_records_however_long_the_job_is(open_arena: Any) -> None:
    async def main() -> None:
        limits = RateLimits(others_per_minute=10, others_per_hour=None)
        async with open_arena(persons=120, limits=limits) as a:
            plan = await a.plan(operation=UPDATE)
            report = await a.run(plan, concurrency=4)
            assert report.exit_code == 0
            records = [each for each in a.records() if isinstance(each, Waited) and each.kind == "rate_limit"]
            (whole,) = [each for each in waited(a) if each.kind == "rate_limit"]
            assert whole.until - whole.since > 600
            assert len(records) <= int(whole.waited_s / 10).bit_length() + 1
            lasting = next(each for each in report.timeline if each.kind == "rate_limit")
            assert lasting.persons is None
            assert lasting.waited_s == whole.waited_s

    run_virtual(main())


def test_a_job_without_long_waits_records_none(open_arena: Any) -> None:
    async def main() -> None:
        async with open_arena(persons=40) as a:
            go_away(a.server, "bulk_delete", for_s=5.0, number=1)
            report = await a.run(await a.plan(operation=PERSON_ONLY))
            assert waited(a) == []
            assert report.waits == ()

    run_virtual(main())
