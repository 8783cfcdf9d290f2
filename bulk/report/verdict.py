"""What the runs of a job did, in one sentence about all its targets, and the exit code of a run. Pure.

Whether the job is complete is another question, which `duty_decision` answers: events are purged days after a run.
"""

from collections.abc import Mapping

from bulk.journal.target_states import TargetStates
from bulk.selection.inputs.coverage import InputCoverage, with_coverage
from bulk.states import NEEDS_ATTENTION, PENDING, PROVEN, Axis, Events, Person, Properties, Recordings, State

_DONE_WORDS = {
    Axis.PERSON: "{} persons deleted (confirmed by reading back)",
    Axis.EVENTS: "{} persons with events queued for deletion (confirmed by reading back)",
    Axis.RECORDINGS: "deletion of recordings requested for {} persons",
    Axis.PROPERTIES: "{} persons changed (confirmed by reading back)",
}
_PURGED_WORDS = "{} persons with events purged by PostHog (confirmed by reading back)"
_BEFORE_WORDS: dict[Axis, tuple[tuple[State, str], ...]] = {
    Axis.PERSON: (
        (Person.ALREADY_DELETED, "already deleted"),
        (Person.DISAPPEARED, "gone without a deletion by this job"),
    ),
    Axis.RECORDINGS: (
        (Recordings.DELETED, "shown as deleted by PostHog"),
        (Recordings.NOT_VERIFIABLE, "that cannot be verified"),
    ),
    Axis.PROPERTIES: (
        (Properties.ALREADY_AS_DESIRED, "needed no change"),
        (Properties.GONE_WITH_PERSON, "gone with their properties"),
    ),
}


def exit_code(target_states: TargetStates) -> int:
    """Return the exit code of a run that follows from the states of the targets: 75, 1 or 0."""
    states = [state for axis in Axis for state in target_states.counts(axis)]
    if any(state in PENDING for state in states):
        return 75
    return 1 if any(state in NEEDS_ATTENTION for state in states) else 0


def verdict_of(target_states: TargetStates, coverage: InputCoverage | None = None) -> str:
    """Return what a job has done so far, and which input its plan does not cover, in one sentence.

    Arguments:
        target_states: the states of all targets.
        coverage: of the plan's input; None where it is not known.
    """
    return with_coverage(_done(target_states), coverage)


def _done(target_states: TargetStates) -> str:
    axis = target_states.primary_axis
    states = target_states.counts(axis)
    if nothing := _nothing_to_do(target_states, states):
        return nothing
    done = sum(states.get(state, 0) for state in PROVEN[axis])
    is_purged = axis is Axis.EVENTS and done and states.get(Events.PURGED, 0) == done
    words = (_PURGED_WORDS if is_purged else _DONE_WORDS[axis]).format(f"{done:,} of {target_states.count:,}")
    for state, what in _BEFORE_WORDS.get(axis, ()):
        if before := states.get(state, 0):
            words += f", {before:,} {what}"
    if axis is Axis.PERSON and (queued := target_states.counts(Axis.EVENTS).get(Events.QUEUED, 0)):
        words += f", events of {queued:,} queued for deletion by PostHog"
    match exit_code(target_states):
        case 0:
            return f"{words[0].upper()}{words[1:]}." if axis is Axis.RECORDINGS else f"Done: {words}."
        case 1:
            count = target_states.count_with_states(NEEDS_ATTENTION)
            needs = "needs" if count == 1 else "need"
            return f"Finished, but {count:,} of {target_states.count:,} {needs} attention: {words}."
        case _:
            return f"Not finished: {words}."  # the command line that resumes stands beside it


def _nothing_to_do(target_states: TargetStates, states: Mapping[State, int]) -> str | None:
    """Return the verdict of a job that found every person as it should be; None for any other job."""
    job, count = target_states.job, target_states.count
    if len(states) != 1 or job is None:
        return None
    everyone = "the person" if count == 1 else f"all {count:,} persons"
    match next(iter(states)), job.operation.get("kind"):
        case Properties.ALREADY_AS_DESIRED, "unset":
            return f"Nothing to change: {everyone} already {_verb(count, 'lack')} these properties."
        case Properties.ALREADY_AS_DESIRED, _:
            return f"Nothing to change: {everyone} already {_verb(count, 'have')} these values."
        case _:
            return None


def _verb(count: int, plural: str) -> str:
    return {"have": "has", "lack": "lacks"}[plural] if count == 1 else plural
