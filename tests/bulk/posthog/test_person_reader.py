"""PersonReader: one result per requested person, and absence only after two reads."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import msgspec
import pytest

from asyncclient import (
    Limits,
    PermissionDenied,
    Person,
    PersonRef,
    PostHogClient,
    RateLimits,
    RouteNotFound,
    ServerError,
)
from asyncclient.testing import LocalPostHog, ServerOptions
from bulk.concurrency.stop_gate import StopGate
from bulk.posthog.person_reader import CONFIRM_AFTER_S, PersonReader
from bulk.posthog.person_reads import Absent, Present, ReadResult, Unread, UnreadReason

BATCHES = ("batch_by_uuids", "batch_by_distinct_ids")
Spoil = Callable[[str, Any], Any]


class Store:
    """A local server, a reader on it, and a clock that is moved by hand."""

    def __init__(self, server: LocalPostHog) -> None:
        self.server = server
        self.now = 1000.0
        self.uuids = list(server.world.iter_uuids())
        self.spoil: Spoil | None = None
        handle = server._handler.handle

        def handle_and_spoil(call: Any) -> Any:
            outcome = handle(call)
            changed = None if self.spoil is None else self.spoil(outcome.record.action, outcome)
            return outcome if changed is None else changed

        server._handler.handle = handle_and_spoil  # type: ignore[method-assign]

    def known_by(self, uuid: UUID) -> str:
        person = self.server.world.person(uuid)
        assert person is not None
        return person.distinct_ids[0]

    @property
    def targets(self) -> dict[UUID, str | None]:
        return {uuid: self.known_by(uuid) for uuid in self.uuids}

    def actions(self) -> list[str]:
        return [request.action for request in self.server.requests]


@asynccontextmanager
async def opened(
    persons: int = 3, *, keys: tuple[str, ...] = (), **options: Any
) -> AsyncIterator[tuple[Store, PersonReader]]:
    server = LocalPostHog(persons=persons, seed=3, options=ServerOptions(gzip=False, **options))
    async with server:
        store = Store(server)
        client = PostHogClient(
            host=server.url,
            project_id=server.project_id,
            personal_api_key=server.personal_api_key,
            limits=Limits(RateLimits.off(), clock=lambda: store.now),
            uniform=lambda low, high: low,
            clock=lambda: store.now,
        )
        async with client:
            yield store, PersonReader(client, StopGate(), readers=4, keys=keys)


def edited(change: Callable[[dict[str, Any]], None], *, actions: tuple[str, ...] = BATCHES) -> Spoil:
    """Change the results of batch reads in place."""

    def spoil(action: str, outcome: Any) -> Any:
        if action not in actions:
            return None
        body = json.loads(outcome.response.body)
        change(body["results"])
        response = msgspec.structs.replace(outcome.response, body=json.dumps(body).encode())
        return msgspec.structs.replace(outcome, response=response)

    return spoil


def with_response(status: int, body: bytes, *, actions: tuple[str, ...] = BATCHES) -> Spoil:
    def spoil(action: str, outcome: Any) -> Any:
        if action not in actions:
            return None
        response = msgspec.structs.replace(outcome.response, status=status, body=body)
        return msgspec.structs.replace(outcome, response=response)

    return spoil


NOT_FOUND = json.dumps({"type": "invalid_request", "code": "not_found", "detail": "Not found.", "attr": None}).encode()


def kinds(results: Any) -> list[str]:
    return [type(result).__name__ for result in results.values()]


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


def without(field: str) -> Callable[[dict[str, Any], str], Any]:
    return lambda results, uuid: results.get(uuid, {}).pop(field, None)


def replaced(change: Callable[[Any], Any]) -> Callable[[dict[str, Any], str], Any]:
    return lambda results, uuid: results.update({uuid: change(results[uuid])} if uuid in results else {})


FAULTS: dict[str, tuple[Callable[[dict[str, Any], str], Any], UnreadReason]] = {
    "left out": (lambda results, uuid: results.pop(uuid, None), UnreadReason.LEFT_OUT),
    "under another key": (
        lambda results, uuid: results.update({uuid.upper() + " ": results.pop(uuid)} if uuid in results else {}),
        UnreadReason.INVALID_RESPONSE,
    ),
    "another one under its key": (
        replaced(lambda person: person | {"uuid": str(UUID(int=7))}),
        UnreadReason.INVALID_RESPONSE,
    ),
    "no properties": (without("properties"), UnreadReason.INVALID_RESPONSE),
    "no distinct IDs": (without("distinct_ids"), UnreadReason.INVALID_RESPONSE),
    "no created_at": (without("created_at"), UnreadReason.INVALID_RESPONSE),
    "created_at null": (replaced(lambda person: person | {"created_at": None}), UnreadReason.INVALID_RESPONSE),
    "no time zone": (
        replaced(lambda person: person | {"created_at": "2026-01-01T00:00:00"}),
        UnreadReason.INVALID_RESPONSE,
    ),
    "no object": (replaced(lambda person: 5), UnreadReason.INVALID_RESPONSE),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_one_malformed_record_does_not_affect_other_persons(fault: str) -> None:
    change, why = FAULTS[fault]
    async with opened(persons=30, keys=("email",)) as (store, reader):
        uuid = store.uuids[7]
        store.spoil = edited(lambda results: change(results, str(uuid)), actions=("batch_by_uuids",))
        read = await reader.fetch_by_uuid(store.targets)
        assert read.results.keys() == set(store.uuids)
        assert read.results[uuid] == Unread(why)
        assert len(read.present) == 29


@pytest.mark.parametrize(
    "created_at", ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-12:00"]
)
async def test_a_creation_time_at_the_end_of_the_calendar_is_accepted(created_at: str) -> None:
    async with opened() as (store, reader):
        uuid = store.uuids[0]
        change = replaced(lambda person: person | {"created_at": created_at})
        store.spoil = edited(lambda results: change(results, str(uuid)))
        assert isinstance((await reader.fetch_by_uuid(store.targets)).results[uuid], Present)


async def test_a_response_with_other_persons_proves_no_absence() -> None:
    def shout(results: dict[str, Any]) -> None:
        found = {key.upper() + " ": person | {"uuid": str(UUID(int=7))} for key, person in results.items()}
        results.clear()
        results.update(found)

    async with opened() as (store, reader):
        store.spoil = edited(shout)
        for _ in range(3):
            read = await reader.fetch_by_uuid(store.targets)
            assert set(read.results.values()) == {Unread(UnreadReason.INVALID_RESPONSE)}
            by_id = await reader.fetch_by_distinct_id([str(each) for each in store.targets.values()])
            assert set(by_id.results.values()) == {Unread(UnreadReason.INVALID_RESPONSE)}
            store.now += CONFIRM_AFTER_S


async def test_without_batch_reads_a_response_without_distinct_ids_is_unread() -> None:
    async with opened(persons=6, batch_reads=False) as (store, reader):
        targets, uuid = store.targets, store.uuids[2]

        def spoil(action: str, outcome: Any) -> Any:
            body = json.loads(outcome.response.body) if action == "retrieve" else {}
            if body.pop("distinct_ids", None) is None or body["uuid"] != str(uuid):
                return None
            return with_response(200, json.dumps(body).encode(), actions=("retrieve",))(action, outcome)

        store.spoil = spoil
        read = await reader.fetch_by_uuid(targets)
        assert read.results[uuid] == Unread(UnreadReason.INVALID_RESPONSE)
        assert len(read.present) == 5


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_person_for_whom_the_server_fails_does_not_fail_the_others(status: int) -> None:
    async with opened(persons=450) as (store, reader):
        bad = str(store.uuids[250])
        store.spoil = lambda action, outcome: (
            with_response(status, b"<html>")(action, outcome) if bad in json.dumps(outcome.record.body or {}) else None
        )
        read = await reader.fetch_by_uuid(store.targets)
        assert read.results[store.uuids[250]] == Unread(UnreadReason.SERVER_ERROR)
        assert len(read.present) == 449


async def test_a_404_from_an_existing_batch_route_makes_no_person_absent() -> None:
    async with opened(persons=30) as (store, reader):
        store.spoil = with_response(404, NOT_FOUND, actions=(*BATCHES, "retrieve", "probe"))
        for _ in range(3):
            read = await reader.fetch_by_uuid(store.targets, expected_gone=set(store.uuids))
            assert set(read.results.values()) == {Unread(UnreadReason.AMBIGUOUS_404)}
            store.now += CONFIRM_AFTER_S
        assert store.actions().count("retrieve") == 1  # of nobody, to settle the prefix


async def test_without_batch_reads_persons_are_read_one_by_one_and_a_404_counts_as_left_out() -> None:
    async with opened(persons=6, batch_reads=False) as (store, reader):
        targets, uuid = store.targets, store.uuids[2]
        store.spoil = lambda action, outcome: (
            with_response(404, NOT_FOUND, actions=("retrieve",))(action, outcome)
            if action == "retrieve" and str(uuid) in outcome.record.path
            else None
        )
        read = await reader.fetch_by_uuid(targets)
        assert read.results[uuid] == Unread(UnreadReason.LEFT_OUT)
        assert len(read.present) == 5
        store.now += CONFIRM_AFTER_S
        assert (await reader.fetch_by_uuid(targets)).results[uuid] == Absent()


async def test_without_batch_reads_one_slow_person_does_not_fail_the_others() -> None:
    async with opened(persons=6, batch_reads=False) as (store, reader):
        uuid = store.uuids[3]
        store.spoil = lambda action, outcome: (
            with_response(504, b"<html>", actions=("retrieve",))(action, outcome)
            if action == "retrieve" and str(uuid) in outcome.record.path
            else None
        )
        for _ in range(4):
            read = await reader.fetch_by_uuid(store.targets)
            assert read.results[uuid] == Unread(UnreadReason.SERVER_ERROR)
            assert len(read.present) == 5


async def test_a_server_that_keeps_failing_ends_the_read_with_its_error() -> None:
    async with opened(persons=30) as (store, reader):
        store.spoil = with_response(502, b"<html>")
        targets = list(store.targets.items())
        for start in (0, 10):
            assert not (await reader.fetch_by_uuid(dict(targets[start : start + 10]))).present
        with pytest.raises(ServerError):
            await reader.fetch_by_uuid(dict(targets[20:]))


async def test_one_unreadable_person_never_ends_the_read_with_an_error() -> None:
    async with opened() as (store, reader):
        store.spoil = with_response(502, b"<html>")
        one = dict(list(store.targets.items())[:1])
        for _ in range(20):
            assert set((await reader.fetch_by_uuid(one)).results.values()) == {Unread(UnreadReason.SERVER_ERROR)}


@pytest.mark.parametrize(
    ("status", "detail", "error"),
    [(403, "no scope", PermissionDenied), (404, "Project not found.", RouteNotFound)],
)
async def test_an_error_about_the_key_or_the_project_ends_the_read(status: int, detail: str, error: Any) -> None:
    async with opened() as (store, reader):
        body = json.dumps({"type": "x", "code": "y", "detail": detail, "attr": None}).encode()
        store.spoil = with_response(status, body)
        with pytest.raises(error):
            await reader.fetch_by_uuid(store.targets)
