"""What a terminal shows at four widths while a command waits: recorded screens of jobs in virtual time.

The texts are in `screens/`. To record them again after a change that is meant, set UPDATE_SCREENS=1 and read the diff.
"""

import asyncio
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from terminal_screen import TerminalScreen
from virtual_time import run_virtual

from asyncclient import RateLimits
from asyncclient.testing import Fault
from bulk import ByPersonIds, DeletePersons, UpdateProperties, make_plan
from bulk.cli.display.log_lines import Lines
from bulk.cli.display.messages import Event
from bulk.cli.display.terminal import Terminal

WIDTHS = (120, 80, 60, 40)
SCREENS = Path(__file__).parent / "screens"
BEGAN = datetime(2026, 11, 29, 11, 0, 0, tzinfo=UTC)


class Recording:
    """The events of one command with the time of each."""

    def __init__(self) -> None:
        self.events: list[tuple[float, Event]] = []
        self._began: float | None = None

    def __call__(self, event: Event) -> None:
        if self._began is None:
            self._began = anyio.current_time()
        self.events.append((anyio.current_time() - self._began, event))

    def replay(self, display: Callable[[Event], None], clock: "Clock", *, until_s: float) -> None:
        """Show the events of the first seconds to a display."""
        for at, event in self.events:
            if at > until_s:
                return
            clock.elapsed_s = at
            display(event)

    def first(self, matches: Callable[[Event], bool]) -> float:
        """Return when the first event that matches came."""
        return next(at for at, event in self.events if matches(event))


class Clock:
    def __init__(self) -> None:
        self.elapsed_s = 0.0

    def now(self) -> datetime:
        return BEGAN + timedelta(seconds=self.elapsed_s)

    def seconds(self) -> float:
        return self.elapsed_s


def screens(recording: Recording, *, at_s: float) -> str:
    """Return the screens of a recording at a moment, at all widths."""
    shown: list[str] = []
    for columns in WIDTHS:
        os.environ["COLUMNS"] = str(columns)
        stream, clock = TerminalScreen(columns), Clock()
        recording.replay(Terminal(stream, now=clock.now), clock, until_s=at_s)
        assert stream.broken == []
        assert stream.is_cursor_hidden
        shown.append(f"{columns} columns\n{'=' * columns}\n{stream.text}\n")
    return "\n".join(shown)


def log(recording: Recording) -> str:
    """Return what a pipe gets of a recording."""
    stream = TerminalScreen(10_000)
    clock = Clock()
    recording.replay(Lines(stream, clock=clock.seconds, now=clock.now), clock, until_s=float("inf"))
    return stream.text + "\n"


def check(name: str, text: str) -> None:
    path = SCREENS / f"{name}.txt"
    if os.environ.get("UPDATE_SCREENS"):
        SCREENS.mkdir(exist_ok=True)
        path.write_text(text)
    assert text == path.read_text()


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("NO_COLOR", raising=False)


def waits(kind: str) -> Callable[[Any], bool]:
    return lambda event: getattr(event, "wait", None) is not None and event.wait.kind == kind


def test_a_plan_with_a_pause_of_40_s(virtual: Any) -> None:
    recording = Recording()

    async def main() -> None:
        async with virtual(persons=600) as a:
            fault = Fault("status", action="batch_by_uuids", status=429, retry_after="40", after=2, times=1)
            a.server.faults.add(fault)
            selection = ByPersonIds(a.everybody)
            await make_plan(
                a.client, DeletePersons(), selection, a.folder / "x.plan.jsonl", on_progress=recording, concurrency=1
            )

    run_virtual(main())
    began = recording.first(waits("pause"))
    check("plan_with_a_pause", screens(recording, at_s=began + 10))
    check("plan_with_a_pause.log", log(recording))


def test_a_run_through_a_429(virtual: Any) -> None:
    recording = Recording()

    async def main() -> None:
        async with virtual(persons=600, latency_s=0.25) as a:
            fault = Fault("status", action="bulk_delete", status=429, retry_after="40", after=3, times=1)
            a.server.faults.add(fault)
            plan = await a.plan(operation=DeletePersons())
            await a.run(plan, on_progress=recording, batch_size=50, concurrency=1)

    run_virtual(main())
    began = recording.first(waits("pause"))
    check("run_through_a_429", screens(recording, at_s=began + 10))
    check("run_through_a_429.log", log(recording))


def test_our_own_minute_limit(virtual: Any) -> None:
    recording = Recording()

    async def main() -> None:
        async with virtual(persons=600, limits=RateLimits.posthog(), rate_limits="posthog") as a:
            plan = await a.plan(operation=UpdateProperties({"plan": "x"}, route="rest"))
            await a.run(plan, on_progress=recording, concurrency=1)

    run_virtual(main())
    began = recording.first(waits("rate_limit"))
    check("own_minute_limit", screens(recording, at_s=began + 20))
    check("own_minute_limit.log", log(recording))


def test_an_outage_of_100_s(virtual: Any) -> None:
    recording = Recording()

    async def main() -> None:
        async with virtual(persons=600, latency_s=0.3) as a:
            plan = await a.plan(operation=DeletePersons())
            began: list[float] = []

            def on_progress(event: Event) -> None:
                recording(event)
                if not began and getattr(event, "done", 0) >= 100:
                    began.append(anyio.current_time())
                    a.server.faults.add(Fault("status", status=503))
                    asyncio.get_running_loop().call_later(100, a.server.faults.clear)

            await a.run(plan, on_progress=on_progress, batch_size=50, concurrency=1)

    run_virtual(main())
    began = recording.first(waits("outage"))
    check("outage", screens(recording, at_s=began + 10))
    check("outage.log", log(recording))
