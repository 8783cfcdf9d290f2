"""The query endpoint against the local server and against invalid responses (contract 12)."""

import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncclient import (
    BadRequest,
    Bucket,
    InvalidArgument,
    InvalidResponse,
    ListingError,
    PermissionDenied,
    PostHogClient,
    QueryResult,
    RetryPolicy,
)
from asyncclient._protocol import endpoints as endpoints
from asyncclient.testing import Fault, LocalPostHog, ServerOptions
from tests.asyncclient.fast_clients import client_of

U = [UUID(int=n << 64 | (9 - n)) for n in range(1, 9)]
"""In the order of their texts; ClickHouse's own order, by the second half first, is the reverse."""


async def found(client: PostHogClient, keys: Any, **more: Any) -> list[UUID]:
    return [uuid async for page in client.query.iter_person_uuids_having(keys, **more) for uuid in page]


def person_of(server: LocalPostHog, properties: dict[str, Any], name: str) -> UUID:
    return server.world.add_person([name], properties)


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize("page_size", [1, 3, 7, 10_000])
async def test_every_person_with_any_of_the_keys_is_found_once_null_values_included(page_size: int) -> None:
    async with LocalPostHog(persons=20) as server, client_of(server) as client:
        with_a = {person_of(server, {"odd key'}\\": None}, f"a{n}") for n in range(6)}
        with_b = {person_of(server, {"other": n}, f"b{n}") for n in range(5)}
        both = person_of(server, {"odd key'}\\": 1, "other": 2}, "c")
        seen = await found(client, ["odd key'}\\", "other"], page_size=page_size)
        assert set(seen) == with_a | with_b | {both}
        assert seen == sorted(set(seen), key=str)
        assert set(await found(client, ["odd key'}\\"], page_size=page_size)) == with_a | {both}
        assert await found(client, ["nobody has this"], page_size=page_size) == []
        bodies = [each.body for each in server.requests if each.action == "query"]
        assert all(each["refresh"] == "force_blocking" for each in bodies)
        assert not any("odd" in each["query"]["query"] for each in bodies)


async def test_a_person_deleted_meanwhile_shifts_no_other() -> None:
    async with LocalPostHog(persons=0) as server, client_of(server) as client:
        there = sorted((person_of(server, {"k": n}, f"a{n}") for n in range(12)), key=str)
        seen: list[UUID] = []
        async for page in client.query.iter_person_uuids_having(["k"], page_size=4):
            seen += page
            for uuid in page[:2]:
                server.world.remove_person(uuid)
        assert seen == there


async def test_a_query_is_a_read_that_is_repeated_and_counts_with_the_others() -> None:
    async with LocalPostHog(persons=3) as server, client_of(server) as client:
        server.faults.add(Fault("status", action="query", status=503, times=2))
        server.faults.add(Fault("reset", action="query", times=1))
        result = await client.query.hogql(
            "SELECT id FROM persons WHERE JSONHas(properties, {k}) ORDER BY id LIMIT 1", {"k": "email"}
        )
        assert server.request_counts["query"] == 4
        assert isinstance(result, QueryResult)
        assert (result.columns, len(result.results), result.has_more) == (("id",), 1, True)
        request = endpoints.hogql("SELECT 1")
        assert (request.bucket, request.mutating, request.in_project) == (Bucket.OTHERS, False, True)


async def test_a_query_reads_in_the_current_project_and_on_the_successor_prefix() -> None:
    options = ServerOptions(alias="gone")
    async with LocalPostHog(persons=3, options=options) as server, client_of(server, project_id="@current") as client:
        assert await found(client, ["nobody has this"]) == []


async def test_a_key_without_the_scope_and_a_wrong_query_are_distinguished() -> None:
    options = ServerOptions(scopes=("person:write",))
    async with LocalPostHog(persons=1, options=options) as server, client_of(server) as client:
        with pytest.raises(PermissionDenied, match="query:read"):
            await client.query.hogql("SELECT 1")
    async with LocalPostHog(persons=1) as server, client_of(server) as client:
        with pytest.raises(BadRequest):
            await client.query.hogql("SELEC")
        with pytest.raises(BadRequest, match="OFFSET"):
            await client.query.hogql("SELECT id FROM persons LIMIT 1 OFFSET 5")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"results": [], "is_cached": True}, "cache"),
        ({"results": None, "is_cached": True}, "cache"),
        ({"results": [], "error": "no table for somebody@example.com of plan-x"}, "the query failed: no table"),
        ({"error": "no table"}, "the query failed: no table"),
        ({"results": [], "error": {"a": 1}}, "the query failed"),
        ({"query_status": {"complete": False}}, "still running"),
        ({"results": None}, "not what this call returns"),
        ({"results": [7]}, "not what this call returns"),
        ([], "not what this call returns"),
    ],
)
async def test_an_invalid_response_is_an_error(raw: Any, body: Any, says: str) -> None:
    server = await raw.serve(raw.http(body=json.dumps(body).encode()))
    client = await raw.client(server.url, retry=RetryPolicy())
    with pytest.raises(InvalidResponse, match=says) as caught:
        await client.query.hogql("SELECT {a}", {"a": "plan-x"})
    assert "somebody" not in str(caught.value)
    assert "plan-x" not in str(caught.value)
    with pytest.raises(InvalidResponse):
        await found(client, ["a"])
    assert len(server.requests) == 2


async def test_rows_of_any_kind_are_read(raw: Any) -> None:
    body = {"results": [[1, None, "a", {"b": [2.5]}], []], "columns": ["x"], "hasMore": True, "is_cached": False}
    server = await raw.serve(raw.http(body=json.dumps(body).encode()))
    client = await raw.client(server.url)
    result = await client.query.hogql("SELECT {a}", {"a": [1, "x", None]}, timeout_s=5)
    assert result == QueryResult(
        results=[[1, None, "a", {"b": [2.5]}], []], columns=("x",), has_more=True, is_cached=False
    )
    assert json.loads(server.requests[0].body) == {
        "query": {"kind": "HogQLQuery", "query": "SELECT {a}", "values": {"a": [1, "x", None]}},
        "refresh": "force_blocking",
    }


class Pages:
    """A server that responds to queries with these pages of IDs, one after another, and then with errors."""

    def __init__(self, raw: Any, *pages: list[Any]) -> None:
        self._raw = raw
        self._pages = list(pages)

    async def __call__(self, request: Any, writer: Any) -> bool:
        if not self._pages:
            writer.write(self._raw.http(400))
            return True
        rows = self._pages.pop(0)
        writer.write(self._raw.http(body=json.dumps({"results": [[each] for each in rows]}).encode()))
        return True


@pytest.mark.parametrize(
    "pages",
    [
        [[U[0], U[0]]],
        [[U[1], U[0]]],
        [[U[0], U[1]], [U[1]]],
        [[U[0], U[2]], [U[1]]],
        [[U[0]], [U[0]]],
        [[U[7], U[6]]],
    ],
    ids=["doubled", "descending", "again", "behind", "the same page", "in ClickHouse's order"],
)
async def test_rows_that_do_not_ascend_are_refused(raw: Any, pages: list[list[UUID]]) -> None:
    server = await raw.serve(Pages(raw, *[[str(each) for each in page] for page in pages]))
    client = await raw.client(server.url)
    with pytest.raises(ListingError, match="not in ascending order"):
        await found(client, ["a"], page_size=2)


async def test_a_short_page_is_not_the_end(raw: Any) -> None:
    server = await raw.serve(Pages(raw, [str(U[0])], [str(U[1]), str(U[2])], [str(U[3])], []))
    client = await raw.client(server.url)
    assert await found(client, ["a"], page_size=1000) == U[:4]
    marks = [json.loads(each.body)["query"]["values"]["after"] for each in server.requests]
    assert marks == ["", *(str(U[at]) for at in (0, 2, 3))]


@pytest.mark.parametrize("row", [None, 7, "", "x", str(U[0]).upper().replace("0", "A"), U[0].hex, [str(U[0])]])
async def test_a_row_that_is_no_uuid_as_the_server_writes_it_is_refused(raw: Any, row: Any) -> None:
    server = await raw.serve(Pages(raw, [row]))
    client = await raw.client(server.url)
    with pytest.raises(InvalidResponse, match="not the UUID"):
        await found(client, ["a"])


@pytest.mark.parametrize("keys", [[], "email", None, [""], [7], ["a\0"], ["a"] * 101, {"a": 1}])
async def test_invalid_keys_are_refused(raw: Any, keys: Any) -> None:
    server = await raw.serve(raw.http())
    client = await raw.client(server.url)
    with pytest.raises(InvalidArgument):
        await found(client, keys)
    for size in (0, 10_001, "5", True):
        with pytest.raises(InvalidArgument, match="page_size"):
            await found(client, ["a"], page_size=size)
    for query, values in (("", None), (None, None), ("SELECT 1", [1]), ("SELECT 1", {"a": float("inf")})):
        with pytest.raises(InvalidArgument):
            await client.query.hogql(query, values)
    with pytest.raises(InvalidArgument, match="timeout_s"):
        await client.query.hogql("SELECT 1", timeout_s=0)
    assert server.requests == []


COLUMN = "SELECT distinct_id FROM person_distinct_ids WHERE distinct_id > {after} ORDER BY distinct_id"


async def test_the_column_of_a_query_is_read_page_by_page() -> None:
    async with LocalPostHog(persons=50) as server, client_of(server) as client:
        pages = [page async for page in client.query.iter_column(COLUMN, page_size=7)]
        people = [server.world.person(uuid) for uuid in server.world.iter_uuids()]
    expected = sorted(each for person in people if person is not None for each in person.distinct_ids)
    assert [each for page in pages for each in page] == expected
    assert {len(page) for page in pages[:-1]} == {7}


@pytest.mark.parametrize("pages", [[["b", "a"]], [["a"], ["a"]], [["", "a"]]])
async def test_a_column_that_does_not_ascend_is_refused(raw: Any, pages: list[list[str]]) -> None:
    server = await raw.serve(Pages(raw, *pages))
    client = await raw.client(server.url)
    with pytest.raises(ListingError, match="not in ascending order"):
        [page async for page in client.query.iter_column(COLUMN)]


@pytest.mark.parametrize("row", [None, 7, ["a"]])
async def test_a_column_with_other_than_strings_is_refused(raw: Any, row: Any) -> None:
    server = await raw.serve(Pages(raw, [row]))
    client = await raw.client(server.url)
    with pytest.raises(InvalidResponse, match="not one string"):
        [page async for page in client.query.iter_column(COLUMN)]


async def test_a_column_query_has_a_free_name_for_its_mark(raw: Any) -> None:
    server = await raw.serve(raw.http())
    client = await raw.client(server.url)
    cases: list[dict[str, Any]] = [{"values": {"after": 1}}, {"values": [1]}, {"page_size": 0}, {"after": ""}]
    for arguments in cases:
        with pytest.raises(InvalidArgument):
            [page async for page in client.query.iter_column(COLUMN, **arguments)]
    assert server.requests == []


KEYS = st.lists(st.text(min_size=1).filter(lambda key: key.strip() and "\0" not in key), min_size=1, max_size=5)


@pytest.mark.slow
@settings(deadline=None)
@given(KEYS, st.uuids())
def test_no_key_changes_the_text_of_the_query(keys: list[str], after: UUID) -> None:
    body = json.loads(endpoints.persons_having(keys, after=str(after), limit=10).body or b"")["query"]
    plain = json.loads(endpoints.persons_having(["x"] * len(keys), after="", limit=10).body or b"")["query"]
    assert body["query"] == plain["query"]
    assert body["query"].endswith(" ORDER BY toString(id) LIMIT 10")
    assert body["values"] == {**{f"k{at}": key for at, key in enumerate(keys)}, "after": str(after)}
