"""What a run can observe about a target, and the state that an observation changes. Values only."""

from typing import NamedTuple

from bulk.states import FastEnum
from bulk.targets.reasons import AxisStatus


class Observation(FastEnum):
    """One thing that a run sees or decides about a target. The values are descriptions; no file holds them."""

    RUN_STARTED = "a run started"
    VERIFY_STARTED = "a verify started"
    DELETED_INSTEAD_OF_KEPT = "the server deleted persons in a request that asked it to keep this one"
    GAVE_UP = "all its attempts failed"
    GAVE_UP_WITHOUT_ROW = "all its attempts were accepted, but the server shows no deletion row"
    REJECTED = "the server rejects a request for this person alone"
    EVENT_REFUSED = "the ingestion host rejects this person's event"
    NO_DISTINCT_ID = "read: the person has no distinct ID to send an event to"
    OVERDUE = "accepted long ago and not visible; it will be sent again"
    OVERDUE_AGAIN = "accepted long ago and not visible, and it may not be sent again"
    PRESENT = "read: the same person exists"
    PRESENT_AS_DESIRED = "read: the same person exists, with the desired properties"
    PRESENT_NOT_AS_DESIRED = "read: the same person exists, without the desired properties"
    ABSENT = "read: the person is gone, and a second read or an accepted deletion confirms it"
    MERGED = "read: the person is gone, and another person has its distinct ID"
    RECREATED = "read: the same UUID with another creation time"
    UNREAD_TIMED_OUT = "not read: the server did not respond in time"
    UNREAD_SERVER_ERROR = "not read: the server failed"
    UNREAD_INVALID_RESPONSE = "not read: the response cannot be decoded"
    UNREAD_AMBIGUOUS_404 = "not read: a 404 for a read of many persons"
    UNREAD_NOT_ATTEMPTED = "not read: too many reads of other persons failed"
    ROW_COVERS_PENDING = "a pending deletion row that is new enough"
    ROW_COVERS_COMPLETED = "a completed deletion row that is new enough"
    ROW_OLDER_PENDING = "a pending deletion row that is too old"
    ROW_UNKNOWN_STATUS = "a deletion row that cannot be read, or of an unknown status"
    ROW_NONE = "no deletion row for this person"
    ROWS_NOT_KEPT = "the server keeps no deletion rows"
    RECORDINGS_MARKED = "recordings: all that the server shows are marked as deleted"
    RECORDINGS_KEPT = "recordings: some are not marked as deleted, and the request is recent"
    RECORDINGS_KEPT_OVERDUE = "recordings: some are not marked as deleted, days after the request"
    RECORDINGS_NONE_EVER = "recordings: none now, and none before the request"
    RECORDINGS_NONE_LEFT = "recordings: none now, but some before the request"
    RECORDINGS_NONE_SHOWN = "recordings: none now, and not counted before the request"
    RECORDINGS_NOT_ALLOWED = "recordings: the key must not read them"
    RECORDINGS_NOT_MARKED_HERE = "recordings: the server does not mark them as deleted"
    RECORDINGS_NOT_NOTED = "recordings: the plan does not hold the person's distinct IDs"


class TargetState(NamedTuple):
    """The status of a target on its four axes, in the order of `Axis`."""

    person: AxisStatus
    events: AxisStatus
    recordings: AxisStatus
    properties: AxisStatus


LOST = frozenset({Observation.ABSENT, Observation.MERGED, Observation.RECREATED})
"""Observations that the planned person no longer exists."""
