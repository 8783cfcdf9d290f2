"""What the engine was told of the recordings of persons, and what a report may say of them."""

from collections.abc import Iterable
from typing import Any

import msgspec
from job_model.case import Case
from job_model.world.project import DAY_S, Member, Project

OVERDUE_S = 3 * DAY_S
AGAIN_S = 4.9
"""A second read of fewer recordings than there were counts when it is so much later than the first."""


class Shown(msgspec.Struct, frozen=True):
    """The recordings of a person in one response, by session: whether each is marked as deleted."""

    at: float
    marks: dict[str, bool]


class RecordingEvidence:
    """The responses about recordings.

    Arguments:
        case: what is drawn.
        project: its server has the truth.

    Attributes:
        not_noted: persons whose distinct IDs the plan does not have, so that their recordings cannot be read.
    """

    def __init__(self, case: Case, project: Project) -> None:
        self.not_noted: frozenset[str] = frozenset()
        self._project = project
        self._shows_marks = case.options.get("recording_marks", True)
        self._read: dict[str, list[Shown]] = {member.name: [] for member in project.selected}
        self._noted: dict[str, int] = {}

    def begin(self) -> None:
        """The plan is made: what it was told last is how many there were."""
        for name, shown in self._read.items():
            self._noted[name] = max((list(each.marks.values()).count(False) for each in shown), default=0)
            shown.clear()

    def told(self, query: dict[str, Any], rows: list[Any]) -> None:
        """A response shows a page of recordings; the first page has none before it."""
        asked, is_first = set(query["values"]["distinct_ids"]), not query["values"]["after"]
        for member in self._project.selected:
            if not asked.isdisjoint(member.distinct_ids):
                marks = {row[0]: bool(row[2]) for row in rows if not set(row[1]).isdisjoint(member.distinct_ids)}
                if is_first:
                    self._read[member.name].append(Shown(self._project.machine.true(), marks))
                elif self._read[member.name]:
                    self._read[member.name][-1].marks.update(marks)

    def unproven(self, state: str, name: str, accepted: list[float]) -> str | None:
        """What is missing for a state that `verify` gives."""
        shown = [each for each in self._read[name] if each.at > min(accepted, default=0.0)]
        if not accepted:
            return "nothing was accepted"
        if not shown:
            is_unread = not self._shows_marks or name in self.not_noted
            return None if state == "not_verifiable" and is_unread else "no response was about them"
        last = shown[-1].marks
        if state == "deleted":  # one of two responses may leave out what the other one shows
            last = {name: is_marked for each in shown[-2:] for name, is_marked in each.marks.items()}
        match state:
            case "deleted" if not last or not all(last.values()):
                return f"the last response shows {last}"
            case "still_there" if not any(False in each.marks.values() for each in shown):
                return "no response shows one that is kept"
            case "still_there" if shown[-1].at - max(accepted) < OVERDUE_S:
                return f"that is only {shown[-1].at - max(accepted):.0f} s after the request"
            case "not_verifiable" if False in last.values():
                return f"the last response shows {last}"
        if state in ("deleted", "not_verifiable") and len(last) < self._noted[name] and not self._again(shown, name):
            return f"one response alone shows {len(last)} of {self._noted[name]}"
        return None

    def _again(self, shown: list[Shown], name: str) -> bool:
        """Whether two responses, some seconds apart, show fewer than there were."""
        fewer = [each.at for each in shown if len(each.marks) < self._noted[name]]
        return max(fewer) - min(fewer) >= AGAIN_S

    def untrue(self, member: Member, states: frozenset[str]) -> str | None:
        """What is wrong with the state of a person whose recordings were requested, once everything was read again.

        Arguments:
            member: the person.
            states: its state, or those that the report does not tell apart.
        """
        views = {each.session_id: each for own in member.distinct_ids for each in self._project.world.recordings(own)}
        kept = [name for name, view in views.items() if not view.is_deleted]
        if not self._shows_marks:
            return None if states <= {"not_verifiable"} else "this server shows no marks"
        if kept and states <= {"deleted", "not_verifiable"} and not self._never_shown(member, states):
            return f"it still has the recordings {kept}"
        if not kept and states <= {"still_there", "requested"}:
            return "no recording of it is kept"
        return None

    def _never_shown(self, member: Member, states: frozenset[str]) -> bool:
        """Whether neither the plan nor two responses, some seconds apart, were told of any recording of a person."""
        if member.name in self.not_noted:
            return states <= {"not_verifiable"}
        empty = [each.at for each in self._read[member.name] if not each.marks]
        apart = max(empty, default=0.0) - min(empty, default=0.0) >= AGAIN_S
        return states <= {"not_verifiable"} and not self._noted[member.name] and apart

    def touched_others(self) -> Iterable[str]:
        """Which persons outside the plan lost a recording."""
        for member in self._project.bystanders:
            if any(
                view.is_deleted
                for view in self._project.world.recordings(member.name)
                if member.name in view.session_id
            ):
                yield f"{member.name}, who is not in the plan, lost a recording"
