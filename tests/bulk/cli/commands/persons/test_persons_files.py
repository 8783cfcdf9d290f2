"""`persons`: the objects of the server on stdout and in files, by IDs and by a file that names them."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from asyncclient.testing import Fault
from tests.bulk.cli.free_persons import FREE, everyone, free, mode

Run = Callable[..., Any]


def test_persons_never_replace_the_file_that_names_them(run: Run, posthog: Any) -> None:
    Path("ids").write_text("user-1\n")
    assert run("persons", "--distinct-ids", "ids", "-o", "./ids", "--force").code == 2
    assert Path("ids").read_text() == "user-1\n"
    Path("old.jsonl").write_text("old")
    assert run("persons", "--distinct-ids", "ids", "-o", "old.jsonl", "--force").code == 0
    assert len(Path("old.jsonl").read_text().splitlines()) == 1


def test_persons_streams_server_objects(run: Run, posthog: Any) -> None:
    result = run("persons")
    persons = [json.loads(line) for line in result.out.splitlines()]
    assert {UUID(person["uuid"]) for person in persons} == everyone(posthog)
    assert all(person["type"] == "person" for person in persons)
    assert result.err == "60 persons\n"
    some = run("persons", *FREE)
    assert {UUID(json.loads(line)["uuid"]) for line in some.out.splitlines()} == free(posthog)
    assert not posthog.mutations


@pytest.mark.parametrize("option", ["--distinct-ids", "--uuids", "--emails"])
def test_persons_of_a_file_come_once_each_and_the_rest_is_listed(run: Run, posthog: Any, option: str) -> None:
    uuid = posthog.server.world.add_person(["a", "b"], {"email": "a@example.org"})
    lines = {
        "--distinct-ids": "a\nb\nnobody\n\n",
        "--uuids": f"{uuid}\n{uuid}\n{UUID(int=1)}\n\n",
        "--emails": "a@example.org\na@example.org\nnobody@example.org\n\n",
    }[option]
    Path("in").write_text(lines)
    result = run("persons", option, "in")
    assert [json.loads(line)["uuid"] for line in result.out.splitlines()] == [str(uuid)]
    assert re.search(r"Blank lines, which were skipped +1 +4", result.err)
    if option != "--emails":
        assert re.search(r"Lines that matched no person +1 +3", result.err)


def test_a_file_of_persons_is_private_and_never_replaces_another(run: Run, posthog: Any) -> None:
    assert run("persons", "-o", "people.jsonl").code == 0
    assert len(Path("people.jsonl").read_text().splitlines()) == 60
    assert mode("people.jsonl") == 0o600
    assert run("persons", "-o", "people.jsonl").code == 74


def test_a_file_of_persons_that_was_cut_short_is_not_there(
    serve: Callable[..., Any], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = serve(1500)
    for name, value in served.env.items():
        monkeypatch.setenv(name, value)
    served.server.faults.add(Fault("status", status=400, action="list", after=1))
    assert run("persons", "-o", "people.jsonl").code == 2
    assert not Path("people.jsonl").exists()


def listed_byte_for_byte(posthog: Any, uuids: list[UUID]) -> dict[str, bytes]:
    """The server's own response to a batch read, object by object."""
    import urllib.request

    request = urllib.request.Request(
        f"{posthog.server.url}/api/projects/1/persons/batch_by_uuids/",
        data=json.dumps({"uuids": [str(uuid) for uuid in uuids]}).encode(),
        headers={"Authorization": f"Bearer {posthog.server.personal_api_key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as response:
        results = msgspec.json.decode(response.read(), type=dict[str, dict[str, msgspec.Raw]])["results"]
    return {uuid: bytes(raw) for uuid, raw in results.items()}


@pytest.mark.parametrize("option", ["--uuids", "--distinct-ids", "--emails"])
def test_persons_by_ids_are_the_servers_own_objects_and_misses_are_counted(run: Run, posthog: Any, option: str) -> None:
    world = posthog.server.world
    uuids = [world.add_person([f"d{n}"], {"email": f"e{n}@example.org", "big": 2**60, "ä": [1.0]}) for n in range(3)]
    given = {"--uuids": map(str, uuids), "--distinct-ids": ("d0", "d1", "d2")}.get(
        option, [f"e{n}@example.org" for n in range(3)]
    )
    missing = {"--uuids": [str(UUID(int=n)) for n in (8, 9)], "--distinct-ids": ["x", "y"]}.get(
        option, ["x@example.org", "E9@example.org"]
    )
    Path("in").write_text("\n".join([*given, *missing]) + "\n")
    result = run("persons", option, "in")
    assert result.code == 0
    lines = result.out.encode().splitlines()
    if option == "--emails":  # a listing, whose objects have more fields
        assert [json.loads(line)["type"] for line in lines] == ["person"] * 3
    else:
        assert sorted(lines) == sorted(listed_byte_for_byte(posthog, uuids).values())
    assert [line.split()[-2:] for line in result.err.splitlines() if "matched no person" in line] == [["2", "4-5"]]
