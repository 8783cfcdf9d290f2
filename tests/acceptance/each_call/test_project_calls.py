"""Every call besides those of persons, over sockets, on servers of every age (contract 0, 1, 2, 6, 7, 12)."""

from typing import Any
from uuid import UUID

import pytest

from asyncclient import (
    CaptureEvent,
    DataDeletionRequest,
    EventCount,
    NotFound,
    PersistedFolder,
    PostHogClient,
    Project,
    QueryResult,
    RecordingMark,
    RecordingPage,
    SessionRecording,
)


async def test_persisted_folder_delete(desk: Any) -> None:
    home, pinned = desk.world.add_folder("home"), desk.world.add_folder("pinned")
    done = await desk.make("persisted_folder_delete", lambda c: c.persisted_folders.delete(home), id=home)
    assert done is None
    assert [each.id for each in desk.world.folders()] == [pinned]
    async with desk.client() as client:
        with pytest.raises(NotFound):
            await client.persisted_folders.delete(home)


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
