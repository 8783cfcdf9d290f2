"""HiddenTests: finds out whether PostHog hides properties that a group of targets is to lose (guarantee 11).

A response that lacks a property does not tell whether the person lacks it or the user of the key may not see it
(contract 2). A call that removes it does: PostHog refuses it if the property is hidden, and accepts it if the person
has no such property. So a property that no response of the run has shown is first removed from one target, by REST.
"""

from collections.abc import Iterable

from bulk.errors import PropertyHidden
from bulk.execution.verified_targets import VerifiedTarget
from bulk.posthog.attempt_result import AttemptResult
from bulk.verification.shown_properties import ShownProperties

BAD_REQUEST = 400
"""The status with which PostHog refuses to change a property that it hides (contract 2)."""


class HiddenTests:
    """The tests of one group.

    Arguments:
        shown: of the run.
    """

    def __init__(self, shown: ShownProperties) -> None:
        self._shown = shown
        self._claimed = set[str]()

    def choose(self, absent: Iterable[tuple[int, tuple[str, ...]]]) -> tuple[dict[int, tuple[str, ...]], list[int]]:
        """Choose targets on which the properties are tested that no response has shown, each property on one target.

        Arguments:
            absent: the targets whose next step is a change, each with the properties that it is to lose.

        Returns:
            By target, the properties that are tested on it: all of its properties that no response has shown, because
            after the calls it counts as changed. And the targets that wait until a test shows theirs.
        """
        tests, waiting = dict[int, tuple[str, ...]](), list[int]()
        untested = set(self._claimed)
        for number, keys in absent:
            if not (unknown := self._shown.not_shown(keys)):
                continue
            others = [key for key in unknown if key not in untested]
            if self._claimed.isdisjoint(others) and self._shown.claim(others):
                self._claimed.update(others)
                untested.difference_update(unknown)
                tests[number] = unknown
            else:
                waiting.append(number)
        return tests, waiting

    def note(self, result: AttemptResult, targets: Iterable[VerifiedTarget]) -> PropertyHidden | None:
        """Record which properties are not hidden; return the error of one that is.

        Arguments:
            result: of an attempt.
            targets: those that it was for, in order.
        """
        hidden = self._shown.not_shown(result.keys)
        if hidden and result.status == BAD_REQUEST:
            return PropertyHidden(hidden[0], result.response)
        for place, target in enumerate(targets):
            if target.tests and (place in result.accepted if result.accepted is not None else result.outcome == "ok"):
                self._shown.note(target.tests)
        return None

    def release(self) -> None:
        """Let other groups test what this one has not shown."""
        self._shown.release(self._claimed)
        self._claimed.clear()
