"""Values of properties and cohorts of persons over sockets (contract 6.11)."""

import json
from typing import Any

import pytest

from asyncclient import Cohort, InvalidArgument, InvalidResponse, PropertyValue, PropertyValues


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"results": [{"name": "free", "count": 2}], "refreshing": True},
         PropertyValues([PropertyValue("free", 2)], refreshing=True)),
        ({"results": [{"name": 7}, {"name": ["a"], "later": 1}, {"name": None, "count": None}]},
         PropertyValues([PropertyValue(7), PropertyValue(["a"]), PropertyValue(None)])),
        ([{"name": "free", "count": 2}], PropertyValues([PropertyValue("free", 2)])),
        ([{"id": 1, "name": True}], PropertyValues([PropertyValue(True)])),
        ([], PropertyValues()),
    ],
)  # fmt: skip
async def test_values_of_both_ages_are_read(raw: Any, body: Any, expected: PropertyValues) -> None:
    server = await raw.serve(raw.http(body=json.dumps(body).encode()))
    client = await raw.client(server.url)
    assert await client.persons.values("plan") == expected
    assert await client.persons.values("pl an", "fr&ee") == expected
    assert [each.target.partition("persons/")[2] for each in server.requests] == [
        "values/?key=plan",
        "values/?key=pl+an&value=fr%26ee",
    ]


async def test_cohorts_are_of_one_person(raw: Any) -> None:
    body = {"results": [{"id": 1, "name": "all", "count": 5, "later": 1}, {"id": 2, "name": None}]}
    server = await raw.serve(raw.http(body=json.dumps(body).encode()))
    client = await raw.client(server.url)
    assert (await client.persons.cohorts(raw.uuid)).results == [Cohort(1, "all", 5), Cohort(2)]
    assert server.requests[0].target == f"/api/projects/1/persons/cohorts/?person_id={raw.uuid}"
    with pytest.raises(InvalidArgument, match="is not a UUID"):
        await client.persons.cohorts("../")
    assert len(server.requests) == 1


@pytest.mark.parametrize("body", [b"", b"7", b'{"results": 7}', b"<html>"])
async def test_a_body_of_neither_form_is_invalid(raw: Any, body: bytes) -> None:
    server = await raw.serve(raw.http(body=body))
    client = await raw.client(server.url)
    with pytest.raises(InvalidResponse):
        await client.persons.values("plan")
    with pytest.raises(InvalidResponse):
        await client.persons.cohorts(7)


@pytest.mark.parametrize("call", ["raw_by_uuids", "raw_by_distinct_ids"])
async def test_the_servers_own_objects_are_the_requested_ones_or_an_error(raw: Any, call: str) -> None:
    asked = raw.uuid if call == "raw_by_uuids" else "a"
    other = "0190b3c5-0000-7000-8000-00000000ffff"
    keys = {"right": str(asked), "other": other if call == "raw_by_uuids" else "b"}
    for place, person in (("right", str(raw.uuid)), ("other", other)):
        row = {"uuid": person, "created_at": "2026-01-02T03:04:05Z", "distinct_ids": ["a"], "properties": {}}
        body = json.dumps({"results": {keys[place]: row}}).encode()

        async def response(request: Any, writer: Any, body: bytes = body) -> bool:
            writer.write(raw.http(body=body))
            return True

        client = await raw.client((await raw.serve(response)).url)
        if place == "right":
            found = await getattr(client.persons, call)([asked])
            assert [bytes(each.raw) for each in found.values()] == [json.dumps(row).encode()]
        else:
            with pytest.raises(InvalidResponse, match="not requested"):
                await getattr(client.persons, call)([asked])


async def test_one_person_is_the_servers_own_object_with_all_distinct_ids(raw: Any) -> None:
    row = (
        b'{ "uuid": "%s", "created_at": "2026-01-02T03:04:05Z", "distinct_ids": ["a"], "n": 1.10 }'
        % str(raw.uuid).encode()
    )
    client = await raw.client((await raw.serve(raw.http(body=row))).url)
    person = await client.persons.raw_by_uuid(raw.uuid)
    assert (bytes(person.raw), str(person.uuid), person.distinct_ids) == (row, str(raw.uuid), ("a",))
    assert person.created_at.year == 2026
    with pytest.raises(InvalidResponse, match="not requested"):
        await client.persons.raw_by_uuid("0190b3c5-0000-7000-8000-00000000ffff")
    with pytest.raises(InvalidArgument):
        await client.persons.raw_by_uuid("7")


async def test_another_person_than_the_requested_one_is_invalid(raw: Any) -> None:
    other = "0190a0a0-0000-7000-8000-0000000000ff"
    body = {"id": 7, "uuid": other, "created_at": "2024-01-01T00:00:00Z", "distinct_ids": ["a"], "properties": {}}
    server = await raw.serve(raw.http(body=json.dumps(body).encode()))
    client = await raw.client(server.url)
    for asked in (raw.uuid, str(raw.uuid)):
        with pytest.raises(InvalidResponse, match="another person"):
            await client.persons.get(asked)
    for asked in (7, "7", other, other.upper().replace("-", "")):
        assert str((await client.persons.get(asked)).uuid) == other
