"""Every call of the client against every success that a server, a proxy or a login page can send (contract 0, 4, 6).

A row says what the right body is and with which statuses it is a success; all else is `InvalidResponse`.
"""

import inspect
import json
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

import pytest

from asyncclient import CaptureEvent, PostHogClient, PostHogError
from asyncclient._resources.capture import Capture
from asyncclient._resources.persisted_folders import PersistedFolders
from asyncclient._resources.persons.api import Persons
from asyncclient._resources.projects import Projects
from asyncclient._resources.query import Query

U = "018f0000-0000-7000-8000-000000000001"
PERSON = {"uuid": U, "created_at": "2026-01-02T03:04:05Z", "distinct_ids": ["a"], "properties": {"x": 1}, "id": 7}
FOLDER = {"id": U, "type": "home", "path": "a"}
ROW = {"person_uuid": U, "created_at": "2026-01-02T03:04:05Z", "status": "pending"}
CSV = b"id,name\r\n1,a\r\n"
SUMMARY = {"persons_found": 1, "persons_deleted": 1}

READ = frozenset({200})
UPSERTED = frozenset({200, 201})
CHANGED = frozenset({200, 201, 202, 204})

BODIES = {
    "empty": b"",
    "blank": b" \r\n",
    "page": b"<!doctype html><html><title>Sign in</title></html>",
    "envelope": b'{"type":"authentication_error","code":"not_authenticated","detail":"Session expired.","attr":null}',
    "json": b'{"status": "unknown", "data": [1]}',
    "list": b"[]",
    "number": b"7",
}
STATUSES = (200, 201, 202, 204)


class Row(NamedTuple):
    """A call, a valid body, and the statuses of its success; `blank` says whether an empty body is valid too."""

    call: Callable[[PostHogClient], Any]
    right: bytes
    statuses: frozenset[int]
    blank: bool = False


async def everything(iterator: AsyncIterator[Any]) -> list[Any]:
    return [each async for each in iterator]


async def exported(client: PostHogClient) -> bytes:
    async with client.persons.export_csv() as export:
        return b"".join([block async for block in export])


async def after_a_page_of_deletions(client: PostHogClient) -> Any:
    client._core.shared.returns_summaries = True
    return await client.persons.bulk_delete(ids=[U])


def page(*results: Any) -> bytes:
    return json.dumps({"results": results, "next": None, "previous": None}).encode()


def body(value: Any) -> bytes:
    return json.dumps(value).encode()


def reading(call: Callable[[PostHogClient], Any], right: Any, *, blank: bool = False) -> Row:
    return Row(call, right if isinstance(right, bytes) else body(right), READ, blank)


def changing(call: Callable[[PostHogClient], Any]) -> Row:
    return Row(call, b"", CHANGED, True)


SUCCESS = body({"success": True})
ROWS: dict[str, Row] = {
    "persons.list": reading(lambda c: c.persons.list(), page(PERSON)),
    "persons.list csv": reading(lambda c: c.persons.list(format="csv"), CSV, blank=True),
    "persons.iter": reading(lambda c: everything(c.persons.iter()), page(PERSON)),
    "persons.iter_pages": reading(lambda c: everything(c.persons.iter_pages()), page(PERSON)),
    "persons.iter_refs": reading(lambda c: everything(c.persons.iter_refs()), page(PERSON)),
    "persons.iter_raw": reading(lambda c: everything(c.persons.iter_raw()), page(PERSON)),
    "persons.export_csv": reading(exported, CSV, blank=True),
    "persons.get": reading(lambda c: c.persons.get(U), PERSON),
    "persons.get csv": reading(lambda c: c.persons.get(U, format="csv"), CSV, blank=True),
    "persons.batch_by_distinct_ids": reading(
        lambda c: c.persons.batch_by_distinct_ids(["a"]), {"results": {"a": PERSON}}
    ),
    "persons.refs_by_distinct_ids": reading(
        lambda c: c.persons.refs_by_distinct_ids(["a"]), {"results": {"a": PERSON}}
    ),
    "persons.batch_by_uuids": reading(lambda c: c.persons.batch_by_uuids([U]), {"results": {U: PERSON}}),
    "persons.refs_by_uuids": reading(lambda c: c.persons.refs_by_uuids([U]), {"results": {U: PERSON}}),
    "persons.raw_by_distinct_ids": reading(lambda c: c.persons.raw_by_distinct_ids(["a"]), {"results": {"a": PERSON}}),
    "persons.raw_by_uuids": reading(lambda c: c.persons.raw_by_uuids([U]), {"results": {U: PERSON}}),
    "persons.raw_by_uuid": reading(lambda c: c.persons.raw_by_uuid(U), PERSON),
    "persons.deletion_status": reading(lambda c: c.persons.deletion_status(), page(ROW)),
    "persons.knows": reading(lambda c: c.persons.knows("deletion_status"), page(ROW)),
    "persons.knows batch_by_uuids": reading(lambda c: c.persons.knows("batch_by_uuids"), {"results": {}}),
    "persons.values": reading(lambda c: c.persons.values("plan"), {"results": [{"name": "a", "count": 1}]}),
    "persons.cohorts": reading(lambda c: c.persons.cohorts(U), {"results": [{"id": 1, "name": None}]}),
    "persons.activity": reading(lambda c: c.persons.activity(U), page(), blank=True),
    "persons.activity csv": reading(lambda c: c.persons.activity(U, format="csv"), CSV, blank=True),
    "persons.iter_activity": reading(lambda c: everything(c.persons.iter_activity(U)), page()),
    "persons.all_activity": reading(lambda c: c.persons.all_activity(), page()),
    "persons.iter_all_activity": reading(lambda c: everything(c.persons.iter_all_activity()), page()),
    "persons.emails": reading(lambda c: c.persons.emails(U), {"results": []}),
    "persons.properties_timeline": reading(
        lambda c: c.persons.properties_timeline(U), {"points": [], "crucial_property_keys": []}, blank=True
    ),
    "persons.properties_timeline csv": reading(
        lambda c: c.persons.properties_timeline(U, format="csv"), CSV, blank=True
    ),
    "persons.properties_at_time": reading(
        lambda c: c.persons.properties_at_time("2026-01-01T00:00:00Z", distinct_id="a"), {"properties": {}}
    ),
    "persons.update": changing(lambda c: c.persons.update(U, {"a": 1})),
    "persons.update_property": changing(lambda c: c.persons.update_property(U, "a", 1)),
    "persons.delete_property": Row(lambda c: c.persons.delete_property(U, "a"), SUCCESS, CHANGED, True),
    "persons.split": Row(lambda c: c.persons.split(U, main_distinct_id="a"), SUCCESS, CHANGED),
    "persons.reset_distinct_id": changing(lambda c: c.persons.reset_distinct_id("a")),
    "persons.delete": changing(lambda c: c.persons.delete(U, delete_events=True)),
    "persons.delete_events": changing(lambda c: c.persons.delete_events(U)),
    "persons.delete_recordings": changing(lambda c: c.persons.delete_recordings(U)),
    "persons.bulk_delete": Row(lambda c: c.persons.bulk_delete(ids=[U]), body(SUMMARY), CHANGED, True),
    "persons.bulk_delete since April 2026": Row(after_a_page_of_deletions, body(SUMMARY), CHANGED),
    "persisted_folders.list": reading(lambda c: c.persisted_folders.list(), page(FOLDER)),
    "persisted_folders.get": reading(lambda c: c.persisted_folders.get(U), FOLDER),
    "persisted_folders.create": Row(lambda c: c.persisted_folders.create("home"), body(FOLDER), UPSERTED),
    "persisted_folders.update": reading(lambda c: c.persisted_folders.update(U, path="b"), FOLDER),
    "persisted_folders.delete": changing(lambda c: c.persisted_folders.delete(U)),
    "projects.list": reading(lambda c: c.projects.list(), page({"id": 1, "name": "a"})),
    "projects.get": reading(lambda c: c.projects.get(1), {"id": 1, "name": "a"}),
    "query.hogql": reading(lambda c: c.query.hogql("SELECT 1"), {"results": [[1]]}),
    "query.iter_column": reading(
        lambda c: everything(c.query.iter_column("SELECT a FROM b WHERE a > {after} ORDER BY a")), {"results": []}
    ),
    "query.iter_person_uuids_having": reading(
        lambda c: everything(c.query.iter_person_uuids_having(["a"])), {"results": []}
    ),
    "capture.batch": reading(lambda c: c.capture.batch([CaptureEvent.set("a", {"b": 1})]), {"status": "Ok"}),
}
NO_REQUEST = {"capture.split", "capture.goes_to"}
RESOURCES = {
    "persons": Persons,
    "persisted_folders": PersistedFolders,
    "projects": Projects,
    "query": Query,
    "capture": Capture,
}


def test_every_call_of_the_client_has_its_row() -> None:
    calls = {
        f"{resource}.{name}"
        for resource, kind in RESOURCES.items()
        for name, method in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
    }
    assert {name.partition(" ")[0] for name in ROWS} == calls - NO_REQUEST


async def outcome(raw: Any, row: Row, status: int, content: bytes, **headers: str) -> str:
    """Return the result of the call, "ok" or the name of the error; exactly one request is made."""
    server = await raw.serve(raw.http(status, b"" if status == 204 else content, **headers))
    client = await raw.client(server.url, project_api_key="phc_x")
    try:
        await row.call(client)
    except PostHogError as error:
        found = type(error).__name__
    else:
        found = "ok"
    # an export that brought no row at all asks how many there are
    assert len(server.requests) == 1 or (row.call is exported and not content.strip())
    return found


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("call", ROWS)
async def test_the_right_body_is_a_success_with_the_right_status(raw: Any, call: str, status: int) -> None:
    row = ROWS[call]
    expected = status in row.statuses and (status != 204 or row.blank)
    assert await outcome(raw, row, status, row.right) == ("ok" if expected else "InvalidResponse")


@pytest.mark.parametrize("status", [200, *(pytest.param(other, marks=pytest.mark.slow) for other in STATUSES[1:])])
@pytest.mark.parametrize("call", ROWS)
async def test_any_other_body_is_invalid(raw: Any, call: str, status: int) -> None:
    row = ROWS[call]
    for kind, content in BODIES.items():
        nothing = status == 204 or not content.strip()
        expected = nothing and row.blank and status in row.statuses
        if call == "persons.values" and (kind, status) == ("list", 200):
            expected = True  # an older server (contract 6.11)
        assert await outcome(raw, row, status, content) == ("ok" if expected else "InvalidResponse"), kind


@pytest.mark.quick_cases(6)
@pytest.mark.parametrize("call", [name for name, row in ROWS.items() if row.right])
async def test_a_body_that_was_cut_off_is_invalid(raw: Any, call: str) -> None:
    row = ROWS[call]
    for length in range(1, len(row.right)):
        cut = row.right[:length]
        if row.right == CSV and cut.endswith(b"\n"):
            continue  # a whole row: nothing tells that there is another
        assert await outcome(raw, row, 200, cut) == "InvalidResponse", cut
        if length > 30:
            break


@pytest.mark.parametrize("call", ROWS)
async def test_a_valid_body_with_the_content_type_of_html_is_invalid(raw: Any, call: str) -> None:
    row = ROWS[call]
    assert await outcome(raw, row, 200, row.right, Content_Type="text/html; charset=utf-8") == "InvalidResponse"
