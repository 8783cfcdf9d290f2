"""A job that processes run one after the other, without sockets and in virtual time; some of them are killed.

Each process has an event loop, a client and the handlers of `--log-file` of its own. A killed one stops between two
steps: nothing of it runs any more, what it did not write to its files is lost, and the kernel closes them.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from typing import Any

import click
import msgspec
from job_model.world.machine import EPOCH, Machine
from job_model.world.network import action_of
from job_model.world.responses import refusal
from job_model.world.wire import Lost, NotReached, Silent, client_over, response_of
from virtual_time import VirtualLoop

from asyncclient import Limits, RateLimits
from asyncclient.testing import LocalPostHog, ServerOptions
from asyncclient.testing.http.envelope import Response
from asyncclient.testing.http.parsed_request import ParsedRequest
from bulk import Operation, Selection, make_plan, run_job
from bulk.cli.command_log import FileHandler, command_log, log_result
from bulk.journal import locked_file

LATENCY_S = 0.2
RESTART_S = 30.0
"""Seconds between a kill and the next process."""


class Outage(msgspec.Struct, frozen=True, kw_only=True):
    """An outage that begins with a request.

    Arguments:
        action, number: the request, which is the n-th one of this action.
        for_s: how long it lasts.
        kind: what happens to requests: "refused", "lost" (after they took effect), "silent" or "503".
    """

    action: str
    number: int
    for_s: float
    kind: str


class Network:
    """The way to the server, with outages; it lets the process be killed while a request is on its way.

    Arguments:
        kills: numbers of the requests of an action that take effect and whose response no process receives.
        others: requests of an action before which other programs use the same key.
    """

    def __init__(
        self,
        server: LocalPostHog,
        outages: Sequence[Outage],
        kills: Sequence[tuple[str, int]],
        others: Sequence[tuple[str, int]],
    ) -> None:
        self._server = server
        self._outages = {(each.action, each.number): each for each in outages}
        self._kills = set(kills)
        self._others = set(others)
        self._counts: dict[str, int] = {}
        self._until = float("-inf")
        self._kind = ""

    async def exchange(self, call: ParsedRequest, timeout_s: float, left: Callable[[], None]) -> Response:
        """Return the response of the server, if it and the process are there to see it."""
        loop = asyncio.get_running_loop()
        action = action_of(call)
        number = self._counts[action] = self._counts.get(action, 0) + 1
        if (outage := self._outages.pop((action, number), None)) is not None:
            self._until, self._kind = loop.time() + outage.for_s, outage.kind
        if self._kind == "refused" and loop.time() < self._until:
            raise NotReached
        left()
        await asyncio.sleep(LATENCY_S)
        if loop.time() < self._until:
            return await self._fail(call, timeout_s)
        if (action, number) in self._others:
            self._use_up_the_limit(call)
        response = response_of(self._server, call)
        if (action, number) in self._kills:
            loop.stop()
            await asyncio.Event().wait()
        await asyncio.sleep(LATENCY_S)
        return response

    async def _fail(self, call: ParsedRequest, timeout_s: float) -> Response:
        match self._kind:
            case "lost" | "refused":
                response_of(self._server, call)
                raise Lost
            case "silent":
                await asyncio.sleep(timeout_s)
                raise Silent
        return refusal(int(self._kind))

    def _use_up_the_limit(self, call: ParsedRequest) -> None:
        read = ParsedRequest("GET", f"/api/projects/{self._server.project_id}/persons/?limit=1", call.headers, b"")
        while response_of(self._server, read).status != 429:
            pass


class Unattended:
    """A server, and the processes of one job on it.

    Arguments:
        folder: holds the plan, the journal and the log.
        persons: how many the server has.
        outages, kills, others: as in `Network`.
    """

    def __init__(self, folder: Path, *, persons: int, **trouble: Any) -> None:
        self.log = folder / "job.log"
        self.journal = folder / "job.journal.jsonl"
        self._plan = folder / "job.plan.jsonl"
        self._now = 1000.0
        options = ServerOptions(era="summary", rate_limits="posthog")
        self.server = LocalPostHog(persons=persons, seed=3, options=options, clock=lambda: EPOCH + self._now_there())
        self._network = Network(self.server, **trouble)
        self._loop: VirtualLoop | None = None
        self._killed = ExitStack()

    def _now_there(self) -> float:
        return self._now if self._loop is None else self._loop.time()

    def run(self, operation: Operation, selection: Selection) -> int | None:
        """Run the job in a process of its own; return its exit code, or None if it was killed."""
        self._loop = loop = VirtualLoop(self._now)
        machine = loop.run_until_complete(_on_machine())
        with machine.in_use():
            context = click.Context(click.Command("update"), info_name="update")
            log = command_log(context, quiet=True, verbose=0, log_file=self.log, log_level="info")
            log.__enter__()
            task = loop.create_task(self._job(operation, selection))
            task.add_done_callback(lambda _: loop.stop())
            loop.run_forever()
            self._now, self._loop = loop.time() + RESTART_S, None
            if not task.done():
                close_files_as_the_kernel_does()
                self._killed.callback(bury, loop, machine, task, log)
                return None
            code = task.result()
            log_result("update", code)
            log.__exit__(None, None, None)
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()
            return code

    def bury(self) -> None:
        """Release what the killed processes held in memory, which must not look as if they had ended in good order."""
        self._killed.close()

    async def _job(self, operation: Operation, selection: Selection) -> int:
        key, project_id, limits = self.server.personal_api_key, self.server.project_id, Limits(RateLimits.posthog())
        async with client_over(self._network, key=key, project_id=project_id, limits=limits) as client:
            plan = await make_plan(client, operation, selection, self._plan, reuse=True)
            with plan:
                # without `on_progress`: the log is all that there is
                report = await run_job(client, plan, self.journal, approve=plan.digest)
        return report.exit_code


async def _on_machine() -> Machine:
    return Machine()


def close_files_as_the_kernel_does() -> None:
    """Close the journals and logs of a killed process; the locks go with them."""
    for file in list(locked_file._open_files):
        file.leave_to_parent()
    for name in ("bulk", "asyncclient"):
        for handler in list(logging.getLogger(name).handlers):
            if isinstance(handler, FileHandler):
                handler.close()
                logging.getLogger(name).removeHandler(handler)


def bury(loop: VirtualLoop, machine: Machine, task: "asyncio.Task[int]", log: AbstractContextManager[None]) -> None:
    """End what is left of a killed process in memory."""
    with machine.in_use():
        task.cancel()
        with suppress(BaseException):
            loop.run_until_complete(task)
        for each in asyncio.all_tasks(loop):
            each.cancel()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
        log.__exit__(None, None, None)
