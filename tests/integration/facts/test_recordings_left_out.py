"""No recording counts as deleted because one response does not show those that PostHog kept (guarantees 11 and 21)."""

from typing import Any

import pytest
from changed_responses import Body, rewrite

from asyncclient.testing import Fault
from bulk import DeleteRecordings, verify_job


def shown_once(server: Any, *names: str) -> list[bool]:
    """Let the next response to a query show only these recordings; the list is empty once it has."""
    due = [True]

    def change(action: str, body: Body) -> Body | None:
        if action != "query" or not due:
            return None
        due.clear()
        return {**body, "results": [row for row in body["results"] if row[0] in names]}

    rewrite(server, change)
    return due


@pytest.mark.parametrize("counted", [True, False], ids=["counted before", "not counted before"])
async def test_recordings_deleted_before_the_job_do_not_hide_kept_ones_that_one_response_leaves_out(
    arena: Any, axis: Any, counted: bool
) -> None:
    async with arena(persons=1, recording_lag_s=1e6) as a:
        distinct_id = a.server.world.person(a.everybody[0]).distinct_ids[0]
        for name in ("old", "kept"):
            a.server.world.add_recording(name, [distinct_id])
        a.server.world.mutations.recordings.mark(["old"], a.server.world.mutations.now_us())
        if not counted:
            a.server.faults.add(Fault("status", status=403, action="query"))
        plan = await a.plan(operation=DeleteRecordings())
        a.server.faults.clear()
        await a.run(plan)
        due = shown_once(a.server, "old")
        report = await verify_job(a.client, plan, a.journal)
        assert due == []
        assert axis(report, "recordings") == {"requested": 1}


async def test_recordings_that_were_not_counted_and_that_one_response_leaves_out_are_read_again(
    arena: Any, axis: Any
) -> None:
    async with arena(persons=2) as a:
        for number, uuid in enumerate(a.everybody):
            a.server.world.add_recording(f"s{number}", [a.server.world.person(uuid).distinct_ids[0]])
        a.server.faults.add(Fault("status", status=403, action="query"))
        plan = await a.plan(operation=DeleteRecordings())
        a.server.faults.clear()
        await a.run(plan)
        due = shown_once(a.server)
        report = await verify_job(a.client, plan, a.journal)
        assert due == []
        assert axis(report, "recordings") == {"deleted": 2}


@pytest.mark.parametrize("lag_s", [0.0, 1e6], ids=["deleted", "kept"])
async def test_recordings_that_the_plan_and_one_response_leave_out_are_not_taken_for_none(
    arena: Any, axis: Any, lag_s: float
) -> None:
    async with arena(persons=2, recording_lag_s=lag_s) as a:
        for number, uuid in enumerate(a.everybody):
            a.server.world.add_recording(f"s{number}", [a.server.world.person(uuid).distinct_ids[0]])
        due = [True]

        def change(action: str, body: Body) -> Body | None:
            if action != "query" or not due:
                return None
            due.pop()
            return {**body, "results": []}

        rewrite(a.server, change)
        plan = await a.plan(operation=DeleteRecordings())
        assert due == []
        await a.run(plan)
        due.append(True)
        report = await verify_job(a.client, plan, a.journal)
        assert due == []
        assert axis(report, "recordings") == {"requested" if lag_s else "deleted": 2}


async def test_recordings_that_one_response_shows_as_deleted_are_deleted_if_the_next_leaves_them_out(
    arena: Any, axis: Any
) -> None:
    async with arena(persons=1) as a:
        a.server.world.add_recording("s", [a.server.world.person(a.everybody[0]).distinct_ids[0]])
        plan = await a.plan(operation=DeleteRecordings())
        await a.run(plan)
        shown: list[Any] = []

        def change(action: str, body: Body) -> Body | None:
            if action != "query" or not body["results"]:
                return None
            shown.append(body["results"])
            return {**body, "results": []} if len(shown) == 2 else None

        rewrite(a.server, change)
        report = await verify_job(a.client, plan, a.journal)
        assert len(shown) >= 2
        assert axis(report, "recordings") == {"deleted": 1}
