"""PersonReader where records are malformed, responses fail, or batch reads do not exist."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from asyncclient import PermissionDenied, RouteNotFound, ServerError
from bulk.posthog.person_reader import CONFIRM_AFTER_S
from bulk.posthog.person_reads import Absent, Present, Unread, UnreadReason
from tests.bulk.posthog.spoiled_store import BATCHES, NOT_FOUND, edited, opened, with_response


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


@pytest.mark.quick_cases(1)
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
