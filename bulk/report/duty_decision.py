"""Decides whether a job is complete, waits for PostHog or needs attention, as of its journal's last record. Pure.

It follows from the journal alone and the counts of the input. What PostHog still has to do is a wait as long as PostHog
is expected to do it; afterwards it needs attention.
"""

import msgspec

from bulk.formatting import count_of
from bulk.journal.target_states import TargetStates
from bulk.number_ranges import parse_ranges
from bulk.report.duty import Duty, DutyCause, DutyState, JobWait, iso_seconds, waiting_words
from bulk.report.duty_causes import (
    CONFIRM_BY_HAND,
    NEVER_VERIFIED,
    RESUME,
    RUN_AGAIN,
    SEE_PERSONS,
    UNFINISHED,
    after_shred,
    cause_of,
    state_causes,
)
from bulk.report.purge_schedule import PURGE_TAKES_S, expected_purge, next_purge
from bulk.selection.inputs.coverage import InputCoverage
from bulk.states import PENDING, Axis, Events, Person, Properties, Recordings, ending_label
from bulk.targets.reasons import AxisStatus, Reason
from bulk.targets.target_sets import in_either, numbers_of, without

PURGE_OVERDUE_S = 28 * 86_400.0
"""Seconds after which events that are still queued need attention: four purges did not include them."""
APPLIES_WITHIN_S = 1800.0
"""Seconds in which PostHog applies what it accepted; afterwards a run has to send it again (contract 6.5)."""
LISTED_FOR_S = 14 * 86_400.0
"""Seconds for which the persons list may show a person that is gone: a weekly job repairs it (contract 8)."""
RECORDINGS_TAKE_S = 12 * 3600.0
"""Seconds after which the deletion of recordings is worth a verification; PostHog states no time (contract 6.7)."""
READ_AGAIN_AFTER_S = 3600.0
"""Seconds after which persons that could not be read are worth another verification."""

_NOT_MARKED_YET = AxisStatus(Recordings.REQUESTED, Reason.NOT_MARKED_YET)
_NO_RECORDINGS = AxisStatus(Recordings.NOT_VERIFIABLE, Reason.NO_RECORDINGS)
_APPLYING = frozenset({Person.ACCEPTED, Properties.ACCEPTED})
_HELD = frozenset({Person.HELD_BACK, Events.HELD_BACK})
_CHECK_LINES = (
    "Check these lines (posthog-bulk show PLAN lists their numbers), and make a new plan for those that have to be "
    "covered"
)
_INTERRUPTED = frozenset({"finished", "stopped", "interrupted"})
"""Ends of a run that say nothing about why targets are not finished."""


class OpenTargets(msgspec.Struct, frozen=True, kw_only=True):
    """The sets of targets for which a job is not complete.

    Arguments:
        unfinished: a run has something left to do for them.
        attention: they need attention for another cause.
        waiting: PostHog, or a verification, has something left to do for them.
    """

    unfinished: bytearray
    attention: bytearray
    waiting: bytearray

    def has(self, target: int) -> bool:
        """Return whether a target is in one of the sets."""
        return bool(self.unfinished[target] or self.attention[target] or self.waiting[target])


Findings = tuple[list[DutyCause], list[JobWait]]


def duty_of(target_states: TargetStates, coverage: InputCoverage | None = None) -> Duty:
    """Return whether a job is complete, waits for PostHog, or needs attention.

    Arguments:
        target_states: replayed from the journal, with no open attempts (`close_open`).
        coverage: of the plan's input; None where it is not known.
    """
    causes, waits = _findings(target_states)
    if coverage is not None and coverage.not_covered:
        causes.append(_not_covered(coverage))
    if (shredded := target_states.plan_shredded) is not None:
        has_receipts = target_states.shredded is None or "receipts" not in target_states.shredded.files
        causes = after_shred(causes, has_receipts=has_receipts and shredded.done)
    expected = [wait.expected_at for wait in waits if wait.expected_at is not None]
    duty = Duty(
        state=DutyState.COMPLETE.value,
        sentence="",
        causes=tuple(causes),
        waiting_for=tuple(wait.what for wait in waits),
        expected_at=iso_seconds(max(expected)) if expected else None,
        verify_from=iso_seconds(max(wait.verify_from for wait in waits)) if waits else None,
    )
    if causes:
        found = "; ".join(_counted(cause) for cause in causes)
        also = f". Also waiting for {waiting_words(waits, duty.verify_from)}" if waits else ""
        return _as(duty, DutyState.NEEDS_ATTENTION, f"Needs attention: {found}{also}.")
    if waits:
        return _as(duty, DutyState.WAITING, f"Waiting for {waiting_words(waits, duty.verify_from)}.")
    parts = [_complete(target_states), *([] if coverage is None else coverage.remarks())]
    return _as(duty, DutyState.COMPLETE, f"Complete: {', '.join(parts)}.")


def open_targets_of(target_states: TargetStates) -> OpenTargets:
    """Return the targets for which a job is not complete; the argument is that of `duty_of`."""
    causes, waits = _findings(target_states)
    unfinished, attention, waiting = (bytearray(target_states.count) for _ in range(3))
    for cause in causes:
        found = _marked(target_states, cause.targets)
        if cause.kind == UNFINISHED:
            unfinished = in_either(unfinished, found)
        else:
            attention = in_either(attention, found)
    for wait in waits:
        waiting = in_either(waiting, wait.targets)
    return OpenTargets(unfinished=unfinished, attention=attention, waiting=waiting)


def _findings(target_states: TargetStates) -> Findings:
    """Return the causes and the waits that are about targets."""
    causes: list[DutyCause] = []
    waits: list[JobWait] = []
    for found_causes, found_waits in (
        _unfinished(target_states),
        ([*state_causes(target_states)], []),
        _reappeared(target_states),
        _held_back(target_states),
        _queued_events(target_states),
        _requested_recordings(target_states),
        _unread_and_listed(target_states),
    ):
        causes += found_causes
        waits += found_waits
    if target_states.plan_shredded is not None:  # nothing can be read back any more
        for wait in waits:
            what = f"the plan was destroyed while the job waited for {wait.what}"
            causes += cause_of(wait.targets, NEVER_VERIFIED, what, CONFIRM_BY_HAND)
        waits = []
    return causes, waits


def reappeared(target_states: TargetStates) -> bytearray:
    """Return the set of targets whose person was re-created: with the same UUID, or with its distinct ID."""
    recreated = target_states.members(lambda status: status.state is Person.RECREATED)
    verified = target_states.verified
    return in_either(recreated, _marked(target_states, verified.returned if verified else None))


def _as(duty: Duty, state: DutyState, sentence: str) -> Duty:
    return msgspec.structs.replace(duty, state=state.value, sentence=sentence)


def _counted(cause: DutyCause) -> str:
    return cause.what if cause.targets is None else f"{count_of(cause.count, 'person')}: {cause.what}"


def _complete(target_states: TargetStates) -> str:
    """Return what a complete job proves, as a clause."""
    count, axis, parts = target_states.count, target_states.primary_axis, list[str]()
    persons = count_of(count, "person")
    if axis is Axis.PERSON:
        parts.append(f"{persons} gone (confirmed by reading back)")
        if target_states.verified is not None and (why := target_states.verified.listing):
            parts.append(f"PostHog's list of persons not read ({why})")
    if axis is Axis.PROPERTIES:
        gone = target_states.counts(axis).get(Properties.GONE_WITH_PERSON, 0)
        parts.append(f"{count_of(count - gone, 'person')} as requested (confirmed by reading back)")
        parts += [f"{gone:,} gone with their properties"] * bool(gone)
        unchanged = target_states.counts(axis).get(Properties.ALREADY_AS_DESIRED, 0)
        parts += [f"{unchanged:,} needed no change"] * bool(unchanged)
    if purged := target_states.counts(Axis.EVENTS).get(Events.PURGED, 0):
        parts.append(f"events of {count_of(purged, 'person')} purged by PostHog")
    recordings = target_states.counts(Axis.RECORDINGS)
    if deleted := recordings.get(Recordings.DELETED, 0):
        parts.append(f"recordings of {count_of(deleted, 'person')} shown as deleted by PostHog")
    none = target_states.statuses(Axis.RECORDINGS).get(_NO_RECORDINGS, 0)
    if none:
        parts.append(f"PostHog showed no recordings of {count_of(none, 'person')}")
    if requested := recordings.get(Recordings.NOT_VERIFIABLE, 0) - none:
        parts.append(
            f"deletion of the recordings of {count_of(requested, 'person')} requested, which cannot be verified"
        )
    return ", ".join(parts) or f"nothing to do for {persons}"


def _unfinished(target_states: TargetStates) -> Findings:
    """Return the targets for which a run still has something to do, and those that PostHog has not applied yet."""
    held = target_states.members(lambda status: status.state in _HELD)
    to_run = without(target_states.members(lambda status: status.state in PENDING - _HELD - _APPLYING), held)
    applying = without(without(target_states.members(lambda status: status.state in _APPLYING), held), to_run)
    causes = cause_of(to_run, UNFINISHED, *_why_unfinished(target_states))
    applied_at = target_states.last_accepted_at + APPLIES_WITHIN_S
    if target_states.run_stats.last_at >= applied_at:
        return causes + cause_of(applying, "not_applied", "accepted by PostHog and not applied", RUN_AGAIN), []
    what = f"PostHog to apply what it accepted for {count_of(applying.count(1), 'person')}"
    return causes, [JobWait(what, applying, applied_at)] * bool(applying.count(1))


def _why_unfinished(target_states: TargetStates) -> tuple[str, str]:
    """Return why targets are not finished, by the end of the last run, and what to do."""
    reasons = [run.reason for run in target_states.run_stats.runs if run.purpose == "run"]
    if not reasons or reasons[-1] is None or (ending := ending_label(reasons[-1])) in _INTERRUPTED:
        return "not finished, because the run was interrupted", RESUME
    if reasons[-1] == "PermissionDenied":
        return f"not finished ({ending})", f"Give the key the scopes that the operation needs. {RESUME}"
    return f"not finished ({ending})", RESUME


def _held_back(target_states: TargetStates) -> Findings:
    """Return the targets that wait for an earlier deletion of their events, after which the job has to run again."""
    held = target_states.members(lambda status: status.state in _HELD)
    if not (count := held.count(1)):
        return [], []
    stats = target_states.run_stats
    ends = [run.ended_at or run.started_at for run in stats.runs if run.purpose == "run"]
    purge = next_purge(ends[-1] if ends else stats.last_at)
    if stats.last_at >= purge + PURGE_TAKES_S:
        return cause_of(held, "held_back", "held back by an earlier deletion of their events", RUN_AGAIN), []
    what = f"an earlier deletion of the events of {count_of(count, 'person')}, after which the job has to run again"
    return [], [JobWait(what, held, purge + PURGE_TAKES_S, purge)]


def _reappeared(target_states: TargetStates) -> Findings:
    return cause_of(
        reappeared(target_states),
        "reappeared",
        "re-created by later events, with the same UUID or distinct ID",
        "Plan the same operation for the new persons: posthog-bulk plan --from JOURNAL --reappeared -o NEW_PLAN",
    ), []


def _queued_events(target_states: TargetStates) -> Findings:
    """Return the targets whose events wait for the weekly purge."""
    queued = target_states.members(lambda status: status.state is Events.QUEUED)
    if not (count := queued.count(1)):
        return [], []
    as_of, job = target_states.run_stats.last_at, target_states.job
    opened_at = as_of if job is None else job.at
    oldest, newest = target_states.coverage.span(numbers_of(queued)) or (opened_at, opened_at)
    if as_of - oldest >= PURGE_OVERDUE_S:
        what = f"events not purged {(as_of - oldest) / 86_400:.0f} days after their deletion was queued"
        return cause_of(queued, "purge_overdue", what, "Ask PostHog support why these events are not purged."), []
    purge = expected_purge(newest, as_of)
    what = f"PostHog to purge the events of {count_of(count, 'person')}"
    return [], [JobWait(what, queued, purge + PURGE_TAKES_S, purge)]


def _requested_recordings(target_states: TargetStates) -> Findings:
    """Return the targets whose recordings PostHog has not deleted yet, or that no verification has read."""
    requested = target_states.members(lambda status: status.state is Recordings.REQUESTED)
    kept = target_states.members(lambda status: status == _NOT_MARKED_YET)
    waits: list[JobWait] = []
    if count := kept.count(1):
        what = f"PostHog to delete the recordings of {count_of(count, 'person')}"
        waits.append(JobWait(what, kept, target_states.run_stats.last_at + RECORDINGS_TAKE_S))
    unread = without(requested, kept)
    if count := unread.count(1):
        what = f"a verification that PostHog has deleted the recordings of {count_of(count, 'person')}"
        waits.append(JobWait(what, unread, target_states.last_accepted_at + RECORDINGS_TAKE_S))
    return [], waits


def _unread_and_listed(target_states: TargetStates) -> Findings:
    """Return what the last verification could not read, and which gone persons the persons list still shows."""
    verified = target_states.verified
    if verified is None:
        return [], []
    waits: list[JobWait] = []
    unread = _marked(target_states, verified.unread)
    if count := unread.count(1):
        what = f"a read of {count_of(count, 'person')} that the last verification could not read"
        waits.append(JobWait(what, unread, verified.at + READ_AGAIN_AFTER_S))
    listed = _marked(target_states, verified.listed)
    if verified.at >= target_states.last_accepted_at + LISTED_FOR_S:
        action = f"Ask PostHog support to remove these persons from the list: {SEE_PERSONS}, with its UUID."
        return cause_of(listed, "still_listed", "gone, but still shown in the persons list of PostHog", action), waits
    if count := listed.count(1):
        purge = next_purge(verified.at)
        what = f"PostHog to remove {count_of(count, 'deleted person')} from its persons list"
        waits.append(JobWait(what, listed, purge + PURGE_TAKES_S, purge))
    return [], waits


def _not_covered(coverage: InputCoverage) -> DutyCause:
    return DutyCause(
        kind="not_covered",
        count=coverage.not_covered,
        targets=None,
        what=coverage.sentence(),
        action=_to_cover(coverage),
    )


def _to_cover(coverage: InputCoverage) -> str:
    """Return what to do about the lines that are not covered; those without a person may be right to have none."""
    if not coverage.unmatched or coverage.unmatched_expected:
        return f"{_CHECK_LINES}."
    count = coverage.unmatched
    lines = f"the {count:,} lines that matched no person" if count > 1 else "the line that matched no person"
    return (
        f"{_CHECK_LINES}. "
        f"If no person should exist for {lines}, record that: posthog-bulk verify JOURNAL --expect-unmatched {count}"
    )


def _marked(target_states: TargetStates, targets: str | None) -> bytearray:
    found = bytearray(target_states.count)
    for start, stop in parse_ranges(targets or ""):
        found[start:stop] = b"\1" * (stop - start)
    return found
