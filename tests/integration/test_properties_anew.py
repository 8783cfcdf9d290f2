"""Nobody who was deleted is made anew by an event of ours, but in the seconds between reading and sending, and then the
report says so; whoever goes or is re-created after its properties were as asked is named by `verify` (promise 22)."""

from collections.abc import Callable
from typing import Any

import pytest
from virtual_time import run_virtual

from asyncclient import Bucket, RequestFinished
from bulk import UnsetProperties, UpdateProperties, verify_job
from bulk.progress import CanaryDone


def failures(report: Any) -> list[tuple[str, str, str, str]]:
    return [(each.axis, each.state, each.reason, each.targets) for each in report.failures]


def when_the_next_event_leaves(a: Any, monkeypatch: pytest.MonkeyPatch, do: Callable[[], None]) -> None:
    """Call something once when a request of events has its persons read and asks for leave."""
    slot: Callable[[Bucket], Any] = a.client.limits.slot
    waiting = [do]

    def hooked(bucket: Bucket) -> Any:
        if bucket is Bucket.CAPTURE and waiting:
            waiting.pop()()
        return slot(bucket)

    monkeypatch.setattr(a.client.limits, "slot", hooked)


@pytest.mark.parametrize("batch_size", [20, 250])
@pytest.mark.parametrize("kind", ["unset", "update"])
def test_who_is_deleted_while_others_of_a_group_are_sent_is_made_anew_by_no_event(
    virtual: Any, axis: Any, kind: str, batch_size: int
) -> None:
    """1,500 persons by a slow server: of each group the last ones leave long after the first ones."""
    operation = UnsetProperties(("plan",), route="capture")
    changed = operation if kind == "unset" else UpdateProperties({"plan": "x"}, route="capture")

    async def main() -> None:
        async with virtual(persons=1500, latency_s=3.0) as a:
            plan = await a.plan(operation=changed)
            victims = [plan.targets(n, n + 1)[0].uuid for n in (150, 199, 600, 601, 900, 999)]
            captures = 0

            def delete(event: object) -> None:
                nonlocal captures
                captures += isinstance(event, RequestFinished) and event.bucket is Bucket.CAPTURE
                if captures == 3 and victims[0] in a.left():
                    for uuid in victims:
                        a.server.world.remove_person(uuid)

            a.client = a.client.observed(delete)
            report = await a.run(plan, concurrency=1, batch_size=batch_size)
            assert a.left(victims) == []
            assert a.server.world.count() == 1494
            assert axis(report, "person") == {"not_asked": 1494, "vanished": 6}
            assert axis(report, "properties")["done"] == 1494

    run_virtual(main())


def test_whom_our_own_event_made_anew_is_called_that(virtual: Any, axis: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with virtual(persons=60) as a:
            plan = await a.plan(operation=UpdateProperties({"plan": "x"}, route="capture"))
            victim = plan.targets(40, 41)[0].uuid

            def after_the_canary(event: object) -> None:
                if isinstance(event, CanaryDone):
                    when_the_next_event_leaves(a, monkeypatch, lambda: a.server.world.remove_person(victim))

            report = await a.run(plan, concurrency=1, on_progress=after_the_canary)
            assert a.server.world.person(victim) is not None
            assert report.exit_code == 1
            assert axis(report, "person") == {"not_asked": 59, "reappeared": 1}
            assert axis(report, "properties") == {"done": 59, "missed": 1}
            assert failures(report) == [("person", "reappeared", "since_sent", "40")]

    run_virtual(main())


def test_who_was_made_anew_before_anything_was_sent_is_not_called_that(virtual: Any, axis: Any) -> None:
    async def main() -> None:
        async with virtual(persons=60) as a:
            plan = await a.plan(operation=UpdateProperties({"plan": "x"}, route="capture"))
            a.server.world.recreate(plan.targets(40, 41)[0].uuid)
            report = await a.run(plan)
            assert (axis(report, "person"), failures(report)) == ({"not_asked": 59, "reappeared": 1}, [])

    run_virtual(main())


@pytest.mark.parametrize("route", ["rest", "capture"])
async def test_verify_names_who_went_since_the_properties_were_as_asked(arena: Any, axis: Any, route: str) -> None:
    async with arena(persons=60) as a:
        plan = await a.plan(operation=UpdateProperties({"plan": "x"}, route=route))
        assert (await a.run(plan)).exit_code == 0
        sent, world = len(a.sent()), a.server.world
        deleted, recreated, merged = (plan.targets(n, n + 1)[0].uuid for n in (5, 20, 31))
        world.remove_person(deleted)
        report = await verify_job(a.client, plan, a.journal)
        assert (report.exit_code, axis(report, "person")) == (0, {"not_asked": 59, "vanished": 1})
        world.recreate(recreated)
        world.merge(plan.targets(40, 41)[0].uuid, merged)
        report = await verify_job(a.client, plan, a.journal)
        assert report.exit_code == 1
        assert axis(report, "person") == {"not_asked": 57, "merged": 1, "reappeared": 1, "vanished": 1}
        assert axis(report, "properties") == {"done": 60}  # that is what was read of each
        assert sorted(failures(report)) == [
            ("person", "merged", "since_done", "31"),
            ("person", "reappeared", "since_done", "20"),
            ("person", "vanished", "since_done", "5"),
        ]
        lines = len(a.records())
        await verify_job(a.client, plan, a.journal)
        settled = [record for record in a.records()[lines:] if type(record).__name__ == "Settled"]
        assert settled == []  # nothing new is noted twice
        await a.run(plan)
        assert len(a.sent()) == sent


async def test_who_is_found_again_by_verify_is_there_as_before(arena: Any, axis: Any, monkeypatch: Any) -> None:
    """A store that leaves somebody out once is not held against the person for ever."""
    async with arena(persons=30) as a:
        plan = await a.plan(operation=UpdateProperties({"plan": "x"}, route="capture"))
        await a.run(plan)
        hidden = plan.targets(7, 8)[0].uuid
        monkeypatch.setattr("bulk.verifier.is_same", lambda target, person: target.uuid != hidden)
        report = await verify_job(a.client, plan, a.journal)
        assert axis(report, "person") == {"not_asked": 29, "reappeared": 1}
        monkeypatch.undo()
        report = await verify_job(a.client, plan, a.journal)
        assert (report.exit_code, axis(report, "person"), failures(report)) == (0, {"not_asked": 30}, [])
