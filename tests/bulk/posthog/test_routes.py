"""The route for properties: REST for the calls of one minute, capture beyond that, or the requested one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncclient import RateLimits
from bulk.operations import UnsetProperties, UpdateProperties
from bulk.posthog.request_costs import calls_per_person
from bulk.posthog.routes import MAX_REST_CALLS, choose_route

KEYS = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=8, unique=True).map(tuple)
RATES = st.sampled_from([RateLimits.posthog(), RateLimits.off()])


@pytest.mark.slow
@given(KEYS, st.integers(0, 100_000), st.integers(1, 1000), RATES)
def test_auto_takes_rest_for_the_calls_of_one_minute(
    keys: tuple[str, ...], count: int, batch: int, rates: RateLimits
) -> None:
    for operation in (UnsetProperties(keys), UpdateProperties(dict.fromkeys(keys, 1))):
        route = choose_route(operation, count, batch_size=batch, rates=rates)
        calls = count * (len(keys) if isinstance(operation, UnsetProperties) else 1)
        assert calls_per_person(operation) * count == calls
        assert (route.name == "rest") == (calls <= MAX_REST_CALLS)
        assert f"{calls:,}" in route.why
        assert not route.why.endswith(".")


@pytest.mark.parametrize("name", ["rest", "capture"])
@given(count=st.integers(0, 10**7))
def test_a_requested_route_is_used(name: str, count: int) -> None:
    route = choose_route(UnsetProperties(("a",), route=name), count, batch_size=250, rates=RateLimits.posthog())
    assert (route.name, route.why) == (name, "as requested")


def test_the_reason_says_how_long_rest_would_take() -> None:
    operation = UnsetProperties(("a",))
    why = choose_route(operation, 100_000, batch_size=500, rates=RateLimits.posthog()).why
    assert why == "auto: not rate limited; REST takes 100,000 calls, at least 7 h"
    assert choose_route(operation, 100_000, batch_size=500, rates=RateLimits.off()).why.endswith(
        "REST takes 100,000 calls"
    )
    assert choose_route(operation, 300, batch_size=500, rates=RateLimits.posthog()).why.endswith("at least 1 min")
