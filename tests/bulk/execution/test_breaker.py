from hypothesis import given
from hypothesis import strategies as st

from bulk.execution.breaker import Breaker, RetryBudget


def test_the_breaker_opens_when_half_of_the_last_twenty_batches_made_no_progress() -> None:
    breaker = Breaker()
    assert [breaker.batch(progress=False) for _ in range(9)] == [None] * 9
    assert breaker.batch(progress=False) == "10 of the last 10 batches made no progress"


@given(st.lists(st.booleans(), max_size=80))
def test_the_breaker_opens_exactly_when_ten_of_the_last_twenty_batches_failed(outcomes: list[bool]) -> None:
    breaker = Breaker()
    for at, progress in enumerate(outcomes):
        opened = breaker.batch(progress=progress) is not None
        assert opened == (outcomes[max(0, at - 19) : at + 1].count(False) >= 10)


def test_the_retry_budget_bounds_retries_and_successes_refill_it() -> None:
    budget = RetryBudget()
    assert [budget.spend() for _ in range(60)] == [None] * 60
    assert budget.spend() is not None
    for _ in range(4):
        budget.success()
    assert budget.spend() is None
    assert budget.spend() is not None


def test_the_retry_budget_lasts_if_one_call_in_four_fails() -> None:
    budget = RetryBudget()
    for _ in range(10_000):
        budget.success()
        budget.success()
        budget.success()
        assert budget.spend() is None
