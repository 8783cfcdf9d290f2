"""A case of the model: one job over a few persons, with everything that befalls it, drawn from a seed."""

import random
from typing import Any, Literal

import msgspec

from asyncclient import RateLimits
from asyncclient.testing import PersonalKey, ServerOptions
from bulk import (
    ByDistinctIds,
    ByFilter,
    ByPersonIds,
    DeleteEvents,
    DeletePersons,
    DeleteRecordings,
    UnsetProperties,
    UpdateProperties,
)

OPERATIONS: dict[str, Any] = {
    "delete": DeletePersons(),
    "delete+events": DeletePersons(delete_events=True),
    "delete+recordings": DeletePersons(delete_recordings=True),
    "delete+both": DeletePersons(delete_events=True, delete_recordings=True),
    "delete-events": DeleteEvents(),
    "delete-recordings": DeleteRecordings(),
    "unset-rest": UnsetProperties(keys=("secret", "token"), route="rest"),
    "unset-capture": UnsetProperties(keys=("secret", "token"), route="capture"),
    "update-rest": UpdateProperties(properties={"plan": "pro", "seats": 3}, route="rest"),
    "update-capture": UpdateProperties(properties={"plan": "pro", "seats": 3}, route="capture"),
}
ERAS = ("empty202", "summary", "queued")
DAY_S = 86_400.0
GAPS_S = (0.0, 61.0, 1860.0, DAY_S, 30 * DAY_S)
STEPS_S = (10.0, -10.0, 3600.0, -3600.0)
TIGHT = RateLimits(deletes_per_minute=2, deletes_per_hour=4, others_per_minute=40)

BLIND_KEY = PersonalKey(key="phx_key_of_a_user_who_does_not_see_all", hidden_properties=("secret",))

Purpose = Literal["run", "verify"]


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One run or verify of the job while there is trouble.

    Arguments:
        gap_s: since the one before.
        ends_at: the request at which it is told to stop, or is cancelled where `roughly`.
    """

    purpose: Purpose
    gap_s: float
    ends_at: int | None
    roughly: bool

    @property
    def is_killed(self) -> bool:
        """Whether it is killed, and not only cancelled: its journal then lacks what it would write at its end."""
        return self.roughly and self.ends_at is not None and self.ends_at % 2 == 0


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """What is drawn before anything happens; what befalls single requests is drawn on the way (see `trouble`).

    Arguments:
        run_blindly: while there is trouble, the job runs with the key of a user from whom a property is hidden.
    """

    seed: int
    operation: str
    era: str
    options: dict[str, Any]
    targets: int
    selected_by: str
    planned_in_trouble: bool
    limits: RateLimits
    settings: dict[str, Any]
    wall_off_s: float
    turns: tuple[Turn, ...]
    list_lag_s: float = 0.0
    per_person: bool = False
    keeps_before: bool = False
    run_blindly: bool = False

    @property
    def deletes_persons(self) -> bool:
        """Whether the operation deletes persons."""
        return self.operation.partition("+")[0] == "delete"

    @property
    def events_too(self) -> bool:
        """Whether persons' events must be covered before they are deleted."""
        return self.operation in ("delete+events", "delete+both")

    @property
    def recordings_too(self) -> bool:
        """Whether the operation deletes recordings, alone or beside others."""
        return self.operation in ("delete+recordings", "delete+both", "delete-recordings")

    @property
    def changes_properties(self) -> bool:
        """Whether persons are changed, which the server does by events of its own where it is not sent any."""
        return self.operation.startswith(("unset", "update"))

    def server_options(self) -> ServerOptions:
        """The server's settings."""
        return ServerOptions(era=self.era, gzip=False, sunset="", more_keys=(BLIND_KEY,), **self.options)

    def selection(self, uuids: list[Any], distinct_ids: list[str]) -> Any:
        """What the plan is made from."""
        match self.selected_by:
            case "uuids":
                return ByPersonIds(uuids)
            case "distinct_ids":
                return ByDistinctIds(distinct_ids)
            case _:
                return ByFilter(everyone=True)


def draw(seed: int) -> Case:
    """The case of a seed; ten operations on three eras come round every thirty seeds."""
    chance = random.Random(f"case {seed}")
    names = list(OPERATIONS)
    operation, era = names[seed % len(names)], ERAS[seed // len(names) % len(ERAS)]
    ways = ("uuids", "distinct_ids", "everyone") if operation.startswith("unset") else ("uuids", "distinct_ids")
    options = _options(chance, era) | _more_options(seed, operation)
    return Case(
        seed=seed,
        operation=operation,
        era=era,
        options=options,
        list_lag_s=_list_lag_s(seed, operation, batch_reads=options.get("batch_reads", True)),
        **_more_of_properties(seed, operation),
        run_blindly=operation.startswith("unset") and random.Random(f"blindly {seed}").random() < 0.2,
        targets=chance.randint(3, 12),
        selected_by=chance.choice(ways),
        planned_in_trouble=chance.random() < 0.25,
        limits=TIGHT if chance.random() < 0.1 else RateLimits.off(),
        settings={
            "batch_size": chance.choice((1, 2, 4, 250)),
            "concurrency": chance.choice((1, 3, 8)),
            "wait_s": chance.choice((0.0, 20.0, 900.0)),
        },
        wall_off_s=chance.choice((0.0, 0.0, 10.0, -10.0, 7200.0, -7200.0)),
        turns=tuple(_turn(chance, first=number == 0) for number in range(chance.randint(1, 4))),
    )


def _options(chance: random.Random, era: str) -> dict[str, Any]:
    options: dict[str, Any] = {"capture_lag_s": chance.choice((0.0, 0.0, 3.0, 40.0))}
    if era == "empty202":
        options |= {"deletion_status": False, "keep_person": False, "delete_property_lists": False}
        options["batch_reads"] = chance.random() < 0.5
    if era == "queued":
        options["queued_delay_s"] = chance.choice((0.0, 20.0, 170.0))
    if era != "queued":
        options["delete_order"] = chance.choice(("legacy", "tombstone"))
    return options


def _more_options(seed: int, operation: str) -> dict[str, Any]:
    """Options of the recordings, from a source of their own: the other draws stay as they are."""
    chance = random.Random(f"more options {seed}")
    options: dict[str, Any] = {}
    if "recordings" in operation or operation == "delete+both":
        options["recording_lag_s"] = chance.choice((0.0, 600.0, DAY_S, 10 * DAY_S))
        options["recording_grace_days"] = chance.choice((1, 7, 365))
        options["recording_marks"] = chance.random() < 0.9
    return options


def _more_of_properties(seed: int, operation: str) -> dict[str, bool]:
    """Whether each person gets values of its own, and whether a before-image is kept; the other draws stay as they are.

    Every case with a before-image is reverted in the end.
    """
    chance = random.Random(f"properties {seed}")
    per_person, keeps_before = chance.random() < 0.5, chance.random() < 0.5
    return {
        "per_person": per_person and operation.startswith("update"),
        "keeps_before": keeps_before and operation.startswith(("unset", "update")),
    }


def _list_lag_s(seed: int, operation: str, *, batch_reads: bool) -> float:
    """How long the list of persons lags; servers without batch reads find distinct IDs in it, so that it does not."""
    chance = random.Random(f"list {seed}")
    return chance.choice((0.0, 600.0, 20 * DAY_S)) if batch_reads and operation.startswith("delete") else 0.0


def _turn(chance: random.Random, *, first: bool) -> Turn:
    return Turn(
        purpose="verify" if not first and chance.random() < 0.3 else "run",
        gap_s=0.0 if first else chance.choice(GAPS_S),
        ends_at=chance.randint(1, 40) if chance.random() < 0.5 else None,
        roughly=chance.random() < 0.3,
    )
