from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk.journal.records import (
    FORMAT,
    AttemptEnded,
    Change,
    Intent,
    JobOpened,
    ReadRequest,
    Record,
    RunEnded,
    RunStarted,
    StatesChanged,
)
from bulk.journal.target_states import TargetStates
from bulk.states import STATES, Axis, Events, Person, Properties, Recordings

COUNT = 6


def opened(*, events: bool = True, recordings: bool = False) -> JobOpened:
    return JobOpened(
        format=FORMAT,
        job="j",
        host="https://eu.posthog.com",
        project=1,
        operation={"kind": "delete", "delete_events": events, "delete_recordings": recordings},
        selection={},
        plan_digest="sha256:0",
        count=COUNT,
        planned_at="",
        at=1000.0,
    )


def run(purpose: str = "run") -> RunStarted:
    return RunStarted(at=1001.0, purpose=purpose, version="1", concurrency=1, batch_size=2, wait_s=1, rates="off")


def intent(attempt: int, targets: str, *axes: str, server_at: float = 1002.0) -> Intent:
    return Intent(
        attempt=attempt,
        route="bulk_delete",
        bucket="deletes",
        axes=axes,
        targets=targets,
        at=1002.0,
        server_at=server_at,
    )


def folded(*records: Record) -> TargetStates:
    target_states = TargetStates()
    for record in records:
        target_states.apply(record)
    return target_states


def test_an_attempt_without_a_result_is_unknown_only_after_its_process_is_gone() -> None:
    target_states = folded(opened(), run(), intent(0, "0-1", "person"))
    assert target_states.person(0) is Person.NOT_STARTED
    target_states.apply(run())
    assert [target_states.person(n) for n in range(3)] == [Person.UNKNOWN, Person.UNKNOWN, Person.NOT_STARTED]


def test_an_accepted_attempt_changes_every_axis_of_its_intent() -> None:
    target_states = folded(
        opened(recordings=True),
        run(),
        intent(0, "0-1", "events", "recordings"),
        AttemptEnded(attempt=0, at=1003.0, outcome="ok"),
    )
    assert target_states.events(0) is Events.ACCEPTED
    assert target_states.recordings(1) is Recordings.REQUESTED
    assert target_states.person(0) is Person.NOT_STARTED


def test_targets_that_an_attempt_does_not_name_as_accepted_are_unknown() -> None:
    target_states = folded(
        opened(), run(), intent(0, "0-2", "person"), AttemptEnded(attempt=0, at=1.0, outcome="ok", accepted="0,2")
    )
    assert [target_states.person(n) for n in range(3)] == [Person.ACCEPTED, Person.UNKNOWN, Person.ACCEPTED]


def test_a_failed_attempt_changes_no_state_but_counts() -> None:
    target_states = folded(opened(), run(), intent(0, "0", "person"), AttemptEnded(attempt=0, at=1.0, outcome="failed"))
    assert target_states.person(0) is Person.NOT_STARTED
    assert target_states.attempts[0] == 1


def test_attempts_are_reset_by_each_run_and_each_stage() -> None:
    target_states = folded(opened(), run(), intent(0, "0-1", "events"), AttemptEnded(attempt=0, at=1.0, outcome="ok"))
    target_states.apply(StatesChanged(at=2.0, source="deletion_rows", changes=(Change("events", "queued", "0"),)))
    assert list(target_states.attempts[:2]) == [0, 1]
    target_states.apply(run())
    assert list(target_states.attempts[:2]) == [0, 0]


def test_a_refunded_attempt_does_not_count() -> None:
    target_states = folded(
        opened(), run(), intent(0, "0-1", "person"), AttemptEnded(attempt=0, at=1.0, outcome="unknown")
    )
    target_states.apply(StatesChanged(at=2.0, source="engine", refunded="1"))
    assert list(target_states.attempts[:2]) == [1, 0]


def covers(targets: str, until: int) -> StatesChanged:
    return StatesChanged(
        at=2.0, source="deletion_rows", changes=(Change("events", "queued", targets, covered_until=until),)
    )


def test_events_are_covered_up_to_the_time_of_the_newest_deletion_row() -> None:
    target_states = folded(opened(), run(), covers("0-1", 1010), covers("1", 1500))
    assert [target_states.coverage.until(n) for n in range(3)] == [1010.0, 1500.0, None]


def test_without_deletion_rows_events_are_covered_up_to_the_accepted_request() -> None:
    target_states = folded(opened(), run(), intent(0, "0-1", "events", server_at=1010.7))
    assert target_states.coverage.until(0) is None
    target_states.apply(AttemptEnded(attempt=0, at=1011.0, outcome="ok", accepted="0"))
    assert [target_states.coverage.until(n) for n in range(2)] == [1010.0, None]


@pytest.mark.parametrize("until", [1000 - 86_400 * 3, -(10**12), 10**12])
def test_deletion_rows_of_any_time_are_accepted(until: int) -> None:
    target_states = folded(opened(), run(), covers("0", until))
    told = target_states.coverage.until(0)
    assert told is not None
    assert told == until or abs(told - 1000.0) > 2**30


def test_the_largest_uncovered_window_comes_from_the_oldest_row_a_person_was_deleted_with() -> None:
    target_states = folded(
        opened(), run(), covers("0", 1000), covers("1", 1200), intent(0, "1", "person", server_at=1260.0)
    )
    assert target_states.coverage.largest_uncovered_s == 60.0
    target_states.apply(intent(1, "0-2", "person", server_at=1300.0))
    assert target_states.coverage.largest_uncovered_s == 300.0
    target_states.apply(intent(2, "1", "person", server_at=1300.0))
    assert target_states.coverage.largest_uncovered_s == 300.0


def test_an_unknown_reason_is_refused() -> None:
    with pytest.raises(ValueError, match="with the reason 'bored'"):
        folded(
            opened(), run(), StatesChanged(at=2.0, source="engine", changes=(Change("person", "failed", "0", "bored"),))
        )


def test_persons_deleted_instead_of_kept_are_never_reported_as_already_deleted() -> None:
    response = AttemptEnded(attempt=0, at=3.0, outcome="unknown", status=202, error="deleted_instead_of_kept")
    target_states = folded(opened(), run(), intent(0, "0", "events"), response, run())
    assert target_states.person(0) is Person.UNKNOWN
    assert [(r, s, list(n)) for r, s, n in target_states.reasons(Axis.PERSON)] == [
        ("deleted_instead_of_kept", Person.UNKNOWN, [0])
    ]


def test_a_partly_accepted_request_for_recordings_keeps_the_attempts_of_the_others() -> None:
    """A person that is rejected among accepted ones still has a bounded number of attempts."""
    accepted = AttemptEnded(attempt=0, at=3.0, outcome="ok", accepted="0-1")
    target_states = folded(opened(events=False, recordings=True), run(), intent(0, "0-2", "recordings"), accepted)
    assert list(target_states.attempts[:3]) == [0, 0, 1]


def test_targets_with_exhausted_attempts_are_tried_again_in_the_next_run_only() -> None:
    failed = StatesChanged(
        at=2.0,
        source="engine",
        changes=(
            Change("person", "failed", "0", "attempts_exhausted"),
            Change("person", "failed", "1", "rejected:400"),
        ),
    )
    target_states = folded(opened(), run(), failed, run("verify"))
    assert target_states.person(0) is Person.FAILED
    target_states.apply(run())
    assert target_states.person(0) is Person.UNKNOWN
    assert target_states.person(1) is Person.FAILED
    assert [(r, s, list(n)) for r, s, n in target_states.reasons(Axis.PERSON)] == [("rejected:400", Person.FAILED, [1])]


@pytest.mark.parametrize(
    "records",
    [
        (run(),),
        (opened(), opened()),
        (opened(), AttemptEnded(attempt=3, at=1.0, outcome="ok")),
        (opened(), intent(0, f"0-{COUNT}", "person")),
    ],
)
def test_records_that_contradict_each_other_raise_an_error(records: tuple[Record, ...]) -> None:
    with pytest.raises(ValueError):
        folded(*records)


def test_request_times_are_kept_for_the_limits() -> None:
    target_states = folded(opened(), run(), intent(0, "0", "person"), AttemptEnded(attempt=0, at=7.0, outcome="ok"))
    target_states.apply(ReadRequest(bucket="others", at=8.0))
    assert {bucket: list(times) for bucket, times in target_states.usage.recent.items()} == {
        "deletes": [7.0],
        "others": [8.0],
    }


def test_a_run_that_recorded_its_end_left_no_reads_in_flight() -> None:
    target_states = folded(opened(), run())
    assert target_states.usage.in_flight([]) == {"others": 1 + 5, "default": 1}
    target_states.apply(RunEnded(at=9.0, reason="finished"))
    assert target_states.usage.in_flight([]) == {}


CHANGES = st.sampled_from([(axis, state) for axis, kind in STATES.items() for state in kind])
SPANS = st.tuples(st.integers(0, COUNT - 1), st.integers(0, COUNT - 1)).map(sorted)


@pytest.mark.slow
@given(st.lists(st.tuples(CHANGES, SPANS)))
def test_the_counts_of_each_axis_add_up_to_the_plan(changes: list[tuple[tuple[Axis, Person], list[int]]]) -> None:
    target_states = folded(opened(recordings=True), run())
    for (axis, state), (first, last) in changes:
        change = Change(axis.value, state.name.lower(), f"{first}-{last}")
        target_states.apply(StatesChanged(at=1.0, source="person_reads", changes=(change,)))
        assert all(sum(target_states.counts(each).values()) == COUNT for each in Axis)
        assert set(target_states.numbers(axis, (state,))) >= set(range(first, last + 1))


def test_targets_have_codes_in_common_only_if_they_are_consecutive_and_alike_on_every_axis() -> None:
    target_states = folded(opened(), run())
    change = Change("events", "queued", "4-5")
    target_states.apply(StatesChanged(at=1.0, source="deletion_rows", changes=(change,)))
    assert target_states.common_codes([0, 1, 2, 3]) == target_states.codes_of(0)
    assert target_states.common_codes([4, 5]) == target_states.codes_of(5) != target_states.codes_of(3)
    assert target_states.common_codes([3, 4]) is None
    assert target_states.common_codes([0, 2]) is None
    assert target_states.common_codes([0, 2, 1, 3]) is None
    assert target_states.common_codes([]) is None


UNSET = {"kind": "unset", "keys": ["plan"], "route": "rest"}


def of_properties(*records: Record) -> TargetStates:
    return folded(msgspec.structs.replace(opened(), operation=UNSET), run(), *records)


def block(attempt: int, targets: str, requests: int) -> Intent:
    return msgspec.structs.replace(
        intent(attempt, targets, "properties"), route="delete_property", bucket="others", requests=requests
    )


def properties(target_states: TargetStates) -> list[Properties]:
    return [target_states.properties(n) for n in range(COUNT)]


def test_a_job_for_properties_does_not_change_the_other_axes() -> None:
    target_states = of_properties()
    assert target_states.primary_axis is Axis.PROPERTIES
    assert {axis: list(target_states.counts(axis)) for axis in Axis} == {
        Axis.PERSON: [Person.NOT_REQUESTED],
        Axis.EVENTS: [Events.NOT_REQUESTED],
        Axis.RECORDINGS: [Recordings.NOT_REQUESTED],
        Axis.PROPERTIES: [Properties.NOT_STARTED],
    }


@pytest.mark.parametrize(
    ("response", "expected", "counted"),
    [
        ({"outcome": "ok"}, "RRRRUU", [1, 1, 1, 1, 0, 0]),
        ({"outcome": "ok", "accepted": "0-1", "requests": 3, "reached": "0-2"}, "RR?UUU", [1, 1, 1, 1, 0, 0]),
        ({"outcome": "ok", "accepted": "", "requests": 0, "reached": ""}, "UUUUUU", [1, 1, 1, 1, 0, 0]),
        ({"outcome": "unknown", "accepted": "0-1", "requests": 3, "reached": "0-2"}, "RR?UUU", [1, 1, 1, 1, 0, 0]),
        ({"outcome": "unknown", "accepted": "", "requests": 1, "reached": "0"}, "?UUUUU", [1, 1, 1, 1, 0, 0]),
        ({"outcome": "failed", "accepted": "0", "requests": 2, "reached": "0"}, "RUUUUU", [1, 1, 1, 1, 0, 0]),
        ({"outcome": "failed", "accepted": "", "requests": 2, "reached": "0"}, "?UUUUU", [1, 1, 1, 1, 0, 0]),
        ({"outcome": "failed", "accepted": "", "requests": 1, "reached": ""}, "UUUUUU", [1, 1, 1, 1, 0, 0]),
        (
            {"outcome": "failed", "accepted": "", "requests": 1, "reached": "", "status": 429},
            "UUUUUU",
            [0, 0, 0, 0, 0, 0],
        ),
        (
            {"outcome": "failed", "accepted": "0", "requests": 2, "reached": "0", "status": 429},
            "RUUUUU",
            [1, 1, 1, 1, 0, 0],
        ),
    ],
)
def test_targets_that_a_block_did_not_reach_keep_their_state(
    response: dict[str, Any], expected: str, counted: list[int]
) -> None:
    target_states = of_properties(block(0, "0-3", 5), AttemptEnded(attempt=0, at=7.0, **response))
    letters = {"R": Properties.ACCEPTED, "?": Properties.UNKNOWN, "U": Properties.NOT_STARTED}
    assert properties(target_states) == [letters[each] for each in expected]
    assert list(target_states.attempts) == counted
    assert list(target_states.usage.recent.get("others", [])) == [7.0] * response.get("requests", 5)


def test_a_killed_block_is_unknown_and_all_its_requests_count() -> None:
    target_states = of_properties(block(0, "0-3", 12))
    target_states.apply(run())
    assert properties(target_states)[:5] == [Properties.UNKNOWN] * 4 + [Properties.NOT_STARTED]
    assert len(target_states.usage.recent["others"]) == 12 + 1 + 5


@pytest.mark.parametrize(
    ("reason", "expected"),
    [("accepted_not_applied", Properties.TO_RETRY), ("changed_afterwards", Properties.CONTRADICTED)],
)
def test_the_next_run_tries_again_what_was_not_applied_and_not_what_was_changed_since(
    reason: str, expected: Properties
) -> None:
    settled = StatesChanged(at=2.0, source="engine", changes=(Change("properties", "contradicted", "0-1", reason),))
    target_states = of_properties(settled, run("verify"))
    assert target_states.properties(0) is Properties.CONTRADICTED
    target_states.apply(run())
    assert properties(target_states)[:3] == [expected, expected, Properties.NOT_STARTED]


def test_rejected_targets_stay_failed() -> None:
    settled = StatesChanged(
        at=2.0, source="engine", changes=(Change("properties", "failed", "0", "rejected:bad_request:400"),)
    )
    assert properties(of_properties(settled, run()))[0] is Properties.FAILED
