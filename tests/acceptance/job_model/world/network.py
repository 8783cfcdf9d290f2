"""The network between client and server: carries requests to the server's gateway, with trouble, before a witness."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from job_model.judges.witness import Witness
from job_model.world import responses
from job_model.world.machine import EPOCH
from job_model.world.project import Project
from job_model.world.trouble import Fate, Trouble
from job_model.world.wire import Lost, NotReached, Silent, response_of

from asyncclient.testing import Fault
from asyncclient.testing.http.envelope import Response
from asyncclient.testing.http.parsed_request import ParsedRequest

LATENCY_S = 0.02

_OF_MANY = frozenset({"bulk_delete", "batch_by_uuids", "batch_by_distinct_ids"})
_OF_ONE = {"GET": "retrieve", "PATCH": "update", "DELETE": "destroy"}


class InTrouble:
    """The way to a project's server and back.

    Arguments:
        on_request: told of each request before it leaves.

    Attributes:
        carries_on: requests of a killed process reach the server.
        trace: each request and each response that arrived, with its time. The same seed gives the same trace.
    """

    def __init__(self, project: Project, trouble: Trouble, witness: Witness, on_request: Callable[[], None]) -> None:
        self._server = project.server
        self._project = project
        self._trouble = trouble
        self._witness = witness
        self._on_request = on_request
        self.carries_on = False
        self.trace: list[str] = []
        self._late: list[tuple[asyncio.TimerHandle, Callable[[], object]]] = []

    async def exchange(self, call: ParsedRequest, timeout_s: float, on_sent: Callable[[], None]) -> Response:
        """As `wire.Network` has it."""
        action = action_of(call)
        self._trace(f"{call.method} {call.path} {call.query} {call.peek()}")
        self._on_request()
        fate = self._trouble.fate(action, keeps=action == "bulk_delete" and bool(call.peek().get("keep_person")))
        if fate is not None and fate.kind == "not_reached":
            raise NotReached
        on_sent()
        self._witness.sent(action, call)
        try:
            await asyncio.sleep(LATENCY_S)
        except asyncio.CancelledError:
            if self.carries_on:
                response_of(self._server, call)
            raise
        response = await self._respond(action, call, fate, timeout_s)
        spells = self._trouble.spells_on(action, responses.asked_for(action, call.path, call.peek(), call.parameters))
        if action == "deletion_status":
            response = responses.with_statuses(response, self._project.void)
        response = responses.spoilt(action, response, spells)
        self._trouble.stir()
        await asyncio.sleep(LATENCY_S)
        self._witness.told(action, call, response)
        self._trace(f"{call.method} {call.path} -> {response.status} {response.body!r}")
        return response

    def _trace(self, what: str) -> None:
        self.trace.append(f"{self._project.machine.true() - EPOCH:.6f} {what}")

    def arrive(self) -> None:
        """Let everything that is late take effect now."""
        late, self._late = self._late, []
        for timer, effect in late:
            if not timer.cancelled():
                timer.cancel()
                effect()

    async def _respond(self, action: str, call: ParsedRequest, fate: Fate | None, timeout_s: float) -> Response:
        if fate is None:
            return response_of(self._server, call)
        if fate.kind == "late":
            self._put_off(call, fate.after_s)
        response = self._fated(action, call, fate) if fate.takes_effect else responses.refusal(fate.status or 500)
        match fate.kind:
            case "lost":
                raise Lost
            case "silent" | "late":
                await asyncio.sleep(timeout_s)
                raise Silent
            case "garbage":
                return responses.GARBAGE
            case "empty":
                return responses.EMPTY
            case "status":
                return responses.refusal(fate.status)
            case "slow":
                await asyncio.sleep(fate.after_s)
        return response

    def _fated(self, action: str, call: ParsedRequest, fate: Fate) -> Response:
        if fate.kind == "swallow":
            return self._with_fault(call, Fault("swallow"))
        if fate.kind == "errors":
            kind: Any = "deletion_errors" if action == "bulk_delete" else "person_deletion_failed"
            return self._with_fault(call, Fault(kind))
        return response_of(self._server, call)

    def _with_fault(self, call: ParsedRequest, fault: Fault) -> Response:
        self._server.faults.add(fault)
        try:
            return response_of(self._server, call)
        finally:
            self._server.faults.clear()

    def _put_off(self, call: ParsedRequest, after_s: float) -> None:
        effect = partial(response_of, self._server, call)
        self._late.append((asyncio.get_running_loop().call_later(after_s, effect), effect))


def action_of(call: ParsedRequest) -> str:
    """What a request asks for; "probe" where it only finds out what the server knows."""
    parts = [part for part in call.path.split("/") if part]
    tail = parts[-1]
    if tail == "batch":
        return "capture" if call.method == "POST" else "probe"
    if tail == "query":
        return "recordings" if "raw_session_replay_events" in call.peek()["query"]["query"] else tail
    if tail == "persons":
        return "list"
    if "persons" not in parts:
        return "projects"
    if tail == "deletion_status":
        return tail if call.query else "probe"
    if tail in _OF_MANY:
        return tail if call.method == "POST" else "probe"
    if parts[-2] == "persons":
        return _OF_ONE.get(call.method, "probe")
    return tail if call.method == "POST" else "probe"
