"""The progress of a job, computed from its replayed journal: for `status`, while another process runs the job. Pure.

A journal tells of requests and their outcomes but not of the running process, so this is what the process shows itself
except for what it waits for at the moment: only pauses and used-up rate limits are known. Waits for a response leave no
record, and the record of an outage does not tell whether the outage is over.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from asyncclient import Bucket, Limits, RateLimits
from bulk.events import Progress, Wait, WaitKind
from bulk.journal.limit_usage import restore_limits
from bulk.journal.run_stats import RunCounts
from bulk.journal.target_states import TargetStates
from bulk.operations import Operation, UpdatePerPerson, from_dict
from bulk.posthog.request_costs import estimate
from bulk.progress.rates import PhaseProgress, estimate_left_s
from bulk.progress.wait_tracker import choose_wait
from bulk.states import ACCEPTED, ACTIONABLE, PENDING, Axis, Events, Person, State

TEST_BATCH, SENDING, READING_BACK = "test batch", "sending", "reading back"

_HELD = frozenset({Person.HELD_BACK, Events.HELD_BACK})


def count_done(counts: Mapping[State, int], axis: Axis, *, phase: str) -> int:
    """Return the targets that a phase is done with; in "sending" also accepted ones whose rows come later.

    Arguments:
        counts: targets per state on the primary axis.
        axis: the primary axis.
        phase: the phase.
    """
    done = sum(count for state, count in counts.items() if state not in PENDING or state in _HELD)
    waits = phase == READING_BACK or axis is Axis.EVENTS
    return done + (0 if waits else sum(counts.get(one, 0) for one in {ACCEPTED[axis]} & PENDING))


def named_counts(target_states: TargetStates, axis: Axis) -> dict[str, int]:
    """Return the number of targets by the name of their state."""
    return {state.name.lower(): count for state, count in target_states.counts(axis).items()}


class CountsByAxis(TypedDict):
    """The number of targets by the name of their state, on each axis."""

    person: dict[str, int]
    events: dict[str, int]
    recordings: dict[str, int]
    properties: dict[str, int]


def counts_by_axis(target_states: TargetStates) -> CountsByAxis:
    """Return the counts that events about a job have."""
    return CountsByAxis(
        person=named_counts(target_states, Axis.PERSON),
        events=named_counts(target_states, Axis.EVENTS),
        recordings=named_counts(target_states, Axis.RECORDINGS),
        properties=named_counts(target_states, Axis.PROPERTIES),
    )


def needed_s(
    limits: Limits,
    operation: Operation,
    left: int,
    *,
    batch_size: int,
    route: str | None,
    phase: str,
    in_one_call: bool,
) -> float:
    """Return how many seconds the requests for the remaining targets take within the rate limits.

    Arguments:
        limits: with the requests that were made.
        operation: of the job.
        left: how many targets are left.
        batch_size: persons per bulk request.
        route: by which properties are changed.
        phase: the phase; reading back sends no changes.
        in_one_call: whether the server is known to remove all properties of a person in one call.
    """
    fewest = in_one_call or isinstance(operation, UpdatePerPerson)  # what the persons that are left lose is not known
    cost = estimate(operation, left, batch_size=batch_size, rates=limits.rates, route=route, in_one_call=fewest)
    sending = phase != READING_BACK
    deletes, others = cost.deletes if sending else 0, cost.reads + (cost.changes if sending else 0)
    if limits.rates.per_user:
        deletes, others = 0, deletes + others
    return max(limits.eta_s(Bucket.DELETES, deletes), limits.eta_s(Bucket.OTHERS, others))


def progress_of(target_states: TargetStates, *, idle_s: float, spent: Mapping[str, Sequence[float]]) -> Progress | None:
    """Return the progress of the last run; None if there was no run.

    Arguments:
        target_states: replayed from the journal.
        idle_s: seconds since the journal was written.
        spent: request times per rate limit from the plan, in seconds since the epoch.
    """
    stats = target_states.run_stats
    if target_states.job is None or not stats.runs:
        return None
    run, axis, now = stats.runs[-1], target_states.primary_axis, stats.last_at + idle_s
    phase = _phase(target_states, run)
    counts = target_states.counts(axis)
    done = count_done(counts, axis, phase=phase)
    left = target_states.count - done
    limits = _limits(target_states, run, spent, now)
    wait = choose_wait(_waits(target_states, limits, now=now, idle_s=idle_s))
    pause_left_s = (wait.left_s or 0.0) if wait is not None and wait.kind is WaitKind.PAUSE else 0.0
    interrupted_s = max(0.0, run.paused_s - pause_left_s) + run.waited_s(WaitKind.OUTAGE)
    figures = PhaseProgress(
        done=done - count_done(run.counts_before, axis, phase=phase),
        elapsed_s=now - run.started_at,
        standstill_s=interrupted_s,
        interrupted_s=interrupted_s,
    )
    return Progress(
        phase=phase,
        count=target_states.count,
        done=done,
        **counts_by_axis(target_states),
        requests=run.requests,
        targets_per_s=figures.targets_per_s,
        overall_per_s=figures.overall_per_s,
        eta_s=estimate_left_s(
            figures,
            left=left,
            at_least_s=needed_s(
                limits,
                _operation(target_states.job.operation),
                left,
                batch_size=run.batch_size,
                route=run.route,
                phase=phase,
                in_one_call=target_states.takes_key_list is True,
            ),
            wait=wait,
            is_sample=phase == TEST_BATCH,
        ),
        elapsed_s=now - run.started_at,
        wait=wait,
    )


def _limits(target_states: TargetStates, run: RunCounts, spent: Mapping[str, Sequence[float]], now: float) -> Limits:
    """Return the rate limits as the requests that the journal records leave them."""
    limits = Limits(RateLimits.parse(run.rates), clock=lambda: now)
    in_flight = Counter[str]()
    for intent in target_states.open.values():
        in_flight[intent.bucket] += intent.requests
    restore_limits(limits, spent=spent, usage=target_states.usage, in_flight=in_flight, now=now)
    return limits


def _operation(fields: dict[str, Any]) -> Operation:
    """Return an operation as a journal holds it: with the keys of its properties, without values and file names."""
    fields = {name: value for name, value in fields.items() if name != "keep_before"}
    if "keys" not in fields or fields.get("kind") != "update":
        return from_dict(fields)
    others = {name: value for name, value in fields.items() if name != "keys"}
    return from_dict({**others, "properties": dict.fromkeys(fields["keys"])})


def _phase(target_states: TargetStates, run: RunCounts) -> str:
    if run.purpose == "verify":
        return READING_BACK
    if target_states.test_batch is None:
        return TEST_BATCH
    axis = target_states.primary_axis
    is_sending = any(state in ACTIONABLE[axis] for state in target_states.counts(axis))
    return SENDING if is_sending else READING_BACK


def _waits(target_states: TargetStates, limits: Limits, *, now: float, idle_s: float) -> list[Wait]:
    """Return the pauses and the used-up rate limits that hold requests back now."""
    waits = [
        Wait(kind=WaitKind.PAUSE, waited_s=idle_s, left_s=until - now, bucket=bucket)
        for bucket, until in target_states.usage.paused_until.items()
        if until > now
    ]
    for bucket in (Bucket.DELETES, Bucket.OTHERS):
        waits += [
            Wait(
                kind=WaitKind.RATE_LIMIT,
                waited_s=now - target_states.run_stats.last_work_at,
                left_s=window.frees_in_s,
                bucket=bucket.value,
            )
            for window in limits.budget(bucket)
            if window.used >= window.limit
        ]
    return waits
