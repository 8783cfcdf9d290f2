"""Rate limits that are read from text and shown as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncclient import InvalidArgument, RateLimits


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("posthog", "posthog"),
        ("off", "off"),
        ("480/min,4800/hour,240/min", "posthog"),
        ("user", "user"),
        ("10/m, 20/h, 30/minute", "10/min,20/hour,30/min"),
        ("480/min,4800/hour,240/min,1200/h", "480/min,4800/hour,240/min,1200/hour"),
        ("480/min, 4800/hour, off", "480/min,4800/hour,off"),
        ("off,off,off", "off,off,off"),
        ("1/m,2/h,1/m,2/h,off,off,per-user", "1/min,2/hour,1/min,2/hour,off,off,per-user"),
    ],
)
def test_limits_are_read_and_shown(text: str, shown: str) -> None:
    assert str(RateLimits.parse(text)) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fast",
        "480/min",
        "480/min,4800/min,240/min",
        "0/min,1/hour,1/min",
        "1/day,2/hour,3/min",
        "-1/m,1/h,1/m",
        "1/m,1/h,1/m,1/m",
        "1/m,1/h,None/m",
        "1/m,1/h,off/m",
        "per-user",
        "1/m,2/h,1/m,per-user",
        "1/m,1/h,1/m,1/h,1/m,1/h,1/m,1/h,1/h,1/m",
        "\u0661/m,1/h,1/m",
        f"{'9' * 5000}/m,1/h,1/m",
    ],
)
def test_limits_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        RateLimits.parse(text)


LIMIT = st.none() | st.integers(min_value=1, max_value=10**300 - 1)


@given(
    deletes=st.tuples(LIMIT, LIMIT), others=st.tuples(LIMIT, LIMIT), default=st.tuples(LIMIT, LIMIT), user=st.booleans()
)
def test_all_limits_can_be_read_from_their_text(
    deletes: tuple[int | None, int | None],
    others: tuple[int | None, int | None],
    default: tuple[int | None, int | None],
    user: bool,
) -> None:
    others = deletes if user else others
    limits = RateLimits(
        deletes_per_minute=deletes[0],
        deletes_per_hour=deletes[1],
        others_per_minute=others[0],
        others_per_hour=others[1],
        default_per_minute=default[0],
        default_per_hour=default[1],
        per_user=user,
    )
    assert RateLimits.parse(str(limits)) == limits
