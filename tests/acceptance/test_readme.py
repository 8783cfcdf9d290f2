"""The README's commands and code, run as written against the local server."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from asyncclient.testing import LocalPostHog, ServerOptions

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


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
    listed = re.findall(r"^  (\w[\w-]*)  ", shown.split("Commands:")[1], flags=re.MULTILINE)
    assert len(listed) >= 9
    assert [name for name in listed if f"posthog-bulk {name}" not in README and f"`{name}`" not in README] == []


async def run(line: str, folder: Path, environ: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    import anyio.to_thread

    program = line.replace("posthog-bulk ", f"{sys.executable} -m bulk ", 1)
    return await anyio.to_thread.run_sync(
        lambda: subprocess.run(
            program, shell=True, cwd=folder, env=environ, capture_output=True, text=True, check=False
        )
    )


async def test_the_five_minutes_run_as_written(tmp_path: Path) -> None:
    async with LocalPostHog(persons=400, seed=2, options=ServerOptions(era="summary")) as server:
        environ = {
            **os.environ,
            "POSTHOG_HOST": server.url,
            "POSTHOG_PROJECT_ID": str(server.project_id),
            "POSTHOG_PERSONAL_API_KEY": server.personal_api_key,
        }
        leavers = [server.world.person(uuid).distinct_ids[0] for uuid in list(server.world.iter_uuids())[:50]]
        (tmp_path / "leavers.txt").write_text("\n".join([*leavers, "nobody"]) + "\n")
        lines = [line for line in commands() if "leavers" in line]
        plan, start, verify, report = lines
        made = await run(plan, tmp_path, environ)
        assert made.returncode == 0, made.stderr
        assert "50" in made.stdout
        digest = json.loads((tmp_path / "leavers.plan.jsonl").read_bytes().splitlines()[-1])["digest"]
        ran = await run(start.replace("DIGEST", digest), tmp_path, environ)
        assert ran.returncode == 0, ran.stderr
        assert server.world.count() == 350
        assert (await run(verify, tmp_path, environ)).returncode == 75
        server.run_event_deletion()
        assert (await run(verify, tmp_path, environ)).returncode == 0
        assert (await run(report, tmp_path, environ)).returncode == 0
        assert "50 of 50 persons deleted" in (tmp_path / "leavers.md").read_text()


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
        ids = [server.world.person(uuid).distinct_ids[0] for uuid in list(server.world.iter_uuids())[:7]]
        await names["erase"](ids)
        assert server.world.count() == 53
        await names["read"]()


def test_the_readme_names_every_exit_code_of_the_program() -> None:
    shown = subprocess.run([sys.executable, "-m", "bulk", "--help"], capture_output=True, text=True, check=True).stdout
    for code in (0, 1, 2, 3, 4, 74, 75, 77):
        assert f"| {code} |" in README
        assert re.search(rf"\b{code} ", shown)
