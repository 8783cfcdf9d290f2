"""Clients of a local server that retry at once and stay within no rate limits."""

from typing import Any

from asyncclient import Limits, PostHogClient, RateLimits, RetryPolicy
from asyncclient.testing import LocalPostHog

FAST = RetryPolicy(base_s=0.0)


def client_of(server: LocalPostHog, **settings: Any) -> PostHogClient:
    settings = {"limits": Limits(RateLimits.off()), "retry": FAST, "project_id": 1} | settings
    return PostHogClient(host=server.url, personal_api_key=server.personal_api_key, **settings)
