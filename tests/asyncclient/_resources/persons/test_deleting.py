"""The status of deletions over sockets, also with rows that cannot be read (contract 6.11)."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from asyncclient import DeletionRow, InvalidResponse, UnreadableRow

FIRST, SECOND = UUID("018f0000-0000-7000-8000-000000000001"), UUID("018f0000-0000-7000-8000-000000000002")
GOOD = {
    "person_uuid": str(FIRST),
    "created_at": "2026-11-01T00:00:00Z",
    "status": "pending",
    "delete_verified_at": None,
}
READ = DeletionRow(person_uuid=FIRST, created_at=datetime(2026, 11, 1, tzinfo=UTC), status="pending")
BAD = {**GOOD, "person_uuid": str(SECOND)}
UNREADABLE: dict[str, tuple[Any, UUID | None]] = {
    "a null status": ({**BAD, "status": None}, SECOND),
    "a number as the status": ({**BAD, "status": 1}, SECOND),
    "no time": ({**BAD, "created_at": None}, SECOND),
    "NaN": ({**BAD, "created_at": float("nan")}, SECOND),
    "a word as the time": ({**BAD, "created_at": "yesterday"}, SECOND),
    "an impossible time of the purge": ({**BAD, "delete_verified_at": "2026-02-30T00:00:00Z"}, SECOND),
    "no person": ({**BAD, "person_uuid": None}, None),
    "the person under another name": ({"uuid": str(SECOND), "created_at": GOOD["created_at"]}, None),
    "no object": (None, None),
}


def page(*rows: Any) -> bytes:
    return json.dumps({"count": len(rows), "next": None, "previous": None, "results": rows}).encode()


@pytest.mark.parametrize(("row", "person"), UNREADABLE.values(), ids=UNREADABLE)
async def test_an_unreadable_row_is_told_with_its_place_and_person(raw: Any, row: Any, person: UUID | None) -> None:
    server = await raw.serve(raw.http(body=page(GOOD, row, GOOD)))
    client = await raw.client(server.url)
    told: list[UnreadableRow] = []
    found = await client.persons.deletion_status(offset=40, on_unreadable=told.append)
    assert (found.results, found.next) == ([READ, READ], None)
    assert [(each.place, each.uuid) for each in told] == [(42, person)]
    with pytest.raises(InvalidResponse):
        await client.persons.deletion_status(offset=40)


async def test_a_page_of_readable_rows_is_the_same_with_a_listener(raw: Any) -> None:
    server = await raw.serve(raw.http(body=page(GOOD, GOOD)))
    client = await raw.client(server.url)
    told: list[UnreadableRow] = []
    found = await client.persons.deletion_status(on_unreadable=told.append)
    assert found == await client.persons.deletion_status()
    assert (found.count, told) == (2, [])


@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b'{"results": null}', b'{"results": [null], "next": 7}', b"", b"<html>"]
)
async def test_what_is_no_page_is_an_error_despite_a_listener(raw: Any, body: bytes) -> None:
    server = await raw.serve(raw.http(body=body))
    client = await raw.client(server.url)
    with pytest.raises(InvalidResponse):
        await client.persons.deletion_status(on_unreadable=lambda _: None)


async def test_whether_the_server_has_the_route_depends_on_no_row(raw: Any) -> None:
    server = await raw.serve(raw.http(body=page()))
    client = await raw.client(server.url)
    assert await client.persons.knows("deletion_status")
    assert server.requests[-1].target.endswith(f"deletion_status/?limit=1&offset=0&person_uuid={UUID(int=0)}")
