"""What the table of calls has no column for: the parameter `format`, and a key for folders alone (contract 0, 1, 7)."""

from typing import Any

import pytest
from calls import CALLS, DOCUMENTED

from asyncclient import ActivityPage, Page, Person, PropertiesTimeline

IN_A_FORMAT = {
    "list": lambda persons, uuid, form: persons.list(format=form),
    "get": lambda persons, uuid, form: persons.get(uuid, format=form),
    "update": lambda persons, uuid, form: persons.update(uuid, {"plan": "pro"}, format=form),
    "delete": lambda persons, uuid, form: persons.delete(uuid, format=form),
    "activity": lambda persons, uuid, form: persons.activity(uuid, format=form),
    "delete_events": lambda persons, uuid, form: persons.delete_events(uuid, {}, format=form),
    "delete_property": lambda persons, uuid, form: persons.delete_property(uuid, "email", format=form),
    "delete_recordings": lambda persons, uuid, form: persons.delete_recordings(uuid, {}, format=form),
    "properties_timeline": lambda persons, uuid, form: persons.properties_timeline(uuid, format=form),
}
TYPES = {"list": Page, "get": Person, "activity": ActivityPage, "properties_timeline": PropertiesTimeline}


@pytest.mark.parametrize("name", IN_A_FORMAT)
@pytest.mark.parametrize("form", ["csv", "json"])
@pytest.mark.parametrize("success_status", ["real", "documented"])
async def test_format(open_desk: Any, name: str, form: str, success_status: str) -> None:
    async with open_desk(era="summary", alias="plain", success_status=success_status) as desk:
        result = await desk.make(name, lambda client: IN_A_FORMAT[name](client.persons, desk.ada, form), id=desk.ada)
        assert ("format", form) in desk.last.query
        assert desk.last.applied is (CALLS[name].method != "GET")
        assert isinstance(result, (str if form == "csv" else TYPES[name]) if name in TYPES else type(None))
        if form == "csv" and name in TYPES:
            # only what stands under `results` is rendered: of a single object nothing is left
            assert ("ada" in result, bool(result)) == (name == "list", name == "list")


def test_format_is_tried_for_every_documented_call_of_persons() -> None:
    assert {name for name, row in DOCUMENTED.items() if row.path.startswith("persons/")} == IN_A_FORMAT.keys()


@pytest.mark.parametrize("alias", ["rewrite", "plain", "redirect", "gone"])
@pytest.mark.parametrize("prefix", ["auto", "projects"])
async def test_a_key_for_folders_alone_deletes_one(open_desk: Any, prefix: str, alias: str) -> None:
    async with open_desk(alias=alias) as desk:
        home = desk.world.add_folder("home")
        async with desk.client(("persisted_folder:write",), api_prefix=prefix) as client:
            await client.persisted_folders.delete(home)
        assert desk.world.folders() == []
        assert [each.method for each in desk.server.requests].count("DELETE") == 1
