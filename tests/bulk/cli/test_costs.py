"""What a review says of requests and time, for each operation and route."""

import pytest

from bulk.cli.costs import cost_lines
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
    assert "deletion calls of up to 250 persons" in requests
    assert time.startswith("Time ")


def test_both_routes_are_told_and_the_one_that_is_taken() -> None:
    capture, rest, route = said(UnsetProperties(keys=("a", "b", "c", "d", "e")), 100_000)
    assert "by capture: 501 that no limit counts, of up to 200 persons" in capture
    assert "by REST: 500,000, each of which removes one property of one person" in rest
    assert "1 d 10 h at least at the limits (posthog)" in rest
    assert route == "Route     auto takes capture, which no limit slows down"


def test_few_persons_go_by_rest_and_a_route_that_is_asked_for_is_taken() -> None:
    few = said(UpdateProperties(properties={"a": 1}), 30)
    assert "by REST: 30, each of which changes one person" in few[1]
    assert "deletion" not in "".join(few)
    assert few[2] == "Route     auto takes REST, 30 calls, not more than a minute's allowance"
    assert said(UpdateProperties(properties={"a": 1}, route="capture"), 30)[2] == "Route     capture, as asked"
    assert said(UnsetProperties(keys=("a",), route="rest"), 9999)[2] == "Route     REST, as asked"


def test_the_calls_of_a_user_count_together() -> None:
    _, time = said(DeletePersons(), 250_000, limits="user", batch_size=250)
    assert "2 h 6 min at least at the limits (user)" in time  # 1,001 deletion calls and 2,502 reads, 1,200 per hour


def test_without_limits_nothing_waits() -> None:
    lines = said(UpdateProperties(properties={"a": 1}), 100_000, limits="off")
    assert [line.count("no waiting at the limits (off)") for line in lines] == [1, 1, 0]
