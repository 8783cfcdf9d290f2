"""What goes wrong in a case: with requests on their way, with single persons in responses, with clocks, and by others.

Drawn request by request from the case's seed, until it is over. It asks nothing of the engine.
"""

import random
from collections.abc import Callable
from typing import Literal

import msgspec
from job_model.case import STEPS_S, Case
from job_model.world.machine import Machine
from job_model.world.others import Others
from job_model.world.project import Member, Project

Kind = Literal["not_reached", "lost", "silent", "late", "status", "garbage", "empty", "slow", "swallow", "errors"]
READS = frozenset({"batch_by_uuids", "batch_by_distinct_ids", "retrieve", "list", "deletion_status"})
WRITES = frozenset({"bulk_delete", "destroy", "delete_events", "delete_recordings", "update", "delete_property"})
BATCH_READS = frozenset({"batch_by_uuids", "batch_by_distinct_ids"})
DELETES = frozenset({"bulk_delete", "destroy"})
CAPTURE = "capture"

_ON_ALL: tuple[Kind, ...] = ("not_reached", "lost", "silent", "status", "slow")
_REFUSALS = (400, 404, 409, 422)
_FAILURES = (500, 502, 503, 504)


class Fate(msgspec.Struct, frozen=True, kw_only=True):
    """What happens to one request instead of a response.

    Arguments:
        takes_effect: whether the server does what is asked all the same.
        after_s: how slow the response is, or how much later than its request a late one takes effect.
    """

    kind: Kind
    takes_effect: bool = False
    status: int = 0
    after_s: float = 0.0


class Spell(msgspec.Struct, kw_only=True):
    """A person, or its deletion rows, that responses do not show as they are.

    Arguments:
        where: which reads.
        how: "left_out", or a way to spoil what is told of the person.
        until: by the server's clock; None is the next such response only.
    """

    member: Member
    where: frozenset[str]
    how: str
    until: float | None


class Trouble:
    """The trouble of a case."""

    def __init__(self, case: Case, project: Project, machine: Machine) -> None:
        self.over = False
        self.planning = True
        self.spells: list[Spell] = []
        self.long_spells: set[str] = set()
        """Names of persons who were not shown as they are for longer than one look."""
        self.without_ids_twice: set[str] = set()
        """Names of persons whom two reads showed without distinct IDs, one by distinct ID and one by UUID."""
        self._once: set[str] = set()
        self._case = case
        self._project = project
        self._machine = machine
        self._chance = random.Random(f"trouble {case.seed}")
        self._rate = self._chance.choice((0.0, 0.03, 0.1, 0.25))
        self._spell_rate = self._chance.choice((0.0, 0.05, 0.2))
        self._meddling = self._chance.choice((0.0, 0.03, 0.1))
        self._stepping = self._chance.choice((0.0, 0.0, 0.05))
        self._sleeping = self._chance.choice((0.0, 0.0, 0.05))
        self._refusing = self._chance.random() < 0.3
        self._more_chance = random.Random(f"more trouble {case.seed}")
        self._empty_chance = random.Random(f"empty lists {case.seed}")  # its own: the other draws stay as they are
        self._summary_chance = random.Random(f"summaries {case.seed}")
        self._without_summary = self._summary_chance.choice((0.0, 0.0, 0.0, 0.4))
        self.others = Others(case, project, self._chance)

    def end(self) -> None:
        """From now on all goes well."""
        self.over = True
        self.spells.clear()
        self._project.void.clear()

    def stir(self) -> None:
        """Let happen what happens between two requests."""
        if self.over:
            return
        chance = self._chance
        if not self.planning and chance.random() < self._meddling:
            self.others.act()
        if chance.random() < self._spell_rate:
            self._cast()
        if self._case.recordings_too and self._more_chance.random() < self._spell_rate:
            self._hide_recordings()
        if not self.planning and self._more_chance.random() < self._meddling / 2:
            self.others.do("newcomer", self._more_chance.choice(self._project.selected))
        if chance.random() < self._stepping:
            self._machine.wall_off_s += chance.choice(STEPS_S)
        if chance.random() < self._sleeping:
            self._sleep()

    def fate(self, action: str, *, keeps: bool = False) -> Fate | None:
        """What happens to a request; None if it gets its response.

        Arguments:
            keeps: whether it tells the server to keep persons.
        """
        if self.over:
            return None
        if keeps and self._summary_chance.random() < self._without_summary:
            return Fate(kind="empty", takes_effect=self._summary_chance.random() < 0.7)
        if self._chance.random() >= self._rate:
            return None
        return self._fate(action, self._chance.choice(self._possible(action)))

    def spells_on(self, action: str, names: Callable[[Member], bool]) -> list[Spell]:
        """The spells that a response to a read is under, of the persons that it was asked for; short ones end by it."""
        now = self._machine.true()
        self.spells = [one for one in self.spells if one.until is None or one.until > now]
        found = [one for one in self.spells if action in one.where and names(one.member)]
        for one in found:
            if one.until is None:
                one.where -= {action}
        self.spells = [one for one in self.spells if one.where]
        return found

    def _possible(self, action: str) -> tuple[Kind, ...]:
        if action in READS:
            return (*_ON_ALL, "garbage")
        if action in WRITES:
            swallowed: tuple[Kind, ...] = ("swallow",) if self._loss_shows(action) else ()
            return (*_ON_ALL, "garbage", "late", *swallowed, *(("errors",) if action in DELETES else ()))
        return (*_ON_ALL, "late", "swallow") if action == CAPTURE else _ON_ALL

    def _loss_shows(self, action: str) -> bool:
        """Whether reading can tell that an accepted call had no effect: of recordings nothing can be read back."""
        if action in ("update", "delete_property", "destroy"):
            return True
        return (
            action == "bulk_delete" and "recordings" not in self._case.operation and "both" not in self._case.operation
        )

    def _fate(self, action: str, kind: Kind) -> Fate:
        chance = self._chance
        effect = chance.random() < 0.5
        match kind:
            case "status":
                return self._status(action, effect=effect)
            case "slow":
                return Fate(kind=kind, takes_effect=True, after_s=chance.choice((1.0, 8.0, 45.0)))
            case "late":
                return Fate(kind=kind, after_s=chance.choice((1.0, 30.0, 600.0)))
            case "swallow" | "errors":
                return Fate(kind=kind, takes_effect=True)
            case _:
                return Fate(kind=kind, takes_effect=effect and kind != "not_reached")

    def _status(self, action: str, *, effect: bool) -> Fate:
        chance = self._chance
        refusable = action in (WRITES | BATCH_READS) or action == "retrieve"
        if refusable and self._refusing and chance.random() < 0.5:
            return Fate(kind="status", status=chance.choice(_REFUSALS) if action in WRITES else 404)
        return Fate(kind="status", status=chance.choice(_FAILURES), takes_effect=effect)

    def _cast(self) -> None:
        chance, member = self._chance, self._chance.choice(self._project.selected)
        by_uuid, by_distinct_id = frozenset({"batch_by_uuids", "retrieve"}), frozenset({"batch_by_distinct_ids"})
        both = by_uuid | by_distinct_id
        where = chance.choice((both, both, by_uuid, frozenset({"deletion_status"})))
        long = chance.random() < 0.4
        (self.long_spells if long or member.name in self._once else self._once).add(member.name)
        until = self._machine.true() + chance.choice((3.0, 40.0, 900.0)) if long else None
        how = "left_out" if "deletion_status" in where else chance.choice(_WAYS)
        often = ("no_distinct_ids", "left_out") if self.planning else ("no_distinct_ids",)  # plans take few reads
        if where <= both and how in often and self._empty_chance.random() < 0.5:
            how = "empty_distinct_ids"
            if where == both:
                self.without_ids_twice.add(member.name)
        self.spells.append(Spell(member=member, where=where, how=how, until=until))

    def _hide_recordings(self) -> None:
        """Let responses leave out recordings of a person: all of them, or one."""
        chance, member = self._more_chance, self._more_chance.choice(self._project.selected)
        until = self._machine.true() + chance.choice((3.0, 40.0)) if chance.random() < 0.3 else None
        how = chance.choice(("left_out", "one_left_out"))
        self.spells.append(Spell(member=member, where=frozenset({"recordings"}), how=how, until=until))

    def _sleep(self) -> None:
        """The machine sleeps, and others do not."""
        for _ in range(0 if self.planning else self._chance.randint(0, 2)):
            self.others.act()
        self._machine.sleep(self._chance.choice((40.0, 4000.0)))


_WAYS = (
    "left_out",
    "left_out",
    "left_out",
    "no_properties",
    "no_distinct_ids",
    "no_created_at",
    "other_key",
    "stranger_too",
)
"""Ways to be left out of a response, or to be told of in one that cannot be used."""
