"""What a type checker has to know of the public signatures; checked by `test_typing.py`, never run."""

from typing import assert_type
from uuid import UUID

import msgspec

from asyncclient import (
    BulkDeleteSummary,
    ClientEvent,
    DeletionRow,
    Limits,
    Page,
    Person,
    PersonRef,
    PostHogClient,
    Project,
    PropertyFilter,
    RateLimits,
    RetryPolicy,
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
        await client.persons.delete_events(uuid)
        await client.persons.delete_recordings(uuid)
        assert_type(await client.persons.bulk_delete(ids=[uuid]), BulkDeleteSummary)
        assert_type(await client.persons.bulk_delete(distinct_ids=("a",), timeout_s=120), BulkDeleteSummary)
        assert_type(await client.persons.batch_by_distinct_ids(["a"]), dict[str, Person])
        assert_type(await client.persons.batch_by_uuids([uuid]), dict[UUID, Person])
        assert_type(await client.persons.refs_by_uuids([uuid]), dict[UUID, PersonRef])
        assert_type(await client.persons.refs_by_distinct_ids(["a"]), dict[str, PersonRef])
        assert_type(await client.persons.deletion_status(person_uuid=uuid), Page[DeletionRow])
        assert_type(await client.persons.knows("bulk_delete"), bool)
        assert_type(await client.projects.get("@current"), Project)
        assert_type(await client.projects.list(), Page[Project])
        assert_type(client.once(before_send).observed(listener).with_retry(RetryPolicy.never()), PostHogClient)
        assert_type(client.server_time(), float)


async def mistakes(client: PostHogClient, uuid: UUID) -> None:
    client.persons.iter(plan="free")  # type: ignore[call-arg]
    client.persons.iter_raw(properties="plan")  # type: ignore[arg-type]
    await client.persons.delete(uuid, True)  # type: ignore[call-arg]
    await client.persons.bulk_delete([uuid])  # type: ignore[call-arg]
    await client.persons.list(limit="5")  # type: ignore[arg-type]
    client.once(print)  # type: ignore[arg-type]
    PostHogClient(host="eu", project_id=42)  # type: ignore[call-arg]
    PostHogClient(project_id=42, personal_api_key="phx_x", verify_ssl=False)  # type: ignore[call-arg]
