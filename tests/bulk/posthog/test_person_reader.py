"""PersonReader: one result per requested person, and absence only after two reads."""

from typing import Any
from uuid import UUID

import pytest

from asyncclient import Person, PersonRef
from bulk.posthog.person_reader import CONFIRM_AFTER_S, PersonReader
from bulk.posthog.person_reads import Absent, Present, ReadResult, Unread, UnreadReason
from tests.bulk.posthog.spoiled_store import Store, edited, opened, with_response


async def test_a_present_person_is_returned_as_the_response_held_it() -> None:
    async with opened() as (store, reader):
        read = await reader.fetch_by_uuid(store.targets)
        assert {type(person) for person in read.present.values()} <= {PersonRef, *PersonRef.__subclasses__()}
        assert read.asked_at == store.now
    async with opened(keys=("email",)) as (store, reader):
        read = await reader.fetch_by_uuid(store.targets)
        assert all(
            isinstance(person, Person) and set(person.properties) <= {"email"} for person in read.present.values()
        )


async def test_reading_no_person_sends_no_request() -> None:
    async with opened() as (store, reader):
        assert (await reader.fetch_by_uuid({})).results == {}
        assert store.actions() == []


async def test_one_response_that_leaves_a_person_out_proves_nothing() -> None:
    async with opened() as (store, reader):
        store.server.world.remove_person(store.uuids[0])
        targets: dict[UUID, str | None] = dict.fromkeys(store.uuids)
        for waited_s in (0.0, CONFIRM_AFTER_S - 0.1):
            store.now = 1000.0 + waited_s
            read = await reader.fetch_by_uuid(targets)
            assert read.results[store.uuids[0]] == Unread(UnreadReason.LEFT_OUT)
        assert reader.confirm_at(store.uuids[0]) == 1000.0 + CONFIRM_AFTER_S
        store.now = 1000.0 + CONFIRM_AFTER_S
        assert (await reader.fetch_by_uuid(targets)).results[store.uuids[0]] == Absent()
        assert reader.confirm_at(store.uuids[0]) is None


async def test_an_expected_absence_needs_only_one_response() -> None:
    async with opened() as (store, reader):
        targets = store.targets
        store.server.world.remove_person(store.uuids[0])
        read = await reader.fetch_by_uuid(targets, expected_gone={store.uuids[0]})
        assert read.results[store.uuids[0]] == Absent()
        assert store.actions() == ["batch_by_uuids"]


@pytest.mark.parametrize("is_merged", [True, False])
async def test_an_accepted_deletion_explains_no_absence_after_a_response_that_may_have_shown_the_person(
    *, is_merged: bool
) -> None:
    """The person disappears after a response that cannot be decoded, before the halves of the batch are read."""
    async with opened() as (store, reader):
        targets, (uuid, malformed, owner), world = store.targets, store.uuids, store.server.world

        def malform(results: dict[str, Any]) -> None:
            if str(uuid) in results:
                del results[str(malformed)]["created_at"]
                world.merge(owner, uuid) if is_merged else world.remove_person(uuid)

        store.spoil = edited(malform, actions=("batch_by_uuids",))
        read = await reader.fetch_by_uuid(targets, accepted={uuid})
        found = read.results[uuid]
        assert isinstance(found, Absent)
        assert (found.owner and found.owner.uuid) == (owner if is_merged else None)
        assert store.actions().count("batch_by_distinct_ids") == 1
        await reader.fetch_by_uuid(targets, accepted={uuid})
        assert store.actions().count("batch_by_distinct_ids") == 1


async def twice(store: Store, reader: PersonReader, targets: dict[UUID, str | None]) -> dict[UUID, ReadResult]:
    await reader.fetch_by_uuid(targets)
    store.now += CONFIRM_AFTER_S
    return dict((await reader.fetch_by_uuid(targets)).results)


async def test_a_person_found_only_by_distinct_id_is_present() -> None:
    async with opened(keys=("email",)) as (store, reader):
        targets, uuid = store.targets, store.uuids[0]
        store.spoil = edited(lambda results: results.pop(str(uuid), None), actions=("batch_by_uuids",))
        found = (await twice(store, reader, targets))[uuid]
        assert isinstance(found, Present)
        assert isinstance(found.person, Person)
        assert found.person.uuid == uuid


async def test_a_merged_person_is_absent_and_the_new_owner_is_returned() -> None:
    async with opened() as (store, reader):
        targets = store.targets
        store.server.world.merge(store.uuids[1], store.uuids[0])
        found = (await twice(store, reader, targets))[store.uuids[0]]
        assert isinstance(found, Absent)
        assert found.owner is not None
        assert found.owner.uuid == store.uuids[1]


async def test_a_second_read_that_fails_decides_nothing_and_the_third_one_does() -> None:
    async with opened() as (store, reader):
        targets, uuid = store.targets, store.uuids[0]
        store.server.world.remove_person(uuid)
        store.spoil = with_response(504, b"<html>", actions=("batch_by_distinct_ids",))
        assert (await twice(store, reader, targets))[uuid] == Unread(UnreadReason.SERVER_ERROR)
        store.spoil = None
        assert (await reader.fetch_by_uuid(targets)).results[uuid] == Absent()


async def test_a_person_present_in_the_second_read_must_be_left_out_twice_again() -> None:
    async with opened() as (store, reader):
        targets, uuid = store.targets, store.uuids[0]
        hide = edited(lambda results: results.clear())
        store.spoil = hide
        await reader.fetch_by_uuid(targets)
        store.spoil = None
        store.now += CONFIRM_AFTER_S
        assert isinstance((await reader.fetch_by_uuid(targets)).results[uuid], Present)
        store.spoil = hide
        assert (await reader.fetch_by_uuid(targets)).results[uuid] == Unread(UnreadReason.LEFT_OUT)


async def test_a_distinct_id_without_a_person_is_absent_after_two_reads() -> None:
    async with opened() as (store, reader):
        ids = [store.known_by(store.uuids[0]), "nobody"]
        assert (await reader.fetch_by_distinct_id(ids)).results["nobody"] == Unread(UnreadReason.LEFT_OUT)
        store.now += CONFIRM_AFTER_S
        results = (await reader.fetch_by_distinct_id(ids)).results
        assert results["nobody"] == Absent()
        assert isinstance(results[ids[0]], Present)
