"""The statuses of all targets of a job: one byte per target and axis, with counts kept up to date. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from bulk.states import Axis, Events, Person, Properties, Recordings, State
from bulk.targets.reasons import STATUS_CODES, STATUSES, UNREAD, AxisStatus, Reason
from bulk.targets.rejection_labels import RejectionLabels
from bulk.targets.target_sets import in_either, marked, numbers_of
from bulk.targets.transitions import STATES_BY_CODE, StatusCodes


class StatusTable:
    """The status of each target on each axis. It starts empty; `reset` gives it its size.

    Attributes:
        codes: one array per axis, in the order of `Axis`; a target's number is the index.
        labels: the server's labels of rejected targets.
    """

    def __init__(self) -> None:
        self.reset(0, {axis: STATUSES[axis][0] for axis in Axis})

    def reset(self, count: int, first: Mapping[Axis, AxisStatus]) -> None:
        """Give every one of `count` targets the same first status per axis."""
        self._size = count
        self._codes = {axis.value: bytearray([STATUS_CODES[axis][first[axis]]]) * count for axis in Axis}
        self._counts = {axis.value: [0] * len(STATUSES[axis]) for axis in Axis}
        for axis in Axis:
            self._counts[axis.value][STATUS_CODES[axis][first[axis]]] = count
        self.codes = tuple(self._codes.values())
        self._person, self._events, self._recordings, self._properties = self.codes
        self.labels = RejectionLabels(count)

    def status(self, axis: Axis, number: int) -> AxisStatus:
        """Return the state and the reason of one target on one axis."""
        return STATUSES[axis][self._codes[axis.value][number]]

    def state(self, axis: Axis, number: int) -> State:
        """Return the state of one target on one axis."""
        return self.status(axis, number).state

    def person(self, number: int) -> Person:
        """Return the state of one target's person."""
        return _PERSON[self._person[number]]

    def events(self, number: int) -> Events:
        """Return the state of one target's events."""
        return _EVENTS[self._events[number]]

    def recordings(self, number: int) -> Recordings:
        """Return the state of one target's recordings."""
        return _RECORDINGS[self._recordings[number]]

    def properties(self, number: int) -> Properties:
        """Return the state of one target's properties."""
        return _PROPERTIES[self._properties[number]]

    def codes_of(self, number: int) -> StatusCodes:
        """Return the status codes of one target."""
        return self._person[number], self._events[number], self._recordings[number], self._properties[number]

    def common_codes(self, numbers: list[int]) -> StatusCodes | None:
        """Return the codes that all of these targets have; None if they differ or the numbers are not consecutive."""
        if not numbers:
            return None
        first, stop = numbers[0], numbers[0] + len(numbers)
        if numbers != [*range(first, stop)]:
            return None
        if all(codes.count(codes[first], first, stop) == stop - first for codes in self.codes):
            return self.codes_of(first)
        return None

    def codes_in(self, axis: str, start: int, stop: int) -> bytearray:
        """Return a copy of the status codes of consecutive targets on one axis."""
        return self._codes[axis][start:stop]

    def counts(self, axis: Axis) -> dict[State, int]:
        """Return the number of targets per state; adds up to the number of targets."""
        states, state_of = STATES_BY_CODE[axis.value]
        totals = [0] * len(states)
        for code, count in enumerate(self._counts[axis.value]):
            if count:
                totals[state_of[code]] += count
        return {state: total for state, total in zip(states, totals, strict=True) if total}

    def statuses(self, axis: Axis) -> dict[AxisStatus, int]:
        """Return the number of targets per state and reason; adds up to the number of targets."""
        return {each: count for each, count in zip(STATUSES[axis], self._counts[axis.value], strict=True) if count}

    def numbers(self, axis: Axis, states: Iterable[State], *, unread: bool = True) -> Iterator[int]:
        """Yield the numbers of the targets that are in one of these states now, in ascending order.

        Arguments:
            unread: include the targets that could not be read in this run.
        """
        selected = {*states}
        found = (each for each in STATUSES[axis] if each.state in selected and (unread or each.reason not in UNREAD))
        return numbers_of(marked(self._codes[axis.value], (STATUS_CODES[axis][each] for each in found)))

    def numbers_with_reasons(self, reasons: Iterable[Reason]) -> Iterator[int]:
        """Yield the numbers of the targets that have one of these reasons on any axis at the time of the call."""
        selected = {*reasons}
        return numbers_of(self.members(lambda status: status.reason in selected))

    def members(self, fits: Callable[[AxisStatus], bool]) -> bytearray:
        """Return the set of targets that have a fitting status on any axis (`target_sets`)."""
        found = bytearray(self._size)
        for axis in Axis:
            codes = [STATUS_CODES[axis][each] for each in self.statuses(axis) if fits(each)]
            if codes:
                found = in_either(found, marked(self._codes[axis.value], codes))
        return found

    def count_with_states(self, states: Iterable[State]) -> int:
        """Return how many targets are in one of these states on any axis."""
        selected = {*states}
        return self.members(lambda status: status.state in selected).count(1)

    def reason(self, axis: Axis, number: int) -> str:
        """Return the reason of one target on one axis, as reports print it; empty if it has none."""
        reason = self.status(axis, number).reason
        if reason is Reason.REJECTED:
            return self.labels.reason_for(axis.value, number)
        return reason.value if reason else ""

    def reasons(self, axis: Axis) -> Iterator[tuple[str, State, Iterator[int]]]:
        """Yield each reason with each state that it explains, and the numbers of its targets in ascending order."""
        for status in [each for each in self.statuses(axis) if each.reason is not None]:
            assert status.reason is not None
            members = marked(self._codes[axis.value], (STATUS_CODES[axis][status],))
            if status.reason is Reason.REJECTED:
                for name, labelled in self.labels.split(axis.value, members):
                    yield name, status.state, numbers_of(labelled)
            else:
                yield status.reason.value, status.state, numbers_of(members)

    def set_codes(self, axis: str, ranges: Iterable[tuple[int, int]], new: int) -> None:
        """Give the targets in these ranges a status on one axis.

        Raises:
            ValueError: a target is beyond the plan.
        """
        codes, counts = self._codes[axis], self._counts[axis]
        for start, stop in ranges:
            self.check_number(stop - 1)
            if stop == start + 1:  # does the same as the lines below, in a third of the time
                counts[codes[start]] -= 1
                counts[new] += 1
                codes[start] = new
                continue
            before = codes[start:stop]
            for value in set(before):
                counts[value] -= before.count(value)
            counts[new] += stop - start
            codes[start:stop] = bytes((new,)) * (stop - start)

    def check_number(self, number: int) -> None:
        """Raise ValueError if the plan has no target with this number."""
        if number >= self._size:
            raise ValueError(f"target {number} is beyond the plan's {self._size}")


def _states(axis: Axis) -> tuple[Any, ...]:
    return tuple(status.state for status in STATUSES[axis])


_PERSON: tuple[Person, ...] = _states(Axis.PERSON)
_EVENTS: tuple[Events, ...] = _states(Axis.EVENTS)
_RECORDINGS: tuple[Recordings, ...] = _states(Axis.RECORDINGS)
_PROPERTIES: tuple[Properties, ...] = _states(Axis.PROPERTIES)
"""The state at each status code, per axis: a tuple lookup, because these are read for every target of a group."""
