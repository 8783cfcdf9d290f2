import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk.journal.records import Answer, Change, Intent, JobOpened, Record, RunEnded, RunStarted, Settled, Spent
from bulk.ledger import Ledger
from bulk.outcomes import STATES, Axis, Events, Person, Recordings

COUNT = 6


def opened(*, events: bool = True, recordings: bool = False) -> JobOpened:
    return JobOpened(
        format=1,
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


def folded(*records: Record) -> Ledger:
    ledger = Ledger()
    for record in records:
        ledger.apply(record)
    return ledger


def test_an_attempt_without_an_answer_is_unknown_only_once_its_process_is_gone() -> None:
    ledger = folded(opened(), run(), intent(0, "0-1", "person"))
    assert ledger.person(0) is Person.UNTOUCHED
    ledger.apply(run())
    assert [ledger.person(n) for n in range(3)] == [Person.UNKNOWN, Person.UNKNOWN, Person.UNTOUCHED]


def test_an_accepted_attempt_moves_every_axis_it_was_for() -> None:
    ledger = folded(
        opened(recordings=True),
        run(),
        intent(0, "0-1", "events", "recordings"),
        Answer(attempt=0, at=1003.0, outcome="ok"),
    )
    assert ledger.events(0) is Events.REQUESTED
    assert ledger.recordings(1) is Recordings.REQUESTED
    assert ledger.person(0) is Person.UNTOUCHED


def test_a_partly_accepted_attempt_leaves_the_others_unknown() -> None:
    ledger = folded(
        opened(), run(), intent(0, "0-2", "person"), Answer(attempt=0, at=1.0, outcome="ok", accepted="0,2")
    )
    assert [ledger.person(n) for n in range(3)] == [Person.ACCEPTED, Person.UNKNOWN, Person.ACCEPTED]


def test_an_attempt_that_certainly_did_nothing_changes_no_state_but_counts() -> None:
    ledger = folded(opened(), run(), intent(0, "0", "person"), Answer(attempt=0, at=1.0, outcome="failed"))
    assert ledger.person(0) is Person.UNTOUCHED
    assert ledger.attempts[0] == 1


def test_attempts_start_anew_with_each_run_and_with_the_next_stage() -> None:
    ledger = folded(opened(), run(), intent(0, "0-1", "events"), Answer(attempt=0, at=1.0, outcome="ok"))
    ledger.apply(Settled(at=2.0, source="rows", changes=(Change("events", "queued", "0"),)))
    assert list(ledger.attempts[:2]) == [0, 1]
    ledger.apply(run())
    assert list(ledger.attempts[:2]) == [0, 0]


def test_a_refunded_attempt_does_not_count() -> None:
    ledger = folded(opened(), run(), intent(0, "0-1", "person"), Answer(attempt=0, at=1.0, outcome="unknown"))
    ledger.apply(Settled(at=2.0, source="engine", refunded="1"))
    assert list(ledger.attempts[:2]) == [1, 0]


def test_the_first_queueing_intent_keeps_its_time() -> None:
    ledger = folded(opened(), run(), intent(0, "0", "events", server_at=1010.0))
    ledger.apply(intent(1, "0-1", "events", server_at=1500.0))
    assert ledger.first_queued(0) == 1010.0
    assert ledger.first_queued(1) == 1500.0
    assert ledger.first_queued(2) is None


def test_a_server_whose_clock_is_days_behind_is_no_trouble() -> None:
    ledger = folded(opened(), run(), intent(0, "0", "events", server_at=1000.0 - 86_400 * 3))
    assert ledger.first_queued(0) == 1000.0 - 86_400 * 3


def test_targets_whose_attempts_were_used_up_get_another_chance_in_the_next_run_only() -> None:
    failed = Settled(
        at=2.0,
        source="engine",
        changes=(Change("person", "failed", "0", "attempts_used"), Change("person", "failed", "1", "rejected:400")),
    )
    ledger = folded(opened(), run(), failed, run("verify"))
    assert ledger.person(0) is Person.FAILED
    ledger.apply(run())
    assert ledger.person(0) is Person.UNKNOWN
    assert ledger.person(1) is Person.FAILED
    assert [(r, s, list(n)) for r, s, n in ledger.reasons(Axis.PERSON)] == [("rejected:400", Person.FAILED, [1])]


@pytest.mark.parametrize(
    "records",
    [
        (run(),),
        (opened(), opened()),
        (opened(), Answer(attempt=3, at=1.0, outcome="ok")),
        (opened(), intent(0, f"0-{COUNT}", "person")),
    ],
)
def test_records_that_do_not_fit_together_are_refused(records: tuple[Record, ...]) -> None:
    with pytest.raises(ValueError):
        folded(*records)


def test_request_times_are_kept_for_the_limits() -> None:
    ledger = folded(opened(), run(), intent(0, "0", "person"), Answer(attempt=0, at=7.0, outcome="ok"))
    ledger.apply(Spent(bucket="others", at=8.0))
    assert {bucket: list(times) for bucket, times in ledger.usage.recent.items()} == {"deletes": [7.0], "others": [8.0]}


def test_a_run_that_said_goodbye_is_known_to_have_ended() -> None:
    ledger = folded(opened(), run())
    assert ledger.usage.under_way([]) == {"others": 1 + 5, "default": 1}
    ledger.apply(RunEnded(at=9.0, reason="finished"))
    assert ledger.usage.under_way([]) == {}


CHANGES = st.sampled_from([(axis, state) for axis, kind in STATES.items() for state in kind])
SPANS = st.tuples(st.integers(0, COUNT - 1), st.integers(0, COUNT - 1)).map(sorted)


@given(st.lists(st.tuples(CHANGES, SPANS)))
def test_each_axis_always_adds_up_to_the_plan(changes: list[tuple[tuple[Axis, Person], list[int]]]) -> None:
    ledger = folded(opened(recordings=True), run())
    for (axis, state), (first, last) in changes:
        change = Change(axis.value, state.name.lower(), f"{first}-{last}")
        ledger.apply(Settled(at=1.0, source="store", changes=(change,)))
        assert all(sum(ledger.counts(each).values()) == COUNT for each in Axis)
        assert set(ledger.numbers(axis, (state,))) >= set(range(first, last + 1))
