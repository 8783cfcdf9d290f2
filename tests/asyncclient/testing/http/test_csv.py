"""Persons as CSV: all of them in one streamed response (contract 6.1)."""

import csv
import io

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncclient.testing import Fault, RateLimits
from asyncclient.testing.http.csv import flatten, stream_rows, to_csv
from asyncclient.testing.http.envelope import HTML, Response

CSV = "text/csv; charset=utf-8"


def table(body):
    return list(csv.DictReader(io.StringIO(body.decode(), newline="")))


async def test_a_header_and_a_line_for_each_person_whatever_limit_and_offset_say(serve):
    api = await serve(150)
    reply = await api.get("?format=csv&limit=2&offset=5")
    assert (reply.status, reply.headers["Content-Type"]) == (200, CSV)
    assert [row["uuid"] for row in table(reply.body)] == await api.walk("?limit=100")
    assert reply.body.startswith(b"created_at,distinct_ids.0,")
    assert reply.body.count(b"\r\n") == 151
    assert api.server.requests[0].action == "list"


async def test_columns_are_the_paths_of_all_rows(serve):
    api = await serve()
    api.world.add_person(["a"], {"n": None, "ok": True, "deep": {"x": [1, {"y": 2.5}], "none": {}}})
    api.world.add_person(["b", 'c,\n"d"'], {"ok": "é"})
    second, first = table((await api.get("?format=csv")).body)
    assert set(first) == {
        *("created_at", "distinct_ids.0", "distinct_ids.1", "id", "is_identified", "last_seen_at", "name", "type"),
        *("properties.deep.x.0", "properties.deep.x.1.y", "properties.n", "properties.ok", "uuid"),
        "value_at_data_point",
    }
    assert (first["properties.ok"], first["properties.n"], first["properties.deep.x.1.y"]) == ("True", "", "2.5")
    assert (second["properties.ok"], second["properties.deep.x.0"]) == ("é", "")
    assert (first["distinct_ids.1"], second["distinct_ids.1"]) == ("", 'c,\n"d"')
    assert (first["id"], first["type"]) == (first["uuid"], "person")


async def test_filters_apply_and_no_match_is_an_empty_text(serve):
    api = await serve(30)
    (row,) = table((await api.get("?format=csv&distinct_id=user-7")).body)
    assert (row["distinct_ids.0"], row["distinct_ids.2"]) == ("user-7", "user-7-device-2")
    nobody = await api.get("?format=csv&distinct_id=x")
    assert (nobody.status, nobody.body) == (200, b"")


@pytest.mark.parametrize("path", [".csv", ".csv/", "/?format=csv"])
async def test_the_suffix_csv_requests_a_csv_export(serve, path):
    api = await serve(3)
    reply = await api.get(f"/api/projects/1/persons{path}")
    assert len(table(reply.body)) == 3


async def test_persons_that_the_store_lost_are_left_out(serve):
    api = await serve(10)
    api.world.orphan(api.world.uuid_of("user-3"))
    rows = table((await api.get("?format=csv")).body)
    assert len(rows) == 9
    api.server.reconfigure(unhydratable_every=3)
    assert len(table((await api.get("?format=csv")).body)) == 9


@pytest.mark.slow
@pytest.mark.parametrize("is_cut", [True, False])
async def test_a_csv_export_has_at_most_the_rows_of_the_query_layer(serve, case_count, is_cut):
    most = case_count(8_000, 50_000)
    rows = most if is_cut else most + 3
    api = await serve(most + 3, csv_rows=most if is_cut else 300_000)
    reply = await api.get("?format=csv", headers={"Accept-Encoding": "gzip"})
    assert reply.body.count(b"\r\n") == rows + 1


@pytest.mark.slow
async def test_a_csv_export_is_streamed_and_compressed_on_request(serve):
    api = await serve(2000)
    path, plain = "?format=csv", {"Accept-Encoding": "identity"}
    reply = await api.get(path, headers=plain)
    assert (reply.headers["Transfer-Encoding"], "Content-Encoding" in reply.headers) == ("chunked", False)
    assert api.server.requests[-1].answered_bytes == len(reply.body)
    packed = await api.get(path, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.body == reply.body
    assert api.server.requests[-1].answered_bytes < len(reply.body) / 2
    api.server.reconfigure(gzip=False)
    assert "Content-Encoding" not in (await api.get(path, headers={"Accept-Encoding": "gzip"})).headers


@pytest.mark.slow
async def test_a_csv_export_has_the_persons_at_the_time_of_the_request(serve):
    api = await serve(3000)
    url = f"{api.server.url}/api/projects/1/persons/?format=csv"
    headers = {"Authorization": f"Bearer {api.server.personal_api_key}"}
    async with api.session.get(url, headers=headers) as response:
        api.world.remove_person(api.world.uuid_of("user-1"))
        assert (await response.read()).count(b"\r\n") == 3001


async def test_head_has_no_body(serve):
    api = await serve(5)
    head = await api.call("HEAD", "?format=csv")
    assert (head.status, head.headers["Content-Type"], head.body) == (200, CSV, b"")
    assert (await api.get("?format=csv")).status == 200


async def test_other_responses_are_their_results_and_a_single_person_is_an_empty_text(serve):
    api = await serve(5)
    await api.post("1/delete_events/")
    await api.call("PATCH", "1/", json={"properties": {"a": 1}})
    (row,) = table((await api.get("deletion_status/?format=csv")).body)
    assert (row["person_uuid"], row["status"]) == (str(api.world.uuid_of("user-0")), "pending")
    (entry,) = table((await api.get("1/activity.csv")).body)
    assert (entry["activity"], entry["user.email"]) == ("updated", "local@example.com")
    (batch,) = table((await api.post("batch_by_distinct_ids/?format=csv", {"distinct_ids": ["user-1"]})).body)
    assert batch["user-1.id"] == "2"
    for path in ("1/?format=csv", "1.csv"):
        reply = await api.get(path)
        assert (reply.status, reply.body) == (200, b"")


async def test_errors_and_changes_keep_their_status_and_have_no_body(serve):
    api = await serve(5, rate_limits=RateLimits(others_per_minute=2))
    assert (await api.get("999999/?format=csv")).status == 404
    assert (await api.get("1/?format=csv")).status == 200
    throttled = await api.get("?format=csv")
    assert (throttled.status, throttled.body, throttled.headers["Retry-After"]) == (429, b"", "60")
    refused = await api.get("?format=csv", headers={"Authorization": "Bearer x"})
    assert (refused.status, refused.body) == (401, b"")
    deleted = await api.delete("1/?format=csv")
    assert (deleted.status, deleted.body) == (202, b"")
    assert api.world.count() == 4


@pytest.mark.parametrize("path", ["/api/projects/1/?format=csv", "?format=xml", "1.xml", "/api/projects/1.csv"])
async def test_only_the_list_of_persons_has_a_csv_export(serve, path):
    api = await serve(1)
    assert (await api.get(path)).error == (404, "invalid_request", "not_found")


@pytest.mark.slow
async def test_a_cut_response_breaks_off_within_the_rows(serve):
    api = await serve(2000)
    api.server.faults.add(Fault("cut_body", times=1))
    with pytest.raises(aiohttp.ClientPayloadError):
        await api.get("?format=csv")
    assert (await api.get("?format=csv")).body.count(b"\r\n") == 2001


async def test_other_faults_take_the_place_of_the_rows(serve):
    api = await serve(3)
    for kind in ("garbage", "deep_json"):
        api.server.faults.add(Fault(kind, times=1))
        assert b"user-1" not in (await api.get("?format=csv")).body
    api.server.faults.add(Fault("big_body", times=1, size=100_000))
    assert len((await api.get("?format=csv")).body) > 90_000


LEAVES = st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"), max_size=5)
KEYS = st.text(st.characters(codec="utf-8", exclude_characters="."), max_size=3)
TREES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3))
ROWS = st.lists(st.dictionaries(KEYS, TREES, max_size=4), max_size=6)


def spelled(leaf):
    return "" if leaf is None else str(leaf)


@pytest.mark.slow
@given(ROWS)
def test_every_leaf_is_read_back_from_its_column(rows):
    text = b"".join(stream_rows(lambda: rows)).decode()
    read = list(csv.reader(io.StringIO(text, newline="")))
    if not rows:
        assert read == []
        return
    header, *lines = read
    assert header == sorted({path for row in rows for path in flatten(row)})
    assert len(lines) == len(rows)
    for row, line in zip(rows, lines, strict=True):
        leaves = {path: spelled(leaf) for path, leaf in flatten(row).items()}
        assert {path: cell for path, cell in zip(header, line, strict=True) if path in leaves} == leaves
        assert all(cell == "" for path, cell in zip(header, line, strict=True) if path not in leaves)


def test_paths_skip_empty_names_and_empty_objects_have_none():
    value = {"a": {"b": [1, {"c": 2}], "": 3, "e": {}, "f": []}, "": {"x": 4}, "p": {"": {"y": 5}}}
    assert flatten(value) == {"a.b.0": 1, "a.b.1.c": 2, "a": 3, ".x": 4, "p..y": 5}


def test_only_json_is_made_into_csv_and_blocks_let_others_run():
    page = Response(504, b"<html></html>", HTML)
    assert to_csv(page) is page
    blocks = list(stream_rows(lambda: ({"n": n} for n in range(1200))))
    assert blocks[:2] == [b"", b""]
    assert [block.count(b"\r\n") for block in blocks[2:]] == [501, 500, 200]
    assert blocks[2].startswith(b"n\r\n0\r\n")
