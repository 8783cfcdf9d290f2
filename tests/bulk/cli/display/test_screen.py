"""The lines of a screen fit any width."""

from datetime import UTC, datetime

import msgspec
import pytest
from rich.cells import cell_len

from bulk.cli.display.frame import Frame
from bulk.cli.display.screen import Bar, Line, flow, fold, log_line, screen
from bulk.events import Activity, PhaseChanged, PlanProgress, Progress, Wait, WaitKind

NOW = datetime(2026, 11, 29, 11, 3, 14, tzinfo=UTC)
PROGRESS = Progress(
    phase="sending",
    count=5_000_000,
    done=1_250_000,
    person={"deleted_confirmed": 1_000_000, "already_deleted": 250_000, "not_started": 3_750_000},
    events={"queued": 1_250_000},
    recordings={},
    requests=12,
    targets_per_s=48.0,
    overall_per_s=4.0,
    eta_s=90_000.0,
    elapsed_s=40_000.0,
    wait=Wait(kind=WaitKind.PAUSE, waited_s=2, left_s=58, bucket="漢字" * 30),
)
SHOWN = (
    PROGRESS,
    msgspec.structs.replace(PROGRESS, wait=None, done=5_000_000),
    PlanProgress(seen=1_000_000, targets=999_999, requests=1000, elapsed_s=3600.0),
    Activity(phase="exporting", elapsed_s=3.0, requests=1, persons=1),
    PhaseChanged(phase="checking"),
)


@pytest.mark.parametrize("width", [10, 20, 39, 60, 80, 120, 300])
@pytest.mark.parametrize("event", SHOWN)
def test_no_line_is_wider_than_the_terminal(width: int, event: Progress) -> None:
    lines = screen(event, width=width, now=NOW)
    assert all(0 < cell_len(line.text) <= width for line in lines)


def test_a_screen_shows_count_rates_elapsed_time_and_the_expected_end() -> None:
    assert log_line(msgspec.structs.replace(PROGRESS, wait=None, person={}, events={}), now=NOW) == (
        "Sending: 1,250,000 of 5,000,000 (25%), 4.0 persons/s (48 persons/s without waits), elapsed 11 h 6 min, "
        "about 1 d 1 h left, end about 2026-11-30 12:03"
    )


def test_during_an_outage_no_end_is_promised() -> None:
    away = Wait(kind=WaitKind.OUTAGE, waited_s=2, left_s=8, gives_up_in_s=900, reason="503")
    line = log_line(msgspec.structs.replace(PROGRESS, wait=away, eta_s=608.0), now=NOW)
    assert "about 10 min left once the server responds; Server not reachable since" in line  # without the 8 s
    assert "end about" not in line
    nothing_else = log_line(msgspec.structs.replace(PROGRESS, wait=away, eta_s=8.0), now=NOW)
    assert "left once the server responds" not in nothing_else


def test_a_time_after_which_a_phase_ends_in_any_case_is_no_estimate() -> None:
    line = log_line(msgspec.structs.replace(PROGRESS, wait=None, eta_s=900.0, eta_is_limit=True), now=NOW)
    assert ", at most 15 min left, end by 11:18" in line
    assert "about" not in line


def test_only_the_wait_is_coloured() -> None:
    waits = [line.waits for line in screen(PROGRESS, width=300, now=NOW)]
    assert waits == [False, False, True, False, False]


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("a short line", 40, ["a short line"]),
        ("waiting for 30 s now", 14, ["waiting for", "  30 s now"]),
        ("abcdefghij", 4, ["abcd", "  ef", "  gh", "  ij"]),
        ("plan of_the-news/letter", 12, ["plan", "  of_the-", "  news/", "  letter"]),
        ("newsletter_opened_at", 14, ["newsletter_", "  opened_at"]),
        ("a_newsletter", 10, ["a_newslett", "  er"]),
        ("", 10, [""]),
    ],
)
def test_text_is_broken_between_words_and_never_before_a_unit(text: str, width: int, lines: list[str]) -> None:
    assert fold(text, width) == lines


def test_parts_share_a_line_while_they_fit() -> None:
    assert flow(["one", "two", "three"], 10) == ["one, two,", "three"]


@pytest.mark.parametrize(("done", "count", "text"), [(0, 4, "...."), (1, 4, "#..."), (4, 4, "####"), (0, 0, "####")])
def test_the_bar_fills_with_what_is_done(done: int, count: int, text: str) -> None:
    assert Bar("#", ".").text(done=done, count=count, width=4) == text


def test_the_cursor_is_left_at_the_first_line_so_that_a_resized_terminal_is_erased_from_there() -> None:
    frame = Frame(colour=False)
    drawn = "\x1b[?7lx\ny\nz\x1b[?7h\r\x1b[2A"
    assert frame.draw([Line("x"), Line("y"), Line("z")], rows=24).endswith(drawn)
    assert frame.print_above("note") == f"\r\x1b[Jnote\n{drawn}"
    assert frame.draw([Line("z")], rows=24) == "\r\x1b[J\x1b[?7lz\x1b[?7h\r"
    assert frame.leave() == "\r\x1b[J\x1b[?7lz\x1b[?7h\n\x1b[?25h"
    assert frame.close() == ""


def test_colour_is_left_out_where_it_is_not_wanted() -> None:
    waits = [Line("waits", waits=True)]
    assert "\x1b[33mwaits\x1b[0m" in Frame(colour=True).draw(waits, rows=24)
    assert "\x1b[33m" not in Frame(colour=False).draw(waits, rows=24)


def test_a_low_terminal_shows_the_first_lines() -> None:
    drawn = Frame(colour=False).draw([Line("1"), Line("2"), Line("3")], rows=3)
    assert drawn.endswith("1\n2\x1b[?7h\r\x1b[1A")
