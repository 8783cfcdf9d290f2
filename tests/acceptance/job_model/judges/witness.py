"""What passed between engine and server, as a witness on the line saw it: who was sent what, and who was told what.

Whatever a request must never do is judged when it leaves, by what is true at that moment; what is in the report is
judged later by what was told.
"""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from job_model.case import Case
from job_model.judges.recordings import RecordingEvidence
from job_model.world.machine import EPOCH
from job_model.world.others import Others
from job_model.world.project import HOUR_S, Member, Project
from job_model.world.values import is_as_asked

from asyncclient.testing.http.envelope import Response
from asyncclient.testing.http.parsed_request import ParsedRequest

CONFIRMED_AFTER_S = 4.9
"""A second look that finds somebody absent counts when it is so much later than the first."""
AT_ONCE_S = 0.01
"""Requests and responses that are no further apart cross each other."""
CHECK_HOLDS_S = 61.0
EVENT_CHECK_HOLDS_S = 11.0
"""How old the engine's knowledge of a person may be when it sends a call or an event."""
SLACK_S = 60.0
"""On the hour that events may stay uncovered: between the last look at the clock and the request's leaving."""

_FINAL_REFUSALS = frozenset({400, 404, 409, 422})
"""Statuses after which a request for one person alone is not made again."""

_READS = frozenset({"batch_by_uuids", "batch_by_distinct_ids", "retrieve", "list"})
_OF_ONE = frozenset({"destroy", "update", "delete_property", "delete_events", "delete_recordings"})
_CHANGES = frozenset({"update", "delete_property", "capture"})


class Evidence(msgspec.Struct, kw_only=True):
    """What the engine was told of one person, and did to it; times by the server's clock."""

    has_distinct_id: bool = True
    """Whether the plan has one; a person that was planned without can be read by UUID only."""
    absent_by_uuid: list[float] = []
    absent_by_distinct_id: list[float] = []
    present: list[float] = []
    glimpsed: list[float] = []
    """Shown as it was by a response that is invalid as a whole: it proves nothing, but the person was not gone yet."""
    recreated: bool = False
    merged: bool = False
    as_asked_at: float = 0.0
    covered_until: float = 0.0
    deletes: list[float] = []
    maybe_sent: bool = False
    """The journal of a killed run says that a deletion may have been sent; it is written before that is."""
    changes: list[float] = []
    deletes_accepted: list[float] = []
    events_accepted: list[float] = []
    recordings_accepted: list[float] = []
    changes_accepted: list[float] = []
    refused_alone_at: float = 0.0
    story: list[str] = []

    @property
    def is_absent(self) -> bool:
        """Whether a second look, by UUID and by any distinct ID, some seconds after the first, missed it again."""
        seen = max(self.present, default=0.0)
        first = min((at for at in self.absent_by_uuid if at > seen), default=None)
        if first is None:
            return False
        again = first + CONFIRMED_AFTER_S
        looks = [self.absent_by_uuid, *([self.absent_by_distinct_id] if self.has_distinct_id else [])]
        return all(max(look, default=0.0) >= again for look in looks)


class Witness:
    """Watches the line of one case.

    Arguments:
        others: tells how long ago somebody else did something to a person.
    """

    def __init__(self, case: Case, project: Project, others: Others) -> None:
        self.faults: list[str] = []
        self.evidence = {member.name: Evidence() for member in project.selected}
        self._case = case
        self._project = project
        self._others = others
        self._by_uuid = {str(member.uuid): member for member in project.selected}
        self._by_distinct_id = {each: member for member in project.selected for each in member.distinct_ids}
        self.recordings = RecordingEvidence(case, project)
        self.planned: frozenset[str] = frozenset()
        self.maybe_not_kept: dict[str, float] = {}
        """When the response to a request that keeps persons was empty, by their names, until they are read again."""

    def begin(self, planned: frozenset[str], without_distinct_id: frozenset[str]) -> None:
        """The job begins: what was told for its plan is no proof of anything.

        Arguments:
            planned: names of those in the plan.
            without_distinct_id: names of those that the plan has no distinct ID of.
        """
        self.planned = planned
        self.recordings.begin()
        self.evidence = {
            name: Evidence(has_distinct_id=name not in without_distinct_id, story=before.story)
            for name, before in self.evidence.items()
        }

    def sent(self, action: str, call: ParsedRequest) -> None:
        """A request leaves."""
        if action == "capture":
            self._events(call.peek()["batch"])
        elif action == "bulk_delete" or action in _OF_ONE:
            body = call.peek() or {}
            keeps = action != "destroy" and (action != "bulk_delete" or bool(body.get("keep_person")))
            if any(self._project.machine.true() > at + AT_ONCE_S for at in self.maybe_not_kept.values()):
                self.faults.append(f"{action} before {sorted(self.maybe_not_kept)} are known to be kept")
            for uuid in self._uuids(action, call):
                self._call(action, uuid, keeps=keeps)

    def told(self, action: str, call: ParsedRequest, response: Response) -> None:
        """A response reaches the engine."""
        if action in _READS:
            self._read(action, call, response)
        elif action == "deletion_status":
            self._rows(response)
        elif action == "recordings" and _body(response):
            self.recordings.told(call.peek()["query"], _body(response)["results"])
        elif action in ("bulk_delete", "capture") or action in _OF_ONE:
            self._changed(action, call, response)

    def _uuids(self, action: str, call: ParsedRequest) -> list[str]:
        if action == "bulk_delete":
            return [str(UUID(each)) for each in call.peek()["ids"]]
        return [str(UUID(call.path.split("/persons/")[1].split("/")[0]))]

    def _call(self, action: str, uuid: str, *, keeps: bool) -> None:
        member, now = self._by_uuid.get(uuid), self._project.machine.true()
        if member is None or member.name not in self.planned:
            self.faults.append(f"{action} for {uuid}, who is not in the plan")
            return
        evidence = self.evidence[member.name]
        evidence.story.append(self._line(action + (" keeping the person" if keeps and action == "bulk_delete" else "")))
        if self._project.alive_as(member) == "recreated" and self._long_since(member, "recreate", CHECK_HOLDS_S):
            self.faults.append(f"{action} for {member.name}, who was re-created long before")
        if action in _CHANGES:
            evidence.changes.append(now)
        if not keeps:
            evidence.deletes.append(now)
            if self._case.events_too and self._project.alive_as(member) == "same":
                self._check_covered(member, evidence, now)
            if self._case.recordings_too and not evidence.recordings_accepted:
                self.faults.append(f"{member.name} is deleted before its recordings are requested")

    def _check_covered(self, member: Member, evidence: Evidence, now: float) -> None:
        if self._case.options.get("deletion_status", True):
            until = evidence.covered_until
        else:  # nobody can see the rows of such a server: what counts is that it took the call
            until = max(evidence.events_accepted, default=0.0)
        if self._project.machine.just_woke:
            return
        if not until:
            self.faults.append(f"{member.name} is deleted and its events are not covered")
        elif until < now - HOUR_S - SLACK_S:
            self.faults.append(
                f"{member.name} is deleted and its events are covered up to {now - until:.0f} s ago only"
            )

    def _events(self, batch: list[dict[str, Any]]) -> None:
        for event in batch:
            member = self._by_distinct_id.get(event["distinct_id"])
            if member is None or member.name not in self.planned:
                self.faults.append(f"an event for {event['distinct_id']}, who is not in the plan")
                continue
            evidence = self.evidence[member.name]
            evidence.changes.append(self._project.machine.true())
            evidence.story.append(self._line("event"))
            alive = self._project.alive_as(member)
            if alive != "same" and self._long_since(member, "remove merge recreate", EVENT_CHECK_HOLDS_S):
                self.faults.append(f"an event for {member.name}, who was {alive} long before")

    def _long_since(self, member: Member, whats: str, holds_s: float) -> bool:
        last = max((act.at for act in self._others.did(member.name, *whats.split())), default=0.0)
        return self._project.machine.true() - last > holds_s and not self._project.machine.just_woke

    def _changed(self, action: str, call: ParsedRequest, response: Response) -> None:
        now = self._project.machine.true()
        body = call.peek() or {}
        if action == "capture":
            members = [self._by_distinct_id.get(event["distinct_id"]) for event in body["batch"]]
        else:
            members = [self._by_uuid.get(uuid) for uuid in self._uuids(action, call)]
        good = response.status < 300 and not response.body.startswith(b"<")
        if action == "bulk_delete" and body.get("keep_person") and not response.body:
            good = False
            self.maybe_not_kept |= {member.name: now for member in members if member is not None}
        for member in members:
            if member is None:
                continue
            evidence = self.evidence[member.name]
            evidence.story.append(self._line(f"{action} -> {response.status}"))
            if good:
                for kind in self._kinds(action, body):
                    getattr(evidence, f"{kind}_accepted").append(now)
            elif len(members) == 1 and response.status in _FINAL_REFUSALS:
                evidence.refused_alone_at = now

    def _kinds(self, action: str, body: dict[str, Any]) -> list[str]:
        if action in _CHANGES:
            return ["changes"]
        if action == "destroy" or action.startswith("delete_"):
            return ["deletes"] if action == "destroy" else [action.removeprefix("delete_")]
        kinds = [kind for kind in ("events", "recordings") if body.get(f"delete_{kind}")]
        return kinds if body.get("keep_person") else [*kinds, "deletes"]

    def _read(self, action: str, call: ParsedRequest, response: Response) -> None:
        now = self._project.machine.true()
        results = _body(response) or None
        if action == "retrieve":
            member = self._by_uuid.get(self._uuids(action, call)[0])
            if member is not None and (results is not None or b'"not_found"' in response.body):
                self._shown(member, results, now, by_uuid=True)
        elif results is None:
            return
        elif action == "list":
            member = self._by_distinct_id.get(call.parameters.get("distinct_id", ""))
            if member is not None:  # whether the store has whoever is listed is read next
                self._listed(member, results["results"], now)
        else:
            by_uuid = action == "batch_by_uuids"
            asked, known = call.peek()["uuids" if by_uuid else "distinct_ids"], self._by_uuid if by_uuid else None
            persons = results["results"]
            if self._is_invalid(asked, persons, by_uuid=by_uuid):
                self._glimpsed(persons.values(), now)
                return
            for key in asked:
                member = (known or self._by_distinct_id).get(key)
                if member is not None:
                    self._shown(member, persons.get(key), now, by_uuid=by_uuid)

    def _is_invalid(self, asked: list[str], persons: dict[str, Any], *, by_uuid: bool) -> bool:
        """Whether a batch response proves nothing of anybody: a record lacks a field, or is under another's key."""
        needed = ("created_at", "distinct_ids", *(["properties"] if self._case.changes_properties else []))
        incomplete = any(person.get(field) is None for person in persons.values() for field in needed)
        mixed_up = by_uuid and any(key != person["uuid"] for key, person in persons.items())
        replaced = not persons.keys() <= set(asked) and not persons.keys() >= set(asked)
        return incomplete or mixed_up or replaced

    def _glimpsed(self, persons: Iterable[dict[str, Any]], now: float) -> None:
        for person in persons:
            member = self._by_uuid.get(person["uuid"])
            if member is not None and person["created_at"] == _iso(member):
                self.evidence[member.name].glimpsed.append(now)
                self.evidence[member.name].story.append(self._line("shown by an invalid response"))

    def _rows(self, response: Response) -> None:
        for row in _body(response).get("results", ()):
            member, at = self._by_uuid.get(row["person_uuid"]), datetime.fromisoformat(row["created_at"]).timestamp()
            if member is not None:
                evidence = self.evidence[member.name]
                if row["status"] in ("pending", "completed"):
                    evidence.covered_until = max(evidence.covered_until, at)
                evidence.story.append(self._line(f"row of {at - EPOCH:.0f} {row['status']}"))

    def _listed(self, member: Member, results: list[dict[str, Any]], now: float) -> None:
        evidence = self.evidence[member.name]
        evidence.absent_by_distinct_id.append(now)
        evidence.merged = evidence.merged or any(person["uuid"] != str(member.uuid) for person in results)

    def _shown(self, member: Member, person: dict[str, Any] | None, now: float, *, by_uuid: bool) -> None:
        evidence = self.evidence[member.name]
        if person is None:
            (evidence.absent_by_uuid if by_uuid else evidence.absent_by_distinct_id).append(now)
            evidence.story.append(self._line(f"absent by {'uuid' if by_uuid else 'distinct id'}"))
            return
        missing = [field for field in ("created_at", "distinct_ids", "properties") if person.get(field) is None]
        if "created_at" not in missing and person["uuid"] != str(member.uuid):
            evidence.merged = True
        elif "created_at" not in missing and person["created_at"] != _iso(member):
            evidence.recreated = True
        elif not missing or missing == ["properties"]:
            evidence.present.append(now)
            if self.maybe_not_kept.get(member.name, now) <= now - CONFIRMED_AFTER_S:
                del self.maybe_not_kept[member.name]
            if not missing and is_as_asked(self._case, member, person["properties"]):
                evidence.as_asked_at = now
        evidence.story.append(self._line("shown" + "".join(f", without {field}" for field in missing)))

    def _line(self, what: str) -> str:
        return f"{self._project.machine.true() - EPOCH:.1f} {what}"


def _body(response: Response) -> dict[str, Any]:
    """What a good response says; nothing where it is none."""
    return json.loads(response.body) if response.status == 200 and response.body.startswith(b"{") else {}


def _iso(member: Member) -> str:
    text = member.created_at.replace(tzinfo=None).isoformat()
    return f"{text}Z"
