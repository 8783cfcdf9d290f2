"""The rows of a review about requests, time and route."""

import pytest

from bulk.cli.display.plan.cost_lines import cost_rows
from bulk.operations import (
    DeleteEvents,
    DeletePersons,
    DeleteRecordings,
    Operation,
    UnsetProperties,
    UpdatePerPerson,
    UpdateProperties,
)
from bulk.posthog.request_costs import ValueTotals


def rows(operation: Operation, count: int, *, limits: str = "posthog", batch_size: int = 250) -> list[tuple[str, str]]:
    return list(cost_rows(operation, count, rate_limits=limits, batch_size=batch_size))


@pytest.mark.parametrize("operation", [DeletePersons(delete_events=True), DeleteEvents(), DeleteRecordings()])
def test_deletions_are_counted_in_bulk_calls(operation: Operation) -> None:
    requests, batches, time = rows(operation, 100_000)
    assert requests[0] == "Requests"
    assert "a test batch of 25 persons, then the rest" in requests[1]
    assert batches == ("", "a deletion call is for up to 250 persons")
    assert time[0] == "Estimated time"
    assert time[1].endswith(", within the rate limits")


def test_a_review_shows_the_cost_of_both_routes_and_the_route_that_is_taken() -> None:
    rest, *why, capture, time, route = rows(UnsetProperties(keys=("a", "b", "c", "d", "e")), 100_000)
    assert rest == ("Requests", "by REST: 100,000 to 500,000 calls, and 1,002 reads")
    assert [text for _, text in why] == [
        "1 call per person if the server removes several properties in one call, else 1 call per property;",
        "the first person of the test batch shows which of the two",
    ]
    assert capture == (
        "",
        "by capture: 501 capture requests (not rate limited), each for up to 200 persons, and 1,002 reads",
    )
    assert time == (
        "Estimated time",
        "by REST: at least 7 h (1 d 10 h with 1 call per property); by capture: at least 4 min; within the rate limits",
    )
    assert route == ("Route", "capture (auto: not rate limited)")


def test_without_a_choice_of_calls_a_review_shows_one_figure() -> None:
    rest, *_ = rows(UnsetProperties(keys=("a",)), 100_000)
    assert rest == ("Requests", "by REST: 100,000 calls, one per person, and 1,002 reads")
    rest, _, _, _, time, _ = rows(UnsetProperties(keys=("a", "b")), 100, limits="off")
    assert rest == ("Requests", "by REST: 100 to 200 calls, and 4 reads")
    assert time[1] == "by REST: under 1 s; by capture: under 1 s; without rate limits"


@pytest.mark.parametrize(
    ("unset_keys", "totals", "expected"),
    [
        ((), ValueTotals(setting=90, losing=0, removals=0), ["by REST: 90 calls, one per person, and 4 reads"]),
        (
            ("a", "b"),
            ValueTotals(setting=60, losing=60, removals=60),
            ["by REST: 120 calls (60 to set values, 60 to remove a property), and 4 reads"],
        ),
        (
            ("a", "b"),
            ValueTotals(setting=60, losing=60, removals=100),
            [
                "by REST: 120 to 160 calls, and 4 reads",
                "1 call per person to set its values",
                "1 call per person if the server removes several properties in one call, else 1 call per property;",
                "the first person of the test batch shows which of the two",
            ],
        ),
        (("a", "b"), None, ["by REST: 90 to 270 calls, and 4 reads"]),
    ],
)
def test_values_per_person_count_what_the_rows_say(
    unset_keys: tuple[str, ...], totals: ValueTotals | None, expected: list[str]
) -> None:
    operation = UpdatePerPerson(keys=("a", "b"), unset_keys=unset_keys)
    shown = [text for _, text in cost_rows(operation, 90, rate_limits="posthog", batch_size=250, totals=totals)]
    assert shown[: len(expected)] == expected


def test_few_persons_go_by_rest_and_a_requested_route_is_taken() -> None:
    rest, *_, route = rows(UpdateProperties(properties={"a": 1}), 30)
    assert rest[1].startswith("by REST: 30 calls, one per person, and ")
    assert route == ("Route", "REST (auto: 30 calls fit within the per-minute limit)")
    assert rows(UpdateProperties(properties={"a": 1}, route="capture"), 30)[-1] == ("Route", "capture (as requested)")
    assert rows(UnsetProperties(keys=("a",), route="rest"), 9999)[-1] == ("Route", "REST (as requested)")


def test_the_limits_of_a_user_count_all_calls_together() -> None:
    _, _, time = rows(DeletePersons(), 250_000, limits="user", batch_size=250)
    # 1,001 deletion calls and 2,502 reads at 1,200 per hour
    assert time[1] == "at least 2 h 6 min, within the rate limits of a user"


def test_without_rate_limits_no_time_is_needed() -> None:
    _, _, time, _ = rows(UpdateProperties(properties={"a": 1}), 100_000, limits="off")
    assert time[1] == "by REST: under 1 s; by capture: under 1 s; without rate limits"


@pytest.mark.parametrize(
    ("operation", "count", "words"),
    [
        (DeletePersons(), 20, "1 deletion call, "),
        (DeletePersons(delete_events=True), 20, "2 deletion calls (events, then persons), "),
        (
            DeletePersons(delete_events=True, delete_recordings=True),
            30,
            "4 deletion calls (events and recordings, then persons; a test batch of 25 persons, then the rest), ",
        ),
        (DeleteEvents(), 30, "2 deletion calls (a test batch of 25 persons, then the rest), "),
    ],
)
def test_a_review_explains_the_deletion_calls(operation: Operation, count: int, words: str) -> None:
    assert words in rows(operation, count)[0][1]
