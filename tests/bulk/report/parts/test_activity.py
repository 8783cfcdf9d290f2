"""The timeline and the responses of a report follow from the records of the journal."""

from bulk.journal.records import (
    AttemptEnded,
    Change,
    Intent,
    PauseTaken,
    Record,
    RunEnded,
    RunStarted,
    StatesChanged,
    Waited,
)
from bulk.journal.run_stats import PAUSES_KEPT, RESPONSES_KEPT, WAITS_KEPT, RunStats
from bulk.report.parts.activity import ResponseCount, TimelineEntry, WaitCount, responses_of, timeline_of, waits_of

NOON = 1_795_608_000.0


def started(at: float, purpose: str = "run") -> RunStarted:
    return RunStarted(at=NOON + at, purpose=purpose, version="1", concurrency=1, batch_size=2, wait_s=1.0, rates="off")


def states(at: float, *changes: Change) -> StatesChanged:
    return StatesChanged(at=NOON + at, source="person_reads", changes=changes)


def intent(attempt: int, at: float, targets: str = "0-9", *, axis: str = "events", requests: int = 1) -> Intent:
    return Intent(
        attempt=attempt,
        route="update" if requests > 1 else "bulk_delete",
        bucket="deletes",
        axes=(axis,),
        targets=targets,
        at=NOON + at,
        server_at=NOON + at,
        requests=requests,
    )


def stats(*records: Record) -> RunStats:
    run_stats = RunStats()
    for record in records:
        run_stats.apply(record)
    return run_stats


def told(*records: Record) -> list[tuple[str, int, str, str | None, int | None, str | None]]:
    def clock(time: str | None) -> str | None:
        return time and time[11:19]

    return [
        (one.kind, one.run, str(clock(one.started)), clock(one.ended), one.persons, one.reason)
        for one in timeline_of(stats(*records))
    ]


def test_a_job_with_a_kill_a_purge_and_a_verification() -> None:
    assert told(
        started(0),
        states(2, Change("events", "queued", "0-4")),
        PauseTaken(at=NOON + 3, bucket="deletes", duration_s=4.0),
        states(9, Change("events", "queued", "5-9"), Change("person", "failed", "3")),
        started(60),
        states(62, Change("person", "deleted_confirmed", "0-8")),
        states(63, Change("person", "found_deleted", "9")),
        RunEnded(at=NOON + 70, reason="finished"),
        started(600, "verify"),
        states(601, Change("events", "purged", "0-9")),
        RunEnded(at=NOON + 605, reason="finished"),
    ) == [
        ("run", 1, "12:00:00", "12:00:09", None, None),
        ("events_queued", 1, "12:00:02", "12:00:09", 10, None),
        ("pause", 1, "12:00:03", "12:00:07", None, None),
        ("interruption", 1, "12:00:09", "12:01:00", None, None),
        ("run", 2, "12:01:00", "12:01:10", None, "finished"),
        ("persons_deleted", 2, "12:01:02", "12:01:03", 10, None),
        ("verification", 3, "12:10:00", "12:10:05", None, "finished"),
        ("events_purged", 3, "12:10:01", "12:10:01", 10, None),
    ]


def test_an_interruption_lasts_until_the_next_run_if_there_is_one() -> None:
    (run, interruption) = timeline_of(stats(started(0), RunEnded(at=NOON + 5, reason="stopped")))
    assert run.kind == "run"
    assert interruption == TimelineEntry(
        kind="interruption", run=1, started="2026-11-25T12:00:05.000Z", ended=None, reason="stopped"
    )


def test_responses_are_counted_by_status_and_add_up_to_the_requests() -> None:
    run_stats = stats(
        started(0),
        intent(0, 1),
        AttemptEnded(attempt=0, at=NOON, outcome="ok", status=202),
        intent(1, 2),
        AttemptEnded(attempt=1, at=NOON, outcome="unknown", status=503, error="server_error"),
        intent(2, 3, "0-4", axis="properties", requests=5),
        AttemptEnded(
            attempt=2, at=NOON, outcome="failed", status=429, error="rate_limited", requests=4, accepted="0-2"
        ),
        intent(3, 4),
    )
    found = [(one.outcome, one.status, one.requests, one.persons) for one in responses_of(run_stats)]
    assert found == [
        ("ok", 202, 1, 10),
        ("unknown", 503, 1, 10),
        ("interrupted", None, 1, 10),
        ("ok", None, 3, 3),
        ("failed", 429, 1, 1),
    ]
    assert sum(one.requests for one in responses_of(run_stats)) == sum(r.attempts for r in run_stats.routes.values())


def test_a_server_that_makes_up_codes_and_pauses_takes_no_memory() -> None:
    run_stats = stats(started(0))
    for number in range(RESPONSES_KEPT + 50):
        run_stats.apply(intent(number, 1, "0"))
        failed = AttemptEnded(attempt=number, at=NOON, outcome="failed", status=400, error="x", code=f"c{number}")
        run_stats.apply(failed)
        run_stats.apply(PauseTaken(at=NOON, bucket="deletes", duration_s=1.0))
    counted = responses_of(run_stats)
    assert len(counted) == RESPONSES_KEPT + 1
    others = ResponseCount(
        route="bulk_delete",
        axes=("events",),
        outcome="failed",
        status=None,
        error="other",
        code=None,
        requests=50,
        persons=50,
    )
    assert counted[-1] == others
    assert len(run_stats.runs[0].pauses) == PAUSES_KEPT


def waited(number: int, since: float, waited_s: float, kind: str = "rate_limit") -> Waited:
    since += NOON
    return Waited(at=since + waited_s, wait=number, kind=kind, since=since, until=since + waited_s, waited_s=waited_s)


def test_the_last_record_of_a_wait_counts_in_its_run() -> None:
    run_stats = stats(
        started(0),
        waited(0, 10, 10.0),
        waited(1, 15, 40.0, "outage"),
        waited(0, 10, 25.0),
        RunEnded(at=NOON + 60, reason="stopped"),
        started(100),
        waited(0, 110, 12.0),
        RunEnded(at=NOON + 130, reason="finished"),
    )
    waits = [(one.kind, one.run, one.started[17:19], one.waited_s) for one in timeline_of(run_stats) if one.waited_s]
    assert waits == [("rate_limit", 1, "10", 25.0), ("outage", 1, "15", 40.0), ("rate_limit", 2, "50", 12.0)]
    assert waits_of(run_stats) == (
        WaitCount(kind="outage", times=1, waited_s=40.0),
        WaitCount(kind="rate_limit", times=2, waited_s=37.0),
    )


def test_of_too_many_waits_the_longest_are_listed_and_all_are_counted() -> None:
    run_stats = stats(started(0), waited(0, 1, 10.0, "outage"))
    for number in range(1, WAITS_KEPT + 21):
        for waited_s in (10.0, 20.0 + number):
            run_stats.apply(waited(number, 100.0 * number, waited_s))
    run_stats.apply(waited(0, 1, 5_000.0, "outage"))
    listed = [one.waited_s for one in timeline_of(run_stats) if one.kind == "rate_limit"]
    assert listed == [20.0 + number for number in range(22, WAITS_KEPT + 21)]
    longest = sum(20.0 + number for number in range(1, WAITS_KEPT + 21))
    assert waits_of(run_stats) == (
        WaitCount(kind="outage", times=1, waited_s=5_000.0),
        WaitCount(kind="rate_limit", times=WAITS_KEPT + 20, waited_s=longest, shorter=21),
    )
