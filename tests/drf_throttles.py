"""Django REST framework's own throttle classes, which PostHog counts with, on a clock of the test's."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any


class _Cache(dict[str, list[float]]):
    """What a throttle keeps its times in: the framework's own cache packs and unpacks all of them at each request."""

    def set(self, key: str, times: list[float], _timeout_s: float) -> None:
        """Keep them; the throttle itself forgets those that are too old."""
        self[key] = times


class Throttles:
    """One throttle per rate, asked as a view asks them: each of them counts, whatever the others say.

    Arguments:
        rates: by name, such as {"burst": "480/min"}.
        clock: seconds.
    """

    def __init__(self, rates: dict[str, str], clock: Callable[[], float]) -> None:
        from django.conf import settings

        if not settings.configured:
            settings.configure()
        from rest_framework.throttling import SimpleRateThrottle

        class Throttle(SimpleRateThrottle):
            THROTTLE_RATES = rates

            def __init__(self, scope: str) -> None:
                self.scope = scope
                self.cache = _Cache()
                super().__init__()

            def timer(self) -> float:
                return clock()

            def get_cache_key(self, request: Any, view: Any) -> str:
                return self.scope

        self._throttles = [Throttle(scope) for scope in rates]

    def wait_s(self) -> float | None:
        """Count a request; None when it is allowed, else how long the server asks to wait."""
        refused = [each for each in self._throttles if not each.allow_request(SimpleNamespace(), None)]
        return max(each.wait() or 1.0 for each in refused) if refused else None
