"""A deletion row that a response leaves out proves nothing about the events of a person that is gone (guarantee 11)."""

import asyncio
from typing import Any

import pytest
from changed_responses import Body, after, rewrite
from virtual_time import run_virtual

from asyncclient.testing import Fault
from bulk import DeleteEvents, DeletePersons, verify_job
from bulk.posthog.person_reader import CONFIRM_AFTER_S

OPERATIONS = pytest.mark.parametrize("operation", [DeleteEvents(), DeletePersons(delete_events=True)])
ONE_OWN_READ_S = CONFIRM_AFTER_S * 1.5
"""The absence of the person is confirmed after one wait, and then its rows are read."""


def lose_first_after_queueing(a: Any, *, left_out_s: float, left_out: str) -> None:
    """Let the queueing take effect and its response be lost; meanwhile somebody else deletes the first person.

    Arguments:
        left_out_s: for how long responses leave rows out afterwards.
        left_out: "one" for the rows of that person, "all" for those of all persons.
    """
    lost, until = str(a.everybody[0]), [0.0]

    def lose() -> None:
        a.server.world.remove_person(a.everybody[0])
        until[0] = asyncio.get_running_loop().time() + left_out_s

    def change(action: str, body: Body) -> Body | None:
        if action != "deletion_status" or asyncio.get_running_loop().time() > until[0]:
            return None
        return {**body, "results": [row for row in body["results"] if left_out == "one" and row["person_uuid"] != lost]}

    rewrite(a.server, change)
    a.server.faults.add(Fault("status", status=503, action="bulk_delete", times=1, when="after"))
    after(a.server, "bulk_delete", lose)


@pytest.mark.parametrize("left_out", ["one", "all"])
@OPERATIONS
def test_a_row_that_is_left_out_once_does_not_make_events_of_a_lost_person_too_late(
    virtual: Any, axis: Any, operation: Any, left_out: str
) -> None:
    async def main() -> None:
        async with virtual(persons=4) as a:
            plan = await a.plan(operation=operation)
            lose_first_after_queueing(a, left_out_s=ONE_OWN_READ_S, left_out=left_out)
            report = await a.run(plan)
            assert "too_late" not in axis(report, "events")
            assert axis(await a.run(plan), "events") == {"queued": 4}

    run_virtual(main())


@OPERATIONS
def test_a_row_that_is_left_out_for_a_while_is_found_by_verify(virtual: Any, axis: Any, operation: Any) -> None:
    async def main() -> None:
        async with virtual(persons=4) as a:
            plan = await a.plan(operation=operation)
            lose_first_after_queueing(a, left_out_s=60.0, left_out="one")
            report = await a.run(plan)
            assert axis(report, "events") == {"queued": 3, "too_late": 1}
            await asyncio.sleep(61.0)
            assert axis(await verify_job(a.client, plan, a.journal), "events") == {"queued": 4}
            a.server.run_event_deletion()
            assert axis(await verify_job(a.client, plan, a.journal), "events") == {"purged": 4}

    run_virtual(main())
