"""Rate limits: delay requests so that the server has no reason to respond with 429."""

from asyncclient._protocol.limits.limit_reduction import LimitReduction
from asyncclient._protocol.limits.limit_wait import LimitWait
from asyncclient._protocol.limits.paused_too_long import PausedTooLong
from asyncclient._protocol.limits.rate_bucket import WindowBudget
from asyncclient._protocol.limits.rate_limits import Bucket, RateLimits
from asyncclient.limits.limits import Limits
from asyncclient.limits.permits import Permit

__all__ = ["Bucket", "LimitReduction", "LimitWait", "Limits", "PausedTooLong", "Permit", "RateLimits", "WindowBudget"]
