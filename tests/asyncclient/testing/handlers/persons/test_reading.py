"""Retrieve, the batch reads and the projects over a socket (contract 6.2, 6.11, 5)."""

import pytest


async def test_a_single_person_has_its_number_as_id_and_no_is_identified(serve):
    api = await serve()
    uuid = api.world.add_person(["d1"], {"plan": "pro"}, created_at="2026-01-02T03:04:05.123456Z")
    number = api.world.person(uuid).id
    expected = {
        "id": number,
        "name": "d1",
        "distinct_ids": ["d1"],
        "properties": {"plan": "pro"},
        "created_at": "2026-01-02T03:04:05.123456Z",
        "uuid": str(uuid),
        "last_seen_at": None,
    }
    assert isinstance(number, int)
    for spelling in (str(uuid), uuid.hex, str(uuid).upper(), str(number)):
        assert (await api.get(f"{spelling}/")).json == expected


async def test_the_name_falls_back_from_email_to_name_to_a_distinct_id_to_the_number(serve):
    api = await serve()
    anonymous = "0190f0f0-0000-7000-8000-000000000000"
    for ids, properties, name in (
        (["a1"], {"email": "", "name": "Ann"}, "Ann"),
        ([anonymous, "b2"], {}, "b2"),
        ([anonymous.replace("f", "e")], {}, None),
    ):
        uuid = api.world.add_person(ids, properties)
        person = (await api.get(f"{uuid}/")).json
        assert person["name"] == (name or str(person["id"]))


@pytest.mark.parametrize("given", ["00000000-0000-0000-0000-000000000000", "999", "0", "-1"])
async def test_an_id_without_a_person_is_not_found(serve, given):
    api = await serve(3)
    reply = await api.get(f"{given}/")
    assert reply.error == (404, "invalid_request", "not_found")
    assert reply.json["detail"] == "Not found."


@pytest.mark.parametrize("given", ["user-1", "a@b", "12x", "x" * 36, "%C3%A9", "a%20b"])
async def test_an_id_that_is_neither_uuid_nor_number_is_refused_with_a_hint(serve, given):
    api = await serve(3)
    reply = await api.get(f"{given}/")
    assert reply.error == (400, "validation_error", "invalid_input")
    assert "does not look like a personID" in reply.json["detail"]
    assert "?distinct_id=" in reply.json["detail"]


async def test_a_distinct_id_that_looks_like_a_number_names_another_person(serve):
    api = await serve(3)
    api.world.add_person(["2"])
    assert (await api.get("2/")).json["distinct_ids"] == ["user-1"]


async def test_batch_reads_leave_out_misses_and_cap_distinct_ids_at_10(serve):
    api = await serve(200)
    by_ids = await api.post("batch_by_distinct_ids/", {"distinct_ids": ["user-137", "user-5-device-1", "nobody"]})
    results = by_ids.json["results"]
    assert set(results) == {"user-137", "user-5-device-1"}
    assert len(results["user-137"]["distinct_ids"]) == 10
    assert results["user-5-device-1"]["id"] == 6
    uuid = results["user-137"]["uuid"]
    by_uuids = await api.post("batch_by_uuids/", {"uuids": [uuid.upper(), "0" * 32]})
    assert by_uuids.json["results"] == {uuid: results["user-137"]}


@pytest.mark.parametrize(("route", "field"), [("batch_by_distinct_ids", "distinct_ids"), ("batch_by_uuids", "uuids")])
@pytest.mark.parametrize("value", [[], "user-1", None])
async def test_batch_reads_without_ids_find_no_person(serve, route, field, value):
    api = await serve(3)
    for body in (None, {}, {field: value}):
        reply = await api.post(f"{route}/", body)
        assert (reply.status, reply.json) == (200, {"results": {}})


async def test_batch_reads_are_silently_cut_at_200(serve):
    api = await serve(300)
    reply = await api.post("batch_by_distinct_ids/", {"distinct_ids": [f"user-{n}" for n in range(300)]})
    assert set(reply.json["results"]) == {f"user-{n}" for n in range(200)}
    uuids = [str(uuid) for uuid in api.world.iter_uuids()]
    assert set((await api.post("batch_by_uuids/", {"uuids": uuids})).json["results"]) == set(uuids[:200])


async def test_one_malformed_uuid_refuses_the_batch(serve):
    api = await serve(3)
    uuids = [*(await api.uuids()), "user-1"]
    assert (await api.post("batch_by_uuids/", {"uuids": uuids})).error == (400, "validation_error", "invalid_input")


async def test_batch_reads_see_the_store_at_once_whatever_the_listing_shows(serve):
    api = await serve(3, list_lag_s=100)
    uuids = await api.uuids()
    await api.delete(f"{uuids[0]}/")
    assert set((await api.post("batch_by_uuids/", {"uuids": uuids})).json["results"]) == set(uuids[1:])


async def test_projects_can_be_listed_and_read(serve):
    api = await serve(project_id=42, project_name="Shop")
    listed = (await api.get("/api/projects/")).json
    assert (listed["count"], listed["results"][0]["id"], listed["results"][0]["name"]) == (1, 42, "Shop")
    for path in ("/api/projects/42/", "/api/projects/@current", "/api/environments/42/"):
        project = (await api.get(path)).json
        assert (project["id"], project["name"]) == (42, "Shop")
        assert project["api_token"].startswith("phc_")


async def test_at_current_is_the_project_of_the_key(serve):
    api = await serve(3, project_id=42)
    assert len((await api.get("/api/projects/@current/persons/")).json["results"]) == 3
