"""Changes of persons over sockets, against the local server and servers of raw bytes (contract 6.3, 6.8, 6.11)."""

import asyncio
import json
from typing import Any
from uuid import UUID

import pytest

from asyncclient import (
    BadRequest,
    ConnectionLost,
    InvalidArgument,
    NotFound,
    RateLimited,
    RequestFinished,
    RetryPolicy,
    ServerError,
)
from asyncclient.testing import Fault, LocalPostHog, ServerOptions
from tests.asyncclient.fast_clients import FAST, client_of

NOBODY = UUID(int=7)


async def nothing() -> None:
    return None


@pytest.mark.parametrize("status", ["real", "documented"])
@pytest.mark.parametrize("prefix", ["auto", "environments", "projects"])
async def test_properties_are_set_and_removed_whatever_the_status(status: Any, prefix: str) -> None:
    options = ServerOptions(success_status=status)
    async with LocalPostHog(options=options) as server, client_of(server, api_prefix=prefix) as client:
        uuid = server.world.add_person(["a"], {"plan": "free", "email": "a@example.com", "age": 1})
        await client.persons.update(uuid, {"plan": "pro", "deep": {"list": [1, None, "\u00e4"]}})
        await client.persons.update_property(uuid, "age", None)
        await client.persons.delete_property(uuid, "email")
        await client.persons.delete_property(uuid, "never there")
        person = await client.persons.get(uuid)
        assert person.properties == {"plan": "pro", "deep": {"list": [1, None, "\u00e4"]}, "age": None}


async def test_a_list_of_keys_is_one_call_each_and_checked_before_the_first() -> None:
    async with LocalPostHog(options=ServerOptions(delete_property_lists=False)) as server, client_of(server) as client:
        uuid = server.world.add_person(["a"], {"a": 1, "b": 2, "c": 3})
        with pytest.raises(InvalidArgument):
            await client.persons.delete_property(uuid, ["a", ""])
        assert "delete_property" not in server.request_counts
        await client.persons.delete_property(uuid, ["a", "b"])
        sent = [each for each in server.requests if each.action == "delete_property"]
        assert [each.body for each in sent] == [{"$unset": "a"}, {"$unset": "b"}]
        assert all(each.query == () for each in sent)
        assert server.world.person(uuid).properties == {"c": 3}  # type: ignore[union-attr]


async def test_all_keys_in_one_call_are_removed_by_newer_servers_only() -> None:
    for options, left in ((ServerOptions(), {"c": 3}), (ServerOptions(delete_property_lists=False), None)):
        async with LocalPostHog(options=options) as server, client_of(server) as client:
            uuid = server.world.add_person(["a"], {"a": 1, "b": 2, "c": 3})
            await client.persons.delete_property(uuid, ["a", "b"], in_one_call=True)
            (sent,) = [each for each in server.requests if each.action == "delete_property"]
            assert sent.body == {"$unset": ["a", "b"]}
            assert server.world.person(uuid).properties == (left or {"a": 1, "b": 2, "c": 3})  # type: ignore[union-attr]
            await client.persons.delete_property(uuid, ["c"], in_one_call=True)
            assert server.requests[-1].body == {"$unset": "c"}


@pytest.mark.parametrize(("status", "error"), [(400, BadRequest), (500, ServerError)])
async def test_an_older_server_may_refuse_all_keys_in_one_call(status: Any, error: type[Exception]) -> None:
    options = ServerOptions(delete_property_list_status=status)
    async with LocalPostHog(options=options) as server, client_of(server) as client:
        uuid = server.world.add_person(["a"], {"a": 1, "b": 2})
        with pytest.raises(error):
            await client.persons.delete_property(uuid, ["a", "b"], in_one_call=True)
        await client.persons.delete_property(uuid, ["a", "b"])
        assert server.world.person(uuid).properties == {}  # type: ignore[union-attr]


async def test_a_person_that_is_not_there_is_not_found_whichever_call_it_is() -> None:
    async with LocalPostHog() as server, client_of(server) as client:
        for call in (
            client.persons.update(NOBODY, {"a": 1}),
            client.persons.update_property(NOBODY, "a", 1),
            client.persons.delete_property(NOBODY, "a"),
            client.persons.delete_property(NOBODY, ["a", "b"]),
        ):
            with pytest.raises(NotFound) as caught:
                await call
            assert caught.value.__context__ is None
        assert server.request_counts["delete_property"] == 2


async def test_a_500_for_a_person_that_is_there_stays_a_500() -> None:
    async with LocalPostHog() as server, client_of(server) as client:
        uuid = server.world.add_person(["a"], {"a": 1})
        server.faults.add(Fault("status", action="delete_property", status=500, times=1))
        with pytest.raises(ServerError) as caught:
            await client.persons.delete_property(uuid, ["a", "b"])
        assert caught.value.status == 500
        assert server.request_counts["delete_property"] == 1
        server.faults.add(Fault("status", action="delete_property", status=500))
        server.faults.add(Fault("status", action="retrieve", status=503))
        with pytest.raises(ServerError) as caught:
            await client.persons.delete_property(NOBODY, "a")
        assert (caught.value.status, caught.value.route) == (500, "POST persons/:id/delete_property/")


async def test_in_a_once_view_the_500_is_raised_and_nothing_else_is_sent() -> None:
    async with LocalPostHog() as server, client_of(server, api_prefix="projects") as client:
        with pytest.raises(ServerError) as caught:
            await client.once(nothing).persons.delete_property(NOBODY, "a")
        assert caught.value.status == 500
        assert [each.action for each in server.requests] == ["delete_property"]


async def test_other_failures_are_not_read_after() -> None:
    async with LocalPostHog() as server, client_of(server, api_prefix="projects") as client:
        uuid = server.world.add_person(["a"])
        server.faults.add(Fault("capture_down", action="delete_property", status=502))
        with pytest.raises(ServerError, match="Unable to delete property"):
            await client.persons.delete_property(uuid, "a")
        assert [each.action for each in server.requests] == ["delete_property"]


async def test_what_the_server_finds_missing_is_named_the_right_way_round(raw: Any) -> None:
    told = {"type": "validation_error", "code": "This field is required.", "detail": "required", "attr": "value"}
    server = await raw.serve(raw.http(400, json.dumps(told).encode()))
    client = await raw.client(server.url)
    with pytest.raises(BadRequest) as caught:
        await client.persons.update_property(7, "a", 1)
    assert (caught.value.code, caught.value.detail, caught.value.attr) == (
        "required",
        "This field is required.",
        "value",
    )


CHANGES: dict[str, Any] = {
    "update": lambda persons: persons.update(7, {"a": 1}),
    "update_property": lambda persons: persons.update_property(7, "a", None),
    "delete_property": lambda persons: persons.delete_property(7, "a"),
    "delete_events": lambda persons: persons.delete_events(7, {"a": 1}),
    "delete_recordings": lambda persons: persons.delete_recordings(7, format="csv"),
    "split": lambda persons: persons.split(7, main_distinct_id="a"),
    "reset_distinct_id": lambda persons: persons.reset_distinct_id("a"),
}


@pytest.mark.parametrize("call", CHANGES)
@pytest.mark.parametrize("status", [200, 201, 202])
async def test_each_2xx_that_servers_or_docs_have_is_a_success(raw: Any, call: str, status: int) -> None:
    body = b'{"success": true}' if call == "split" else b""
    server = await raw.serve(raw.http(status, body))
    client = await raw.client(server.url)
    assert await CHANGES[call](client.persons) is None
    assert len(server.requests) == 1


@pytest.mark.parametrize("call", ["delete_property", "split"])
async def test_a_2xx_that_says_it_failed_is_an_error(raw: Any, call: str) -> None:
    server = await raw.serve(raw.http(201, b'{"success": false, "detail": "Unable"}'))
    client = await raw.client(server.url, retry=FAST)
    with pytest.raises(ServerError, match=r"201 \(Unable\)"):
        await CHANGES[call](client.persons)
    assert len(server.requests) == 1


@pytest.mark.parametrize("call", CHANGES)
@pytest.mark.parametrize("how", ["drop", "500", "503"])
async def test_a_change_that_may_have_been_done_is_not_repeated(raw: Any, call: str, how: str) -> None:
    async def response(request: Any, writer: asyncio.StreamWriter) -> bool:
        if request.method == "GET":
            writer.write(raw.http(body=json.dumps(raw.person()).encode()))
        elif how != "drop":
            writer.write(raw.http(int(how)))
        return how != "drop" or request.method == "GET"

    server = await raw.serve(response)
    client = await raw.client(server.url, retry=FAST)
    with pytest.raises(ConnectionLost if how == "drop" else ServerError):
        await CHANGES[call](client.persons)
    assert len([each for each in server.requests if each.method != "GET"]) == 1


@pytest.mark.parametrize(("call", "attempts"), [("split", 1), ("update", 3), ("reset_distinct_id", 3)])
async def test_a_split_is_not_repeated_even_where_nothing_was_done(raw: Any, call: str, attempts: int) -> None:
    server = await raw.serve(raw.http(429, Retry_After="0"))
    client = await raw.client(server.url, retry=RetryPolicy(attempts=3, base_s=0.0))
    with pytest.raises(RateLimited):
        await CHANGES[call](client.persons)
    assert len(server.requests) == attempts


async def test_a_split_that_cannot_connect_is_tried_once(unused_tcp_port: int, raw: Any) -> None:
    told: list[Any] = []
    client = await raw.client(f"http://127.0.0.1:{unused_tcp_port}", retry=FAST, on_event=told.append)
    with pytest.raises(Exception, match="no connection"):
        await client.persons.split(7, main_distinct_id="a")
    assert not [each for each in told if not isinstance(each, RequestFinished)]


async def test_values_are_in_no_error_and_no_event(raw: Any) -> None:
    said = {"type": "validation_error", "code": "invalid_input", "detail": "Jane Doe is no plan", "attr": "plan"}
    server = await raw.serve(raw.http(400, json.dumps(said).encode()))
    told: list[Any] = []
    client = await raw.client(server.url, on_event=told.append)
    with pytest.raises(BadRequest) as caught:
        await client.persons.update(7, {"plan": {"name": "Jane Doe"}})
    assert "Jane" not in f"{caught.value} {caught.value!r} {vars(caught.value)} {told}"
    assert caught.value.detail == "<id> is no plan"
