"""Whatever distinct ids and keys of properties are, each request goes where it should and holds what was asked.

Read off the server's record of 500 hostile texts, from the client and from the engine (guarantees 28, 29).
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hostile import UNSENDABLE, hostile_texts

from asyncclient import CaptureEvent, InvalidArgument, Limits, PostHogClient, RateLimits
from asyncclient.testing import LocalPostHog, RecordedRequest, ServerOptions
from bulk import (
    ByDistinctIds,
    ByPersonIds,
    DeletePersons,
    Report,
    UnsetProperties,
    UpdateProperties,
    make_plan,
    run_job,
)

COUNT = 500
WAIT_S = 5.0
"""What is not as asked by then never will be: the server lags behind in nothing here."""
FLAGS = ("delete_events", "delete_recordings", "keep_person")
ID = re.compile(r"(?<=/persons/)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?=/)")
PROJECT = re.compile(r"^/api/(?:projects|environments)/1/")
BATCHES = {"POST persons/batch_by_uuids/", "POST persons/batch_by_distinct_ids/"}
READS = {
    "GET ",
    "GET persons/",
    "GET persons/:id/",
    "GET persons/deletion_status/",
    "GET persons/bulk_delete/",
    *BATCHES,
}
WRITES = {"PATCH persons/:id/", "POST persons/:id/delete_property/", "DELETE persons/:id/", "POST persons/bulk_delete/"}


class Scene:
    """A server with a person for each hostile distinct id, and a bystander whom some of them look like."""

    def __init__(self, server: LocalPostHog, client: PostHogClient, folder: Path) -> None:
        self.server = server
        self.world = server.world
        self.client = client
        self.folder = folder
        self.bystander = self.world.add_person(["bystander"], {"kept": 1})
        number = self.world.person(self.bystander).id  # type: ignore[union-attr]
        self.texts = hostile_texts(COUNT, uuid=self.bystander, number=number)
        self.people = {text: self.world.add_person([text], {"kept": text}) for text in self.texts}
        self._jobs = 0

    def chosen(self, texts: list[str]) -> ByPersonIds:
        """The persons of these distinct ids."""
        return ByPersonIds([self.people[text] for text in texts])

    async def job(self, operation: Any, selection: Any) -> Report:
        """Plan and run a job; only what it sent stays on record."""
        self._jobs += 1
        self.server.requests.clear()
        plan = await make_plan(self.client, operation, selection, self.folder / f"{self._jobs}.plan.jsonl")
        return await run_job(
            self.client, plan, self.folder / f"{self._jobs}.journal.jsonl", approve=plan.digest, wait_s=WAIT_S
        )

    def sent(self, action: str) -> list[RecordedRequest]:
        """The requests of an action; all on record have gone where they may, with no query but what is theirs."""
        nobody = UUID(int=0)  # read to settle the path prefix
        uuids = {str(uuid) for uuid in (nobody, self.bystander, *self.people.values())}
        for each in self.server.requests:
            assert uuids.issuperset(ID.findall(each.path)), each.path
            if each.path not in ("/batch/", "/api/projects/1/"):
                assert f"{each.method} {PROJECT.sub('', ID.sub(':id', each.path))}" in READS | WRITES
            # whether there are deletion rows is read by those of nobody
            names = {name for name, value in each.query if (name, value) != ("person_uuid", str(nobody))}
            assert names <= {"GET": {"limit", "offset", "status"}, "DELETE": set(FLAGS)}.get(each.method, set())
        return [each for each in self.server.requests if each.action == action and each.method != "GET"]

    def properties(self) -> dict[str, dict[str, Any]]:
        """What the persons have beside what they had at first, by distinct id."""
        found = {}
        for text, uuid in self.people.items():
            person = self.world.person(uuid)
            assert person is not None
            assert person.distinct_ids == (text,)
            found[text] = dict(person.properties)
            assert found[text].pop("kept") == text
        bystander = self.world.person(self.bystander)
        assert bystander is not None
        assert bystander.properties == {"kept": 1}
        assert self.world.count() == COUNT + 1
        return found


@pytest.fixture
async def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    monkeypatch.setattr("bulk.execution.batch_policy.BACKOFF_BASE_S", 0.0)
    monkeypatch.setattr("bulk.verification.completion_poller.WAITS_S", (0.0,))
    monkeypatch.setattr("bulk.posthog.person_reader.CONFIRM_AFTER_S", 0.0)
    async with LocalPostHog(options=ServerOptions(era="summary")) as server, opened(server) as client:
        yield Scene(server, client, tmp_path)


@asynccontextmanager
async def opened(server: LocalPostHog) -> AsyncIterator[PostHogClient]:
    settings = {"personal_api_key": server.personal_api_key, "limits": Limits(RateLimits.off())}
    async with PostHogClient(host=server.url, project_id=1, **settings) as client:  # type: ignore[arg-type]
        yield client


@pytest.mark.slow
async def test_the_client_changes_and_deletes(scene: Scene) -> None:
    persons, requests = scene.client.persons, scene.server.requests
    await scene.client.settle_prefix()
    for number, (text, uuid) in enumerate(scene.people.items()):
        path = f"/api/projects/1/persons/{uuid}/"
        await persons.update(uuid, {text: text})
        assert (requests[-1].method, requests[-1].path, requests[-1].query) == ("PATCH", path, ())
        assert requests[-1].body == {"properties": {text: text}}
        person = scene.world.person(uuid)
        assert person is not None
        assert person.properties == {"kept": text} | {text: text}
        await persons.delete_property(uuid, text)
        assert (requests[-1].method, requests[-1].path) == ("POST", f"{path}delete_property/")
        assert (requests[-1].query, requests[-1].body) == ((), {"$unset": text})
        person = scene.world.person(uuid)
        assert person is not None
        assert person.properties == {"kept": text}
        asked = {name: bool(number >> bit & 1) for bit, name in enumerate(FLAGS)}
        await persons.delete(uuid, **asked)
        assert (requests[-1].method, requests[-1].path, requests[-1].body) == ("DELETE", path, None)
        assert requests[-1].query == tuple((name, "true") for name, on in asked.items() if on)
        assert (scene.world.person(uuid) is None) is not asked["keep_person"]
        assert bool(scene.world.deletion_rows(uuid)) is asked["delete_events"]
        assert bool(scene.world.recordings_requested(uuid)) is asked["delete_recordings"]
    assert scene.world.person(scene.bystander) is not None
    assert len(requests) == 1 + 3 * COUNT


@pytest.mark.slow
async def test_the_client_deletes_in_bulk_by_distinct_id(scene: Scene) -> None:
    await scene.client.persons.bulk_delete(distinct_ids=scene.texts, delete_recordings=True)
    (request,) = scene.sent("bulk_delete")
    flags = {"delete_events": False, "delete_recordings": True, "keep_person": False}
    assert request.body == {"distinct_ids": scene.texts, **flags}
    assert list(scene.world.iter_uuids()) == [scene.bystander]


@pytest.mark.slow
async def test_the_client_asks_for_a_distinct_id_in_query_or_body(scene: Scene) -> None:
    for text in scene.texts[::2]:
        page = await scene.client.persons.list(distinct_id=text)
        assert [each.uuid for each in page.results] == [scene.people[text]]
        assert ("distinct_id", text) in scene.server.requests[-1].query
        assert PROJECT.sub("", scene.server.requests[-1].path) == "persons/"
    for start in range(0, COUNT, 200):
        asked = scene.texts[start : start + 200]
        found = await scene.client.persons.batch_by_distinct_ids(asked)
        assert {text: each.uuid for text, each in found.items()} == {text: scene.people[text] for text in asked}
        assert scene.server.requests[-1].body == {"distinct_ids": asked}


def takes_for_a_person(text: str) -> bool:
    """Whether a text is the number or UUID of a person, and nothing else."""
    if re.fullmatch(r"[0-9]{1,19}", text):
        return 0 < int(text) < 2**63
    return re.fullmatch(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text) is not None


@pytest.mark.slow
async def test_no_distinct_id_comes_into_a_path(scene: Scene) -> None:
    persons, folders = scene.client.persons, scene.client.persisted_folders
    mistaken = [text for text in scene.texts if takes_for_a_person(text)]
    assert {str(scene.bystander), scene.bystander.hex, "1"} <= set(mistaken)
    for text in (*UNSENDABLE, *(each for each in scene.texts if each not in mistaken)):
        for call in (
            persons.get(text),
            persons.update(text, {"a": 1}),
            persons.update_property(text, "a", 1),
            persons.delete_property(text, "a"),
            persons.delete(text),
            persons.delete_events(text),
            persons.delete_recordings(text),
            persons.activity(text),
            persons.properties_timeline(text),
            persons.split(text, main_distinct_id="a"),
            persons.bulk_delete(ids=[text]),
            persons.batch_by_uuids([text]),
            folders.get(text),
            folders.update(text, path=""),
            folders.delete(text),
        ):
            with pytest.raises(InvalidArgument):
                await call
    assert scene.server.requests == []


async def test_a_value_that_no_server_can_store_is_not_sent(scene: Scene) -> None:
    persons = scene.client.persons
    for text in UNSENDABLE:
        for call in (
            persons.update(scene.bystander, {text: 1}),
            persons.update(scene.bystander, {"a": 1, text: 1}),
            persons.update_property(scene.bystander, text, 1),
            persons.delete_property(scene.bystander, ["a", text]),
        ):
            with pytest.raises(InvalidArgument):
                await call
        with pytest.raises(InvalidArgument):
            CaptureEvent.set(text, {"a": 1})
        for operation in (UpdateProperties, UnsetProperties):
            with pytest.raises(ValueError):
                operation({text: 1} if operation is UpdateProperties else (text,))  # type: ignore[arg-type]
    assert scene.server.requests == []


@pytest.mark.slow
@pytest.mark.parametrize("route", ["rest", "capture"])
async def test_the_engine_changes_properties(scene: Scene, route: str) -> None:
    expected: dict[str, dict[str, Any]] = {text: {} for text in scene.texts}
    for start in range(0, COUNT, 100):
        keys = scene.texts[start : start + 100]
        asked = {key: [key, start] for key in keys}
        report = await scene.job(UpdateProperties(asked, route=route), scene.chosen(keys))
        assert report.exit_code == 0
        changed(scene, report, keys, {"$set": asked}, [{"properties": asked}])
        expected |= dict.fromkeys(keys, asked)
        assert scene.properties() == expected
        report = await scene.job(UnsetProperties(tuple(keys[:-1]), route=route), scene.chosen(keys))
        assert report.exit_code == 0
        in_one_call, alone = {"$unset": keys[:-1]}, [{"$unset": key} for key in keys[:-1]]
        allowed = [alone] if route == "capture" else [[in_one_call], [in_one_call, alone[0]]]
        changed(scene, report, keys, in_one_call, *allowed)
        expected |= {key: {keys[-1]: asked[keys[-1]]} for key in keys}
        assert scene.properties() == expected


def changed(scene: Scene, report: Report, chosen: list[str], in_event: dict[str, Any], *bodies: list[Any]) -> None:
    """Find each person sent for once: by an event, or, who has no distinct id that one can bear, by calls."""
    addressed = []
    for request in scene.sent("capture"):
        assert request.path == "/batch/"
        assert request.body.keys() == {"api_key", "historical_migration", "batch"}
        for event in request.body["batch"]:
            assert event.keys() == {"event", "distinct_id", "properties"}
            assert event["event"] == ("$set" if "$set" in in_event else "$delete_person_property")
            assert event["properties"] == {**in_event, "$geoip_disable": True}
            addressed.append(event["distinct_id"])
    one_call_per_person: dict[str, list[Any]] = {}
    names = {scene.people[text]: text for text in scene.texts}
    for request in (*scene.sent("update"), *scene.sent("delete_property")):
        (uuid,) = ID.findall(request.path)
        one_call_per_person.setdefault(names[UUID(uuid)], []).append(request.body)
    assert sorted([*addressed, *one_call_per_person]) == sorted(chosen)
    assert all(found in bodies for found in one_call_per_person.values())
    if report.routes[0].route == "capture":
        assert one_call_per_person.keys() == {text for text in chosen if len(text) > 200}


async def test_the_engine_deletes_by_distinct_id(scene: Scene) -> None:
    source = ByDistinctIds([*scene.texts, *UNSENDABLE], allow_shared_ids=True)
    report = await scene.job(DeletePersons(delete_events=True), source)
    assert report.exit_code == 0
    refused = {text for text in scene.texts if re.search("[\x00-\x1f\x7f]", text)}
    gone = {uuid for text, uuid in scene.people.items() if text not in refused}
    assert {scene.world.uuid_of(text) for text in refused} | {scene.bystander} == set(scene.world.iter_uuids())
    assert {row.person_uuid for row in scene.world.all_deletion_rows()} == gone
    sent: dict[bool, list[UUID]] = {True: [], False: []}
    for request in scene.sent("bulk_delete"):
        keep = request.body["keep_person"]
        flags = {"delete_events": keep, "delete_recordings": False, "keep_person": keep}
        assert request.body == {"ids": request.body["ids"], **flags}
        assert {type(request.body[name]) for name in FLAGS} == {bool}
        sent[keep] += map(UUID, request.body["ids"])
    assert sorted(sent[True]) == sorted(sent[False]) == sorted(gone)
    assert scene.sent("destroy") == scene.sent("delete_events") == []
