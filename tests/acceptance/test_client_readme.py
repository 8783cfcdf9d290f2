"""The examples of the client's README, run as they are against the local server."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from asyncclient import PostHogClient
from asyncclient.testing import Fault, LocalPostHog

ROOT = Path(__file__).parents[2]
README = (ROOT / "asyncclient" / "README.md").read_text()
SHIM = (ROOT / "tests" / "aioresponses_shim.py").read_text()


def names() -> dict[str, Any]:
    """What all examples define."""
    defined: dict[str, Any] = {"__name__": "readme"}
    for block in re.findall(r"^```python\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL):
        exec(compile(block, "asyncclient/README.md", "exec"), defined)
    return defined


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> Any:
    async with LocalPostHog() as server:
        monkeypatch.setenv("POSTHOG_HOST", server.url)
        monkeypatch.setenv("POSTHOG_PROJECT_ID", "1")
        monkeypatch.setenv("POSTHOG_PERSONAL_API_KEY", server.personal_api_key)
        monkeypatch.delenv("POSTHOG_PERSONAL_API_KEY_FILE", raising=False)
        yield server


async def test_the_examples_do_what_they_say(server: LocalPostHog) -> None:
    defined = names()
    ada = server.world.add_person(["ada"], properties={"email": "ada@example.com"})
    assert await defined["distinct_ids_of"]("ada@example.com") == ["ada"]
    assert await defined["with_a_session"]() == 1
    assert server.requests[-1].headers.get("x-team") == "data"
    seen: list[str] = []
    await defined["timed"](seen)
    assert seen[-1] == "GET 200"
    assert await defined["mocked"]() == "018f0000-0000-7000-8000-000000000001"
    await defined["two_projects_of_one_key"]()
    server.faults.add(Fault("status", status=503, times=3))
    assert await defined["patient"]() == 1
    async with PostHogClient.from_env() as client:
        assert await defined["delete"](client, str(ada)) == "accepted"
        assert await defined["delete"](client, str(ada)) == "gone before"


async def test_the_client_behind_a_gateway_is_made(server: LocalPostHog) -> None:
    async with names()["behind_a_gateway"](str(ROOT / "tests" / "certificate.pem")) as client:
        assert client.max_connections == 64


def test_the_shim_is_the_one_that_the_tests_use() -> None:
    code = [line.strip() for line in README.splitlines()]
    lines = [line.partition("  #")[0].strip() for line in SHIM.split('"""', 2)[2].splitlines()]
    wanted = [line for line in lines if line and not line.startswith('"""')]
    assert [line for line in wanted if line not in code] == []
    assert json.dumps(wanted).count("class ") == 2
