"""A table of what comes of one or several responses that leave persons or values out, for the operations on values.

Once is never a proof. What is left out for a while is named, nothing is sent for it, and a later plan has it.
"""

from typing import Any

import pytest
from changed_responses import Body, rewrite

from asyncclient.testing import Fault
from bulk import (
    ByPersonIds,
    DeletePersons,
    NotFinished,
    Refused,
    UnsetProperties,
    UpdateProperties,
    make_plan,
    open_rows,
    plan_reappeared,
    plan_revert,
    run_job,
    verify_job,
)

PERSONS = 4
ONCE, A_WHILE = 1, 50
READS = {
    "by UUID": ("batch_by_uuids",),
    "by distinct ID": ("batch_by_distinct_ids",),
    "by both": ("batch_by_uuids", "batch_by_distinct_ids"),
}
who = pytest.mark.parametrize("who", [1, 2, PERSONS])
lasting = pytest.mark.parametrize("times", [ONCE, A_WHILE])


class LeavingOut:
    """Leaves the first persons out of responses to reads, or their values, while `left` is above zero."""

    def __init__(self, a: Any, who: int) -> None:
        self.left: dict[str, int] = {}
        self.values = False
        self._gone = {str(uuid) for uuid in a.everybody[:who]}
        rewrite(a.server, self._change)

    def start(self, read: str, times: int, *, values: bool = False) -> None:
        self.left, self.values = dict.fromkeys(READS[read], times), values

    def stop(self) -> None:
        self.left = {}

    def _change(self, action: str, body: Body) -> Body | None:
        if not self.left.get(action) or not any(row["uuid"] in self._gone for row in body["results"].values()):
            return None
        self.left[action] -= 1
        if self.values:
            return {
                "results": {
                    key: row | ({"properties": {}} if row["uuid"] in self._gone else {})
                    for key, row in body["results"].items()
                }
            }
        return {"results": {key: row for key, row in body["results"].items() if row["uuid"] not in self._gone}}


def rows(a: Any) -> list[dict[str, Any]]:
    persons = [a.server.world.person(uuid) for uuid in a.everybody]
    return [{"distinct_id": each.distinct_ids[0], "plan": f"own {at}"} for at, each in enumerate(persons)]


def plans(a: Any) -> list[Any]:
    return [a.properties()[uuid]["plan"] for uuid in a.everybody]


def left_as_they_are(plan: Any) -> dict[str, int]:
    (found,) = (each for each in plan.findings if each["kind"] == "revert")
    return {name: found[name]["count"] for name in ("changed", "as_before", "gone", "unread") if found[name]["count"]}


@who
@lasting
async def test_values_per_person_while_planning(arena: Any, axis: Any, who: int, times: int) -> None:
    async with arena(persons=PERSONS) as a:
        leaving = LeavingOut(a, who)
        leaving.start("by distinct ID", times)
        selection = open_rows(rows(a))
        operation, path = UpdateProperties.per_person(selection, route="rest"), a.folder / "job.plan.jsonl"
        if times == A_WHILE and who == PERSONS:
            with pytest.raises(Refused):
                await make_plan(a.client, operation, selection, path)
            assert a.sent() == []
            return
        plan = await make_plan(a.client, operation, selection, path)
        planned = PERSONS - (who if times == A_WHILE else 0)
        assert plan.count == planned
        leaving.stop()
        report = await a.run(plan)
        assert axis(report, "properties") == {"changed_confirmed": planned}
        assert plans(a)[PERSONS - planned :] == [f"own {at}" for at in range(PERSONS - planned, PERSONS)]
        if planned < PERSONS:
            assert [each.kind for each in (await verify_job(a.client, plan, a.journal)).duty.causes] == ["not_covered"]


@pytest.mark.quick_cases(2)
@who
@pytest.mark.parametrize("read", ["by UUID", "by both"])
@pytest.mark.parametrize("kind", ["values", "update", "unset in one call"])
async def test_a_before_image_and_a_change_while_running(arena: Any, axis: Any, kind: str, read: str, who: int) -> None:
    async with arena(persons=PERSONS) as a:
        leaving, keep = LeavingOut(a, who), str(a.folder / "before")
        before = a.properties()
        selection: Any = open_rows(rows(a)) if kind == "values" else ByPersonIds(a.everybody)
        operation = {
            "values": lambda: UpdateProperties.per_person(selection, route="rest", keep_before=keep),
            "update": lambda: UpdateProperties({"plan": "new", "note": 1}, route="rest", keep_before=keep),
            "unset in one call": lambda: UnsetProperties(("plan", "name"), route="rest", keep_before=keep),
        }[kind]()
        plan = await make_plan(a.client, operation, selection, a.folder / "job.plan.jsonl")
        leaving.start(read, ONCE)
        report = await a.run(plan)
        assert (report.exit_code, axis(report, "properties")) == (0, {"changed_confirmed": PERSONS})
        back = await plan_revert(a.client, keep, a.folder / "revert.plan.jsonl", route="rest")
        assert back.count == PERSONS
        assert (await run_job(a.client, back, a.folder / "r.journal", approve=back.digest)).exit_code == 0
        assert a.properties() == before


@pytest.mark.quick_cases(3)
@who
@lasting
@pytest.mark.parametrize("read", ["by UUID", "by both"])
@pytest.mark.parametrize("what", ["persons", "values"])
@pytest.mark.parametrize("kind", ["update", "unset"])
async def test_a_revert_while_planning(arena: Any, kind: str, what: str, read: str, times: int, who: int) -> None:
    async with arena(persons=PERSONS) as a:
        leaving, keep = LeavingOut(a, who), a.folder / "before"
        before = a.properties()
        operation: Any = (
            UpdateProperties({"plan": "new", "note": 1}, route="rest", keep_before=str(keep))
            if kind == "update"
            else UnsetProperties(("plan", "name"), route="rest", keep_before=str(keep))
        )
        await a.run(await a.plan(operation=operation))
        leaving.start(read, times, values=what == "values")
        revert = a.folder / "revert.plan.jsonl"
        # without their values, persons look like those whose properties were unset
        convinced = times == A_WHILE and (kind == "update" if what == "values" else read == "by both")
        if convinced and who == PERSONS:
            with pytest.raises((Refused, NotFinished)):
                await plan_revert(a.client, keep, revert, route="rest")
            return
        plan = await plan_revert(a.client, keep, revert, route="rest")
        named = {"changed" if what == "values" else "gone": who} if convinced else {}
        assert (plan.count, left_as_they_are(plan)) == (PERSONS - sum(named.values()), named)
        leaving.stop()
        assert (await run_job(a.client, plan, a.folder / "r.journal", approve=plan.digest)).exit_code == 0
        kept = a.everybody[:who] if convinced else []
        assert {u: p for u, p in a.properties().items() if u not in kept} == {
            u: p for u, p in before.items() if u not in kept
        }


@pytest.mark.quick_cases(3)
@who
@lasting
@pytest.mark.parametrize("read", ["by UUID", "by distinct ID", "by both"])
async def test_re_created_persons_while_planning(arena: Any, read: str, times: int, who: int) -> None:
    async with arena(persons=PERSONS) as a:
        plan = await a.plan(operation=DeletePersons())
        await a.run(plan)
        for uuid in a.everybody:
            a.server.world.recreate(uuid)
        await verify_job(a.client, plan, a.journal)
        leaving = LeavingOut(a, who)
        leaving.start(read, times)
        again = a.folder / "again.plan.jsonl"
        if times == A_WHILE and read != "by distinct ID" and who == PERSONS:
            with pytest.raises(Refused):
                await plan_reappeared(a.client, plan, a.journal, again)
            return
        made = await plan_reappeared(a.client, plan, a.journal, again)
        assert made.count == PERSONS - (who if times == A_WHILE and read != "by distinct ID" else 0)


@pytest.mark.parametrize("what", ["revert", "re-created"])
async def test_reads_that_fail_while_planning_are_named_with_their_status(arena: Any, what: str) -> None:
    async with arena(persons=PERSONS) as a:
        keep, path = a.folder / "before", a.folder / "again.plan.jsonl"
        reverts = what == "revert"
        plan = await a.plan(operation=UnsetProperties(("plan",), keep_before=str(keep)) if reverts else DeletePersons())
        await a.run(plan)
        if not reverts:
            for uuid in a.everybody:
                a.server.world.recreate(uuid)
            await verify_job(a.client, plan, a.journal)
        for action in ("batch_by_uuids", "batch_by_distinct_ids"):
            a.server.faults.add(Fault("status", action=action, status=500))
        words = rf"{PERSONS} persons could not be read \(the server responded with 500 error\)"
        with pytest.raises(NotFinished, match=words):
            if reverts:
                await plan_revert(a.client, keep, path)
            else:
                await plan_reappeared(a.client, plan, a.journal, path)
