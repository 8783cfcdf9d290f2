"""Requests that a killed run may have had in flight count in the limits of the next run (guarantee 13)."""

from asyncclient import Bucket, Limits, RateLimits
from bulk.journal.limit_usage import LimitUsage, restore_limits


def test_requests_without_a_recorded_outcome_count_as_made_just_now() -> None:
    limits = Limits(RateLimits.posthog(), clock=lambda: 5000.0)
    restore_limits(limits, spent={}, usage=LimitUsage(), in_flight={"deletes": 3, "others": 2}, now=1000.0)
    assert {window.window_s: window.used for window in limits.budget(Bucket.DELETES)} == {60.0: 3, 3600.0: 3}
    assert {window.window_s: window.used for window in limits.budget(Bucket.OTHERS)} == {60.0: 2}
