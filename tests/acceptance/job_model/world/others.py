"""Other people at work on the same persons: they delete, merge, re-create and change them, and ask for deletions."""

import random
from uuid import uuid5

import msgspec
from job_model.case import Case
from job_model.world.project import DAY_S, Member, Project

MOST_ACTS = 5


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """What was done to whom, and when by the server's clock."""

    what: str
    name: str
    at: float


class Others:
    """They act at random, a few times."""

    def __init__(self, case: Case, project: Project, chance: random.Random) -> None:
        self.mutations: list[Act] = []
        self._case = case
        self._project = project
        self._chance = chance
        changing = ("change", "change") if case.changes_properties else ()
        self._possible = ("remove", "merge", "recreate", "ask", "purge", "cancel", *changing)

    def act(self) -> None:
        """Do something to one of the selected persons, if there is something to do."""
        if len(self.mutations) >= MOST_ACTS:
            return
        what, member = self._chance.choice(self._possible), self._chance.choice(self._project.selected)
        self.do(what, member)

    def do(self, what: str, member: Member) -> None:
        """Do something to a person, if that is possible."""
        if getattr(self, f"_{what}")(member):
            self.mutations.append(Act(what=what, name=member.name, at=self._project.machine.true()))

    def did(self, name: str, *whats: str) -> list[Act]:
        """What was done to a person, of these."""
        return [act for act in self.mutations if act.name == name and act.what in whats]

    def _remove(self, member: Member) -> bool:
        if self._project.world.person(member.uuid) is None:
            return False
        self._project.world.remove_person(member.uuid)
        return True

    def _merge(self, member: Member) -> bool:
        world, into = self._project.world, self._chance.choice(self._project.bystanders)
        if world.person(member.uuid) is None:
            return False
        world.merge(into.uuid, member.uuid)
        return True

    def _recreate(self, member: Member) -> bool:
        world = self._project.world
        if world.uuid_of(member.distinct_ids[0]) not in (None, member.uuid):
            return False
        world.recreate(member.uuid)
        return True

    def _newcomer(self, member: Member) -> bool:
        """Somebody new gets the distinct ID of a person that is gone."""
        world = self._project.world
        if world.person(member.uuid) is not None or world.uuid_of(member.distinct_ids[0]) is not None:
            return False
        world.add_person(member.distinct_ids[:1], uuid=uuid5(member.uuid, str(len(self.mutations))))
        return True

    def _change(self, member: Member) -> bool:
        world = self._project.world
        if world.person(member.uuid) is None:
            return False
        undone = {"plan": "free"} if self._case.operation.startswith("update") else {"secret": "anew"}
        world.set_properties(member.uuid, undone)
        return True

    def _ask(self, member: Member) -> bool:
        """Ask for the events' deletion, now or some time ago, as far as nobody has."""
        if any(row.status == "pending" for row in self._project.world.deletion_rows(member.uuid)):
            return False
        self._project.add_row(member.uuid, self._chance.choice((0.0, 0.0, DAY_S)), completed=False)
        return True

    def _purge(self, _member: Member) -> bool:
        """The server's own weekly job."""
        self._project.server.run_event_deletion()
        return True

    def _cancel(self, member: Member) -> bool:
        """Something happens to the newest request: nobody knows what its status covers, or its row cannot be read."""
        return self._project.void_newest(member, self._chance.choice(("cancelled", None)))
