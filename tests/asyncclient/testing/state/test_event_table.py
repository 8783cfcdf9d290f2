"""The events table and the weekly job: which events a deletion row covers, and which it does not (contract 8)."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

DAY_S = 86_400
SUNDAY = 1_790_485_200.0  # 2026-09-27, 05:00 UTC


async def captured(api, distinct_id, **fields):
    event = {"event": "click", "distinct_id": distinct_id, **fields}
    body = {"api_key": api.server.project_api_key, "batch": [event]}
    assert (await api.post("/batch/", body)).status == 200


async def test_a_row_covers_what_happened_and_came_in_before_it_and_nothing_else(serve):
    api = await serve(2)
    one, other = list(api.world.iter_uuids())
    await captured(api, "user-0")
    await captured(api, "user-0", timestamp=datetime.fromtimestamp(api.clock.now + 60, UTC).isoformat())
    api.world.add_event("user-0", timestamp=api.clock.now - DAY_S)
    api.world.add_event("user-1")
    api.clock.now += 1
    await api.post(f"{one}/delete_events/")
    api.clock.now += 1
    await captured(api, "user-0")
    api.world.add_event("user-0", timestamp=api.clock.now - DAY_S)  # late: it happened before, and comes in after
    api.clock.now += 7 * DAY_S
    assert api.server.run_event_deletion() == 1
    left = api.world.events(one)
    assert len(left) == 3
    assert sorted(event.timestamp > event.ingested_at for event in left) == [False, False, True]
    assert len(api.world.events(other)) == 1


async def test_events_of_a_deleted_person_that_no_row_covers_are_named(serve):
    api = await serve(3)
    covered, late, without = list(api.world.iter_uuids())
    for number in range(3):
        api.world.add_event(f"user-{number}")
    api.clock.now += 10
    body = {"ids": [str(covered), str(late)], "delete_events": True, "keep_person": True}
    await api.post("bulk_delete/", body)
    api.clock.now += 10
    api.world.add_event("user-1")
    await api.post("bulk_delete/", {"ids": [str(covered), str(late)]})
    assert set(api.world.events_uncovered()) == {late}
    api.server.run_event_deletion()
    assert set(api.world.events_uncovered()) == {late}
    assert api.world.events(covered) == []
    assert len(api.world.events(without)) == 1
    state = (await api.get("/__local__/state")).json
    assert (state["events"], state["persons_with_events_uncovered"]) == (2, 1)


async def test_personless_events_belong_to_a_distinct_id_alone(serve):
    api = await serve(1)
    await captured(api, "nobody", properties={"$process_person_profile": False})
    assert api.world.add_event("nobody") is None
    found = api.world.personless_events("nobody")
    assert [(event.person_uuid, event.distinct_id) for event in found] == [(None, "nobody")] * 2
    assert api.world.count() == 1
    await api.post("bulk_delete/", {"distinct_ids": ["nobody"], "delete_events": True})
    api.server.run_event_deletion()
    assert len(api.world.personless_events("nobody")) == 2


async def test_events_of_a_merged_person_belong_to_the_remaining_person(serve):
    api = await serve(2)
    one, other = list(api.world.iter_uuids())
    api.world.add_event("user-1")
    api.world.merge(one, other)
    assert len(api.world.events(one)) == 1
    assert api.world.events(other) == []


async def test_an_event_for_a_distinct_id_of_over_200_characters_reaches_another_person(serve):
    api = await serve()
    stored = api.world.add_person(["x" * 250])
    body = {"api_key": api.server.project_api_key}
    event = {"event": "$set", "distinct_id": "x" * 250, "properties": {"$set": {"plan": "free"}}}
    assert (await api.post("/batch/", {**body, "batch": [event]})).status == 200
    assert api.world.person(stored).properties == {}
    assert api.world.person(api.world.uuid_of("x" * 200)).properties == {"plan": "free"}
    with pytest.raises(ValueError, match="up to 400 characters, not 401"):
        api.world.add_person(["y" * 401])


async def test_the_weekly_job_runs_on_sundays_and_lets_late_rows_slip_a_week(serve, clock_at):
    api = await serve(2, clock=clock_at(SUNDAY - 6 * DAY_S), weekly_event_deletion=True, event_deletion_slips_s=DAY_S)
    early, late = list(api.world.iter_uuids())
    await api.get()
    await api.post(f"{early}/delete_events/")
    api.clock.now = SUNDAY - 3600
    await api.post(f"{late}/delete_events/")

    async def statuses() -> dict[UUID, str]:
        rows = (await api.get("deletion_status/")).json["results"]
        return {UUID(row["person_uuid"]): row["status"] for row in rows}

    assert set((await statuses()).values()) == {"pending"}
    api.clock.now = SUNDAY
    assert await statuses() == {early: "completed", late: "pending"}
    api.clock.now = SUNDAY + 7 * DAY_S
    assert await statuses() == {early: "completed", late: "completed"}


async def test_a_job_that_fails_leaves_every_row_pending(serve):
    api = await serve(1, event_deletion_fails=True)
    uuid = next(iter(api.world.iter_uuids()))
    api.world.add_event("user-0")
    await api.post(f"{uuid}/delete_events/")
    assert api.server.run_event_deletion() == 0
    assert [row.status for row in api.world.deletion_rows(uuid)] == ["pending"]
    api.server.reconfigure(event_deletion_fails=False)
    assert api.server.run_event_deletion() == 1
    assert api.world.events(uuid) == []
