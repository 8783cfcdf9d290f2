"""The options: defaults, checks, changes."""

import msgspec
import pytest

from asyncclient.testing import LocalPostHog, RateLimits, ServerOptions


def test_the_defaults_play_todays_server_without_limits():
    options = ServerOptions()
    assert (options.era, options.alias, options.delete_order) == ("queued", "rewrite", "tombstone")
    assert options.limits() is None
    assert options.personal_api_key.startswith("phx_")


def test_limits_are_posthogs_or_ones_own():
    assert ServerOptions(rate_limits="posthog").limits() == RateLimits()
    own = RateLimits(deletes_per_minute=None)
    assert ServerOptions(rate_limits=own).limits() is own


@pytest.mark.parametrize(
    "wrong",
    [
        {"project_id": 0},
        {"unhydratable_every": 1},
        {"heavy_every": -1},
        {"latency_s": -0.1},
        {"list_lag_s": float("nan")},
        {"queued_delay_s": -1},
        {"capture_lag_s": -1},
        {"activity_limit": -1},
        {"history_limit": -1},
        {"split_lag_s": -1},
        {"record_limit": 0},
    ],
)
def test_values_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ServerOptions(**wrong)


def test_changes_are_checked_and_the_rest_stays():
    options = ServerOptions(project_id=7, rate_limits=RateLimits(deletes_per_hour=5), scopes=("person:read",))
    changed = options.changed({"era": "summary", "latency_s": 0.5})
    assert changed == msgspec.structs.replace(options, era="summary", latency_s=0.5)
    for wrong in ({"era": "x"}, {"nothing": 1}, {"latency_s": "fast"}, {"unhydratable_every": 1}):
        with pytest.raises(msgspec.ValidationError):
            options.changed(wrong)


def test_options_cannot_be_changed_in_place():
    with pytest.raises(AttributeError):
        ServerOptions().era = "summary"


def test_persons_cannot_be_fewer_than_none():
    with pytest.raises(ValueError, match="negative"):
        LocalPostHog(persons=-1)
