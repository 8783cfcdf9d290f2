"""Jobs whose reads leave persons out at one stage, once or for a while: what becomes of them, then and in the end."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec
from job_model.case import OPERATIONS
from job_model.judges.oracle import states_of
from job_model.world import responses
from job_model.world.machine import Machine
from job_model.world.network import LATENCY_S, action_of
from job_model.world.project import DAY_S, Member, Project
from job_model.world.trouble import WRITES, Spell
from job_model.world.wire import Lost, client_over, response_of

from asyncclient import Limits, RateLimits
from asyncclient.testing import ServerOptions
from asyncclient.testing.http.envelope import Response
from asyncclient.testing.http.parsed_request import ParsedRequest
from bulk import (
    BreakerOpened,
    ByDistinctIds,
    ByFilter,
    ByPersonIds,
    Refused,
    Report,
    make_plan,
    read_report,
    run_job,
    verify_job,
)

Stage = Literal["planning", "checking", "unclear", "reading back", "verifying"]

READS: dict[str, frozenset[str]] = {
    "by UUID": frozenset({"batch_by_uuids"}),
    "by distinct ID": frozenset({"batch_by_distinct_ids"}),
    "by both": frozenset({"batch_by_uuids", "batch_by_distinct_ids"}),
    "one by one": frozenset({"retrieve", "list"}),
    "rows": frozenset({"deletion_status"}),
    "listing": frozenset({"list"}),
    "query": frozenset({"query"}),
    "queried by UUID": frozenset({"batch_by_uuids"}),
    "recordings": frozenset({"recordings"}),
}
PERSONS = 4
WHILE_S = 40.0
ONE_LOOK_S = 1.0
"""Within which the reads of one look at the store are made: by UUID, and then by distinct ID."""
CATCHES_UP_S = 12.0
"""How long the server takes to do what it has accepted."""
TURNS_TO_HEAL = 6
BREAKER_OPENED = 4


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What is left out of which responses, and when.

    Arguments:
        read: of `READS`.
        who: how many of the four persons.
        lasts_s: None is one look, thus one response to each such read.
    """

    operation: str
    read: str
    stage: Stage
    who: int
    lasts_s: float | None

    @property
    def name(self) -> str:
        """For people."""
        lasting = "once" if self.lasts_s is None else "for a while"
        return f"{self.operation}, {self.stage}, {self.read}, {self.who} of {PERSONS} {lasting}"


class Ends(msgspec.Struct, frozen=True, kw_only=True):
    """How a row ended.

    Arguments:
        planned: how many of the persons were in the plan.
        exit_code: of the first run, or of the verify whose responses left persons out.
        left_out: by axis, the states of those that responses left out, as the first report has them.
        last_exit_code, all_done: in the end, when nothing was left out any more.
    """

    planned: int
    exit_code: int
    left_out: dict[str, set[str]]
    last_exit_code: int
    all_done: bool


class _LeavingOut:
    """A network that leaves persons out of responses, and loses the one to the first change if that is requested."""

    def __init__(self, row: Row, project: Project) -> None:
        self.stage = "planning"
        self._row = row
        self._project = project
        self._reads = READS[row.read]
        self._left_out = project.selected[: row.who]
        self._once: set[str] = set()
        self._began: float | None = None
        self._changes = 0

    async def exchange(self, call: ParsedRequest, _timeout_s: float, left: Callable[[], None]) -> Response:
        """As `wire.Network` has it."""
        action = action_of(call)
        left()
        await asyncio.sleep(LATENCY_S)
        if action in WRITES or action == "capture":
            self._changes += 1
            if self._row.stage == "unclear" and self._changes == 1:
                raise Lost
        response = response_of(self._project.server, call)
        if self._is_due(action):
            asked = responses.asked_for(action, call.path, call.peek(), call.parameters)
            under = [self._spell(member) for member in self._left_out if asked(member)]
            if under:
                self._once.add(action)
                response = responses.spoilt(action, response, under)
        return response

    def _is_due(self, action: str) -> bool:
        if action not in self._reads or not self._is_stage():
            return False
        now = self._project.machine.true()
        self._began = now if self._began is None else self._began
        lasts_s = ONE_LOOK_S if self._row.lasts_s is None else self._row.lasts_s
        return now < self._began + lasts_s and not (self._row.lasts_s is None and action in self._once)

    def _is_stage(self) -> bool:
        match self._row.stage:
            case "planning" | "verifying":
                return self.stage == self._row.stage
            case "checking":
                return self.stage == "running" and (self._changes == 0 or self._began is not None)
            case _:
                return self.stage == "running" and self._changes > 0

    def _spell(self, member: Member) -> Spell:
        return Spell(member=member, where=self._reads, how="left_out", until=None)


async def play(row: Row, folder: Path) -> Ends | None:
    """Plan, run and verify as the row has it, and go on until all is as asked; None where nobody was planned."""
    machine = Machine()
    with machine.in_use():
        project = _project(row, machine)
        network = _LeavingOut(row, project)
        try:
            async with _client(project, network) as client:
                plan = await make_plan(client, OPERATIONS[row.operation], _selection(row, project), folder / "plan")
        except Refused:
            return None
        with plan:
            uuids = {target.uuid: target.number for target in plan.iter()}
            numbers = [uuids[member.uuid] for member in project.selected[: row.who] if member.uuid in uuids]
            purposes = ("running", "verifying") if row.stage == "verifying" else ("running",)
            first = last = None
            for purpose in purposes:
                network.stage = purpose
                first = last = await _one(project, network, plan, folder, purpose)
                await asyncio.sleep(61.0)
            network.stage = "over"
            for purpose in ("verifying", "running") * TURNS_TO_HEAL:
                if last.exit_code == 0 and purpose == "running":
                    break
                last = await _one(project, network, plan, folder, purpose)
                await asyncio.sleep(7 * DAY_S)
                project.server.run_event_deletion()
            assert first is not None
            states = states_of(first)
            return Ends(
                planned=plan.count,
                exit_code=first.exit_code,
                left_out={
                    axis: {"/".join(sorted(of_axis[number])) for number in numbers} for axis, of_axis in states.items()
                },
                last_exit_code=last.exit_code,
                all_done=all(_is_done(row, project, each) for each in project.selected if each.uuid in uuids),
            )


async def _one(project: Project, network: _LeavingOut, plan: Any, folder: Path, purpose: str) -> Report:
    journal = folder / "journal"
    async with _client(project, network) as client:
        try:
            if purpose == "verifying":
                return await verify_job(client, plan, journal)
            return await run_job(client, plan, journal, approve=plan.digest)
        except BreakerOpened:
            return msgspec.structs.replace(read_report(journal, plan), exit_code=BREAKER_OPENED)


def _client(project: Project, network: _LeavingOut) -> Any:
    server = project.server
    return client_over(
        network,
        key=server.personal_api_key,
        project_id=server.project_id,
        limits=Limits(RateLimits.off()),
        uniform=lambda low, high: low,
    )


def _project(row: Row, machine: Machine) -> Project:
    one_call_per_person = row.read == "one by one"
    options = ServerOptions(
        era="queued",
        gzip=False,
        queued_delay_s=CATCHES_UP_S,
        capture_lag_s=CATCHES_UP_S,
        batch_reads=not one_call_per_person,
    )
    project = Project(options, machine)
    for number in range(PERSONS):
        project.select(f"t{number}", {"plan": "free", "secret": "s"})
        if row.read == "recordings":
            project.world.add_recording(f"s{number}", [f"t{number}"])
    if row.read.startswith("quer"):
        for number in range(PERSONS * 10):
            project.world.add_person([f"b{number}"], {"plan": "free"})
    return project


def _selection(row: Row, project: Project) -> Any:
    if row.read in ("listing", "query", "queried by UUID"):
        return ByFilter(everyone=True)
    if row.read == "by UUID":
        return ByPersonIds([member.uuid for member in project.selected])
    return ByDistinctIds([member.distinct_ids[0] for member in project.selected])


def _is_done(row: Row, project: Project, member: Member) -> bool:
    person = project.world.person(member.uuid)
    rows = project.world.deletion_rows(member.uuid)
    if row.operation.startswith("delete") and "-" not in row.operation:
        return person is None and (bool(rows) or "events" not in row.operation)
    if person is None:
        return False
    if row.operation == "delete-events":
        return bool(rows)
    if row.operation == "delete-recordings":
        return project.world.recordings_requested(member.uuid) > 0
    if row.operation.startswith("unset"):
        return "secret" not in person.properties
    return person.properties["plan"] == "pro"
