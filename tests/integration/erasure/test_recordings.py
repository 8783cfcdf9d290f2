"""Recordings count as deleted only once PostHog shows them as deleted (contract 6.7, guarantee 21)."""

from typing import Any

import pytest
from changed_responses import Body, rewrite

from asyncclient import RateLimits
from asyncclient.testing import Fault
from bulk import DeleteEvents, DeletePersons, DeleteRecordings, verify_job
from tests.integration.erasure.clock_ahead import Clock

RECORDINGS = DeletePersons(delete_recordings=True)
DAY_S = 86_400.0


def reasons(report: Any) -> dict[str, int]:
    return {each.reason: each.count for each in report.failures if each.axis == "recordings"}


def queries(a: Any) -> int:
    asked = [request.body["query"]["query"] for request in a.server.requests if request.action == "query"]
    return sum("raw_session_replay_events" in text for text in asked)


def record(a: Any, *persons: int, name: str = "s") -> None:
    """Add one recording per person, under its last distinct ID."""
    for number in persons:
        person = a.server.world.person(a.everybody[number])
        a.server.world.add_recording(f"{name}{number}", [person.distinct_ids[-1]])


async def verified(a: Any, plan: Any) -> Any:
    async with a.another_client(RateLimits.off()) as client:
        return await verify_job(client, plan, a.journal)


@pytest.mark.parametrize("operation", [RECORDINGS, DeleteRecordings()], ids=["with persons", "alone"])
async def test_recordings_are_requested_until_verify_reads_them_as_deleted(
    arena: Any, axis: Any, operation: Any
) -> None:
    async with arena(persons=3) as a:
        record(a, 0, 1, 2)
        plan = await a.plan(operation=operation)
        assert axis(await a.run(plan), "recordings") == {"requested": 3}
        report = await verified(a, plan)
        assert (axis(report, "recordings"), report.exit_code) == ({"deleted": 3}, 0)
        before = queries(a)
        assert axis(await verified(a, plan), "recordings") == {"deleted": 3}
        assert queries(a) == before


async def test_recordings_that_are_not_deleted_yet_are_requested_and_after_days_still_there(
    arena: Any, axis: Any
) -> None:
    clock = Clock()
    async with arena(persons=2, clock=clock, recording_lag_s=10 * DAY_S) as a:
        record(a, 0, 1)
        plan = await a.plan(operation=RECORDINGS)
        await a.run(plan)
        report = await verified(a, plan)
        assert (axis(report, "recordings"), reasons(report)) == ({"requested": 2}, {"not_marked_yet": 2})
        assert report.exit_code == 75
        clock.ahead_s = 4 * DAY_S
        report = await verified(a, plan)
        assert (axis(report, "recordings"), report.exit_code) == ({"still_there": 2}, 1)
        clock.ahead_s = 11 * DAY_S
        assert axis(await verified(a, plan), "recordings") == {"deleted": 2}


async def test_no_recordings_before_and_after_are_nothing_to_verify(arena: Any, axis: Any) -> None:
    async with arena(persons=3) as a:
        record(a, 1)
        plan = await a.plan(operation=RECORDINGS)
        await a.run(plan)
        report = await verified(a, plan)
        assert axis(report, "recordings") == {"deleted": 1, "not_verifiable": 2}
        assert (reasons(report), report.exit_code) == ({"no_recordings": 2}, 0)


async def test_rows_that_the_server_removed_before_they_were_read_prove_nothing(arena: Any, axis: Any) -> None:
    clock = Clock()
    async with arena(persons=2, clock=clock, recording_grace_days=1) as a:
        record(a, 0, 1)
        plan = await a.plan(operation=RECORDINGS)
        await a.run(plan)
        clock.ahead_s = 2 * DAY_S
        report = await verified(a, plan)
        assert axis(report, "recordings") == {"not_verifiable": 2}
        assert reasons(report) == {"recordings_not_left": 2}


@pytest.mark.parametrize("shown", [set(), {"s0"}], ids=["none", "one of two"])
async def test_recordings_that_one_response_leaves_out_are_counted_again(
    arena: Any, axis: Any, shown: set[str]
) -> None:
    async with arena(persons=2) as a:
        record(a, 0, 1)
        record(a, 0, name="kept")
        plan = await a.plan(operation=DeleteRecordings())
        await a.run(plan)
        due = [True]

        def change(action: str, body: Body) -> Body | None:
            if action != "query" or not body["results"]:
                return None
            rows = [[*row[:2], 0 if row[0] == "kept0" else row[2]] for row in body["results"]]
            if due:
                due.clear()
                rows = [row for row in rows if row[0] in shown | {"s1"}]
            return {**body, "results": rows}

        rewrite(a.server, change)
        report = await verified(a, plan)
        assert due == []
        assert axis(report, "recordings") == {"requested": 1, "deleted": 1}
        assert reasons(report) == {"not_marked_yet": 1}


async def test_recordings_that_two_responses_leave_out_are_found_by_the_next_verification(
    arena: Any, axis: Any
) -> None:
    async with arena(persons=2) as a:
        record(a, 0, 1)
        plan = await a.plan(operation=DeleteRecordings())
        await a.run(plan)
        lagging = [True]
        rewrite(a.server, lambda action, body: {**body, "results": []} if action == "query" and lagging else None)
        report = await verified(a, plan)
        assert (axis(report, "recordings"), reasons(report)) == ({"not_verifiable": 2}, {"recordings_not_left": 2})
        before = queries(a)
        assert axis(await verified(a, plan), "recordings") == {"not_verifiable": 2}
        assert queries(a) == before + 1  # no second read of what an earlier one did not show
        lagging.clear()
        assert axis(await verified(a, plan), "recordings") == {"deleted": 2}


async def test_recordings_that_were_read_as_deleted_stay_so_when_their_rows_go(arena: Any, axis: Any) -> None:
    clock = Clock()
    async with arena(persons=2, clock=clock, recording_grace_days=1) as a:
        record(a, 0, 1)
        plan = await a.plan(operation=RECORDINGS)
        await a.run(plan)
        assert axis(await verified(a, plan), "recordings") == {"deleted": 2}
        clock.ahead_s = 2 * DAY_S
        assert axis(await verified(a, plan), "recordings") == {"deleted": 2}


async def test_a_swallowed_request_is_never_read_as_deleted(arena: Any, axis: Any) -> None:
    async with arena(persons=2, recording_grace_days=1) as a:
        record(a, 0, 1)
        plan = await a.plan(operation=DeleteRecordings())
        a.server.faults.add(Fault("swallow"))
        await a.run(plan)
        report = await verified(a, plan)
        assert axis(report, "recordings") == {"requested": 2}
        assert reasons(report) == {"not_marked_yet": 2}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"scopes": ("person:read", "person:write", "project:read")}, "no_query_scope"),
        ({"recording_marks": False}, "no_recording_marks"),
    ],
)
async def test_what_cannot_be_read_is_not_verifiable_until_it_can(
    arena: Any, axis: Any, change: dict[str, Any], reason: str
) -> None:
    async with arena(persons=3, **change) as a:
        record(a, 0, 1, 2)
        plan = await a.plan(operation=RECORDINGS)
        assert queries(a) == 1
        await a.run(plan)
        report = await verified(a, plan)
        assert (axis(report, "recordings"), reasons(report)) == ({"not_verifiable": 3}, {reason: 3})
        assert report.exit_code == 0
        a.server.reconfigure(scopes=("*",), recording_marks=True)
        assert axis(await verified(a, plan), "recordings") == {"deleted": 3}


async def test_a_plan_without_the_distinct_ids_cannot_be_verified(
    arena: Any, axis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with arena(persons=2) as a:
        record(a, 0, 1)
        with monkeypatch.context() as earlier:
            earlier.setattr("bulk.plan.planner.RecordingNotes.of", _no_notes)
            plan = await a.plan(operation=RECORDINGS)
        await a.run(plan)
        report = await verified(a, plan)
        assert axis(report, "recordings") == {"not_verifiable": 2}
        assert reasons(report) == {"recordings_not_noted": 2}


async def _no_notes(_self: Any, persons: Any) -> list[None]:
    return [None] * len(persons)


async def test_recordings_that_could_not_be_read_keep_their_state_and_verify_is_not_finished(
    arena: Any, axis: Any
) -> None:
    async with arena(persons=2) as a:
        record(a, 0, 1)
        plan = await a.plan(operation=RECORDINGS)
        await a.run(plan)
        a.server.faults.add(Fault("status", action="query", status=500))
        async with a.another_client(RateLimits.off()) as client:
            report = await verify_job(client, plan, a.journal, retry_for_s=0.0)
        assert (axis(report, "recordings"), report.exit_code) == ({"requested": 2}, 75)
        a.server.faults.clear()
        assert axis(await verified(a, plan), "recordings") == {"deleted": 2}


@pytest.mark.slow
async def test_recordings_of_all_distinct_ids_are_read_and_a_few_requests_are_enough(arena: Any, axis: Any) -> None:
    async with arena(persons=1000) as a:
        world = a.server.world
        many = world.add_person([f"many-{n}" for n in range(12)])
        world.add_recording("last of many", ["many-11"])
        world.add_recording("one of many", ["many-3", "many-7"])
        record(a, *range(0, 1000, 7))
        plan = await a.plan([*a.everybody, many], operation=RECORDINGS)
        await a.run(plan)
        before = queries(a)
        report = await verified(a, plan)
        assert axis(report, "recordings") == {"deleted": 144, "not_verifiable": 857}
        assert queries(a) - before <= 12  # six, and once more for the persons without recordings
        note = plan.recording_notes([1000])[1000]
        assert (len(note.distinct_ids), note.recordings) == (12, 2)


async def test_a_person_with_more_distinct_ids_than_the_server_shows_is_not_noted(arena: Any, axis: Any) -> None:
    async with arena(persons=1) as a:
        many = a.server.world.add_person([f"many-{n}" for n in range(1200)])
        plan = await a.plan([many], operation=RECORDINGS)
        await a.run(plan)
        assert reasons(await verified(a, plan)) == {"recordings_not_noted": 1}


async def test_only_plans_that_delete_recordings_hold_all_distinct_ids(arena: Any) -> None:
    async with arena(persons=2) as a:
        plan = await a.plan(operation=DeleteEvents())
        assert plan.recording_notes([0, 1]) == {0: None, 1: None}
        assert queries(a) == 0
        assert b'"distinct_ids":[' not in plan.path.read_bytes()


async def test_the_journal_names_no_recording_and_no_distinct_id(arena: Any) -> None:
    async with arena(persons=3) as a:
        record(a, 0, 1, 2, name="secret-session-")
        plan = await a.plan(operation=RECORDINGS)
        await a.run(plan)
        await verified(a, plan)
        journal = a.journal.read_text()
        people = [note for note in plan.recording_notes([0, 1, 2]).values() if note is not None]
        assert len(people) == 3
        assert not any(each in journal for note in people for each in note.distinct_ids)
        assert "secret-session" not in journal
        assert "secret-session" not in plan.path.read_text()


async def test_a_recording_of_another_person_does_not_count(arena: Any, axis: Any) -> None:
    async with arena(persons=2) as a:
        record(a, 0, 1)
        plan = await a.plan([a.everybody[0]], operation=RECORDINGS)
        await a.run(plan)
        assert axis(await verified(a, plan), "recordings") == {"deleted": 1}
        assert [each.is_deleted for each in a.server.world.recordings(_last_id(a, 1))] == [False]


def _last_id(a: Any, number: int) -> str:
    return str(a.server.world.person(a.everybody[number]).distinct_ids[-1])
