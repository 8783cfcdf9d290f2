"""What a terminal shows at four widths while a command waits: recorded screens of jobs in virtual time.

The texts are in `screens/`. To record them again after a change that is meant, set UPDATE_SCREENS=1 and read the diff.
"""

import asyncio
import io
import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from terminal_screen import TerminalScreen
from virtual_time import run_virtual

from asyncclient import RateLimits
from asyncclient.testing import Fault
from bulk import ByFilter, ByPersonIds, DeletePersons, UpdateProperties, make_plan, verify_job
from bulk.cli.display.log_lines import Lines
from bulk.cli.display.messages import Event
from bulk.cli.display.terminal import Terminal
from bulk.cli.signals.event_loop import Stopper
from bulk.concurrency.stop_gate import StopGate
from bulk.events import Activity, Progress
from bulk.export.person_export import export_lines
from bulk.progress.activity_reporter import ActivityReporter, Moment
from bulk.progress.wait_tracker import WaitTracker
from bulk.report.load import JobStatus, read_status
from bulk.selection.input_findings import Findings

WIDTHS = (120, 80, 60, 40)
SCREENS = Path(__file__).parent / "screens"
BEGAN = datetime(2026, 11, 29, 11, 0, 0, tzinfo=UTC)


class Recording:
    """The events of one command with the time of each.

    Sockets are real, so a request takes a little more or less virtual time in each run. Rates and the time left are
    checked to be about what they should be, and then recorded as exactly that.
    """

    def __init__(self, *, per_s: float | None = None, left_s: float | None = None) -> None:
        self.events: list[tuple[float, Event]] = []
        self._began: float | None = None
        self._per_s = per_s
        self._left_s = left_s

    def __call__(self, event: Event) -> None:
        if self._began is None:
            self._began = anyio.current_time()
        at = anyio.current_time() - self._began
        if isinstance(event, Progress) and event.wait is not None and self._per_s and self._left_s:
            after_waits_s = (event.eta_s or 0.0) - (event.wait.left_s or 0.0)
            assert event.targets_per_s == pytest.approx(self._per_s, rel=0.3)
            assert event.overall_per_s < event.targets_per_s
            assert after_waits_s == pytest.approx(self._left_s, rel=0.3)
            event = msgspec.structs.replace(
                event,
                targets_per_s=self._per_s,
                overall_per_s=self._per_s / 10,
                eta_s=self._left_s + round(event.wait.left_s or 0.0),
                elapsed_s=round(event.elapsed_s - 0.5),
            )
        self.events.append((at, event))

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
    stream = io.StringIO()
    clock = Clock()
    recording.replay(Lines(stream, clock=clock.seconds, now=clock.now), clock, until_s=float("inf"))
    return stream.getvalue()


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
    recording = Recording(per_s=50, left_s=10)

    async def main() -> None:
        async with virtual(persons=600, latency_s=0.25) as a:
            fault = Fault("status", action="bulk_delete", status=429, retry_after="40", after=3, times=1)
            a.server.faults.add(fault)
            plan = await a.plan(operation=DeletePersons())
            await a.run(plan, on_progress=recording, batch_size=40, concurrency=1)

    run_virtual(main())
    began = recording.first(waits("pause"))
    check("run_through_a_429", screens(recording, at_s=began + 10))
    check("run_through_a_429.log", log(recording))


@pytest.mark.slow
def test_a_wait_at_our_own_minute_limit_is_shown(virtual: Any) -> None:
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
    recording = Recording(per_s=50, left_s=10)

    async def main() -> None:
        async with virtual(persons=600, latency_s=0.3) as a:
            a.client._core.shared.uniform = lambda low, high: high  # the probes of an outage back off
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


def test_a_verification_with_an_outage_of_100_s(virtual: Any) -> None:
    recording = Recording()

    async def main() -> None:
        async with virtual(persons=600, latency_s=0.3) as a:
            plan = await a.plan(operation=DeletePersons())
            await a.run(plan)
            a.client._core.shared.uniform = lambda low, high: high  # the probes of an outage back off
            began: list[float] = []

            def on_progress(event: Event) -> None:
                recording(event)
                if not began and getattr(event, "phase", "") == "reading back":
                    began.append(anyio.current_time())
                    a.server.faults.add(Fault("status", status=503))
                    asyncio.get_running_loop().call_later(100, a.server.faults.clear)

            await verify_job(a.client, plan, a.journal, on_progress=on_progress, concurrency=1)

    run_virtual(main())
    began = recording.first(waits("outage"))
    check("verify_in_an_outage", screens(recording, at_s=began + 10))
    check("verify_in_an_outage.log", log(recording))


def test_an_export_of_persons_with_a_pause_of_40_s(virtual: Any) -> None:
    recording = Recording()

    async def main() -> None:
        async with virtual(persons=2500, latency_s=0.3) as a:
            a.server.faults.add(Fault("status", action="list", status=429, retry_after="40", after=2, times=1))
            gate, count = StopGate(), 0
            tracker = WaitTracker(a.client.limits, gate.sleeps)

            def describe(moment: Moment) -> Activity:
                return Activity(
                    phase="exporting",
                    elapsed_s=round(moment.elapsed_s),
                    requests=moment.requests,
                    persons=count,
                    wait=moment.wait,
                )

            client = a.client.observed(tracker.client_event)
            async with ActivityReporter(tracker, describe, recording).reporting():
                everyone = ByFilter(everyone=True)
                async for _ in export_lines(client, everyone, Findings(), gate=gate, on_progress=recording):
                    count += 1
            assert count == 2500

    run_virtual(main())
    began = recording.first(waits("pause"))
    check("persons_with_a_pause", screens(recording, at_s=began + 10))
    check("persons_with_a_pause.log", log(recording))


def test_an_interrupted_run_says_that_it_can_be_resumed(virtual: Any) -> None:
    recording, stop = Recording(), anyio.Event()
    notes: list[tuple[float, str]] = []

    async def main() -> None:
        async with virtual(persons=600, latency_s=0.3) as a:
            plan = await a.plan(operation=DeletePersons())

            def on_progress(event: Event) -> None:
                recording(event)
                if not notes and getattr(event, "done", 0) >= 100:
                    task = asyncio.current_task()
                    assert task is not None
                    stopper = Stopper(task, notice=lambda text: notes.append((len(recording.events), text)))
                    with stopper.draining():
                        stopper.received(signal.SIGINT)
                    stop.set()

            await a.run(plan, on_progress=on_progress, batch_size=50, concurrency=1, stop=stop)

    run_virtual(main())
    shown: list[str] = []
    for columns in WIDTHS:
        os.environ["COLUMNS"] = str(columns)
        stream = TerminalScreen(columns)
        display = Terminal(stream, now=Clock().now)
        for number, (_, event) in enumerate(recording.events):
            for at, text in notes:
                if at == number:
                    display.restore()
                    display.note(text)
            display(event)
        display.close()
        stream.write("$ ")
        assert stream.broken == []
        assert not stream.is_cursor_hidden
        shown.append(f"{columns} columns\n{'=' * columns}\n{stream.text}\n")
    check("interrupt", "\n".join(shown))


@pytest.mark.slow
def test_status_watch_from_another_terminal(virtual: Any) -> None:
    statuses: list[JobStatus] = []

    async def main() -> None:
        async with virtual(persons=600, limits=RateLimits.posthog(), rate_limits="posthog") as a:
            plan = await a.plan(operation=UpdateProperties({"plan": "x"}, route="rest"))

            def on_progress(event: Event) -> None:
                if not statuses and waits("rate_limit")(event) and event.wait.waited_s > 20:  # type: ignore[union-attr]
                    statuses.append(read_status(a.journal, plan))

            await a.run(plan, on_progress=on_progress, concurrency=1)
            statuses.append(read_status(a.journal, plan))

    run_virtual(main())
    running, over = statuses
    assert running.is_running
    assert not over.is_running
    progress = running.progress
    assert progress is not None
    assert progress.wait is not None
    assert (progress.phase, progress.wait.kind) == ("sending", "rate_limit")
    assert progress.eta_s == pytest.approx(107, abs=5)  # the file was written 10 s of virtual time ago, when the wait
    assert progress.wait.waited_s == pytest.approx(10, abs=2)  # had lasted for 10 s
    assert progress.overall_per_s == pytest.approx(14.5, rel=0.3)
    steady = msgspec.structs.replace(progress, targets_per_s=48.0, overall_per_s=48.0, eta_s=117.0, elapsed_s=5.0)
    recording = Recording()
    recording.events.append(
        (0.0, msgspec.structs.replace(steady, wait=msgspec.structs.replace(progress.wait, left_s=55.0)))
    )
    check("status_watch", screens(recording, at_s=0.0))
