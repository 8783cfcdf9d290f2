"""Which failures open the failure breaker, and which targets of a block the server did not see."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from asyncclient import Bucket
from bulk.execution.batch_policy import BatchPolicy, unsent
from bulk.execution.breaker import Breaker, RetryBudget
from bulk.execution.run_context import RunContext
from bulk.posthog.attempt_result import OK, AttemptResult, NextAction
from bulk.posthog.calls import Call
from bulk.states import Axis

BATCH = list(range(40))
QUEUE_EVENTS = Call(route="bulk_delete", axes=(Axis.EVENTS,), max_targets=40, bucket=Bucket.DELETES)
DELETE = Call(route="bulk_delete", axes=(Axis.PERSON,), max_targets=40, bucket=Bucket.DELETES)
LOST = AttemptResult(outcome="unknown", next_action=NextAction.READ_BACK, error="connection_lost")


def ended(error: str, at: int | None) -> AttemptResult:
    return AttemptResult(outcome="unknown", next_action=NextAction.READ_BACK, error=error, failed_at=at)


class Group:
    """One group of a run, which shares the breaker and the retry budget with the others."""

    def __init__(self, breaker: Breaker, budget: RetryBudget) -> None:
        job = SimpleNamespace(refund=lambda numbers: None)
        context = SimpleNamespace(
            job=job, gate=self, breaker=breaker, budget=budget, batch_size=40, report=lambda _: None, uniform=max
        )
        self.policy = BatchPolicy(cast(RunContext, context))

    def stop(self, error: Exception) -> None:
        raise error

    async def sleep(self, *_: Any) -> None:
        return None

    async def attempt(self, call: Call, result: AttemptResult) -> None:
        left = [] if result is OK else BATCH
        await self.policy.account(call, BATCH, left, result, in_outage=False)


@pytest.fixture
def groups() -> list[Group]:
    breaker, budget = Breaker(), RetryBudget()
    return [Group(breaker, budget) for _ in range(16)]


async def test_requests_that_succeed_when_sent_again_do_not_open_the_breaker(groups: list[Group]) -> None:
    for results in [(LOST, OK, OK), (OK, LOST, OK), (OK, OK, LOST)]:  # a third of the requests of each moment
        for group, result in zip(groups, results * 6, strict=False):
            await group.attempt(QUEUE_EVENTS, result)
    for group in groups:
        group.policy.note_rows()
    for results in [(LOST, OK, OK), (OK, LOST, OK), (OK, OK, LOST)]:
        for group, result in zip(groups, results * 6, strict=False):
            await group.attempt(DELETE, result)


async def test_requests_that_keep_failing_open_the_breaker(groups: list[Group]) -> None:
    for group in groups[:9]:
        await group.attempt(DELETE, LOST)
        await group.attempt(DELETE, LOST)  # not counted again
    with pytest.raises(Exception, match="10 of the last 10 batches"):
        await groups[9].attempt(DELETE, LOST)


@pytest.mark.parametrize("batches", [1, 4])
async def test_accepted_events_without_rows_open_the_breaker(groups: list[Group], batches: int) -> None:
    with pytest.raises(Exception, match="10 of the last"):
        for group in groups:
            for _ in range(batches):
                await group.attempt(QUEUE_EVENTS, OK)
            await group.policy.wait_for_rows(batches * len(BATCH), progress=False)
            for _ in range(batches):
                await group.attempt(QUEUE_EVENTS, OK)  # proves nothing while the rows are missing


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (OK, set()),
        (ended("server_error", None), set()),
        (ended("server_error", 0), {11, 12, 13}),
        (ended("server_error", 2), {13}),
        (ended("server_error", 3), set()),
        (ended("rate_limited", 2), {12, 13}),
        (ended("rate_limited", 0), set()),  # the target states do not count it anyway
    ],
)
def test_targets_after_the_failed_one_count_as_unsent(verdict: AttemptResult, expected: set[int]) -> None:
    assert unsent([10, 11, 12, 13], verdict) == expected
