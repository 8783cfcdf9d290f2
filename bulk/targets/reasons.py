"""Why a target is in its state, what each reason means, and whether a later run tries again. Values only.

A state with its reason is an `AxisStatus`. A target has one per axis, stored as one byte: its index in `STATUSES`.
Labels of the server ("bad_request:400") are not reasons; `rejection_labels` keeps them beside `REJECTED`.
"""

import re
from typing import NamedTuple

from bulk.states import PENDING, STATES, Axis, Events, FastEnum, Person, Properties, Recordings, State, axis_of


class Reason(FastEnum):
    """Why a target is in its state. Journals and reports hold the values."""

    ATTEMPTS_EXHAUSTED = "attempts_exhausted"
    NEVER_ACCEPTED = "never_accepted"
    NO_DELETION_ROW = "no_deletion_row"
    ACCEPTED_NOT_DELETED = "accepted_not_deleted"
    REAPPEARED = "reappeared"
    STILL_PRESENT = "still_present"
    ACCEPTED_NOT_APPLIED = "accepted_not_applied"
    CHANGED_AFTERWARDS = "changed_afterwards"
    EVENT_REFUSED = "event_refused"
    NO_DISTINCT_ID = "no_distinct_id"
    REJECTED = "rejected"
    LOST_AFTER_CHANGE_SENT = "lost_after_change_sent"
    LOST_AFTER_PROPERTIES_READ = "lost_after_properties_read"
    PARTLY_COVERED = "partly_covered"
    OUTCOME_UNKNOWN = "outcome_unknown"
    UNKNOWN_ROW_STATUS = "unknown_row_status"
    DELETED_INSTEAD_OF_KEPT = "deleted_instead_of_kept"
    NOT_MARKED_YET = "not_marked_yet"
    NO_QUERY_SCOPE = "no_query_scope"
    NO_RECORDING_MARKS = "no_recording_marks"
    RECORDINGS_NOT_NOTED = "recordings_not_noted"
    NO_RECORDINGS = "no_recordings"
    RECORDINGS_NOT_LEFT = "recordings_not_left"
    RECORDINGS_NOT_SHOWN = "recordings_not_shown"
    UNREAD_TIMED_OUT = "unread_timed_out"
    UNREAD_SERVER_ERROR = "unread_server_error"
    UNREAD_INVALID_RESPONSE = "unread_invalid_response"
    UNREAD_AMBIGUOUS_404 = "unread_ambiguous_404"
    UNREAD_NOT_ATTEMPTED = "unread_not_attempted"


class AxisStatus(NamedTuple):
    """The status of a target on one axis: its state, and a reason where the state alone does not explain it."""

    state: State
    reason: Reason | None = None


UNREAD = frozenset(reason for reason in Reason if reason.name.startswith("UNREAD_"))
"""Reasons of persons that could not be read: the state stays as it was, and the target waits for the next run."""

_FAILED: tuple[State, ...] = (Person.FAILED, Events.FAILED, Recordings.FAILED, Properties.FAILED)
_NOT_VERIFIABLE = (
    Reason.NO_QUERY_SCOPE,
    Reason.NO_RECORDING_MARKS,
    Reason.RECORDINGS_NOT_NOTED,
    Reason.NO_RECORDINGS,
    Reason.RECORDINGS_NOT_LEFT,
    Reason.RECORDINGS_NOT_SHOWN,
)
_LOST: tuple[State, ...] = (Person.DISAPPEARED, Person.MERGED, Person.RECREATED)

STATES_WITH_REASON: dict[Reason, tuple[State, ...]] = {
    Reason.ATTEMPTS_EXHAUSTED: _FAILED,
    Reason.NEVER_ACCEPTED: _FAILED,
    Reason.NO_DELETION_ROW: (Person.FAILED, Events.FAILED, Recordings.FAILED, Events.TOO_LATE),
    Reason.ACCEPTED_NOT_DELETED: (Person.CONTRADICTED,),
    Reason.REAPPEARED: (Person.CONTRADICTED, Person.UNKNOWN),
    Reason.STILL_PRESENT: (Person.ACCEPTED,),
    Reason.ACCEPTED_NOT_APPLIED: (Properties.CONTRADICTED,),
    Reason.CHANGED_AFTERWARDS: (Properties.CONTRADICTED,),
    Reason.EVENT_REFUSED: (Properties.FAILED,),
    Reason.NO_DISTINCT_ID: (Properties.FAILED,),
    Reason.REJECTED: _FAILED,
    Reason.LOST_AFTER_CHANGE_SENT: _LOST,
    Reason.LOST_AFTER_PROPERTIES_READ: _LOST,
    Reason.PARTLY_COVERED: (Events.TOO_LATE,),
    Reason.OUTCOME_UNKNOWN: (Events.TOO_LATE, Recordings.TOO_LATE),
    Reason.UNKNOWN_ROW_STATUS: (Person.HELD_BACK, Events.HELD_BACK, Events.TOO_LATE),
    Reason.DELETED_INSTEAD_OF_KEPT: (
        Person.UNKNOWN,
        Person.NOT_REQUESTED,
        Person.FOUND_DELETED,
        Person.DELETED_UNEXPECTEDLY,
    ),
    Reason.NOT_MARKED_YET: (Recordings.REQUESTED,),
    **dict.fromkeys(_NOT_VERIFIABLE, (Recordings.NOT_VERIFIABLE,)),
    **{reason: tuple(sorted(PENDING, key=str)) for reason in UNREAD},
}
"""The states that each reason can explain."""

RETRY_FROM: dict[Reason, dict[Axis, State]] = {
    Reason.ATTEMPTS_EXHAUSTED: {
        Axis.PERSON: Person.UNKNOWN,
        Axis.EVENTS: Events.UNKNOWN,
        Axis.RECORDINGS: Recordings.UNKNOWN,
        Axis.PROPERTIES: Properties.UNKNOWN,
    },
    Reason.NEVER_ACCEPTED: {
        Axis.PERSON: Person.NOT_STARTED,
        Axis.EVENTS: Events.NOT_STARTED,
        Axis.RECORDINGS: Recordings.NOT_STARTED,
        Axis.PROPERTIES: Properties.NOT_STARTED,
    },
    Reason.NO_DELETION_ROW: {
        Axis.PERSON: Person.NOT_STARTED,
        Axis.EVENTS: Events.TO_RETRY,
        Axis.RECORDINGS: Recordings.NOT_STARTED,
    },
    Reason.ACCEPTED_NOT_DELETED: {Axis.PERSON: Person.TO_RETRY},
    Reason.REAPPEARED: {Axis.PERSON: Person.UNKNOWN},
    Reason.ACCEPTED_NOT_APPLIED: {Axis.PROPERTIES: Properties.TO_RETRY},
    Reason.EVENT_REFUSED: {Axis.PROPERTIES: Properties.TO_RETRY},
    Reason.NO_DISTINCT_ID: {Axis.PROPERTIES: Properties.NOT_STARTED},
}
"""The state that the next run continues from, by reason and axis; any other reason is final or its state pending."""

EXHAUSTED = frozenset({Reason.ATTEMPTS_EXHAUSTED, Reason.NEVER_ACCEPTED, Reason.NO_DELETION_ROW})
"""Reasons of targets whose attempts all failed in a run."""

REASON_MEANINGS: dict[Reason, str] = {
    Reason.ATTEMPTS_EXHAUSTED: "every attempt failed; the next run tries again",
    Reason.NEVER_ACCEPTED: "the server accepted no attempt; the next run tries again",
    Reason.NO_DELETION_ROW: "the server accepted the request but does not show the deletion as queued; the next "
    "run tries again while the person exists",
    Reason.ACCEPTED_NOT_DELETED: "the server accepted the deletion but still has the person; the next run tries again",
    Reason.REAPPEARED: "read as gone, and present again later; the next run queues its events again and deletes it",
    Reason.STILL_PRESENT: "the server accepted the deletion, but the last read still found the person",
    Reason.ACCEPTED_NOT_APPLIED: "the server accepted the change but does not show it; the next run tries again",
    Reason.CHANGED_AFTERWARDS: "changed again after the desired properties were read back; no run changes it again",
    Reason.EVENT_REFUSED: "the ingestion host rejects the event; the next run tries again",
    Reason.NO_DISTINCT_ID: "the person has no distinct ID to send an event to; the next run tries again",
    Reason.REJECTED: "the server rejects the request for this person alone; no run tries again",
    Reason.LOST_AFTER_CHANGE_SENT: "deleted, merged or re-created after this job sent it a change. An event for a "
    "deleted person creates the person again, at once or later: look at these persons, and run verify once more",
    Reason.LOST_AFTER_PROPERTIES_READ: "deleted, merged or re-created after its properties were read as desired",
    Reason.PARTLY_COVERED: "the person is gone, and the queued deletion includes only its older events",
    Reason.OUTCOME_UNKNOWN: "the person is gone, and the outcome of the request before that is not known",
    Reason.UNKNOWN_ROW_STATUS: "the server's row of the deletion of the events cannot be read, or has a status that "
    "this version does not know; it is read again by the next run, or by verify if the person is gone",
    Reason.DELETED_INSTEAD_OF_KEPT: "the server deleted persons in a request of this job that asked it to keep them",
    Reason.NOT_MARKED_YET: "PostHog still shows recordings that it has not deleted; verify again in some hours",
    Reason.NO_QUERY_SCOPE: "the key lacks the scope query:read; verify again with a key that has it",
    Reason.NO_RECORDING_MARKS: "the server does not show whether recordings are deleted; newer versions do",
    Reason.RECORDINGS_NOT_NOTED: "the plan does not hold all distinct IDs of the person, by which recordings are found",
    Reason.NO_RECORDINGS: "PostHog showed no recordings before the deletion and shows none now: nothing to verify",
    Reason.RECORDINGS_NOT_LEFT: "PostHog showed recordings before the deletion and shows none now, deleted or not: it "
    "removes them some time after their deletion, and at the end of their retention",
    Reason.RECORDINGS_NOT_SHOWN: "PostHog shows no recordings, deleted or not, and they could not be counted before",
    Reason.UNREAD_TIMED_OUT: "the server did not respond in time when this person was read; the next run reads again",
    Reason.UNREAD_SERVER_ERROR: "the server failed when this person was read; the next run reads again",
    Reason.UNREAD_INVALID_RESPONSE: "the response about this person cannot be decoded; the next run reads again",
    Reason.UNREAD_AMBIGUOUS_404: "a read of many persons got a 404; the next run reads again",
    Reason.UNREAD_NOT_ATTEMPTED: "not read, because too many reads of other persons failed; the next run reads again",
}
"""Each reason in a sentence, as reports print it."""


def short_meaning(name: str) -> str:
    """Return what a reason means in one clause, without what to do about it; an error label of the server as it is.

    Arguments:
        name: the value of a `Reason`, or a label such as "bad_request:400".
    """
    meaning = next((text for reason, text in REASON_MEANINGS.items() if reason.value == name), name)
    return re.split("[;.] ", meaning, maxsplit=1)[0]


def _statuses(axis: Axis) -> tuple[AxisStatus, ...]:
    states: tuple[State, ...] = tuple(STATES[axis])
    plain = tuple(AxisStatus(state) for state in states)
    return (*plain, *(AxisStatus(s, reason) for reason in Reason for s in STATES_WITH_REASON[reason] if s in states))


STATUSES: dict[Axis, tuple[AxisStatus, ...]] = {axis: _statuses(axis) for axis in Axis}
"""All possible statuses per axis; the ones without a reason come first, in the order of the states."""

STATUS_CODES: dict[Axis, dict[AxisStatus, int]] = {
    axis: {status: code for code, status in enumerate(statuses)} for axis, statuses in STATUSES.items()
}
"""The index of each status in `STATUSES`, which a job stores as one byte per target and axis."""


def without_unread(status: AxisStatus) -> AxisStatus:
    """Return the status without its reason, if the reason is that the person could not be read."""
    return AxisStatus(status.state) if status.reason in UNREAD else status


def status_to_retry(status: AxisStatus) -> AxisStatus:
    """Return the status that the next run continues from, for a target whose person still exists."""
    if status.reason in RETRY_FROM and status.state not in PENDING:
        return AxisStatus(RETRY_FROM[status.reason].get(axis_of(status.state), status.state))
    return status
