"""Typical uses: mypy and pyright find no error and no `Any` in them; checked by `test_typing.py`, never run."""

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import assert_type
from uuid import UUID

import msgspec

from asyncclient import (
    Activity,
    ActivityPage,
    BulkDeleteSummary,
    CaptureEvent,
    ClientEvent,
    DataDeletionRequest,
    DeletionRow,
    EventCount,
    Limits,
    Page,
    PersistedFolder,
    Person,
    PersonCohorts,
    PersonEmails,
    PersonRef,
    PostHogClient,
    Project,
    PropertiesTimeline,
    PropertyFilter,
    PropertyValues,
    QueryResult,
    RateLimits,
    RawPerson,
    RecordingPage,
    RecordingsDeleted,
    RetryPolicy,
)
from bulk import (
    ByDistinctIds,
    ByFilter,
    ByPersonIds,
    DeletePersons,
    JobEvent,
    Plan,
    Report,
    UnsetProperties,
    UpdateProperties,
    load_plan,
    make_plan,
    read_report,
    run_job,
    verify_job,
)


def listener(event: ClientEvent) -> None:
    del event


async def before_send() -> None:
    return None


async def calls(uuid: UUID) -> None:
    limits = Limits(RateLimits.parse("480/min,4800/hour,240/min"))
    async with PostHogClient(host="eu", project_id=42, personal_api_key="phx_x", limits=limits) as client:
        assert_type(client, PostHogClient)
        plan = [PropertyFilter("plan", "free"), PropertyFilter("email", operator="is_set")]
        async for person in client.persons.iter(properties=plan, page_size=1000):
            assert_type(person, Person)
        async for page in client.persons.iter_pages(distinct_id="a", email="b", search="c"):
            assert_type(page, Page[Person])
            assert_type(page.results, list[Person])
        async for ref in client.persons.iter_refs(email="a@example.com"):
            assert_type(ref, PersonRef)
        async for raw in client.persons.iter_raw():
            assert_type(raw, msgspec.Raw)
        assert_type(await client.persons.list(limit=5, offset=5, include_total=True), Page[Person])
        assert_type(await client.persons.get(uuid), Person)
        assert_type(await client.persons.get(7), Person)
        await client.persons.delete(str(uuid), delete_events=True)
        assert_type(await client.persons.list(format="json"), Page[Person])
        assert_type(await client.persons.list(format="csv"), str)
        assert_type(await client.persons.get(uuid, format="csv"), str)
        async with client.persons.export_csv(email="a@example.com", timeout_s=300) as export:
            async for block in export:
                assert_type(block, bytes)
            assert_type(export.rows, int)
            assert_type(export.cut, bool | None)
        await client.persons.update(uuid, {"plan": "pro", "deep": [1, None]}, format="json")
        await client.persons.update_property(uuid, "plan", None)
        await client.persons.delete_property(uuid, "email")
        await client.persons.delete_property(7, ["email", "name"], properties={})
        await client.persons.split(uuid, main_distinct_id="a")
        await client.persons.reset_distinct_id("a")
        assert_type(await client.persons.activity(uuid), ActivityPage)
        assert_type(await client.persons.activity(uuid, limit=5, page=2, format="csv"), str)
        assert_type(await client.persons.all_activity(), ActivityPage)
        async for entry in client.persons.iter_activity(uuid):
            assert_type(entry, Activity)
        async for entry in client.persons.iter_all_activity(page_size=10):
            assert_type(entry, Activity)
        assert_type(await client.persons.properties_timeline(uuid, properties=plan), PropertiesTimeline)
        assert_type(await client.persons.properties_timeline(uuid, events=[{"id": "x"}], format="csv"), str)
        assert_type(await client.persons.values("plan"), PropertyValues)
        assert_type(await client.persons.cohorts(uuid), PersonCohorts)
        assert_type(await client.persons.emails(uuid), PersonEmails)
        assert_type(await client.session_recordings.list(uuid), RecordingPage)
        assert_type(await client.session_recordings.bulk_delete(["a"]), RecordingsDeleted)
        assert_type(await client.data_deletion_requests.preview("SELECT uuid FROM events"), EventCount)
        assert_type(await client.data_deletion_requests.get(uuid), DataDeletionRequest)
        await client.persons.delete_events(uuid)
        await client.persons.delete_recordings(uuid)
        assert_type(await client.persons.bulk_delete(ids=[uuid]), BulkDeleteSummary)
        assert_type(await client.persons.bulk_delete(distinct_ids=("a",), timeout_s=120), BulkDeleteSummary)
        assert_type(await client.persons.batch_by_distinct_ids(["a"]), dict[str, Person])
        assert_type(await client.persons.batch_by_uuids([uuid]), dict[UUID, Person])
        assert_type(await client.persons.refs_by_uuids([uuid]), dict[UUID, PersonRef])
        assert_type(await client.persons.refs_by_distinct_ids(["a"]), dict[str, PersonRef])
        assert_type(await client.persons.raw_by_uuids([uuid]), dict[UUID, RawPerson])
        assert_type(await client.persons.raw_by_uuid(uuid), RawPerson)
        assert_type(await client.persons.raw_by_distinct_ids(["a"]), dict[str, RawPerson])
        assert_type(await client.persons.deletion_status(person_uuid=uuid), Page[DeletionRow])
        assert_type(await client.persons.deletion_status(status="pending"), Page[DeletionRow])
        assert_type(await client.persons.knows("bulk_delete"), bool)
        assert_type(await client.projects.get("@current"), Project)
        assert_type(await client.projects.list(), Page[Project])
        events = [
            CaptureEvent.set("a", {"b": 1}),
            CaptureEvent.unset("a", ["b"]),
            CaptureEvent("c", "a", {}, uuid=uuid),
        ]
        assert_type(await client.capture.batch(events), int)
        assert_type(client.capture.split(events), list[Sequence[CaptureEvent]])
        assert_type(await client.persisted_folders.list(limit=5), Page[PersistedFolder])
        assert_type(await client.persisted_folders.create("home", "a"), PersistedFolder)
        assert_type(await client.persisted_folders.get(uuid), PersistedFolder)
        assert_type(await client.persisted_folders.update(uuid, path="b"), PersistedFolder)
        await client.persisted_folders.delete(uuid)
        assert_type(await client.query.hogql("SELECT {a}", {"a": 1}), QueryResult)
        async for texts in client.query.iter_column("SELECT a FROM b WHERE a > {after} ORDER BY a", page_size=100):
            assert_type(texts, list[str])
        async for uuids in client.query.iter_person_uuids_having(["a"], page_size=100):
            assert_type(uuids, list[UUID])
        assert_type(client.once(before_send).observed(listener).with_retry(RetryPolicy.never()), PostHogClient)
        assert_type(client.server_time(), float)


async def lists_and_endings(client: PostHogClient, plans: list[str], uuids: list[UUID], ids: tuple[str, ...]) -> None:
    PropertyFilter("plan", plans)
    PropertyFilter("plan", ("a", "b"), operator="not_in")
    PropertyFilter("age", [1, 2.5, True])
    PropertyFilter("id", 7, "in", "cohort")
    filters = [PropertyFilter("plan", "free")]
    await client.persons.bulk_delete(ids=uuids, keep_person=True)
    await client.persons.bulk_delete(distinct_ids=ids)
    await client.persons.batch_by_uuids(uuids)
    await client.persons.delete_property(7, ids)
    await client.persons.list(properties=filters)
    await client.persons.list(properties=tuple(filters))
    listing = client.persons.iter(properties=filters)
    assert_type(listing, AsyncGenerator[Person, None])
    await listing.aclose()
    await client.persons.iter_pages().aclose()
    await client.persons.iter_refs().aclose()
    await client.persons.iter_raw().aclose()
    await client.persons.iter_activity(7).aclose()
    await client.persons.iter_all_activity().aclose()
    await client.query.iter_person_uuids_having(plans).aclose()
    person = await client.persons.get(7)
    assert_type(person.name, str | None)
    assert_type(person.distinct_ids, tuple[str, ...])
    page = await client.persons.list()
    for each in page.results:
        assert_type(each, Person)
    assert_type(page.count, int | None)
    assert_type(PostHogClient.from_env(host="eu", timeout_s=5, limits=Limits(), api_prefix="projects"), PostHogClient)
    summary = await client.persons.bulk_delete(ids=uuids)
    assert_type(summary.persons_found, int | None)
    assert_type([error.person_uuid for error in summary.deletion_errors], list[UUID | None])


def progress(event: JobEvent) -> None:
    del event


async def jobs(client: PostHogClient, uuids: list[UUID], folder: Path) -> None:
    selection = ByFilter(properties=[PropertyFilter("plan", "free")], email="a@example.com")
    plan = await make_plan(client, DeletePersons(delete_events=True), selection, folder / "erase.plan.jsonl")
    assert_type(plan, Plan)
    report = await run_job(client, plan, folder / "erase.journal.jsonl", approve=plan.digest, on_progress=progress)
    assert_type(report, Report)
    assert_type(report.exit_code, int)
    assert_type(await verify_job(client, plan, "erase.journal.jsonl"), Report)
    assert_type(read_report("erase.journal.jsonl"), Report)
    await make_plan(client, UpdateProperties({"plan": "pro"}), ByPersonIds(uuids), "a.plan.jsonl")
    await make_plan(client, UnsetProperties(["email"]), ByDistinctIds("ids.txt", column="id"), "b.plan.jsonl")
    with load_plan("a.plan.jsonl") as loaded:
        assert_type([target.uuid for target in loaded.targets(0, 10)], list[UUID])


async def mistakes(client: PostHogClient, uuid: UUID) -> None:
    client.persons.iter(plan="free")  # type: ignore[call-arg]
    client.persons.iter_raw(properties="plan")  # type: ignore[arg-type]
    await client.persons.delete(uuid, True)  # type: ignore[call-arg]
    await client.persons.bulk_delete([uuid])  # type: ignore[call-arg]
    await client.persons.list(limit="5")  # type: ignore[call-overload]
    await client.persons.list(format="xml")  # type: ignore[call-overload]
    await client.persons.update(uuid, plan="pro")  # type: ignore[call-arg]
    await client.persons.delete_events(uuid, format="xml")  # type: ignore[arg-type]
    await client.persons.deletion_status(status="pendign")  # type: ignore[arg-type]
    await client.persons.knows("bulk-delete")  # type: ignore[arg-type]
    await client.persisted_folders.create("hom")  # type: ignore[arg-type]
    PropertyFilter("a", "b", operator="is")  # type: ignore[arg-type]
    PropertyFilter("a", [None])  # type: ignore[list-item]
    PostHogClient.from_env(hots="x")  # type: ignore[call-arg]
    PostHogClient.from_env(timeout_s="no")  # type: ignore[arg-type]
    PostHogClient.from_env(api_prefix="project")  # type: ignore[arg-type]
    client.once(print)  # type: ignore[arg-type]
    CaptureEvent("a", "b", {}, None)  # type: ignore[call-arg]
    await client.persisted_folders.update(uuid, "home")  # type: ignore[call-arg]
    PostHogClient(host="eu", project_id=42)  # type: ignore[call-arg]
    PostHogClient(project_id=42, personal_api_key="phx_x", verify_ssl=False)  # type: ignore[call-arg]
