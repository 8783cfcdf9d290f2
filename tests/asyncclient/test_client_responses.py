"""What the client takes from responses: the server's clock, and the persons that were requested."""

import asyncio
import json
from email.utils import formatdate
from typing import Any
from uuid import UUID

import pytest

from asyncclient import InvalidResponse, PropertyProjection, ServerError
from asyncclient.testing import LocalPostHog
from tests.asyncclient.fast_clients import client_of


@pytest.mark.parametrize("skew_s", [0.0, 3600.0, -3600.0])
async def test_the_servers_clock_is_known_from_its_responses(raw: Any, skew_s: float) -> None:
    ours = {"now": 1_790_000_000.0}

    async def response(request: Any, writer: asyncio.StreamWriter) -> bool:
        ours["now"] += 0.25
        date = formatdate(int(ours["now"] + skew_s), usegmt=True)
        ours["now"] += 0.25
        writer.write(raw.http(body=b'{"results": []}', Date=date))
        return True

    server = await raw.serve(response)
    client = await raw.client(server.url, wall=lambda: ours["now"], clock=lambda: ours["now"])
    assert client.server_time() == 1_790_000_000.0
    for _ in range(5):
        await client.persons.list()
        assert -1.25 <= client.server_time() - (ours["now"] + skew_s) <= 0.5


@pytest.mark.parametrize("set_by_s", [10.0, -10.0, 3600.0, -3600.0])
async def test_setting_this_machines_clock_moves_no_server_time(set_by_s: float) -> None:
    boot, wall = [1000.0], [1_790_000_000.0]
    async with (
        LocalPostHog(persons=1, clock=lambda: 1_790_000_500.0) as server,
        client_of(server, clock=lambda: boot[0], wall=lambda: wall[0]) as client,
    ):
        await client.persons.list(limit=1)
        before = client.server_time()
        wall[0] += set_by_s
        assert client.server_time() == before
        boot[0] += 5.0
        assert client.server_time() == before + 5.0
        assert client.boot_time() == 1005.0


async def test_an_error_pages_date_sets_no_clock(raw: Any) -> None:
    server = await raw.serve(raw.http(502, b"", Date="Thu, 01 Jan 1970 00:00:00 GMT"))
    client = await raw.client(server.url, wall=lambda: 1_790_000_000.0, clock=lambda: 50.0)
    with pytest.raises(ServerError):
        await client.persons.list()
    assert client.server_time() == 1_790_000_000.0


async def test_a_batch_response_with_any_keys_is_keyed_by_uuid(raw: Any) -> None:
    body = json.dumps({"results": {raw.uuid.upper(): raw.person(properties={})}}).encode()
    server = await raw.serve(raw.http(body=body))
    client = await raw.client(server.url)
    assert [str(each) for each in await client.persons.batch_by_uuids([raw.uuid])] == [raw.uuid]


@pytest.mark.parametrize("key", [str(UUID(int=5)), "nobody", str(UUID(int=6))])
async def test_a_response_with_other_persons_than_requested_is_invalid(raw: Any, key: str) -> None:
    """A person under the key of another one, under an unknown key, or in place of another one is invalid."""
    other = str(UUID(int=5))
    persons = {raw.uuid: raw.person(properties={}), key: raw.person(properties={}, uuid=str(UUID(int=6)))}
    server = await raw.serve(raw.http(body=json.dumps({"results": persons}).encode()))
    client = await raw.client(server.url)
    for read in (client.persons.batch_by_uuids, client.persons.refs_by_uuids):
        with pytest.raises(InvalidResponse):
            await read([raw.uuid, other])
    for read_ids in (client.persons.batch_by_distinct_ids, client.persons.refs_by_distinct_ids):
        with pytest.raises(InvalidResponse, match="not requested"):
            await read_ids([raw.uuid, "somebody"])


@pytest.mark.parametrize("shown", [["b"], [f"b{n}" for n in range(9)]], ids=len)
async def test_a_person_under_a_distinct_id_that_it_does_not_have_is_invalid(raw: Any, shown: list[str]) -> None:
    persons = {"a": raw.person(properties={}, distinct_ids=shown)}
    server = await raw.serve(raw.http(body=json.dumps({"results": persons}).encode()))
    persons_of = (await raw.client(server.url)).persons
    for read in (persons_of.batch_by_distinct_ids, persons_of.refs_by_distinct_ids, persons_of.raw_by_distinct_ids):
        with pytest.raises(InvalidResponse, match="not requested"):
            await read(["a"])


@pytest.mark.parametrize("shown", [[], ["a"], [f"b{n}" for n in range(10)]], ids=len)
async def test_a_person_that_may_have_the_distinct_id_is_valid(raw: Any, shown: list[str]) -> None:
    """A response shows ten distinct IDs at most; an empty list contradicts nothing."""
    server = await raw.serve(
        raw.http(body=json.dumps({"results": {"a": raw.person(properties={}, distinct_ids=shown)}}).encode())
    )
    found = await (await raw.client(server.url)).persons.refs_by_distinct_ids(["a"])
    assert found["a"].distinct_ids == tuple(shown)


async def test_an_extra_person_beside_all_requested_ones_is_harmless(raw: Any) -> None:
    requested = raw.person(properties={}, distinct_ids=[raw.uuid])
    persons = {raw.uuid: requested, str(UUID(int=6)): raw.person(properties={}, uuid=str(UUID(int=6)))}
    server = await raw.serve(raw.http(body=json.dumps({"results": persons}).encode()))
    client = await raw.client(server.url)
    assert UUID(raw.uuid) in await client.persons.batch_by_uuids([raw.uuid])
    assert raw.uuid in await client.persons.refs_by_distinct_ids([raw.uuid])


@pytest.mark.parametrize("missing", ["uuid", "created_at", "distinct_ids", "properties"])
async def test_a_batch_response_without_a_mandatory_field_is_invalid(raw: Any, missing: str) -> None:
    person = raw.person(properties={})
    del person[missing]
    server = await raw.serve(raw.http(body=json.dumps({"results": {raw.uuid: person}}).encode()))
    client = await raw.client(server.url)
    with pytest.raises(InvalidResponse):
        await client.persons.batch_by_uuids([raw.uuid])
    with pytest.raises(InvalidResponse):
        await client.persons.batch_by_uuids([raw.uuid], only=PropertyProjection("x"))
    with pytest.raises(InvalidResponse):
        await client.persons.batch_by_distinct_ids(["a"], only=PropertyProjection("x"))
    if missing != "properties":
        with pytest.raises(InvalidResponse):
            await client.persons.refs_by_uuids([raw.uuid])
