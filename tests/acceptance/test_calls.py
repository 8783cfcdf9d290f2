"""Every call of the client over sockets, on servers of every age (contract 0, 1, 2, 6, 7, 12).

`desk.make` checks scopes, method, path and status by the table in `calls.py`; each test adds what the call did, and
what it returned.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from calls import CALLS, DOCUMENTED, QUEUED_S

from asyncclient import (
    ActivityPage,
    BulkDeleteSummary,
    CaptureEvent,
    Cohort,
    DataDeletionRequest,
    DeletionRow,
    EventCount,
    NotFound,
    Page,
    PersistedFolder,
    Person,
    PersonEmails,
    PostHogClient,
    Project,
    PropertiesTimeline,
    PropertyFilter,
    PropertyValue,
    PropertyValues,
    QueryResult,
    RecordingMark,
    RecordingPage,
    RouteNotFound,
    SessionRecording,
)


def test_every_call_has_a_row_and_every_row_a_test() -> None:
    tests = {name.removeprefix("test_") for name, each in globals().items() if name.startswith("test_")}
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


async def test_persisted_folder_delete(desk: Any) -> None:
    home, pinned = desk.world.add_folder("home"), desk.world.add_folder("pinned")
    done = await desk.make("persisted_folder_delete", lambda c: c.persisted_folders.delete(home), id=home)
    assert done is None
    assert [each.id for each in desk.world.folders()] == [pinned]
    async with desk.client() as client:
        with pytest.raises(NotFound):
            await client.persisted_folders.delete(home)


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


async def test_session_recordings_list(desk: Any) -> None:
    for name, distinct_id in (("s1", "ada"), ("s2", "ada-phone"), ("s3", "bob")):
        desk.world.add_recording(name, [distinct_id])
        desk.clock.now += 1
    page = await desk.make("session_recordings_list", lambda c: c.session_recordings.list(desk.ada))
    assert isinstance(page, RecordingPage)
    assert [(type(each), each.id) for each in page.results] == [(SessionRecording, "s2"), (SessionRecording, "s1")]
    assert not page.has_next


async def test_session_recordings_bulk_delete(desk: Any) -> None:
    desk.world.add_recording("s1", ["ada"])
    summary = await desk.make("session_recordings_bulk_delete", lambda c: c.session_recordings.bulk_delete(["s1", "s"]))
    assert (summary.success, summary.deleted_count, summary.total_requested) == (True, 1, 2)
    assert [each.is_deleted for each in desk.world.recordings("ada")] == [True]


async def test_session_recordings_marks(desk: Any) -> None:
    desk.world.add_recording("s1", ["ada"])
    desk.world.add_recording("s2", ["ada-phone"])

    async def marks(client: PostHogClient) -> list[RecordingMark]:
        pages = client.session_recordings.iter_marks(["ada", "ada-phone"])
        return await anext(pages)

    async with desk.client() as client:
        await client.session_recordings.bulk_delete(["s2"])
    found = await desk.make("session_recordings_marks", marks)
    assert [(each.session_id, each.is_deleted) for each in found] == [("s1", False), ("s2", True)]


async def test_persisted_folders_list(desk: Any) -> None:
    ids = [desk.world.add_folder(kind, "/x") for kind in ("home", "pinned")]
    page = await desk.make("persisted_folders_list", lambda c: c.persisted_folders.list())
    assert [(type(each), each.id, each.path) for each in page.results] == [
        (PersistedFolder, uuid, "/x") for uuid in ids
    ]
    assert page.count == 2


async def test_persisted_folders_create(desk: Any) -> None:
    made = await desk.make(
        "persisted_folders_create", lambda c: c.persisted_folders.create("home", "/x", protocol="a://")
    )
    assert isinstance(made, PersistedFolder)
    (folder,) = desk.world.folders()
    assert (made.id, made.type, made.path, made.protocol) == (folder.id, "home", "/x", "a://")
    again = await desk.make("persisted_folders_create", lambda c: c.persisted_folders.create("home"))
    assert (again.id, again.path, again.protocol) == (made.id, "", "products://")


async def test_persisted_folders_get(desk: Any) -> None:
    folder = desk.world.add_folder("pinned", "/y")
    found = await desk.make("persisted_folders_get", lambda c: c.persisted_folders.get(folder), id=folder)
    assert isinstance(found, PersistedFolder)
    assert (found.id, found.type, found.path) == (folder, "pinned", "/y")


async def test_persisted_folders_update(desk: Any) -> None:
    folder = desk.world.add_folder("pinned", "/y", protocol="a://")
    changed = await desk.make(
        "persisted_folders_update", lambda c: c.persisted_folders.update(folder, path="/z"), id=folder
    )
    assert desk.last.body == {"path": "/z"}
    assert (changed.id, changed.type, changed.path, changed.protocol) == (folder, "pinned", "/z", "a://")
    assert [each.path for each in desk.world.folders()] == ["/z"]


async def test_projects_list(desk: Any) -> None:
    page = await desk.make("projects_list", lambda c: c.projects.list())
    assert [(type(each), each.id, each.name) for each in page.results] == [(Project, 1, "Local project")]


async def test_projects_get(desk: Any) -> None:
    project = await desk.make("projects_get", lambda c: c.projects.get(1))
    assert project == Project(id=1, name="Local project", api_token=desk.server.project_api_key)


async def test_capture_batch(desk: Any) -> None:
    events = [CaptureEvent.set("ada-phone", {"plan": "pro"}), CaptureEvent.unset("bob", ["email", "none"])]
    assert await desk.make("capture_batch", lambda c: c.capture.batch(events)) == 1
    assert [each["event"] for each in desk.last.body["batch"]] == ["$set", "$delete_person_property"]
    assert "authorization" not in desk.last.headers
    assert desk.person(desk.ada).properties == {"plan": "pro", "email": "ada@example.com"}
    assert desk.person(desk.bob).properties == {"plan": "free"}
    assert desk.world.count() == 3


EVENTS = "SELECT uuid FROM events WHERE distinct_id = {id}"


async def test_deletion_preview(desk: Any) -> None:
    desk.world.add_event("ghost")
    counted = await desk.make("deletion_preview", lambda c: c.data_deletion_requests.preview(EVENTS, {"id": "ghost"}))
    assert counted == EventCount(count=1)


async def test_deletion_create(desk: Any) -> None:
    desk.world.add_event("ghost")
    made = await desk.make(
        "deletion_create",
        lambda c: c.data_deletion_requests.create(EVENTS, {"id": "ghost"}, submission_id=UUID(int=5)),
    )
    assert isinstance(made, DataDeletionRequest)
    assert (made.status, made.submission_id, made.count) == ("pending", UUID(int=5), 1)


async def test_deletion_list(desk: Any) -> None:
    async with desk.client() as client:
        made = [await client.data_deletion_requests.create(EVENTS, {"id": "x"}, submission_id=desk.ada)]
    page = await desk.make("deletion_list", lambda c: c.data_deletion_requests.list())
    assert (page.count, page.results) == (1, made)


async def test_deletion_get(desk: Any) -> None:
    async with desk.client() as client:
        made = await client.data_deletion_requests.create(EVENTS, {"id": "x"}, submission_id=desk.ada)
    assert await desk.make("deletion_get", lambda c: c.data_deletion_requests.get(made.id), id=made.id) == made


async def test_query(desk: Any) -> None:
    async def having(client: PostHogClient) -> list[UUID]:
        return [uuid async for page in client.query.iter_person_uuids_having(["email"], page_size=1) for uuid in page]

    async with desk.client(("query:read",)) as client:
        assert await having(client) == sorted([desk.ada, desk.bob], key=str)
    text = (
        "SELECT toString(id) FROM persons WHERE (JSONHas(properties, {k0})) AND toString(id) > {after} "
        "ORDER BY toString(id) LIMIT 10"
    )
    result = await desk.make("query", lambda c: c.query.hogql(text, {"k0": "email", "after": ""}))
    assert isinstance(result, QueryResult)
    assert result.results == [[each] for each in sorted([str(desk.ada), str(desk.bob)])]
    assert result.is_cached is False
