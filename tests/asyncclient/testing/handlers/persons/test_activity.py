"""The activity log: of one person, of all, page by page (contract 6.9)."""

import pytest

PERSON = {"type": "Person", "action": "changed", "field": "properties", "before": None, "after": None}


async def changed(api, person, times=1):
    for number in range(times):
        await api.call("PATCH", f"{person}/", json={"properties": {"n": number}})


@pytest.mark.parametrize("tail", ["1/activity/", "activity/"])
async def test_only_the_scope_of_the_log_opens_it(serve, tail):
    for scopes, status in ((("person:write",), 403), (("activity_log:read",), 200), (("*",), 200)):
        assert (await (await serve(1, scopes=scopes)).get(tail)).status == status


async def test_an_entry_names_user_activity_and_person(serve):
    api = await serve(2, user_first_name="Ada", user_email="ada@example.com")
    await changed(api, 1)
    reply = await api.get("1/activity/")
    body = reply.json
    item = body["results"][0]
    assert {**body, "results": []} == {"results": [], "next": None, "previous": None, "total_count": 1}
    detail = {"id": None, "merge": None, "trigger": None, "name": None, "short_id": None, "type": None}
    assert {**item, "id": ""} == {
        "id": "",
        "user": {"first_name": "Ada", "email": "ada@example.com"},
        "activity": "updated",
        "scope": "Person",
        "item_id": "1",
        "detail": {**detail, "changes": [PERSON]},
        "created_at": "2026-09-21T14:13:20Z",
    }
    assert len(item["id"]) == 36
    assert (await api.get("2/activity/")).json["results"] == []


async def test_each_kind_of_change_is_logged_newest_first_and_refused_ones_are_not(serve):
    api = await serve(2)
    await changed(api, 1)
    await api.post("1/update_property/", {"key": "a", "value": 1})
    await api.post("1/delete_property/", {"$unset": "a"})
    await api.post("1/delete_property/", {})
    await api.call("PATCH", "1/", json={})
    done = [item["activity"] for item in (await api.get("1/activity/")).json["results"]]
    assert done == ["delete_property", "updated", "updated"]


async def test_a_deleted_person_is_in_the_log_of_the_project_and_has_no_own_log(serve):
    api = await serve(5)
    uuids = [str(api.world.uuid_of(f"user-{n}")) for n in range(3)]
    await changed(api, 1)
    await api.delete("1/")
    await api.post("bulk_delete/", {"ids": uuids[1:3]})
    api.world.remove_person(api.world.uuid_of("user-3"))
    assert (await api.get("1/activity/")).error == (404, "invalid_request", "not_found")
    everything = (await api.get("activity/")).json["results"]
    told = [(item["activity"], item["item_id"], item["detail"]["name"]) for item in everything]
    assert told == [
        ("deleted", "3", uuids[2]),
        ("deleted", "2", uuids[1]),
        ("deleted", "1", uuids[0]),
        ("updated", "1", None),
    ]


async def test_a_person_created_anew_has_another_number_and_an_empty_log(serve):
    api = await serve(2)
    await changed(api, 1)
    uuid = api.world.recreate(api.world.uuid_of("user-0"))
    assert (await api.get(f"{uuid}/activity/")).json["results"] == []
    await changed(api, uuid)
    assert [item["item_id"] for item in (await api.get(f"{uuid}/activity/")).json["results"]] == ["3"]


async def test_pages_are_numbered_and_end(serve):
    api = await serve(1)
    await changed(api, 1, 25)
    pages, url = [], "1/activity/?x=1"
    while url is not None and len(pages) < 9:
        page = (await api.get(url)).json
        pages.append([item["id"] for item in page["results"]])
        url = page["next"]
    assert [len(page) for page in pages] == [10, 10, 5]
    assert len({each for page in pages for each in page}) == 25
    last = (await api.get("1/activity/?page=2&limit=13")).json
    assert (len(last["results"]), last["next"], last["total_count"]) == (12, None, 25)
    assert last["previous"].endswith("/api/projects/1/persons/1/activity/?page=1&limit=13")
    assert (await api.get("1/activity/?page=3&limit=13")).error == (404, "invalid_request", "not_found")
    assert (await api.get("1/activity/?page=4")).status == 404
    for wrong in ("page=x", "limit=x", "page=0", "limit=0"):
        assert (await api.get(f"1/activity/?{wrong}")).status == 500
    assert (await api.get("activity/?limit=25")).json["next"] is None


async def test_the_log_keeps_the_newest_entries_only(serve):
    api = await serve(100, activity_limit=10)
    await api.post("bulk_delete/", {"ids": [str(uuid) for uuid in api.world.iter_uuids()]})
    page = (await api.get("activity/?limit=50")).json
    assert [item["item_id"] for item in page["results"]] == [str(pk) for pk in range(100, 90, -1)]
    assert page["total_count"] == len(api.world.mutations.activities) == 10
    api.server.reconfigure(activity_limit=0)
    api.world.add_person(["x"])
    await changed(api, api.world.uuid_of("x"))
    assert (await api.get("activity/")).json["results"] == []
