"""Which targets of a block the server did not see."""

import pytest

from bulk.execution.batch_policy import unsent
from bulk.posthog.attempt_result import OK, AttemptResult, NextAction


def ended(error: str, at: int | None) -> AttemptResult:
    return AttemptResult(outcome="unknown", next_action=NextAction.READ_BACK, error=error, failed_at=at)


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
