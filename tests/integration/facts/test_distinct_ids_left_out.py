"""A response whose list of distinct IDs is empty fails no person: a second read decides (guarantee 11)."""

from typing import Any

import pytest
from changed_responses import Body, rewrite
from virtual_time import run_virtual

from bulk import UnsetProperties, UpdateProperties

OPERATIONS = {
    "unset by REST": UnsetProperties(("plan",), route="rest"),
    "unset by capture": UnsetProperties(("plan",), route="capture"),
    "update by REST": UpdateProperties({"plan": "new"}, route="rest"),
    "update by capture": UpdateProperties({"plan": "new"}, route="capture"),
    "update once": UpdateProperties({"seen": True}, once=True),
}


def without_distinct_ids(a: Any, reads: set[int], hidden: set[str]) -> None:
    """Let these responses to batch reads, by number, show no distinct ID of persons."""
    seen = 0

    def change(action: str, body: Body) -> Body | None:
        nonlocal seen
        seen += action == "batch_by_uuids"
        if action != "batch_by_uuids" or seen not in reads:
            return None
        for row in body["results"].values():
            row["distinct_ids"] = [] if row["uuid"] in hidden else row["distinct_ids"]
        return body

    rewrite(a.server, change)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("read", [2, 3])
@pytest.mark.parametrize("hidden", [1, 4])
def test_a_person_whose_distinct_ids_one_response_leaves_out_is_changed(
    virtual: Any, axis: Any, hidden: int, read: int, operation: str
) -> None:
    async def main() -> None:
        async with virtual(persons=4) as a:
            without_distinct_ids(a, {read}, {str(uuid) for uuid in a.everybody[:hidden]})
            report = await a.run(await a.plan(operation=OPERATIONS[operation]))
            assert (report.exit_code, axis(report, "properties")) == (0, {"changed_confirmed": 4})

    run_virtual(main())


def test_a_person_that_two_reads_show_without_a_distinct_id_fails_with_a_clear_reason(virtual: Any, axis: Any) -> None:
    async def main() -> None:
        async with virtual(persons=4) as a:
            without_distinct_ids(a, {*range(2, 100)}, {str(a.everybody[2])})
            report = await a.run(await a.plan(operation=OPERATIONS["update by capture"]))
            assert (report.exit_code, axis(report, "properties")) == (1, {"changed_confirmed": 3, "failed": 1})
            assert [(each.reason, each.targets) for each in report.failures] == [("no_distinct_id", "2")]

    run_virtual(main())
