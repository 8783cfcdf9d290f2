"""What an outage does not count as: an attempt, a retry, a failure of a batch, time of a wait (guarantee 12)."""

import asyncio
from typing import Any

import msgspec
import pytest
from outages import go_away
from virtual_time import run_virtual

from asyncclient.testing import Fault
from bulk import BreakerOpened, DeletePersons, UpdateProperties
from bulk.events import ServerUnreachable, Trouble
from bulk.journal.records import AttemptEnded

PERSON_ONLY = DeletePersons()


UPDATE = UpdateProperties({"plan": "vip"}, route="rest")
CAPTURE = UpdateProperties({"plan": "vip"}, route="capture")

REFUSED = Fault("refuse")


UNAVAILABLE = Fault("status", status=503)


@pytest.mark.slow
@pytest.mark.parametrize("fault", [REFUSED, UNAVAILABLE])
def test_outages_spend_no_attempt_no_retry_and_do_not_open_the_breaker(
    open_arena: Any, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with open_arena(persons=400) as a:
            plan = await a.plan(operation=PERSON_ONLY)
            loop = asyncio.get_running_loop()
            for number in range(3, 33):
                go_away(a.server, "bulk_delete", for_s=3.0, number=number, fault=fault, responds=number % 2 == 0)
            report = await a.run(plan, batch_size=10, concurrency=8)
            assert report.exit_code == 0
            assert loop.time() > 30.0

    monkeypatch.setattr("bulk.execution.breaker.RETRY_BUDGET", 1.0)
    monkeypatch.setattr("bulk.execution.group_executor.MAX_ATTEMPTS", 1)
    run_virtual(main())


def test_nothing_is_sent_twice_that_took_effect_when_the_server_went_away(open_arena: Any, axis: Any) -> None:
    async def main() -> None:
        async with open_arena(persons=60) as a:
            plan = await a.plan(operation=UPDATE)
            go_away(a.server, "update", for_s=120.0, number=30)
            report = await a.run(plan, concurrency=1)
            assert report.exit_code == 0
            assert len([each for each in a.sent() if each.status == 202]) + 1 == 60
            assert axis(report, "properties")["found_changed"] == 1
            assert a.of(AttemptEnded)
            unknown = [each for each in a.of(AttemptEnded) if each.outcome == "unknown"]
            assert len(unknown) == 1

    run_virtual(main())


@pytest.mark.slow
def test_a_change_that_fails_while_reads_succeed_still_opens_the_breaker(open_arena: Any) -> None:
    async def main() -> None:
        async with open_arena(persons=600) as a:
            plan = await a.plan(operation=PERSON_ONLY)
            for action in ("bulk_delete", "destroy"):
                a.server.faults.add(Fault("status", status=503, action=action, after=action == "bulk_delete"))
            events: list[Any] = []
            with pytest.raises(BreakerOpened):
                await a.run(plan, batch_size=10, concurrency=1, on_progress=events.append)
            assert not [each for each in events if isinstance(each, ServerUnreachable)]

    run_virtual(main())


@pytest.mark.slow
def test_one_person_whose_read_times_out_is_no_outage(open_arena: Any, axis: Any) -> None:
    async def main() -> None:
        async with open_arena(persons=60) as a:
            plan = await a.plan(operation=PERSON_ONLY)
            heavy, handle = str(plan.targets(40, 41)[0].uuid), a.server._handler.handle

            def stalled(call: Any) -> Any:
                outcome = handle(call)
                is_heavy = outcome.record.action == "batch_by_uuids" and heavy in call.body.decode()
                return msgspec.structs.replace(outcome, ending="stall") if is_heavy else outcome

            a.server._handler.handle = stalled
            events: list[Any] = []
            report = await a.run(plan, on_progress=events.append)
            assert axis(report, "person")["deleted_confirmed"] == 59
            assert not [each for each in events if isinstance(each, ServerUnreachable)]

    run_virtual(main())


def test_a_batch_that_makes_the_server_fall_over_is_halved_in_the_end(open_arena: Any, axis: Any) -> None:
    async def main() -> None:
        async with open_arena(persons=60) as a:
            plan = await a.plan(operation=PERSON_ONLY)
            deadly, handle = str(plan.targets(40, 41)[0].uuid), a.server._handler.handle

            def fall_over(call: Any) -> Any:
                if call.path.endswith("bulk_delete/") and deadly in call.body.decode():
                    a.server.faults.add(UNAVAILABLE)
                    asyncio.get_running_loop().call_later(2.0, a.server.faults.clear)
                return handle(call)

            a.server._handler.handle = fall_over
            report = await a.run(plan, batch_size=20)
            assert axis(report, "person")["deleted_confirmed"] >= 59

    run_virtual(main())


@pytest.mark.parametrize(("action", "number"), [("capture", 1), ("batch_by_uuids", 3)])
def test_an_outage_takes_nothing_from_the_time_that_changes_have_to_show(
    open_arena: Any, action: str, number: int
) -> None:
    async def main() -> None:
        async with open_arena(persons=20, capture_lag_s=340.0) as a:
            plan = await a.plan(operation=CAPTURE)
            go_away(a.server, action, for_s=300.0, number=number, responds=True)
            report = await a.run(plan, wait_s=100.0)
            assert report.exit_code == 0
            assert set(a.times_intended("properties").values()) == {1}

    run_virtual(main())


def test_the_failure_that_an_outage_caused_is_reported_with_its_kind(open_arena: Any) -> None:
    async def main() -> None:
        async with open_arena(persons=60) as a:
            plan = await a.plan(operation=PERSON_ONLY)
            go_away(a.server, "bulk_delete", for_s=30.0, number=2)
            events: list[Any] = []
            await a.run(plan, batch_size=20, concurrency=1, on_progress=events.append)
            assert [each.error for each in events if isinstance(each, Trouble)] == ["connection_lost"]

    run_virtual(main())
