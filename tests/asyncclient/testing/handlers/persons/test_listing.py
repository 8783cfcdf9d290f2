"""The list call over a socket: shape, order, paging and its quirks (contract 6.1)."""

from uuid import UUID

import pytest


async def test_a_row_has_the_fields_of_the_contract_and_the_uuid_as_its_id(serve):
    api = await serve()
    uuid = str(api.world.add_person(["d1", "d2"], {"email": "a@example.com"}, created_at="2026-01-02T03:04:05Z"))
    page = (await api.get()).json
    assert set(page) == {"results", "next", "previous"}
    assert page["results"] == [
        {
            "type": "person",
            "id": uuid,
            "uuid": uuid,
            "created_at": "2026-01-02T03:04:05Z",
            "last_seen_at": None,
            "properties": {"email": "a@example.com"},
            "is_identified": True,
            "name": "a@example.com",
            "distinct_ids": ["d1", "d2"],
            "matched_recordings": [],
            "value_at_data_point": None,
        }
    ]


async def test_an_older_server_has_no_last_seen_at(serve):
    api = await serve(1, last_seen_at=False)
    assert "last_seen_at" not in (await api.get()).json["results"][0]


async def test_rows_come_newest_first_and_ties_in_the_order_that_clickhouse_gives_uuids(serve):
    api = await serve(200)
    rows = (await api.get("?limit=200")).json["results"]
    assert len(rows) == 200
    keys = [(row["created_at"], row["uuid"]) for row in rows]
    second_half_first = sorted(keys, key=lambda key: (UUID(key[1]).bytes[8:], UUID(key[1]).bytes[:8]))
    assert keys == sorted(second_half_first, key=lambda key: key[0], reverse=True)
    assert len({created for created, _ in keys}) < 200, "there are ties to order"


async def test_the_whole_listing_has_every_person_once(serve):
    api = await serve(523)
    found = await api.walk("?limit=50")
    assert len(found) == 523
    assert set(found) == {str(uuid) for uuid in api.world.iter_uuids()}


@pytest.mark.parametrize(("query", "rows"), [("", 100), ("?limit=0", 100), ("?limit=7", 7), ("?limit=1000", 130)])
async def test_the_default_limit_is_100_and_0_means_that_too(serve, query, rows):
    api = await serve(130)
    assert len(await api.uuids(query)) == rows


@pytest.mark.parametrize("query", ["?limit=x", "?limit=", "?offset=x", "?limit=-1", "?offset=-1"])
async def test_a_limit_or_offset_that_is_no_number_is_an_unhandled_error(serve, query):
    api = await serve(3)
    assert (await api.get(query)).error == (500, "server_error", "error")


async def test_next_is_set_whenever_the_query_filled_the_page_so_the_last_page_can_be_empty(serve):
    api = await serve(4)
    second = (await api.get("?limit=2&offset=2")).json
    assert second["next"].endswith("?limit=2&offset=4")
    last = (await api.get(second["next"])).json
    assert last["results"] == []
    assert last["next"] is None


async def test_next_keeps_the_filters_and_names_the_canonical_prefix(serve):
    api = await serve(30)
    reply = await api.get("/api/environments/1/persons/?search=user&limit=5")
    assert reply.json["next"] == f"{api.server.url}/api/projects/1/persons/?search=user&limit=5&offset=5"


async def test_before_the_rewrite_next_stays_on_the_alias(serve):
    api = await serve(30, alias="plain")
    reply = await api.get("/api/environments/1/persons/?limit=5")
    assert reply.json["next"] == f"{api.server.url}/api/environments/1/persons/?limit=5&offset=5"


async def test_next_carries_the_host_that_the_request_named(serve):
    api = await serve(3)
    reply = await api.get("?limit=1", headers={"Host": "posthog.example"})
    assert reply.json["next"].startswith("http://posthog.example/api/projects/1/persons/")


async def test_previous_points_at_the_same_page_where_offset_equals_limit(serve):
    api = await serve(30)
    assert (await api.get("?limit=5&offset=4")).json["previous"] is None
    same = f"{api.server.url}/api/projects/1/persons/?limit=5&offset=5"
    assert (await api.get("?limit=5&offset=5")).json["previous"] == same
    assert (await api.get("?limit=5&offset=12")).json["previous"] == same.replace("offset=5", "offset=7")


async def test_include_total_counts_by_its_presence_alone(serve):
    api = await serve(30)
    assert "count" not in (await api.get("?limit=5")).json
    assert (await api.get("?limit=5&include_total=false")).json["count"] == 30
    assert (await api.get("?limit=5&include_total&email=nobody")).json["count"] == 0


@pytest.mark.slow
async def test_the_query_returns_at_most_50000_rows_and_then_has_no_next(serve):
    api = await serve(50_001)
    page = (await api.get("?limit=50001")).json
    assert (len(page["results"]), page["next"]) == (50_000, None)
    exact = (await api.get("?limit=50000")).json
    assert exact["next"].endswith("offset=50000")


async def test_distinct_ids_are_capped_at_1000_in_the_listing_only(serve):
    api = await serve()
    uuid = api.world.add_person([f"d{number}" for number in range(1001)])
    assert len((await api.get()).json["results"][0]["distinct_ids"]) == 1000
    assert len((await api.get(f"{uuid}/")).json["distinct_ids"]) == 1001


async def test_rows_without_a_person_shorten_pages_and_do_not_end_the_listing(serve):
    api = await serve(100, unhydratable_every=3)
    first = (await api.get("?limit=9")).json
    assert len(first["results"]) == 6
    assert first["next"] is not None
    assert len(await api.walk("?limit=9")) == 100


async def test_a_page_can_be_empty_and_have_a_next(serve):
    api = await serve(10)
    for uuid in await api.uuids("?limit=4"):
        api.world.orphan(uuid)
    page = (await api.get("?limit=4")).json
    assert page["results"] == []
    assert page["next"] is not None
    assert len(await api.walk("?limit=4")) == 6


async def test_deleting_while_paging_skips_persons(serve):
    api = await serve(10)
    first = await api.uuids("?limit=5")
    await api.post("bulk_delete/", {"ids": first})
    second = await api.uuids("?limit=5&offset=5")
    assert second == [], "the five left have moved to the first page"


async def test_the_listing_trails_the_store_for_removals_and_arrivals(serve):
    api = await serve(3, list_lag_s=60)
    gone = (await api.uuids())[0]
    assert (await api.delete(f"{gone}/")).status == 202
    new = str(api.world.add_person(["new"]))
    assert (await api.get(f"{gone}/")).status == 404
    assert (await api.get(f"{new}/")).status == 200
    page = (await api.get("?include_total")).json
    assert page["count"] == 3
    assert new not in [person["uuid"] for person in page["results"]]
    assert gone not in [person["uuid"] for person in page["results"]], "its row has nobody behind it"
    api.clock.now += 60
    assert new in await api.uuids()
    assert (await api.get("?include_total")).json["count"] == 3


async def test_a_change_of_the_lag_lets_no_removal_overtake_the_arrival_before_it(serve):
    api = await serve(3, list_lag_s=60)
    uuid = api.world.add_person(["new"])
    api.server.reconfigure(list_lag_s=0)
    api.world.remove_person(uuid)
    api.clock.now += 60
    assert not api.world.listed(uuid)


async def test_a_long_response_is_compressed_if_the_client_accepts_gzip(serve):
    api = await serve(50)
    assert (await api.get(headers={"Accept-Encoding": "gzip"})).headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in (await api.get(headers={"Accept-Encoding": "identity"})).headers
    assert "Content-Encoding" not in (await api.get(headers={"Accept-Encoding": "gzip;q=0"})).headers
    api.server.reconfigure(gzip=False)
    assert "Content-Encoding" not in (await api.get(headers={"Accept-Encoding": "gzip"})).headers
