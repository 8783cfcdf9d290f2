"""The project that a case works on: its server, the persons that are selected and those who must be left alone."""

import random
from datetime import datetime
from uuid import UUID

import msgspec
from job_model.case import Case
from job_model.machine import Machine

from asyncclient.testing import LocalPostHog

BYSTANDERS = 3
HOUR_S = 3600.0
DAY_S = 86_400.0


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A person as it was when the project was set up."""

    name: str
    uuid: UUID
    created_at: datetime
    distinct_ids: tuple[str, ...]


class Project:
    """A server with a few persons, some of whom have event deletions behind them."""

    def __init__(self, case: Case, machine: Machine) -> None:
        self.machine = machine
        self.server = LocalPostHog(options=case.server_options(), clock=machine.true)
        self.world = self.server.world
        self.void: dict[tuple[UUID, datetime], str] = {}
        """Deletion rows with a status of which nobody knows that it covers anything, and what it is called."""
        chance = random.Random(f"project {case.seed}")
        self.selected = [self._member(f"t{number}", chance, case) for number in range(case.targets)]
        self.bystanders = [self._add(f"b{number}", {"plan": "other"}) for number in range(BYSTANDERS)]
        for member in self.selected:
            self._history(member, chance)

    def _member(self, name: str, chance: random.Random, case: Case) -> Member:
        done = {"plan": "pro", "seats": 3} if case.operation.startswith("update") else {"plan": "free"}
        open_ = {"plan": "free", "secret": "s", **({"token": "t"} if chance.random() < 0.5 else {})}
        return self._add(name, done if chance.random() < 0.15 else open_, second=chance.random() < 0.3)

    def _add(self, name: str, properties: dict[str, object], *, second: bool = False) -> Member:
        distinct_ids = (name, f"{name}-phone") if second else (name,)
        uuid = self.world.add_person(distinct_ids, properties)
        person = self.world.person(uuid)
        assert person is not None
        return Member(name=name, uuid=uuid, created_at=person.created_at, distinct_ids=distinct_ids)

    def _history(self, member: Member, chance: random.Random) -> None:
        """Rows of earlier requests: completed, pending for some time, or pending when it is one of today."""
        if chance.random() < 0.2:
            age_s = chance.choice((600.0, 2 * HOUR_S, 3 * DAY_S))
            self.add_row(member.uuid, age_s, completed=chance.random() < 0.4)

    def add_row(self, uuid: UUID, age_s: float, *, completed: bool) -> None:
        """Put in a row of a request by somebody else."""
        self.world.add_deletion_row(uuid, created_at=self.machine.true() - age_s, completed=completed)

    def alive_as(self, member: Member) -> str:
        """What has become of a person: "same", "recreated", "other" (somebody else has its distinct id) or "gone"."""
        person = self.world.person(member.uuid)
        if person is not None:
            return "same" if person.created_at == member.created_at else "recreated"
        return "gone" if self.world.uuid_of(member.distinct_ids[0]) is None else "other"
