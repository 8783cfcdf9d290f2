"""The project that a case works on: its server, the persons that are selected and those who must be left alone."""

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from job_model.case import Case
from job_model.world.machine import Machine

from asyncclient.testing import LocalPostHog, ServerOptions

BYSTANDERS = 3
BYSTANDING = {"plan": "other"}
HOUR_S = 3600.0
DAY_S = 86_400.0
LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A person as it was when the project was set up."""

    name: str
    uuid: UUID
    created_at: datetime
    distinct_ids: tuple[str, ...]


class Project:
    """A server without persons yet.

    Arguments:
        options: of the server.
        machine: whose clock the server shares.
    """

    def __init__(self, options: ServerOptions, machine: Machine) -> None:
        self.machine = machine
        self.server = LocalPostHog(options=options, clock=machine.true)
        self.world = self.server.world
        self.selected: list[Member] = []
        self.bystanders: list[Member] = []
        self.void: dict[tuple[UUID, datetime], str | None] = {}
        """Deletion rows with a status of which nobody knows that it covers anything, and what it is called."""

    @classmethod
    def drawn(cls, case: Case, machine: Machine) -> "Project":
        """The project of a case: some persons are as asked already, some have event deletions behind them."""
        project, chance = cls(case.server_options(), machine), random.Random(f"project {case.seed}")
        done = {"plan": "pro", "seats": 3} if case.operation.startswith("update") else {"plan": "free"}
        for number in range(case.targets):
            some = {"plan": "free", "secret": "s", **({"token": "t"} if chance.random() < 0.5 else {})}
            as_asked, second = chance.random() < 0.15, chance.random() < 0.3
            created_at = LONG_AGO if chance.random() < 0.03 else None
            member = project.select(f"t{number}", done if as_asked else some, second=second, created_at=created_at)
            if chance.random() < 0.05:
                project.world.set_heavy(member.uuid)
        for number in range(BYSTANDERS):
            project.bystanders.append(project._add(f"b{number}", BYSTANDING))
        for member in project.selected:
            project._history(member, chance)
        if case.recordings_too:
            project._record(random.Random(f"recordings {case.seed}"))
        project.server.reconfigure(list_lag_s=case.list_lag_s)
        return project

    def _record(self, chance: random.Random) -> None:
        """Give everybody up to two recordings, under any of the distinct IDs."""
        for member in (*self.selected, *self.bystanders):
            for number in range(1 if member in self.bystanders else chance.randint(0, 2)):
                self.world.add_recording(f"{member.name}-{number}", [chance.choice(member.distinct_ids)])

    def select(
        self,
        name: str,
        properties: Mapping[str, object],
        *,
        second: bool = False,
        created_at: datetime | None = None,
    ) -> Member:
        """Add a person that the job is for, with a second distinct ID if so told."""
        self.selected.append(self._add(name, properties, second=second, created_at=created_at))
        return self.selected[-1]

    def _add(
        self,
        name: str,
        properties: Mapping[str, object],
        *,
        second: bool = False,
        created_at: datetime | None = None,
    ) -> Member:
        distinct_ids = (name, f"{name}-phone") if second else (name,)
        uuid = self.world.add_person(distinct_ids, properties, created_at=created_at)
        person = self.world.person(uuid)
        assert person is not None
        return Member(name=name, uuid=uuid, created_at=person.created_at, distinct_ids=distinct_ids)

    def _history(self, member: Member, chance: random.Random) -> None:
        """A row of an earlier request: completed, pending for some time, of an unknown status, or unreadable."""
        if chance.random() < 0.2:
            age_s = chance.choice((600.0, 2 * HOUR_S, 3 * DAY_S))
            self.add_row(member.uuid, age_s, completed=chance.random() < 0.4)
            if chance.random() < 0.3:
                self.void_newest(member, "cancelled" if member.uuid.int & 2 else None)

    def void_newest(self, member: Member, status: str | None) -> bool:
        """Give the newest row of a person a status of which nobody knows what it covers, or none, if there is a row."""
        rows = self.world.deletion_rows(member.uuid)
        if rows:
            self.void[member.uuid, rows[0].created_at] = status
        return bool(rows)

    def add_row(self, uuid: UUID, age_s: float, *, completed: bool) -> None:
        """Put in a row of a request by somebody else."""
        self.world.add_deletion_row(uuid, created_at=self.machine.true() - age_s, completed=completed)

    def properties_of(self, member: Member) -> dict[str, Any]:
        """The properties that the person has now; none if it is gone."""
        person = self.world.person(member.uuid)
        return {} if person is None else dict(person.properties)

    def alive_as(self, member: Member) -> str:
        """What has become of a person: "same", "recreated", "other" (somebody else has its distinct id) or "gone"."""
        person = self.world.person(member.uuid)
        if person is not None:
            return "same" if person.created_at == member.created_at else "recreated"
        return "gone" if self.world.uuid_of(member.distinct_ids[0]) is None else "other"
