"""The commands and the code of README.md, run as written against the local server."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from asyncclient import PostHogClient
from asyncclient.testing import LocalPostHog, ServerOptions
from asyncclient.testing.http.routing import resolve
from bulk.cli.commands.server import add_personless_events, command
from bulk.cli.exit_codes import EXIT_MEANINGS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
CLIENT_README = (ROOT / "asyncclient" / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", README, flags=re.MULTILINE | re.DOTALL)


def commands() -> Iterator[str]:
    for block in blocks("sh"):
        for line in block.splitlines():
            if line.strip().startswith("posthog-bulk "):
                yield line.strip()


def test_the_two_commands_that_set_everything_up_come_first() -> None:
    first, second = blocks("sh")[:2]
    assert first.strip() == "python3 -m venv .venv && .venv/bin/pip install -e . && .venv/bin/posthog-bulk demo"
    assert second.strip().startswith("python3 -m venv .venv && .venv/bin/pip install -e '.[dev]' && .venv/bin/pytest")


def test_every_command_of_the_program_is_in_the_readme() -> None:
    shown = subprocess.run([sys.executable, "-m", "bulk", "--help"], capture_output=True, text=True, check=True).stdout
    table = shown.split("Commands:")[1].split("Environment:")[0]
    listed = re.findall(r"^  (\w[\w-]*)  ", table, flags=re.MULTILINE)
    assert len(listed) >= 9
    assert [name for name in listed if f"posthog-bulk {name}" not in README and f"`{name}`" not in README] == []


async def run(line: str, folder: Path, environ: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    import anyio.to_thread

    program = line.replace("posthog-bulk ", f"{sys.executable} -m bulk ")
    return await anyio.to_thread.run_sync(
        lambda: subprocess.run(
            program, shell=True, cwd=folder, env=environ, capture_output=True, text=True, check=False
        )
    )


def environment(server: LocalPostHog) -> dict[str, str]:
    return {
        **os.environ,
        "POSTHOG_HOST": server.url,
        "POSTHOG_PROJECT_ID": str(server.project_id),
        "POSTHOG_PERSONAL_API_KEY": server.personal_api_key,
    }


def digest(plan: Path) -> str:
    return str(json.loads(plan.read_bytes().splitlines()[-1])["digest"])


async def test_the_five_minutes_run_as_written(tmp_path: Path) -> None:
    async with LocalPostHog(persons=400, seed=2, options=ServerOptions(era="summary")) as server:
        environ = environment(server)
        leavers = [server.world.person(uuid).distinct_ids[0] for uuid in list(server.world.iter_uuids())[:50]]
        (tmp_path / "leavers.txt").write_text("\n".join(leavers) + "\n")
        lines = [line for line in commands() if "leavers" in line]
        plan, start, verify, report = lines[:4]
        made = await run(plan, tmp_path, environ)
        assert made.returncode == 0, made.stderr
        assert "50" in made.stdout
        ran = await run(start.replace("DIGEST", digest(tmp_path / "leavers.plan.jsonl")), tmp_path, environ)
        assert ran.returncode == 0, ran.stderr
        assert server.world.count() == 350
        waits = await run(verify, tmp_path, environ)
        assert waits.returncode == 75
        assert waits.stdout.startswith("Waiting for PostHog to purge the events of 50 persons, expected Sunday ")
        server.run_event_deletion()
        assert (await run(verify, tmp_path, environ)).returncode == 0
        assert (await run(report, tmp_path, environ)).returncode == 0
        assert "50 of 50 persons deleted" in (tmp_path / "leavers.md").read_text()
        assert "Complete" in (tmp_path / "leavers.md").read_text()


def section(title: str) -> list[str]:
    """The shell lines of a section."""
    text = re.split(rf"\n###+ {title}\n", README)[1].split("\n#")[0]
    return [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]


async def walk(title: str, folder: Path, server: LocalPostHog) -> list[int]:
    """Run each line of a section as it stands, but for the digest; how each ended."""
    codes = []
    for line in section(title):
        if "DIGEST" in line:
            plan = re.search(r"\S+\.plan\.jsonl", line)
            assert plan is not None
            line = line.replace("DIGEST", digest(folder / plan[0]))
        ended = await run(line, folder, environment(server))
        assert ended.returncode in (0, 75), ended.stderr
        codes.append(ended.returncode)
    return codes


@pytest.fixture
async def server() -> AsyncIterator[LocalPostHog]:
    """What the README's `posthog-bulk server` line starts."""
    assert "posthog-bulk server --persons 3000" in list(commands())
    async with LocalPostHog(persons=3000, options=ServerOptions(rate_limits="posthog")) as running:
        yield running


def people(server: LocalPostHog, *numbers: int) -> list[Any]:
    return [server.world.person(server.world.uuid_of(f"user-{number}")) for number in numbers]


async def test_unset_runs_as_written(server: LocalPostHog, tmp_path: Path) -> None:
    assert await walk("Unset", tmp_path, server) == [0, 0, 0, 0]
    everybody = [server.world.person(uuid).properties for uuid in server.world.iter_uuids()]
    assert len(everybody) == 3000
    assert not [one for one in everybody if "email" in one or "name" in one]
    assert all("plan" in one for one in everybody)
    assert "persons changed" in (tmp_path / "scrub.md").read_text()


async def test_values_per_person_and_undo_run_as_written(server: LocalPostHog, tmp_path: Path) -> None:
    before = [dict(person.properties) for person in people(server, 6, 7)]
    assert await walk("Values per person", tmp_path, server) == [0, 0, 0]
    first, second = [person.properties for person in people(server, 6, 7)]
    assert (first["plan"], first["seats"], second["plan"]) == ("vip", 3, "free")
    assert await walk("Undo", tmp_path, server) == [0, 0, 0]
    assert [dict(person.properties) for person in people(server, 6, 7)] == before


async def test_update_runs_as_written(server: LocalPostHog, tmp_path: Path) -> None:
    assert await walk("Update", tmp_path, server) == [0, 0, 0]
    for one in people(server, 1, 2, 3, 4, 5):
        assert [one.properties[key] for key in ("plan", "seats", "tags")] == ["vip", 3, ["early", "beta"]]
    assert "seats" not in people(server, 6)[0].properties


async def test_split_runs_as_written(server: LocalPostHog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    merged = server.world.person(server.world.uuid_of("user-5-device-1"))
    lines = [re.sub(r"018f[0-9a-f-]{32}", str(merged.uuid), line) for line in section("Split")]
    monkeypatch.setattr(f"{__name__}.section", lambda _title: lines)
    assert await walk("Split", tmp_path, server) == [0, 0, 0, 0]
    assert server.world.count() == 3001
    assert server.world.uuid_of("user-5") == merged.uuid != server.world.uuid_of("user-5-device-1")


async def test_delete_events_runs_as_written(server: LocalPostHog, tmp_path: Path) -> None:
    assert await walk("Delete events", tmp_path, server) == [0, 0, 0, 75, 0, 0]
    assert [len(server.world.deletion_rows(one.uuid)) for one in people(server, 10, 11, 12, 13, 14, 15, 16)] == [
        *(0, 1, 1, 1, 1, 1, 0)
    ]
    assert server.world.count() == 3000


async def test_events_without_a_person_are_deleted_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    title = "Events without a person"
    start, *lines = section(title)
    words = shlex.split(start)[2:]
    settings = {**command.make_context("server", words).params}
    monkeypatch.setattr(f"{__name__}.section", lambda _title: lines)
    assert settings["scopes"] == ("none",)
    async with LocalPostHog(persons=settings["persons"], options=ServerOptions(scopes=None)) as server:
        add_personless_events(server, settings["without_person"])
        assert await walk(title, tmp_path, server) == [0, 75, 75, 0, 0, 0]
        assert not [event for number in (1, 2, 3) for event in server.world.personless_events(f"ghost-{number}")]


async def test_delete_recordings_runs_as_written(server: LocalPostHog, tmp_path: Path) -> None:
    assert await walk("Delete recordings", tmp_path, server) == [0, 0, 0, 0, 0]
    asked = [uuid for one in server.requests if one.action == "bulk_delete" for uuid in one.body["ids"]]
    assert sorted(asked) == sorted(str(one.uuid) for one in people(server, 21, 22, 23, 24, 25))
    assert "requested" in (tmp_path / "unseen.md").read_text()


async def test_the_unattended_job_runs_as_written_and_a_second_start_repeats_nothing(
    server: LocalPostHog, tmp_path: Path
) -> None:
    anonymous = [one for uuid in server.world.iter_uuids() if not (one := server.world.person(uuid)).is_identified]
    staff, other = anonymous[0], anonymous[1]
    (tmp_path / "staff.txt").write_text(f"{staff.distinct_ids[0]}\n")
    script = "\n".join(section("Run it unattended"))
    first = await run(script, tmp_path, environment(server))
    assert first.returncode == 0, first.stderr
    left = set(server.world.iter_uuids())
    assert staff.uuid in left
    assert other.uuid not in left
    assert "exit code 0" in (tmp_path / "idle.log").read_text()
    again = await run(script, tmp_path, environment(server))
    assert again.returncode == 0, again.stderr
    # on another day, when only the protected person matches
    idle = await run(f"rm idle-*\n{script}", tmp_path, environment(server))
    assert (idle.returncode, "No such file" in idle.stderr) == (3, False), idle.stderr
    assert set(server.world.iter_uuids()) == left


async def test_the_embedding_example_runs_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with LocalPostHog(persons=60, seed=2, options=ServerOptions(era="summary")) as server:
        monkeypatch.setenv("POSTHOG_HOST", server.url)
        monkeypatch.setenv("POSTHOG_PROJECT_ID", str(server.project_id))
        monkeypatch.setenv("POSTHOG_PERSONAL_API_KEY", server.personal_api_key)
        (code,) = blocks("python")
        here = f'PostHogClient(host="{server.url}", project_id={server.project_id}, personal_api_key='
        code = code.replace('PostHogClient(host="eu", project_id=42, personal_api_key=', here)
        code = code.replace('"phx_..."', repr(server.personal_api_key))
        names: dict[str, Any] = {}
        exec(compile(code, "README.md", "exec"), names)
        uuids = list(server.world.iter_uuids())
        ids = [server.world.person(uuid).distinct_ids[0] for uuid in uuids]
        await names["erase"](ids[:7])
        assert server.world.count() == 53
        await names["change"](ids[7:9])
        for uuid in uuids[7:]:
            found = server.world.person(uuid).properties
            assert not {"email", "name"} & set(found)
            assert ((found["plan"], found.get("seats")) == ("vip", 3)) is (uuid in uuids[7:9])
            assert bool(server.world.deletion_rows(uuid)) is (uuid in uuids[7:9])
        await names["read"]()


def calls() -> list[tuple[str, str, str, str]]:
    """The rows of the client's table of calls: method and path, scope, Python name, test."""
    table = CLIENT_README.split("## Every call of the API")[1].split("\n## ")[0]
    row = r"^\| `(.+)` ?(?:of the ingestion host |about recordings )?\| (.+) \| `(.+)` \| `(.+)` \|$"
    found = re.findall(row, table, re.MULTILINE)
    assert len(found) == table.count("::")
    return found


DOCUMENTED = {
    *("DELETE persisted_folder/:id/", "GET persons/", "GET persons/:id/", "PATCH persons/:id/", "DELETE persons/:id/"),
    *("GET persons/:id/activity/", "POST persons/:id/delete_events/", "POST persons/:id/delete_property/"),
    *("POST persons/:id/delete_recordings/", "GET persons/:id/properties_timeline/"),
}


def test_the_first_ten_calls_are_the_documented_ones() -> None:
    assert {call for call, *_ in calls()[:10]} == DOCUMENTED


@pytest.mark.parametrize(("call", "scope", "python", "test"), calls())
async def test_each_call_in_the_table_has_its_path_and_scope(call: str, scope: str, python: str, test: str) -> None:
    async with PostHogClient(host="us", project_id=1, personal_api_key="phx_1") as client:
        assert callable(attrgetter(python)(client))
    file, _, name = test.partition("::")
    assert re.search(rf"^async def {name}\(", (ROOT / "tests/acceptance" / file).read_text(), re.MULTILINE)
    method, path = call.split()
    path = path.replace(":id", "018f0000-0000-7000-8000-000000000001").partition("?")[0]
    match = resolve(path if path.startswith("/") else f"/api/projects/1/{path}", ServerOptions())
    assert match is not None
    action = match.action(method)
    assert action is not None
    assert list(action.scopes) == re.findall(r"`(\w+:\w+)`", scope)


def test_the_exit_codes_are_those_of_the_command() -> None:
    listed = dict(re.findall(r"^\| (\d+) \| (.+) \|$", README, re.MULTILINE))
    assert listed == {str(int(code)): meaning for code, meaning in EXIT_MEANINGS.items()}
    shown = subprocess.run([sys.executable, "-m", "bulk", "--help"], capture_output=True, text=True, check=True).stdout
    table = shown.split("Exit codes:")[1]
    assert re.findall(r"^  (\d+) ", table, re.MULTILINE) == [*listed]
