"""The line of each kind of wait."""

from datetime import UTC, datetime, timedelta

import pytest

from bulk.cli.display.wait_lines import clock_time, wait_line
from bulk.events import Wait, WaitKind

NOW = datetime(2026, 11, 29, 11, 3, 14, tzinfo=UTC)


@pytest.mark.parametrize(
    ("wait", "line"),
    [
        (
            Wait(kind=WaitKind.PAUSE, waited_s=2, left_s=58, bucket="deletes"),
            "Rate limited: the server asked us to wait before further deletions, 58 s left (until 11:04:12)",
        ),
        (
            Wait(kind=WaitKind.RATE_LIMIT, waited_s=43, left_s=12, bucket="others"),
            "Waiting to stay within the rate limit: next request in 12 s (at 11:03:26)",
        ),
        (
            Wait(kind=WaitKind.RATE_LIMIT, waited_s=43, bucket="others"),
            "Waiting to stay within the rate limit for 43 s",
        ),
        (
            Wait(kind=WaitKind.OUTAGE, waited_s=371, left_s=8, gives_up_in_s=529, reason="503"),
            "Server not reachable since 10:57:03 (503); trying again in 8 s; giving up at 11:12",
        ),
        (
            Wait(kind=WaitKind.OUTAGE, waited_s=371, left_s=0, gives_up_in_s=50, reason="\x1bno"),
            "Server not reachable since 10:57:03 (\\x1bno); trying again now; giving up at 11:04:04",
        ),
        (
            Wait(kind=WaitKind.CATCHING_UP, waited_s=0, left_s=15, targets=1250, axis="person", gives_up_in_s=600),
            "1,250 deletions accepted but not yet visible; checking again in 15 s (at 11:03:29), for up to 10 min",
        ),
        (
            Wait(kind=WaitKind.SECOND_READ, waited_s=1, left_s=4, targets=1),
            "1 ID missing from a response; reading again in 4 s (at 11:03:18)",
        ),
        (Wait(kind=WaitKind.RETRY, waited_s=1, left_s=30), "A request failed; retrying in 30 s (at 11:03:44)"),
        (
            Wait(kind=WaitKind.RESPONSE, waited_s=7),
            "Waiting for the server to respond, for 7 s so far",
        ),
        (
            Wait(kind=WaitKind.INPUT, waited_s=7),
            "Waiting for the next lines of the input, for 7 s so far",
        ),
    ],
)
def test_a_wait_shows_what_for_how_long_and_until_when(wait: Wait, line: str) -> None:
    assert wait_line(wait, now=NOW) == line


def test_every_kind_of_wait_has_a_line() -> None:
    assert all(wait_line(Wait(kind=kind, waited_s=3, left_s=3), now=NOW) for kind in WaitKind)


@pytest.mark.parametrize(
    ("ahead_s", "shown"), [(60, "11:04:14"), (600, "11:13"), (3600 * 20, "2026-11-30 07:03"), (-60, "11:02:14")]
)
def test_a_near_time_of_day_has_seconds_and_a_far_one_its_date(ahead_s: float, shown: str) -> None:
    assert clock_time(NOW + timedelta(seconds=ahead_s), now=NOW) == shown
