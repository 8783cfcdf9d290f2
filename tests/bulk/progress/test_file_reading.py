"""What is told of a file that takes long to read, by a clock that the test sets."""

from pathlib import Path

from bulk.events import Activity, Wait, WaitKind
from bulk.progress.file_reading import FileReading

FILE = Path("folder/x.journal.jsonl")


def test_a_reading_of_more_than_2_s_is_reported_once_per_second() -> None:
    told: list[Activity] = []
    now = 100.0
    reading = FileReading("reading", told.append, clock=lambda: now)
    for tenth in range(51):
        now = 100.0 + tenth / 10
        reading(FILE, tenth, 50)
    assert [event.wait and event.wait.percent for event in told] == [42, 64, 86]
    assert told[0].wait == Wait(kind=WaitKind.FILE, waited_s=told[0].elapsed_s, file="x.journal.jsonl", percent=42)
    assert 2.0 < told[0].elapsed_s < 2.2
    assert told[0].phase == "reading"


def test_several_files_count_as_one_reading() -> None:
    told: list[Activity] = []
    now = 0.0
    reading = FileReading("reading", told.append, clock=lambda: now)
    reading(Path("a"), 1, 1)
    now = 2.5
    reading(Path("b"), 1, 4)
    assert [event.wait and (event.wait.file, event.wait.percent) for event in told] == [("b", 25)]


def test_a_short_reading_and_one_without_a_listener_tell_nothing() -> None:
    told: list[Activity] = []
    FileReading("reading", told.append, clock=lambda: 0.0)(FILE, 1, 1)
    FileReading("reading", None, clock=iter((0.0, 10.0)).__next__)(FILE, 1, 1)
    assert told == []


def test_a_file_that_grows_or_is_empty_has_a_percentage() -> None:
    told: list[Activity] = []
    reading = FileReading("reading", told.append, clock=iter((0.0, 3.0, 5.0)).__next__)
    reading(FILE, 0, 0)
    reading(FILE, 12, 10)
    assert [event.wait and event.wait.percent for event in told] == [0, 100]


def test_the_overwriting_of_a_file_has_its_own_phase_and_kind() -> None:
    told: list[Activity] = []
    FileReading("reading", told.append, clock=iter((0.0, 3.0)).__next__).overwritten(FILE, 1, 4)
    assert [(event.phase, event.wait and (event.wait.kind, event.wait.percent)) for event in told] == [
        ("destroying", (WaitKind.OVERWRITE, 25))
    ]
