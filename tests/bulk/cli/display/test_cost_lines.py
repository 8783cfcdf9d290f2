"""What a review says of requests and time, for each operation and route."""

import pytest

from bulk.cli.display.cost_lines import cost_lines
from bulk.operations import (
    DeleteEvents,
    DeletePersons,
    DeleteRecordings,
    Operation,
    UnsetProperties,
    UpdateProperties,
)


def said(operation: Operation, count: int, *, limits: str = "posthog", batch_size: int = 250) -> list[str]:
    return list(cost_lines(operation, count, rate_limits=limits, batch_size=batch_size))


@pytest.mark.parametrize("operation", [DeletePersons(delete_events=True), DeleteEvents(), DeleteRecordings()])
def test_deletions_are_counted_as_calls_of_many(operation: Operation) -> None:
    requests, time = said(operation, 100_000)
    assert "deletion calls of up to 250 persons each" in requests
    assert time.startswith("Time ")


def test_both_routes_are_told_and_the_one_that_is_taken() -> None:
    capture, rest, route = said(UnsetProperties(keys=("a", "b", "c", "d", "e")), 100_000)
    assert "capture: 501 capture requests (not rate limited) of up to 200 persons each" in capture
    assert "REST: 500,000 calls, each of which removes one property of one person" in rest
    assert "at least 1 d 10 h, within the rate limits (posthog)" in rest
    assert route == "Route     capture (auto: it is not rate limited)"


def test_few_persons_go_by_rest_and_a_route_that_is_asked_for_is_taken() -> None:
    few = said(UpdateProperties(properties={"a": 1}), 30)
    assert "REST: 30 calls, each of which changes one person" in few[1]
    assert "deletion" not in "".join(few)
    assert few[2] == "Route     REST (auto: 30 calls fit within the per-minute limit)"
    assert said(UpdateProperties(properties={"a": 1}, route="capture"), 30)[2] == "Route     capture (as requested)"
    assert said(UnsetProperties(keys=("a",), route="rest"), 9999)[2] == "Route     REST (as requested)"


def test_the_calls_of_a_user_count_together() -> None:
    _, time = said(DeletePersons(), 250_000, limits="user", batch_size=250)
    assert (
        "at least 2 h 6 min, within the rate limits (user)" in time
    )  # 1,001 deletion calls and 2,502 reads, 1,200 per hour


def test_without_limits_nothing_waits() -> None:
    lines = said(UpdateProperties(properties={"a": 1}), 100_000, limits="off")
    assert [line.count("under 1 s, within the rate limits (off)") for line in lines] == [1, 1, 0]
