"""Properties that one response lacks do not count as removed: nothing done rests on it alone (guarantee 11)."""

from typing import Any

import pytest
from changed_responses import Body, rewrite
from virtual_time import run_virtual

from bulk import UnsetProperties
from bulk.execution.unset.key_list_trial import MAX_READS

KEYS = ("plan", "country", "name")


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize("lists", [True, False], ids=["takes lists", "takes one key per call"])
@pytest.mark.parametrize("read", [1, 2, 3])
@pytest.mark.parametrize("lacks", [KEYS, KEYS[:1]], ids=["all", "one"])
def test_properties_that_one_response_lacks_are_removed_from_all_persons(
    virtual: Any, axis: Any, lacks: tuple[str, ...], read: int, *, lists: bool
) -> None:
    async def main() -> None:
        async with virtual(persons=10, delete_property_lists=lists) as a:
            plan = await a.plan(operation=UnsetProperties(KEYS, route="rest"))
            seen = 0

            def change(action: str, body: Body) -> Body | None:
                nonlocal seen
                seen += action == "batch_by_uuids"
                if action != "batch_by_uuids" or seen != read:
                    return None
                for row in body["results"].values():
                    row["properties"] = {key: each for key, each in row["properties"].items() if key not in lacks}
                return body

            rewrite(a.server, change)
            report = await a.run(plan)
            assert (report.exit_code, axis(report, "properties")) == (0, {"changed_confirmed": 10})
            assert all({*KEYS}.isdisjoint(has) for has in a.properties().values())

    run_virtual(main())


async def test_a_trial_that_shows_no_result_ends_after_a_few_reads_even_if_none_waits(
    arena: Any, axis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bulk.execution.unset.key_list_trial.WAITS_S", (0.0,))
    async with arena(persons=3) as a:
        plan = await a.plan(operation=UnsetProperties(KEYS, route="rest"))
        shown = {str(uuid): dict(properties) for uuid, properties in a.properties().items()}
        sent_at_read: list[int] = []

        def change(action: str, body: Body) -> Body | None:
            if action != "batch_by_uuids":
                return None
            sent_at_read.append(len(a.sent()))
            if len(sent_at_read) > 50:
                return None
            return {"results": {key: row | {"properties": shown[row["uuid"]]} for key, row in body["results"].items()}}

        rewrite(a.server, change)
        report = await a.run(plan, wait_s=30)
        assert (
            sent_at_read.count(2) <= MAX_READS + 2
        )  # after the calls of the trial: one before, and one after the trial
        assert (report.exit_code, axis(report, "properties")) == (0, {"changed_confirmed": 3})
