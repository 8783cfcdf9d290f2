"""Which route is chosen: REST within a minute's allowance, capture beyond it, and what was asked for always."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncclient import RateLimits
from bulk.operations import UnsetProperties, UpdateProperties
from bulk.posthog.request_costs import calls_a_person
from bulk.posthog.routes import MOST_BY_REST, choose_route

KEYS = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=8, unique=True).map(tuple)
RATES = st.sampled_from([RateLimits.posthog(), RateLimits.off()])


@given(KEYS, st.integers(0, 100_000), st.integers(1, 1000), RATES)
def test_auto_goes_by_calls_that_a_minute_allows(
    keys: tuple[str, ...], count: int, batch: int, rates: RateLimits
) -> None:
    for operation in (UnsetProperties(keys), UpdateProperties(dict.fromkeys(keys, 1))):
        route = choose_route(operation, count, batch_size=batch, rates=rates)
        calls = count * (len(keys) if isinstance(operation, UnsetProperties) else 1)
        assert calls_a_person(operation) * count == calls
        assert (route.name == "rest") == (calls <= MOST_BY_REST)
        assert f"{calls:,}" in route.why
        if route.name == "capture":
            assert (
                f"{math.ceil(count / (batch if batch < 200 else batch // 200 * 200)):,} capture requests" in route.why
            )
        assert not route.why.endswith(".")


@pytest.mark.parametrize("asked", ["rest", "capture"])
@given(count=st.integers(0, 10**7))
def test_what_was_asked_for_is_taken(asked: str, count: int) -> None:
    route = choose_route(UnsetProperties(("a",), route=asked), count, batch_size=250, rates=RateLimits.posthog())
    assert (route.name, route.why) == (asked, "as requested")


def test_the_reason_tells_how_long_rest_would_take() -> None:
    operation = UnsetProperties(("a",))
    why = choose_route(operation, 100_000, batch_size=500, rates=RateLimits.posthog()).why
    assert (
        why
        == "auto: 250 capture requests (not rate limited); REST takes 100,000 calls and 6.9 h within the rate limits"
    )
    assert choose_route(operation, 100_000, batch_size=500, rates=RateLimits.off()).why.endswith(
        "REST takes 100,000 calls"
    )
    assert " h " not in choose_route(operation, 300, batch_size=500, rates=RateLimits.posthog()).why
