"""Accepted targets are read back until the change shows, is overdue, or the time to wait is used up."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import anyio
import pytest
from virtual_time import run_virtual

from bulk.concurrency.stop_gate import StopGate
from bulk.events import WaitingForServer
from bulk.operations import DeleteEvents, DeletePersons, UnsetProperties, UpdateProperties
from bulk.states import Axis, Person, Properties
from bulk.targets.observations import Observation as Obs
from bulk.verification.completion_poller import MAX_READ_DESPITE_QUERY, WAITS_S, CompletionPoller, WaitBudget
from bulk.verification.resend_policy import MAX_SENDS, RESEND_AFTER_S, RESEND_QUEUED_AFTER_S

OPENED = 1_795_000_000.0
DELETE = DeletePersons()
UPDATE = UpdateProperties(properties={"plan": "pro"}, route="capture")
OpenJob = Callable[..., Any]


class Server:
    """Reads the targets of a job by the virtual clock; each change shows from a time on, or never.

    Attributes:
        shows_at: by target number, the seconds after which a read shows the change.
        unread: targets that no read succeeds for.
        reads: for each round of reads, when it was and which targets were read.
    """

    def __init__(self, job: Any, shows_at: dict[int, float], *, unread: Iterable[int] = ()) -> None:
        self._job = job
        self._opened_at = anyio.current_time()
        self.shows_at = shows_at
        self.unread = set(unread)
        self.reads: list[tuple[float, list[int]]] = []
        self._shown = Obs.ABSENT if job.primary_axis is Axis.PERSON else Obs.PRESENT_AS_DESIRED
        self._not_shown = Obs.PRESENT if job.primary_axis is Axis.PERSON else Obs.PRESENT_NOT_AS_DESIRED

    def elapsed(self) -> float:
        """Return the seconds since the job was opened."""
        return round(anyio.current_time() - self._opened_at, 3)  # virtual time runs on by microseconds

    async def read(self, groups: Iterable[Sequence[int]], *, readers: int, moved: Callable[[], None]) -> int:
        assert readers == 3
        numbers = [number for group in groups for number in group]
        self.reads.append((self.elapsed(), numbers))
        self._job.observe("person_reads", {number: (self._seen(number),) for number in numbers})
        moved()
        return 0

    def _seen(self, number: int) -> Obs:
        if number in self.unread:
            return Obs.UNREAD_TIMED_OUT
        return self._shown if self.shows_at.get(number, float("inf")) <= self.elapsed() else self._not_shown


class Query:
    """A query that returns the targets with these numbers as unchanged."""

    def __init__(self, unchanged: Iterable[int] | None) -> None:
        self.unchanged = None if unchanged is None else set(unchanged)

    async def ask(self, _left: int) -> Any:
        return None if self.unchanged is None else self

    def __contains__(self, target: Any) -> bool:
        assert self.unchanged is not None
        return target.number in self.unchanged


def poller(job: Any, server: Server, *, query: Query | None = None, report: Any = None) -> CompletionPoller:
    job.now = lambda: OPENED + server.elapsed()
    second_look: Any = server
    query_verifier: Any = query
    return CompletionPoller(
        job,
        second_look,
        StopGate(),
        readers=3,
        moved=lambda: None,
        report=report or (lambda _event: None),
        query_verifier=query_verifier,
    )


def test_only_targets_whose_change_does_not_show_are_read_again_and_ever_more_rarely(open_job: OpenJob) -> None:
    async def main() -> None:
        job = open_job(DELETE, 3)
        job.send([0, 1, 2], Axis.PERSON)
        server, waits = Server(job, {0: 0.0, 1: 1.0, 2: 8.0}), list[WaitingForServer]()
        budget = WaitBudget(20.0)
        assert await poller(job, server, report=waits.append).poll_until_done(budget) == 0
        assert [numbers for _, numbers in server.reads] == [[0, 1, 2], [1, 2], [1, 2], [2], [2]]
        assert [at for at, _ in server.reads] == pytest.approx([0.0, 0.5, 1.5, 3.5, 8.5])
        assert [event.next_read_s for event in waits] == list(WAITS_S[:4])
        assert [event.targets for event in waits] == [2, 2, 1, 1]
        assert job.target_states.counts(Axis.PERSON) == {Person.DELETED_CONFIRMED: 3}

    run_virtual(main())


@pytest.mark.parametrize(
    ("wait_s", "reads_at"), [(0.0, [0.0]), (1.0, [0.0, 0.5, 1.0]), (4.0, [0.0, 0.5, 1.5, 3.5, 4.0])]
)
def test_changes_that_are_not_visible_after_the_wait_are_left_pending(
    open_job: OpenJob, wait_s: float, reads_at: list[float]
) -> None:
    async def main() -> None:
        job = open_job(DELETE)
        job.send([0], Axis.PERSON)
        server, budget = Server(job, {}), WaitBudget(wait_s)
        assert await poller(job, server).poll_until_done(budget) == 1
        assert [at for at, _ in server.reads] == pytest.approx(reads_at)
        assert budget.left_s <= 0.0
        assert job.target_states.person(0) is Person.ACCEPTED

    run_virtual(main())


def test_targets_that_cannot_be_read_are_left_to_the_next_run(open_job: OpenJob) -> None:
    async def main() -> None:
        job = open_job(DELETE, 2)
        job.send([0, 1], Axis.PERSON)
        server = Server(job, {0: 0.0}, unread={1})
        assert await poller(job, server).poll_until_done(WaitBudget(20.0)) == 0
        assert server.reads == [(0.0, [0, 1])]

    run_virtual(main())


@pytest.mark.parametrize(
    ("operation", "queued", "overdue_after_s"),
    [(DELETE, False, RESEND_AFTER_S), (DELETE, True, RESEND_QUEUED_AFTER_S), (UPDATE, False, RESEND_AFTER_S)],
)
def test_polling_ends_once_the_change_is_overdue(
    open_job: OpenJob, operation: Any, overdue_after_s: float, *, queued: bool
) -> None:
    async def main() -> None:
        job = open_job(operation)
        job.send([0], job.primary_axis)
        job.target_states.queued_deletion_seen = queued
        server, budget = Server(job, {}), WaitBudget(1e6)
        assert await poller(job, server).poll_until_done(budget) == 1
        assert overdue_after_s < server.elapsed() <= overdue_after_s + WAITS_S[-1]
        assert budget.left_s == pytest.approx(1e6 - server.elapsed())

    run_virtual(main())


def test_overdue_targets_are_sent_again_until_their_attempts_are_used_up(open_job: OpenJob) -> None:
    async def main() -> None:
        job = open_job(DELETE, 2)
        for _ in range(MAX_SENDS[Axis.PERSON]):
            job.send([0], Axis.PERSON)
        job.send([1], Axis.PERSON)
        polls = poller(job, Server(job, {}))
        assert polls.resend_overdue() == 0
        await anyio.sleep(RESEND_AFTER_S + 1.0)
        assert polls.resend_overdue() == 1
        assert [job.target_states.person(n) for n in range(2)] == [Person.CONTRADICTED, Person.TO_RETRY]

    run_virtual(main())


def test_events_have_nothing_to_wait_for(open_job: OpenJob) -> None:
    async def main() -> None:
        job = open_job(DeleteEvents())
        job.send([0], Axis.EVENTS)
        server = Server(job, {})
        assert await poller(job, server).poll_until_done(WaitBudget(20.0)) == 0
        assert server.reads == []

    run_virtual(main())


@pytest.mark.parametrize(
    ("unchanged", "reads"), [(None, [[0, 1, 2]]), ({1}, [[0, 2], [1]]), ({0, 1, 2}, [[], [0, 1, 2]])]
)
def test_targets_that_a_query_returns_as_unchanged_are_read_last(
    open_job: OpenJob, unchanged: set[int] | None, reads: list[list[int]]
) -> None:
    async def main() -> None:
        job = open_job(UnsetProperties(keys=("a",), route="rest"), 3)
        job.send([0, 1, 2], Axis.PROPERTIES)
        server = Server(job, {0: 0.0, 1: 0.0, 2: 0.0})
        assert await poller(job, server, query=Query(unchanged)).poll_until_done(WaitBudget(0.0)) == 0
        assert [numbers for _, numbers in server.reads] == reads

    run_virtual(main())


def test_many_targets_that_a_query_returns_as_unchanged_are_not_read(
    open_job: OpenJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MAX_READ_DESPITE_QUERY >= 2
    monkeypatch.setattr("bulk.verification.completion_poller.MAX_READ_DESPITE_QUERY", 2)

    async def main() -> None:
        job = open_job(UnsetProperties(keys=("a",), route="rest"), 4)
        job.send([0, 1, 2, 3], Axis.PROPERTIES)
        server = Server(job, dict.fromkeys(range(4), 0.0))
        assert await poller(job, server, query=Query({0, 1, 2})).poll_until_done(WaitBudget(0.0)) == 3
        assert [numbers for _, numbers in server.reads] == [[3]]

    run_virtual(main())


def disappeared(job: Any, *, sent: bool) -> None:
    if sent:
        job.send([0], Axis.PROPERTIES)
    job.observe("person_reads", {0: (Obs.ABSENT,)})


@pytest.mark.parametrize(("wait_s", "until_s"), [(1e6, RESEND_AFTER_S), (4.0, 4.0)])
def test_a_person_that_disappeared_is_watched_while_its_change_may_re_create_it(
    open_job: OpenJob, wait_s: float, until_s: float
) -> None:
    async def main() -> None:
        job = open_job(UPDATE)
        disappeared(job, sent=True)
        server = Server(job, {})
        server._not_shown = Obs.ABSENT
        await poller(job, server).watch_missing(WaitBudget(wait_s))
        assert server.reads[-1][0] == pytest.approx(until_s)
        assert job.target_states.person(0) is Person.DISAPPEARED

    run_virtual(main())


def test_a_person_that_is_found_again_is_no_longer_watched(open_job: OpenJob) -> None:
    async def main() -> None:
        job = open_job(UPDATE)
        disappeared(job, sent=True)
        server = Server(job, {0: 0.0})
        await poller(job, server).watch_missing(WaitBudget(1e6))
        assert [numbers for _, numbers in server.reads] == [[0]]
        assert job.target_states.state(Axis.PROPERTIES, 0) is Properties.FOUND_CHANGED

    run_virtual(main())


def test_a_person_that_disappeared_before_anything_was_sent_is_not_watched(open_job: OpenJob) -> None:
    async def main() -> None:
        job = open_job(UPDATE)
        disappeared(job, sent=False)
        server = Server(job, {})
        await poller(job, server).watch_missing(WaitBudget(1e6))
        assert server.reads == []

    run_virtual(main())
