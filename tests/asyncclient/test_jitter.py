"""Waits between retries are drawn from 0 to the whole backoff: full jitter (guarantee 12)."""

from typing import Any

from asyncclient import ConnectFailed, RetryPolicy
from asyncclient.retry import Retry, decide

ERROR = ConnectFailed("no connection", method="GET", path="x", route="GET x", sent=False)


def test_each_wait_is_drawn_from_nothing_up_to_the_backoff_of_that_attempt() -> None:
    policy = RetryPolicy(attempts=9, base_s=0.5, cap_s=10.0)
    drawn: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        drawn.append((low, high))
        return high / 4

    waits: list[Any] = [decide(policy, ERROR, attempt=n, mutating=True, uniform=uniform) for n in range(1, 8)]
    assert drawn == [(0.0, 0.5), (0.0, 1.0), (0.0, 2.0), (0.0, 4.0), (0.0, 8.0), (0.0, 10.0), (0.0, 10.0)]
    assert waits == [Retry(high / 4) for _, high in drawn]
