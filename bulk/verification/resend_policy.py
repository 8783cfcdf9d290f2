"""When an accepted change counts as overdue, and how often it is sent again. Pure.

A 202 proves nothing: a queued deletion may fail without a report, and an accepted event may be lost (contract 6.3,
6.5). A change that does not show in time is sent again, and given up for this run after some attempts.
"""

from bulk.states import Axis
from bulk.targets.observations import Observation

RESEND_AFTER_S = 60.0
"""Seconds after which an accepted change is overdue."""

RESEND_QUEUED_AFTER_S = 1800.0
"""The same for a queued deletion: the server retries it for up to 20 min, then fails without a report (contract 6.5).
"""

PATIENCE_GROWTH = {Axis.PERSON: 1, Axis.PROPERTIES: 2}
"""Factor of that time after each resend: a change of properties that does not show may be lost, or only late."""

MAX_CHANGES = 5
"""Times that a change of properties is accepted and does not show before it is given up for this run."""

MAX_SENDS = {Axis.PERSON: 2, Axis.PROPERTIES: MAX_CHANGES}
"""Accepted attempts that do not show before a target is given up for this run, by the axis that they change."""

RESEND = (Observation.OVERDUE,)
GIVE_UP = (Observation.OVERDUE_AGAIN,)


class ResendPolicy:
    """Decides about the accepted targets of one run.

    Arguments:
        axis: the axis that the job changes.
    """

    def __init__(self, axis: Axis) -> None:
        self._axis = axis
        self._patience = 1
        self._last_done_at = 0.0
        self._left = 0

    def note_left(self, left: int, now: float) -> None:
        """Note how many accepted changes do not show yet. If they become fewer, the server is still at work."""
        if left < self._left:
            self._last_done_at = now
        self._left = left

    def note_outage(self, now: float) -> None:
        """Note that an outage of the server ended, in which it applied nothing."""
        self._last_done_at = now

    def is_overdue(self, now: float, last_accepted_at: float, *, queued: bool) -> bool:
        """Return whether the changes that do not show yet are overdue.

        Arguments:
            now: the server's time, like `last_accepted_at`, when the server last accepted a change.
            queued: the server queues deletions.
        """
        if self._axis not in MAX_SENDS:
            return False
        after_s = RESEND_QUEUED_AFTER_S if queued else RESEND_AFTER_S
        return now - max(last_accepted_at, self._last_done_at) > after_s * self._patience

    def may_take_effect_for_s(self, now: float, last_accepted_at: float) -> float:
        """Return for how many more seconds an accepted change may still take effect."""
        return last_accepted_at + RESEND_AFTER_S - now

    def decide(self, attempts: int) -> tuple[Observation, ...]:
        """Return what an overdue target with so many accepted attempts observes: `RESEND` or `GIVE_UP`."""
        return RESEND if attempts < MAX_SENDS[self._axis] else GIVE_UP

    def note_resent(self) -> None:
        """Note that overdue targets are sent again; the next ones may take longer."""
        self._patience *= PATIENCE_GROWTH[self._axis]
