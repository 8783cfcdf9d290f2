"""Every call of persons over sockets, on servers of every age (contract 0, 1, 2, 6, 7, 12)."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from calls import CALLS, DOCUMENTED, QUEUED_S

from asyncclient import (
    ActivityPage,
    BulkDeleteSummary,
    Cohort,
    DeletionRow,
    Page,
    Person,
    PersonEmails,
    PostHogClient,
    PropertiesTimeline,
    PropertyFilter,
    PropertyValue,
    PropertyValues,
    RouteNotFound,
)


def test_every_call_has_a_row_and_every_row_a_test() -> None:
    modules = Path(__file__).parent.glob("test_*calls.py")
    tests = {
        name for module in modules for name in re.findall(r"^async def test_(\w+)\(", module.read_text(), re.MULTILINE)
    }
    assert CALLS.keys() <= tests
    assert len(DOCUMENTED) == 10


async def test_list(desk: Any) -> None:
    page = await desk.make("list", lambda c: c.persons.list(properties=[PropertyFilter("plan", "free")]))
    assert isinstance(page, Page)
    assert [(type(each), each.uuid) for each in page.results] == [(Person, desk.bob), (Person, desk.ada)]
    assert page.results[1].distinct_ids == ("ada", "ada-phone")
    assert page.results[1].properties == {"plan": "free", "email": "ada@example.com"}
    assert page.results[1].id == str(desk.ada)
    assert page.next is None


async def test_get(desk: Any) -> None:
    person = await desk.make("get", lambda c: c.persons.get(desk.ada), id=desk.ada)
    assert isinstance(person, Person)
    assert person.uuid == desk.ada
    assert person.id == desk.person(desk.ada).id
    assert person.distinct_ids == ("ada", "ada-phone")
    assert person.created_at == desk.person(desk.ada).created_at
    number = person.id
    same = await desk.make("get", lambda c: c.persons.get(number), id=number)
    assert same == person


async def test_update(desk: Any) -> None:
    done = await desk.make("update", lambda c: c.persons.update(desk.ada, {"plan": "pro"}), id=desk.ada)
    assert done is None
    assert desk.last.body == {"properties": {"plan": "pro"}}
    assert desk.person(desk.ada).properties == {"plan": "pro", "email": "ada@example.com"}
    assert desk.person(desk.bob).properties["plan"] == "free"


@pytest.mark.parametrize("flag", ["", "delete_events", "delete_recordings", "keep_person"])
async def test_delete(desk: Any, flag: str) -> None:
    asked = {flag: True} if flag else {}
    assert await desk.make("delete", lambda c: c.persons.delete(desk.ada, **asked), id=desk.ada) is None
    assert desk.last.query == (((flag, "true"),) if flag else ())
    assert (desk.world.person(desk.ada) is None) is (flag != "keep_person")
    assert len(desk.world.deletion_rows(desk.ada)) == (flag == "delete_events")
    assert desk.world.recordings_requested(desk.ada) == (flag == "delete_recordings")
    assert {desk.bob, desk.cyd} <= set(desk.world.iter_uuids())


async def test_activity(desk: Any) -> None:
    async with desk.client() as client:
        await client.persons.update(desk.ada, {"plan": "pro"})
        await client.persons.update(desk.bob, {"plan": "pro"})
    page = await desk.make("activity", lambda c: c.persons.activity(desk.ada), id=desk.ada)
    assert isinstance(page, ActivityPage)
    assert [each.activity for each in page.results] == ["updated"]
    assert page.results[0].item_id == str(desk.person(desk.ada).id)
    assert [change.field for change in page.results[0].changes] == ["properties"]
    assert page.total_count == 1


async def test_delete_events(desk: Any) -> None:
    assert await desk.make("delete_events", lambda c: c.persons.delete_events(desk.ada), id=desk.ada) is None
    assert [row.status for row in desk.world.deletion_rows(desk.ada)] == ["pending"]
    assert desk.world.deletion_rows(desk.bob) == []
    assert desk.person(desk.ada)


async def test_delete_property(desk: Any) -> None:
    done = await desk.make("delete_property", lambda c: c.persons.delete_property(desk.ada, "email"), id=desk.ada)
    assert done is None
    assert desk.last.body == {"$unset": "email"}
    assert desk.last.query == ()
    assert desk.person(desk.ada).properties == {"plan": "free"}
    assert "email" in desk.person(desk.bob).properties


async def test_delete_recordings(desk: Any) -> None:
    done = await desk.make("delete_recordings", lambda c: c.persons.delete_recordings(desk.ada), id=desk.ada)
    assert done is None
    assert desk.world.recordings_requested(desk.ada) == 1
    assert desk.world.recordings_requested(desk.bob) == 0
    assert desk.person(desk.ada)


async def test_properties_timeline(desk: Any) -> None:
    desk.clock.now += 3600
    desk.world.set_properties(desk.ada, {"plan": "pro"})
    desk.clock.now += 3600
    timeline = await desk.make(
        "properties_timeline",
        lambda c: c.persons.properties_timeline(desk.ada, properties=[PropertyFilter("plan", "pro")]),
        id=desk.ada,
    )
    assert isinstance(timeline, PropertiesTimeline)
    assert [point.properties["plan"] for point in timeline.points] == ["free", "pro"]
    assert timeline.points[0].timestamp == desk.person(desk.ada).created_at
    assert timeline.crucial_property_keys == ["plan"]


@pytest.mark.parametrize("by", ["ids", "distinct_ids"])
@pytest.mark.parametrize("keep", [True, False], ids=["keep", "delete"])
async def test_bulk_delete(desk: Any, by: str, keep: bool) -> None:
    who = {"ids": [desk.ada, desk.bob]} if by == "ids" else {"distinct_ids": ["ada", "ada-phone", "bob", "nobody"]}
    summary = await desk.make(
        "bulk_delete", lambda c: c.persons.bulk_delete(**who, delete_events=True, keep_person=keep)
    )
    sent = [str(each) for each in who[by]]
    assert desk.last.body == {by: sent, "delete_events": True, "delete_recordings": False, "keep_person": keep}
    queued = desk.era == "queued"
    gone = 0 if keep else 2
    told: dict[str, Any] = {"persons_found": 2, "persons_deleted": 0 if queued else gone}
    told |= {"events_queued_for_deletion": True, "recordings_queued_for_deletion": False}
    told |= {"persons_queued_for_deletion": gone} if queued else {}
    assert summary == BulkDeleteSummary(**({} if desk.era == "empty202" else told))
    assert summary.is_empty is (desk.era == "empty202")
    if queued:
        assert desk.world.count() == 3
        desk.clock.now += QUEUED_S
    left = {desk.ada, desk.bob, desk.cyd} if keep else {desk.cyd}
    assert set(desk.world.iter_uuids()) == left
    assert {row.person_uuid for row in desk.world.all_deletion_rows()} == {desk.ada, desk.bob}
    assert desk.world.recordings_requested(desk.ada) == 0


async def test_batch_by_distinct_ids(desk: Any) -> None:
    asked = ["ada", "ada-phone", "nobody", "cyd"]
    found = await desk.make("batch_by_distinct_ids", lambda c: c.persons.batch_by_distinct_ids(asked))
    assert desk.last.body == {"distinct_ids": asked}
    assert {name: person.uuid for name, person in found.items()} == {
        "ada": desk.ada,
        "ada-phone": desk.ada,
        "cyd": desk.cyd,
    }
    assert all(isinstance(each, Person) for each in found.values())


async def test_batch_by_uuids(desk: Any) -> None:
    asked = [desk.bob, UUID(int=7), desk.cyd]
    found = await desk.make("batch_by_uuids", lambda c: c.persons.batch_by_uuids(asked))
    assert desk.last.body == {"uuids": [str(each) for each in asked]}
    assert {uuid: person.distinct_ids for uuid, person in found.items()} == {desk.bob: ("bob",), desk.cyd: ("cyd",)}


async def test_deletion_status(desk: Any) -> None:
    now = desk.clock.now
    desk.world.add_deletion_row(desk.bob, created_at=now - 60, completed=True)
    desk.world.add_deletion_row(desk.ada, created_at=now)
    page = await desk.make("deletion_status", lambda c: c.persons.deletion_status(status="pending"))
    (row,) = page.results
    assert isinstance(row, DeletionRow)
    assert (row.person_uuid, row.status, row.created_at.timestamp()) == (desk.ada, "pending", now)
    assert row.delete_verified_at is None
    everything = await desk.make("deletion_status", lambda c: c.persons.deletion_status())
    assert [(each.person_uuid, each.status) for each in everything.results] == [
        (desk.ada, "pending"),
        (desk.bob, "completed"),
    ]


@pytest.mark.parametrize("value", ["pro", None])
async def test_update_property(desk: Any, value: str | None) -> None:
    done = await desk.make("update_property", lambda c: c.persons.update_property(desk.ada, "plan", value), id=desk.ada)
    assert done is None
    assert desk.last.body == {"key": "plan", "value": value}
    assert desk.person(desk.ada).properties == {"plan": value, "email": "ada@example.com"}


async def test_split(desk: Any) -> None:
    done = await desk.make(
        "split", lambda c: c.persons.split(desk.ada, distinct_ids_to_split=["ada-phone"]), id=desk.ada
    )
    assert done is None
    assert desk.last.body == {"distinct_ids_to_split": ["ada-phone"]}
    assert desk.person(desk.ada).distinct_ids == ("ada",)
    assert desk.world.uuid_of("ada-phone") not in (None, desk.ada)


async def test_reset_distinct_id(desk: Any) -> None:
    desk.server.reconfigure(delete_order="legacy")
    desk.world.recreate(desk.ada)
    assert not desk.world.listed(desk.ada)
    assert await desk.make("reset_distinct_id", lambda c: c.persons.reset_distinct_id("ada")) is None
    assert desk.last.body == {"distinct_id": "ada"}
    assert desk.world.listed(desk.ada)


async def test_values(desk: Any) -> None:
    found = await desk.make("values", lambda c: c.persons.values("plan"))
    assert found == PropertyValues(results=[PropertyValue(name="free", count=2), PropertyValue(name="pro", count=1)])
    fewer = await desk.make("values", lambda c: c.persons.values("plan", "pr"))
    assert [each.name for each in fewer.results] == ["pro"]


async def test_cohorts(desk: Any) -> None:
    desk.world.add_cohort(7, [desk.ada, desk.bob], name="Early")
    desk.world.add_cohort(8, [desk.cyd])
    found = await desk.make("cohorts", lambda c: c.persons.cohorts(desk.ada))
    assert found.results == [Cohort(id=7, name="Early", count=2)]
    assert "project 1" in (found.warning or "")
    desk.server.reconfigure(selects_another_project=True)
    async with desk.client() as client:
        assert (await client.persons.cohorts(desk.ada)).results == []
    async with desk.client(project_id="@current") as client:
        assert (await client.persons.cohorts(desk.ada)).warning is None


async def test_export_csv(desk: Any) -> None:
    exports = []

    async def export(client: PostHogClient) -> bytes:
        async with client.persons.export_csv(properties=[PropertyFilter("plan", "free")]) as found:
            exports.append(found)
            return b"".join([block async for block in found])

    text = (await desk.make("export_csv", export)).decode()
    assert len(text.splitlines()) == 3
    assert ("ada" in text, "bob" in text, "cyd" in text) == (True, True, False)
    assert (exports[-1].rows, exports[-1].cut) == (2, False)


async def test_all_activity(desk: Any) -> None:
    async with desk.client() as client:
        await client.persons.update(desk.bob, {"plan": "pro"})
        await client.persons.delete(desk.ada)
    page = await desk.make("all_activity", lambda c: c.persons.all_activity())
    assert isinstance(page, ActivityPage)
    assert [each.activity for each in page.results] == ["deleted", "updated"]


async def test_properties_at_time(desk: Any) -> None:
    created = desk.person(desk.ada).created_at
    desk.clock.now += 3600
    desk.world.set_properties(desk.ada, {"plan": "pro"})
    for hours, plan in ((0.5, "free"), (2, "pro")):
        at = (created + timedelta(hours=hours)).isoformat()
        told = await desk.make(
            "properties_at_time", lambda c, at=at: c.persons.properties_at_time(at, distinct_id="ada")
        )
        assert told["properties"]["plan"] == plan
        assert told["uuid"] == str(desk.ada)
        assert told["point_in_time_metadata"]["include_set_once"] is False
    async with desk.client() as client:
        told = await client.persons.properties_at_time(at, person_id=desk.ada, include_set_once=True)
    assert told["point_in_time_metadata"]["include_set_once"] is True


async def test_emails(desk: Any) -> None:
    desk.server.reconfigure(emails=False)
    async with desk.client() as client:
        with pytest.raises(RouteNotFound):
            await client.persons.emails(desk.ada)
    desk.server.reconfigure(emails=True)
    desk.world.add_email(desk.ada, recipient="ada@example.com", subject="Welcome")
    found = await desk.make("emails", lambda c: c.persons.emails(desk.ada), id=desk.ada)
    assert isinstance(found, PersonEmails)
    assert [(each["recipient"], each["subject"]) for each in found.results] == [("ada@example.com", "Welcome")]
    assert "ada" not in repr(found)
