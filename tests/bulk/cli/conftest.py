"""The command line against a local server that runs beside the test in a thread."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

import bulk
from asyncclient.testing import LocalPostHog, ServerOptions
from bulk.cli.main import main

MUTATING = {
    *("destroy", "bulk_delete", "delete_events", "delete_recordings"),
    *("update", "update_property", "delete_property", "capture"),
}


class Result(msgspec.Struct, frozen=True):
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """What the command said of its failure: the last line that it says under its own name."""
        return next(line for line in reversed(self.err.splitlines()) if line.startswith("posthog-bulk: "))


class Served:
    """A local server in a thread of its own; its world may be looked at while no command runs."""

    def __init__(self, persons: int, options: ServerOptions) -> None:
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=(persons, options))
        self._thread.start()
        assert self._ready.wait(30)

    def _run(self, persons: int, options: ServerOptions) -> None:
        asyncio.set_event_loop(self._loop)

        async def serve() -> None:
            self._over = asyncio.Event()
            async with LocalPostHog(persons=persons, seed=1, options=options) as self.server:
                self._ready.set()
                await self._over.wait()

        self._loop.run_until_complete(serve())
        self._loop.close()

    @property
    def env(self) -> dict[str, str]:
        """What points the command line at it."""
        return {
            "POSTHOG_HOST": self.server.url,
            "POSTHOG_PROJECT_ID": str(self.server.project_id),
            "POSTHOG_PERSONAL_API_KEY": self.server.personal_api_key,
        }

    @property
    def mutations(self) -> list[Any]:
        """Requests that may have changed something."""
        return [request for request in self.server.requests if request.action in MUTATING]

    def until(self, condition: Callable[[], bool]) -> None:
        """Return when a condition on the server's side holds; it is looked at between the server's own steps."""

        async def watch() -> None:
            async with asyncio.timeout(30):
                while not condition():  # noqa: ASYNC110 - the server has no event for this
                    await asyncio.sleep(0.002)  # the other thread needs the processor

        asyncio.run_coroutine_threadsafe(watch(), self._loop).result()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    """Start servers: `serve(persons, **options)`."""
    running: list[Served] = []

    def start(persons: int = 60, **options: Any) -> Served:
        running.append(Served(persons, ServerOptions(**options)))
        return running[-1]

    yield start
    for one in running:
        one.close()


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder and an environment without settings."""
    for name in list(os.environ):
        if name.startswith("POSTHOG_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def no_second_look_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands in this process ask again at once about whom a response left out: what is tested is that they do."""
    monkeypatch.setattr("bulk.posthog.person_reader.CONFIRM_AFTER_S", 0.0)


@pytest.fixture
def posthog(serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch) -> Served:
    """A server with 60 persons, and an environment that points at it."""
    served = serve()
    for name, value in served.env.items():
        monkeypatch.setenv(name, value)
    return served


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run a command in this process; stdin is no terminal and empty unless `stdin` is a file."""

    def call(*arguments: object, stdin: Path | None = None) -> Result:
        with (stdin or Path(os.devnull)).open() as file:
            monkeypatch.setattr(sys, "stdin", file)
            capfd.readouterr()
            code = main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Result(int(code), out, err)

    return call


@pytest.fixture
def spawn() -> Iterator[Callable[..., "subprocess.Popen[bytes]"]]:
    """Start the command as a process of its own; what is left at the end is killed."""
    running: list[subprocess.Popen[bytes]] = []
    source = str(Path(next(iter(bulk.__path__))).parent)

    def start(*arguments: object, env: Mapping[str, str] | None = None, **options: Any) -> "subprocess.Popen[bytes]":
        path = os.pathsep.join(filter(None, [source, os.environ.get("PYTHONPATH")]))
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        running.append(
            subprocess.Popen(
                [sys.executable, "-m", "bulk", *map(str, arguments)],
                env={**os.environ, **(env or {}), "PYTHONPATH": path},
                **options,
            )
        )
        return running[-1]

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()
