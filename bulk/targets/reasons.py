"""Why a target is in its state, what each reason means, and whether a later run tries again. Values only.

A state and its reason make a `Standing`. A target has one per axis, which a job keeps as one byte: a place in
`STANDINGS`. The server's labels ("bad_request:400") are no reasons of their own: `labels` keeps them beside `REJECTED`.
"""

from typing import NamedTuple

from bulk.states import PENDING, STATES, Axis, Events, FastEnum, Person, Properties, Recordings, State, axis_of


class Reason(FastEnum):
    """Why a target is in its state. The values are what journal and report hold."""

    ATTEMPTS_USED = "attempts_used"
    NEVER_ACCEPTED = "never_accepted"
    NO_DELETION_ROW = "no_deletion_row"
    ACCEPTED_BUT_THERE = "accepted_but_there"
    THERE_AGAIN = "there_again"
    STILL_THERE = "still_there"
    ACCEPTED_NOT_APPLIED = "accepted_not_applied"
    CHANGED_SINCE = "changed_since"
    EVENT_REFUSED = "event_refused"
    NO_DISTINCT_ID = "no_distinct_id"
    REJECTED = "rejected"
    SINCE_SENT = "since_sent"
    SINCE_DONE = "since_done"
    COVERED_IN_PART = "covered_in_part"
    ANSWER_UNKNOWN = "answer_unknown"
    UNKNOWN_ROW_STATUS = "unknown_row_status"
    DELETED_INSTEAD_OF_KEPT = "deleted_instead_of_kept"
    UNREAD_TIMED_OUT = "unread_timed_out"
    UNREAD_SERVER_ERROR = "unread_server_error"
    UNREAD_INVALID = "unread_invalid"
    UNREAD_UNCLEAR = "unread_unclear"
    UNREAD_NOT_TRIED = "unread_not_tried"


class Standing(NamedTuple):
    """A target on one axis: its state, and the reason where the state does not explain itself."""

    state: State
    reason: Reason | None = None


UNREAD = frozenset(reason for reason in Reason if reason.name.startswith("UNREAD_"))
"""The person could not be read, so that the state stays what it was, and the target waits for the next run."""

_FAILED: tuple[State, ...] = (Person.FAILED, Events.FAILED, Recordings.FAILED, Properties.FAILED)
_LOST: tuple[State, ...] = (Person.VANISHED, Person.MERGED, Person.REAPPEARED)

GIVEN_TO: dict[Reason, tuple[State, ...]] = {
    Reason.ATTEMPTS_USED: _FAILED,
    Reason.NEVER_ACCEPTED: _FAILED,
    Reason.NO_DELETION_ROW: (Person.FAILED, Events.FAILED, Recordings.FAILED, Events.MISSED),
    Reason.ACCEPTED_BUT_THERE: (Person.CONTRADICTED,),
    Reason.THERE_AGAIN: (Person.CONTRADICTED,),
    Reason.STILL_THERE: (Person.ACCEPTED,),
    Reason.ACCEPTED_NOT_APPLIED: (Properties.CONTRADICTED,),
    Reason.CHANGED_SINCE: (Properties.CONTRADICTED,),
    Reason.EVENT_REFUSED: (Properties.FAILED,),
    Reason.NO_DISTINCT_ID: (Properties.FAILED,),
    Reason.REJECTED: _FAILED,
    Reason.SINCE_SENT: _LOST,
    Reason.SINCE_DONE: _LOST,
    Reason.COVERED_IN_PART: (Events.MISSED,),
    Reason.ANSWER_UNKNOWN: (Events.MISSED, Recordings.MISSED),
    Reason.UNKNOWN_ROW_STATUS: (Person.HELD, Events.HELD, Events.MISSED),
    Reason.DELETED_INSTEAD_OF_KEPT: (
        Person.UNKNOWN,
        Person.NOT_ASKED,
        Person.GONE_SETTLED,
        Person.DELETED_UNASKED,
    ),
    **{reason: tuple(sorted(PENDING, key=str)) for reason in UNREAD},
}
"""The states that have each reason."""

TRIED_AGAIN_FROM: dict[Reason, dict[Axis, State]] = {
    Reason.ATTEMPTS_USED: {
        Axis.PERSON: Person.UNKNOWN,
        Axis.EVENTS: Events.UNKNOWN,
        Axis.RECORDINGS: Recordings.UNKNOWN,
        Axis.PROPERTIES: Properties.UNKNOWN,
    },
    Reason.NEVER_ACCEPTED: {
        Axis.PERSON: Person.UNTOUCHED,
        Axis.EVENTS: Events.UNTOUCHED,
        Axis.RECORDINGS: Recordings.UNTOUCHED,
        Axis.PROPERTIES: Properties.UNTOUCHED,
    },
    Reason.NO_DELETION_ROW: {
        Axis.PERSON: Person.UNTOUCHED,
        Axis.EVENTS: Events.AGAIN,
        Axis.RECORDINGS: Recordings.UNTOUCHED,
    },
    Reason.ACCEPTED_BUT_THERE: {Axis.PERSON: Person.SURVIVED},
    Reason.THERE_AGAIN: {Axis.PERSON: Person.SURVIVED},
    Reason.ACCEPTED_NOT_APPLIED: {Axis.PROPERTIES: Properties.AGAIN},
    Reason.CHANGED_SINCE: {Axis.PROPERTIES: Properties.AGAIN},
    Reason.EVENT_REFUSED: {Axis.PROPERTIES: Properties.AGAIN},
    Reason.NO_DISTINCT_ID: {Axis.PROPERTIES: Properties.UNTOUCHED},
}
"""The state from which the next run tries again. A reason that is not here is final, or its target pending anyway."""

USED_UP = frozenset({Reason.ATTEMPTS_USED, Reason.NEVER_ACCEPTED, Reason.NO_DELETION_ROW})
"""Reasons of targets for which every attempt of a run failed."""

REASON_MEANING: dict[Reason, str] = {
    Reason.ATTEMPTS_USED: "every attempt failed; the next run tries again",
    Reason.NEVER_ACCEPTED: "no attempt was accepted; the next run tries again",
    Reason.NO_DELETION_ROW: "the server accepted the request and shows no deletion row; the next run tries again while "
    "the person is there",
    Reason.ACCEPTED_BUT_THERE: "the server accepted the deletion and still has the person; the next run tries again",
    Reason.THERE_AGAIN: "read as gone, and there again later; the next run queues its events again and deletes it",
    Reason.STILL_THERE: "the server accepted the deletion and still had the person when it was read last",
    Reason.ACCEPTED_NOT_APPLIED: "the server accepted the change and does not show it; the next run tries again",
    Reason.CHANGED_SINCE: "had the desired properties and has them no longer; the next run changes it again",
    Reason.EVENT_REFUSED: "the ingestion host does not take the event; the next run tries again",
    Reason.NO_DISTINCT_ID: "the person was read without any distinct ID to address it by; the next run tries again",
    Reason.REJECTED: "the server rejects the request for this person alone; no run tries again",
    Reason.SINCE_SENT: "gone, merged or re-created when read after this job had sent it a change. An event for a "
    "deleted person creates it again, at once or later: look at these persons, and verify once more",
    Reason.SINCE_DONE: "had the desired properties when this job read it; it was deleted, merged or re-created later",
    Reason.COVERED_IN_PART: "the person is gone, and the deletion row covers only its older events",
    Reason.ANSWER_UNKNOWN: "the person is gone, and nothing shows whether the request before that was carried out",
    Reason.UNKNOWN_ROW_STATUS: "the deletion row has a status that this version does not know",
    Reason.DELETED_INSTEAD_OF_KEPT: "the server deleted persons in a call of this job that was to keep them",
    Reason.UNREAD_TIMED_OUT: "the server did not answer in time when this person was read; the next run reads again",
    Reason.UNREAD_SERVER_ERROR: "the server failed when this person was read; the next run reads again",
    Reason.UNREAD_INVALID: "the answer about this person cannot be read; the next run reads again",
    Reason.UNREAD_UNCLEAR: "the server answered 404 to a read of many persons; the next run reads again",
    Reason.UNREAD_NOT_TRIED: "not read, as too many reads of other persons failed; the next run reads again",
}
"""Each reason in words for people."""


def _standings(axis: Axis) -> tuple[Standing, ...]:
    states: tuple[State, ...] = tuple(STATES[axis])
    plain = tuple(Standing(state) for state in states)
    return (*plain, *(Standing(s, reason) for reason in Reason for s in GIVEN_TO[reason] if s in states))


STANDINGS: dict[Axis, tuple[Standing, ...]] = {axis: _standings(axis) for axis in Axis}
"""All standings of each axis; the ones without a reason come first, in the order of the states."""

PLACES: dict[Axis, dict[Standing, int]] = {
    axis: {standing: place for place, standing in enumerate(standings)} for axis, standings in STANDINGS.items()
}
"""The places of the standings in `STANDINGS`: one byte per target and axis."""


def without_unread(standing: Standing) -> Standing:
    """The standing of a target that is to be read again, if it could not be read."""
    return Standing(standing.state) if standing.reason in UNREAD else standing


def tried_again(standing: Standing) -> Standing:
    """The standing from which the next run continues with a target that is not lost."""
    if standing.reason in TRIED_AGAIN_FROM and standing.state not in PENDING:
        return Standing(TRIED_AGAIN_FROM[standing.reason].get(axis_of(standing.state), standing.state))
    return standing
