"""The causes for which a job needs attention that follow from the states of its targets. Pure.

A target counts in each cause that it has; one whose person was merged or re-created counts only there.
"""

from collections.abc import Callable, Iterator

import msgspec

from bulk.journal.target_states import TargetStates
from bulk.number_ranges import format_ranges
from bulk.report.duty import DutyCause
from bulk.states import Events, Person, Properties, Recordings, State
from bulk.targets.reasons import RETRY_FROM, AxisStatus, Reason
from bulk.targets.target_sets import numbers_of, without

UNFINISHED = "not_finished"
"""The kind of the cause that a run still has something to do."""
RESUME = "Resume the job: posthog-bulk run PLAN"
RUN_AGAIN = "Run the same job again, which tries them again: posthog-bulk run PLAN"
PLAN_CHANGE_AGAIN = (
    "If the later change is intended, there is nothing to do: no run of this job overwrites it. To change these "
    "persons again, make a new plan of the same operation and approve it."
)
CONFIRM_BY_HAND = "Confirm this in PostHog by hand: without the plan it cannot be verified any more."
PLAN_AGAIN = (
    "The plan was destroyed, so this job cannot be run or verified any more. If persons or lines still need the "
    "operation, make a new plan from its input."
)
FIND = " To check whether an ID is one of theirs: posthog-bulk report JOURNAL --find ID"
NEVER_VERIFIED = "never_verified"
SEE_PERSONS = "posthog-bulk show PLAN --target N shows the person with number N"

LOST = frozenset({Person.MERGED, Person.RECREATED})
"""States of persons that are not the ones of the plan any more; the other axes follow from them."""
_FAILED = frozenset({Person.FAILED, Events.FAILED, Recordings.FAILED, Properties.FAILED})
_CONTRADICTED = frozenset({Person.CONTRADICTED, Properties.CONTRADICTED})
_UNDONE = frozenset({Reason.REAPPEARED, Reason.CHANGED_AFTERWARDS})
"""Reasons of changes that were read back, and did not last."""


class _Rule(msgspec.Struct, frozen=True):
    """Which statuses are a cause, what it is called, and what to do about it."""

    kind: str
    fits: Callable[[AxisStatus], bool]
    what: str
    action: str


def _is(*states: State, reasons: tuple[Reason, ...] = ()) -> Callable[[AxisStatus], bool]:
    return lambda status: status.state in states and (not reasons or status.reason in reasons)


_RULES = (
    _Rule(
        "failed",
        lambda status: status.state in _FAILED and status.reason in RETRY_FROM,
        "every attempt failed",
        RUN_AGAIN,
    ),
    _Rule(
        "rejected",
        lambda status: status.state in _FAILED and status.reason not in RETRY_FROM,
        "rejected by PostHog",
        f"Make the change in PostHog by hand: {SEE_PERSONS}, and the report has the error code of the server.",
    ),
    _Rule(
        "not_applied",
        lambda status: status.state in _CONTRADICTED and status.reason not in _UNDONE,
        "accepted by PostHog and not applied",
        RUN_AGAIN,
    ),
    _Rule(
        "back_again",
        _is(Person.CONTRADICTED, reasons=(Reason.REAPPEARED,)),
        "gone when they were read back, and there again",
        "Run the same job again, which deletes them again: posthog-bulk run PLAN",
    ),
    _Rule(
        "changed_afterwards",
        _is(Properties.CONTRADICTED, reasons=(Reason.CHANGED_AFTERWARDS,)),
        "changed after this job, by others or by its revert",
        PLAN_CHANGE_AGAIN,
    ),
    _Rule(
        "merged",
        _is(Person.MERGED),
        "merged into another person, which was left alone",
        f"Decide whether the other person has to be included: {SEE_PERSONS}, with the distinct ID by which a new plan "
        "selects the other one.",
    ),
    _Rule(
        "deleted_unexpectedly",
        _is(Person.DELETED_UNEXPECTEDLY),
        "deleted by a request that asked PostHog to keep them",
        f"Report this to PostHog support: {SEE_PERSONS}, with its UUID.",
    ),
    _Rule(
        "maybe_deleted",
        _is(Person.NOT_REQUESTED, reasons=(Reason.DELETED_INSTEAD_OF_KEPT,)),
        "perhaps deleted by a request that asked PostHog to keep them",
        "Read them back: posthog-bulk verify JOURNAL",
    ),
    _Rule(
        "events_left",
        _is(Events.TOO_LATE),
        "gone before the deletion of all their events was queued",
        f"Ask PostHog support to delete the events of these persons: {SEE_PERSONS}, with its UUID.",
    ),
    _Rule(
        "events_unverifiable",
        _is(Events.UNVERIFIABLE),
        "deletion of events accepted by a server that cannot confirm it",
        "Ask the operator of the PostHog server to confirm that its weekly deletion of events has run since.",
    ),
    _Rule(
        "recordings_left",
        _is(Recordings.TOO_LATE),
        "gone before the deletion of their recordings was requested",
        f"Delete their recordings in PostHog by hand: {SEE_PERSONS}, with its distinct ID.",
    ),
    _Rule(
        "recordings_kept",
        _is(Recordings.STILL_THERE),
        "recordings still shown by PostHog days after their deletion was requested",
        f"Delete their recordings in PostHog by hand: {SEE_PERSONS}, with its distinct ID.",
    ),
    _Rule(
        "properties_left",
        _is(Properties.TOO_LATE),
        "gone before the change of their properties was read back",
        "Read them once more, because an event for a deleted person creates it again: posthog-bulk verify JOURNAL",
    ),
    _Rule(
        "skipped",
        _is(Events.SKIPPED, Recordings.SKIPPED, Properties.SKIPPED),
        "left out, because they were merged or re-created",
        RUN_AGAIN,
    ),
)


def state_causes(target_states: TargetStates) -> Iterator[DutyCause]:
    """Yield the causes that follow from the states of targets for which nothing is pending."""
    lost = target_states.members(_is(*LOST))
    for rule in _RULES:
        members = target_states.members(rule.fits)
        if rule.kind != "merged":
            members = without(members, lost)
        yield from cause_of(members, rule.kind, rule.what, rule.action)


def after_shred(causes: list[DutyCause], *, has_receipts: bool) -> list[DutyCause]:
    """Return causes with what can be done about them without the plan.

    Arguments:
        causes: with actions that need the plan.
        has_receipts: whether the receipts of the job still tell whether an ID belongs to it.
    """
    action = PLAN_AGAIN + FIND * has_receipts
    return [
        cause
        if cause.kind == NEVER_VERIFIED
        else msgspec.structs.replace(cause, action=PLAN_AGAIN if cause.targets is None else action)
        for cause in causes
    ]


def cause_of(members: bytearray, kind: str, what: str, action: str) -> list[DutyCause]:
    """Return the cause of a set of targets; nothing for an empty set."""
    if not (count := members.count(1)):
        return []
    return [DutyCause(kind=kind, count=count, targets=format_ranges(numbers_of(members)), what=what, action=action)]
