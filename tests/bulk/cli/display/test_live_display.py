"""The displays: a line every few seconds, a redrawn terminal, JSON lines."""

import io
import json
import threading
from datetime import UTC, datetime
from typing import Any, TextIO, cast

import msgspec
import pytest

from bulk.cli.display.json_events import JsonLines
from bulk.cli.display.live_display import open_display
from bulk.cli.display.log_lines import LINE_EVERY_S, Lines
from bulk.cli.display.messages import Event
from bulk.cli.display.terminal import Terminal
from bulk.cli.streams.output import BEHIND, FULL, OutputThread
from bulk.cli.streams.text import TextOutput
from bulk.events import (
    Activity,
    JobEnded,
    LimitMoved,
    PauseStarted,
    PhaseChanged,
    PlanProgress,
    Progress,
    ServerReachable,
    ServerUnreachable,
    TestBatchDone,
    Trouble,
    Wait,
    WaitingForServer,
    WaitKind,
)

NOW = datetime(2026, 11, 29, 11, 3, 14, tzinfo=UTC)


def progress(done: int) -> Progress:
    return Progress(
        phase="sending",
        count=100,
        done=done,
        person={"deleted_confirmed": done},
        events={},
        recordings={},
        requests=1,
        targets_per_s=1.0,
        eta_s=1.0,
    )


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


class Closed(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError

    def isatty(self) -> bool:
        return False


def test_a_log_has_progress_every_few_seconds_and_every_other_event_at_once() -> None:
    stream, clock = io.StringIO(), Clock()
    display = Lines(stream, clock=clock)
    display(progress(1))
    display(progress(2))
    clock.now = LINE_EVERY_S - 0.1
    display(progress(3))
    display(TestBatchDone(targets=3))
    display(PauseStarted(bucket="deletes", for_s=60))
    clock.now = LINE_EVERY_S
    display(progress(4))
    lines = stream.getvalue().splitlines()
    assert [
        "1 of 100" in lines[0],
        "Test batch OK" in lines[1],
        "Rate limited" in lines[2],
        "4 of 100" in lines[3],
    ] == [True] * 4
    assert len(lines) == 4


def wait(kind: WaitKind, **fields: Any) -> Wait:
    return Wait(kind=kind, waited_s=3.0, left_s=37.0, **fields)


def waiting(for_what: Wait | None) -> Progress:
    return msgspec.structs.replace(progress(1), wait=for_what)


def log_of(*events: Event) -> list[str]:
    stream = io.StringIO()
    display = Lines(stream, clock=Clock())
    display(progress(0))  # the line that is due
    for event in events:
        display(event)
    return stream.getvalue().splitlines()[1:]


def test_a_log_shows_a_wait_once_when_it_begins() -> None:
    limit, pause = wait(WaitKind.RATE_LIMIT, bucket="others"), wait(WaitKind.PAUSE, bucket="deletes")
    lines = log_of(waiting(limit), waiting(limit), waiting(pause), waiting(None), waiting(pause), waiting(limit))
    assert ["rate limit" in lines[0], "asked us to wait" in lines[1], "rate limit" in lines[2]] == [True] * 3
    assert len(lines) == 3


def test_a_pause_that_was_announced_gets_no_second_line() -> None:
    lines = log_of(PauseStarted(bucket="deletes", for_s=40), waiting(wait(WaitKind.PAUSE, bucket="deletes")))
    assert len(lines) == 1


def test_a_pause_is_not_shown_for_every_batch() -> None:
    refused = Trouble(route="delete", error="rate_limited", targets=250, status=429, retry_in_s=40)
    assert log_of(*[refused] * 8) == []
    assert len(log_of(msgspec.structs.replace(refused, retry_in_s=None))) == 1


def test_an_outage_gets_a_line_when_it_begins_and_when_it_is_over() -> None:
    away = ServerUnreachable(away_s=1, retry_in_s=8, gives_up_in_s=900, reason="503")
    lines = log_of(away, away, waiting(wait(WaitKind.OUTAGE, reason="503")), ServerReachable(away_s=40), away)
    assert [line.split(" ", 1)[1][:20] for line in lines] == [
        "Server not reachable", "Server reachable aga", "Server not reachable",
    ]  # fmt: skip


def test_quick_checks_leave_no_line_in_a_log() -> None:
    stream = io.StringIO()
    display = Lines(stream)
    display(Activity(phase="checking", elapsed_s=1.0, requests=1))
    assert stream.getvalue() == ""
    display(Activity(phase="checking", elapsed_s=3.0, requests=1))
    assert "Checking the journal and the project" in stream.getvalue()


def test_planning_is_shown_as_it_goes() -> None:
    stream, clock = io.StringIO(), Clock()
    display = Lines(stream, clock=clock)
    display(PlanProgress(seen=1000, targets=998, requests=5))
    display(PlanProgress(seen=2000, targets=1998, requests=9))
    assert [line.split(" ", 1)[1] for line in stream.getvalue().splitlines()] == [
        "Planning: 1,000 persons read, 998 persons selected, 5 requests"
    ]


def test_a_closed_log_does_not_stop_a_job() -> None:
    display = Lines(Closed())
    display(TestBatchDone(targets=1))
    display.note("on")


def test_a_terminal_shows_progress_and_keeps_other_lines_above_it() -> None:
    stream = Tty()
    display = Terminal(stream)
    display(PhaseChanged(phase="sending"))
    display(progress(40))
    display(PauseStarted(bucket="[bold]deletes", for_s=60))
    display.close()
    display.close()
    shown = " ".join(stream.getvalue().split())
    assert "40 of 100 (40%)" in shown
    assert "Persons: 40 deleted (confirmed" in shown
    assert "asked us to wait 1 min (until " in shown
    assert "before further [bold]deletes" in shown
    assert shown.endswith("\x1b[?25h") or "\x1b[?25h" in shown[shown.rindex("40 of 100") :]


def test_nothing_is_redrawn_in_the_background_and_lines_still_appear(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Tty()
    display = Terminal(stream)
    monkeypatch.setattr("bulk.cli.display.terminal.is_in_foreground", lambda _: False)
    display(progress(40))
    display(TestBatchDone(targets=3))
    assert stream.getvalue() == "Test batch OK: 3 persons. Continuing with the rest\n"
    monkeypatch.setattr("bulk.cli.display.terminal.is_in_foreground", lambda _: True)
    display(progress(41))
    assert "41 of 100" in stream.getvalue()


def test_an_event_is_written_as_json_and_shown_to_people() -> None:
    out, people = io.StringIO(), io.StringIO()
    display = JsonLines(Lines(people), out, now=lambda: NOW)
    display(TestBatchDone(targets=25))
    display(progress(1))
    first, second = (json.loads(line) for line in out.getvalue().splitlines())
    assert first == {
        "event": "test_batch", "at": "2026-11-29T11:03:14.000+00:00", "phase": None, "targets": 25, "wait": None,
    }  # fmt: skip
    assert (second["event"], second["done"], second["person"]) == ("progress", 1, {"deleted_confirmed": 1})
    assert second["phase"] == "sending"
    assert "Test batch OK" in people.getvalue()


def test_every_event_has_the_phase_and_the_wait_with_its_times() -> None:
    out = io.StringIO()
    display = JsonLines(Lines(io.StringIO()), out, now=lambda: NOW)
    display(waiting(wait(WaitKind.PAUSE, bucket="deletes")))
    display(LimitMoved(bucket="deletes", window_s=60, old=480, new=100))
    display(PhaseChanged(phase="reading back"))
    display(progress(2))
    waits = {json.loads(line)["event"]: json.loads(line) for line in out.getvalue().splitlines()[:3]}
    for kind, phase in (("progress", "sending"), ("limit", "sending"), ("phase", "reading back")):
        assert waits[kind]["phase"] == phase
        assert waits[kind]["wait"] == {
            "kind": "pause",
            "since": "2026-11-29T11:03:11.000+00:00",
            "until": "2026-11-29T11:03:51.000+00:00",
            "gives_up_at": None,
            "bucket": "deletes",
            "targets": None,
            "axis": None,
            "reason": None,
            "file": None,
            "percent": None,
        }
    assert json.loads(out.getvalue().splitlines()[3])["wait"] is None


def test_a_reader_that_closes_stdout_ends_the_events_but_not_the_job() -> None:
    people = io.StringIO()
    display = JsonLines(Lines(people), Closed())
    display(TestBatchDone(targets=1))
    display(TestBatchDone(targets=2))
    assert people.getvalue().count("Test batch OK") == 2


class Reader:
    """A reader that takes nothing until the test lets it."""

    def __init__(self) -> None:
        self.seen = b""
        self.let = threading.Event()

    def __call__(self, data: bytes) -> int:
        assert self.let.wait(30)
        self.seen += data
        return len(data)


def test_progress_that_is_not_read_is_dropped_and_counted_and_the_end_is_kept() -> None:
    reader = Reader()
    output = OutputThread(reader)
    stream = TextOutput(output, io.StringIO(), has_results=True)
    display = JsonLines(Lines(io.StringIO()), cast("TextIO", stream))
    stream.write_result(b"x" * BEHIND + b"\n")
    display(progress(1))
    display(WaitingForServer(targets=1, next_read_s=1, wait_left_s=100))
    display(TestBatchDone(targets=25))
    stream.write_result(b"x" * FULL + b"\n")
    display(TestBatchDone(targets=26))
    display(JobEnded(reason="finished", exit_code=0, person={}, events={}, recordings={}))
    reader.let.set()
    stream.drain()
    output.close()
    events = [json.loads(line) for line in reader.seen.splitlines() if not line.startswith(b"x")]
    assert [(one["event"], one.get("events")) for one in events[:2]] == [("dropped", 2), ("test_batch", None)]
    assert [one["event"] for one in events[2:]] == ["dropped", "ended"]


def test_a_signal_shows_the_cursor_again_and_ends_the_drawing() -> None:
    reader = Reader()
    reader.let.set()
    output = OutputThread(reader)
    stream = TextOutput(output, Tty(), has_results=False)
    display = Terminal(cast("TextIO", stream))
    display(progress(40))
    display.restore()
    display(progress(41))
    display.note("SIGTERM\x1b[2J")
    stream.drain()
    output.close()
    shown = reader.seen.decode()
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")
    assert "41 of 100" not in shown
    assert "SIGTERM\\x1b[2J" in shown


def test_a_slow_terminal_gets_no_progress_but_every_other_line() -> None:
    reader = Reader()
    output = OutputThread(reader)
    stream = TextOutput(output, Tty(), has_results=False)
    display = Terminal(cast("TextIO", stream))
    stream.write_result(b"x" * (BEHIND + 1))
    display(progress(40))
    display(TestBatchDone(targets=3))
    reader.let.set()
    stream.drain()
    output.close()
    assert b"40 of 100" not in reader.seen
    assert b"Test batch OK" in reader.seen


@pytest.mark.parametrize(("stream", "kind"), [(Tty(), Terminal), (io.StringIO(), Lines)])
def test_the_display_fits_the_stream(stream: io.StringIO, kind: type) -> None:
    assert isinstance(open_display(json=False, stream=stream), kind)
    assert isinstance(open_display(json=True, stream=stream), JsonLines)


def test_progress_is_not_redrawn_over_events_on_the_same_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    events, progress_lines = Tty(), Tty()
    monkeypatch.setattr("sys.stdout", events)
    display = open_display(json=True, stream=progress_lines)
    display(progress(40))
    display.close()
    assert json.loads(events.getvalue())["event"] == "progress"
    assert "\x1b" not in progress_lines.getvalue()
