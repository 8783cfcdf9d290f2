"""What a report may say of each target: what the engine was told is the proof, what the server knows is the truth."""

from collections.abc import Iterable
from typing import Any

from job_model.case import Case
from job_model.judges.witness import SLACK_S, Evidence, Witness
from job_model.world.others import Others
from job_model.world.project import BYSTANDING, HOUR_S, Member, Project
from job_model.world.values import is_as_asked

from bulk import JobEvent, Report

GONE = frozenset({"deleted_confirmed", "found_deleted"})
AWAY = GONE | {"already_deleted", "disappeared"}
DONE = frozenset({"changed_confirmed", "found_changed", "already_as_desired"})
COVERED = frozenset({"queued", "purged"})
REQUESTED = frozenset({"requested", "deleted", "still_there", "not_verifiable"})
READ = REQUESTED - {"requested"}
NOT_WAITING = frozenset({"not_started", "unknown", "to_retry"})
"""Pending states in which a run has something to do."""
FAILED = frozenset({"failed", "contradicted"})

States = dict[str, list[frozenset[str]]]
"""By axis, for each target by its number: the states that it may be in, as far as the report tells them apart."""


def numbers(ranges: str) -> list[int]:
    """The numbers that a report names, such as "0-3,7"."""
    ends = [part.split("-") for part in ranges.split(",") if part]
    return [number for each in ends for number in range(int(each[0]), int(each[-1]) + 1)]


def states_of(report: Report) -> States:
    """Where each target stands."""
    found: States = {}
    for axis in report.axes:
        usual = frozenset(each.state for each in axis.states if each.targets is None)
        of_axis = [usual] * report.count
        for each in axis.states:
            for number in numbers(each.targets) if each.targets is not None else ():
                of_axis[number] = frozenset({each.state})
        found[axis.axis] = of_axis
    return found


def judge_fold(report: Report, ended: Any) -> Iterable[str]:
    """Whether the journal, folded again, tells what the run knew when it ended."""
    for axis in report.axes:
        total = sum(each.count for each in axis.states)
        if total != report.count:
            yield f"{axis.axis}: {total} targets of {report.count}"
        if ended is not None:
            live = getattr(ended, axis.axis)
            replayed = {each.state: each.count for each in axis.states}
            if live != replayed:
                yield f"{axis.axis}: the run knew {live}, its journal says {replayed}"


def judge_waits(report: Report) -> Iterable[str]:
    """Whether each target that a run left pending, with nothing in its way, waits for something that is named."""
    named = {number for failure in report.failures for number in numbers(failure.targets)}
    named |= {
        n for axis in report.axes for each in axis.states if each.state == "held_back" for n in numbers(each.targets)
    }
    for axis in report.axes:
        for each in axis.states:
            if each.state in NOT_WAITING and each.targets is not None:
                for number in set(numbers(each.targets)) - named:
                    yield f"target {number} is left {axis.axis} {each.state}, and nothing says why"


class Oracle:
    """Judges the reports of one case, whose job is about to be opened.

    Arguments:
        planned: the persons in the plan, by their numbers.
    """

    def __init__(self, case: Case, project: Project, witness: Witness, others: Others, planned: list[Member]) -> None:
        self._case = case
        self._project = project
        self._witness = witness
        self._others = others
        self._planned = planned
        self._opened_at = project.machine.true()
        self._proven: dict[tuple[str, int], frozenset[str]] = {}

    def note_killed(self, report: Report) -> None:
        """Excuse the targets whose request may have left when the run was killed, as far as its journal can tell."""
        for member, states in zip(self._planned, states_of(report)["person"], strict=True):
            self._witness.evidence[member.name].maybe_sent |= "unknown" in states

    def judge_proof(self, report: Report) -> Iterable[str]:
        """Whether what is new in the report, of each target, rests on what the engine was told."""
        states = states_of(report)
        for number, member in enumerate(self._planned):
            evidence = self._witness.evidence[member.name]
            for axis, of_axis in states.items():
                if len(of_axis[number]) > 1 or self._proven.get((axis, number)) == of_axis[number]:
                    continue
                self._proven[axis, number] = of_axis[number]
                for state in of_axis[number]:
                    if problem := self._unproven(axis, state, member.name, evidence):
                        yield f"{member.name} is {axis} {state}, and {problem}"

    def judge_truth(self, report: Report) -> Iterable[str]:
        """Whether the report says what is so, after all trouble has ended and everything was read once more."""
        states = states_of(report)
        for number, member in enumerate(self._planned):
            is_now = self._project.alive_as(member)
            of_target = {axis: of_axis[number] for axis, of_axis in states.items()}
            problem = self._untrue(member, is_now, of_target)
            if problem is None and self._case.deletes_persons and is_now != "gone" and report.exit_code != 1:
                problem = f"verify exits with {report.exit_code}"
            if problem is None and of_target["recordings"] <= REQUESTED:
                problem = self._witness.recordings.untrue(member, of_target["recordings"])
            if problem:
                told = ", ".join(f"{axis} {'/'.join(sorted(each))}" for axis, each in of_target.items())
                yield f"{member.name} is {is_now} in truth ({told}): {problem}"

    def judge_bystanders(self) -> Iterable[str]:
        """Whether nobody outside the plan was touched, but by an event that was under way when a person was merged."""
        for member in self._project.bystanders:
            person = self._project.world.person(member.uuid)
            excused = self._case.changes_properties and any(act.what == "merge" for act in self._others.mutations)
            if person is None or (person.properties != BYSTANDING and not excused):
                yield f"{member.name}, who is not in the plan, is {person and person.properties}"
        yield from self._witness.recordings.touched_others()

    def _unproven(self, axis: str, state: str, name: str, evidence: Evidence) -> str | None:
        is_away = evidence.is_absent or evidence.merged or evidence.recreated
        explained = any(
            absent >= accepted for absent in evidence.absent_by_uuid for accepted in evidence.deletes_accepted
        )
        match axis, state:
            case ("person", "deleted_confirmed" | "found_deleted"):
                if not (evidence.deletes or evidence.maybe_sent):
                    return "was never sent to be deleted"
                if max(evidence.absent_by_uuid, default=0.0) < min(evidence.deletes, default=0.0):
                    return "was not read since"
                return None if explained or evidence.is_absent else "was not read as gone"
            case ("person", "already_deleted"):
                if evidence.deletes:
                    return "was sent to be deleted"
                return None if evidence.is_absent else "was not read as gone twice"
            case ("person", "disappeared"):
                return None if evidence.is_absent else "was not read as gone twice"
            case ("person", "merged"):
                return None if evidence.merged else "nobody else was read under its distinct ID"
            case ("person", "recreated"):
                return None if evidence.recreated else "was not read as re-created"
            case ("properties", state) if state in DONE:
                return _undone(state, evidence)
            case ("properties", "gone_with_person" | "too_late" | "skipped"):
                return None if is_away else "was not read as gone twice"
            case ("events" | "recordings", "too_late" | "skipped"):
                return None if is_away or explained else "was not read as gone twice"
            case ("events", state) if state in COVERED:
                least = self._opened_at - HOUR_S - SLACK_S
                return None if evidence.covered_until >= least else "no row was read that covers them"
            case ("events", "unverifiable") if self._case.options.get("deletion_status", True):
                return "this server has rows"
            case ("events", "unverifiable"):
                return None if evidence.events_accepted else "nothing was accepted"
            case ("recordings", state) if state in READ:
                return self._witness.recordings.unproven(state, name, evidence.recordings_accepted)
            case ("recordings", "requested"):
                return None if evidence.recordings_accepted else "nothing was accepted"
        return None

    def _untrue(self, member: Member, is_now: str, states: dict[str, frozenset[str]]) -> str | None:
        evidence = self._witness.evidence[member.name]
        failed = {axis for axis, of_axis in states.items() if of_axis <= FAILED}
        if states["properties"] == {"contradicted"} and self._others.did(member.name, "change"):
            return None  # no run changes again what somebody else changed after the job
        rejected = {axis for axis in failed if states[axis] == {"failed"} and _was_refused(axis, evidence)}
        if is_now == "same" and failed > rejected:
            return f"{', '.join(sorted(failed - rejected))} failed, and nothing was refused"
        if "person" in rejected:
            return None  # a failure says nothing of what somebody else did to the person later
        person = states["person"]
        if self._case.deletes_persons:
            return self._untrue_of_deleted(member, is_now, person, evidence)
        if is_now == "recreated" and person != {"recreated"} and not rejected:
            return "it was re-created" if self._must_know_recreated(states) else None
        if is_now == "same":
            return self._untrue_of_kept(member, states, rejected)
        return None

    def _untrue_of_deleted(self, member: Member, is_now: str, person: frozenset[str], evidence: Evidence) -> str | None:
        ever_other = bool(self._others.did(member.name, "merge", "recreate", "newcomer"))
        if is_now == "same":
            return "it is still there"
        if is_now == "recreated":
            return None if person <= {"recreated"} else "it was re-created"
        if is_now == "other" and person <= AWAY and self._merged_later(member, evidence):
            return None
        survived = max(evidence.present + evidence.glimpsed, default=0.0) > max(evidence.deletes_accepted, default=0.0)
        if is_now == "other" and person <= AWAY and not self._others.did(member.name, "merge"):
            return None  # it is gone, and somebody new got its distinct ID
        if is_now == "other" and (survived or not evidence.deletes_accepted):
            return None if person <= {"merged"} or (ever_other and person <= {"recreated"}) else "it was merged"
        allowed = GONE if evidence.deletes else {"already_deleted", "disappeared"}
        if evidence.maybe_sent:
            allowed = GONE | allowed
        if self._others.did(member.name, "recreate") and person <= {"disappeared"}:
            return None  # the new person is gone too: what a deletion of the old one did to it is not known
        return None if person <= allowed or (ever_other and person <= {"merged", "recreated"}) else "it is gone"

    def _merged_later(self, member: Member, evidence: Evidence) -> bool:
        """Whether its distinct ID had been read as nobody's before somebody got it."""
        merged_at = max((act.at for act in self._others.did(member.name, "merge", "newcomer")), default=0.0)
        return any(at < merged_at for at in evidence.absent_by_distinct_id)

    def _must_know_recreated(self, states: dict[str, frozenset[str]]) -> bool:
        return not (states["events"] <= COVERED | {"unverifiable"} or states["recordings"] <= REQUESTED)

    def _untrue_of_kept(self, member: Member, states: dict[str, frozenset[str]], rejected: set[str]) -> str | None:
        if states["person"] != {"not_requested"}:
            return "it is there, unchanged"
        if rejected:
            return None
        if self._case.operation == "delete-events" and not states["events"] <= COVERED | {"unverifiable"}:
            return "its events are not covered"
        if self._case.operation == "delete-recordings" and not states["recordings"] <= REQUESTED:
            return "its recordings are not requested"
        person = self._project.world.person(member.uuid)
        assert person is not None
        if states["properties"] == {"not_requested"}:
            return None
        if not is_as_asked(self._case, member, dict(person.properties)):
            return f"its properties are {sorted(person.properties)}, and not as asked"
        return None if states["properties"] <= DONE else "its properties are as asked"


def _was_refused(axis: str, evidence: Evidence) -> bool:
    """Whether a request for the person alone was refused, and nothing of this axis was accepted since."""
    accepted = {
        "person": evidence.deletes_accepted,
        "events": evidence.events_accepted,
        "recordings": evidence.recordings_accepted,
        "properties": evidence.changes_accepted,
    }
    return evidence.refused_alone_at > max(accepted[axis], default=0.0)


def _undone(state: str, evidence: Evidence) -> str | None:
    """What is missing to call a change done."""
    if state == "already_as_desired" and evidence.changes:
        return "was sent a change"
    if state == "changed_confirmed" and not evidence.changes_accepted:
        return "no change of it was accepted"
    return None if evidence.as_asked_at > min(evidence.changes, default=0.0) else "was never read as asked"


def ended_of(events: list[JobEvent]) -> Any:
    """How the run itself told that it ended."""
    return next((event for event in reversed(events) if hasattr(event, "exit_code")), None)
