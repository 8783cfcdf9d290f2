"""What can be observed of a target, and the state that observations change. Values only."""

from typing import NamedTuple

from bulk.states import FastEnum
from bulk.targets.reasons import Standing


class Observation(FastEnum):
    """What can be observed of a target."""

    RUN_STARTED = "a run took the job up"
    VERIFY_STARTED = "a verify took the job up"
    DELETED_INSTEAD_OF_KEPT = "the server deleted persons in a call that was to keep this one"
    GAVE_UP = "its attempts are used up"
    GAVE_UP_WITHOUT_ROW = "its attempts are used up; the server accepts them and shows no deletion row"
    REJECTED = "the server rejects a request for this person alone"
    EVENT_REFUSED = "the ingestion host refuses this person's event"
    NO_DISTINCT_ID = "read without a distinct ID to address it by"
    OVERDUE = "accepted, and still not as desired; it is sent once more"
    OVERDUE_AGAIN = "accepted, and still not as desired, as often as it may be sent"
    PRESENT = "read: the same person is there"
    PRESENT_AS_DESIRED = "read: the same person is there, its properties as desired"
    PRESENT_OTHERWISE = "read: the same person is there, its properties not as desired"
    ABSENT = "read: the person is absent, as confirmed or explained"
    MERGED = "read: the person is absent, and another one has its distinct ID"
    RECREATED = "read: the same UUID with another creation time"
    UNREAD_TIMED_OUT = "not read: no answer in time"
    UNREAD_SERVER_ERROR = "not read: the server failed"
    UNREAD_INVALID = "not read: the answer cannot be read"
    UNREAD_UNCLEAR = "not read: a 404 to a batch read"
    UNREAD_NOT_TRIED = "not read: too many others failed"
    ROW_COVERS_PENDING = "a pending deletion row that is new enough"
    ROW_COVERS_COMPLETED = "a completed deletion row that is new enough"
    ROW_OLDER_PENDING = "a pending deletion row that is too old"
    ROW_UNKNOWN_STATUS = "a deletion row of an unknown status"
    ROW_NONE = "no deletion row that counts"
    ROWS_NOT_KEPT = "the server keeps no deletion rows"


class TargetState(NamedTuple):
    """A target on its four axes, in the order of `Axis`."""

    person: Standing
    events: Standing
    recordings: Standing
    properties: Standing


LOST = frozenset({Observation.ABSENT, Observation.MERGED, Observation.RECREATED})
"""The person is not there as planned."""
