"""Runs one case from its plan to its end, and says what was wrong on the way.

While there is trouble the job is run, verified, stopped and cancelled as the case has it. Then all goes well, and it
must end: run and verified until both find nothing more to do, with the server's own weekly purge now and then.
"""

import asyncio
import random
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from job_model.case import BLIND_KEY, OPERATIONS, TIGHT, Case, Turn, draw
from job_model.judges.duty import judge_duty
from job_model.judges.oracle import Oracle, ended_of, judge_fold, judge_waits, states_of
from job_model.judges.reverted import judge_reverted, revert
from job_model.judges.witness import Witness
from job_model.world.machine import EPOCH, Machine
from job_model.world.network import InTrouble
from job_model.world.project import DAY_S, Member, Project
from job_model.world.trouble import Trouble
from job_model.world.values import chosen
from job_model.world.wire import client_over

from asyncclient import Limits, PostHogClient, PostHogError
from bulk import BulkError, FileTrouble, JobEvent, Plan, Refused, Report, make_plan, read_report, run_job, verify_job
from bulk.errors import KeptPersonsDeleted

MOST_ROUNDS = 10
MOST_ROUNDS_IF_SLOW = 40
"""Where limits let a few persons be deleted in the hour that their events stay covered, the others wait for a purge."""
LONGEST_RUN_S = 2 * DAY_S
MOST_REQUESTS = 5_000
"""Several times as many as any case takes."""
PAUSES_S = (0.0, 61.0, 1860.0, DAY_S)
WEEK_S = 7 * DAY_S
ENDED = (0, 1)
EXPECTED = (BulkError, PostHogError)
"""What a run may raise when the server or the line is in trouble."""


class Wrong(AssertionError):
    """A case went against what the engine promises."""


class Driver:
    """One case on its machine. Made inside the loop.

    Arguments:
        trouble: makes the trouble of the case.
    """

    def __init__(
        self, case: Case, folder: Path, trouble: Callable[[Case, Project, Machine], Trouble] = Trouble
    ) -> None:
        self._case = case
        self._machine = machine = Machine()
        machine.wall_off_s = case.wall_off_s
        self._project = project = Project.drawn(case, machine)
        self._trouble = trouble(case, project, machine)
        self._witness = Witness(case, project, self._trouble.others)
        self._network = InTrouble(project, self._trouble, self._witness, self._on_request)
        self._journal = folder / "job.journal.jsonl"
        self._plan_path = folder / "job.plan.jsonl"
        self._before = folder / "job.before"
        self._had = {each.name: project.properties_of(each) for each in project.selected}
        self._end_at: int | None = None
        self._end: Callable[[], object] = lambda: None
        self._requests = 0
        self._at_kill: bytes | None = None
        self._ended_for_good = False
        self.log: list[str] = []

    async def run(self) -> None:
        """From plan to end.

        Raises:
            Wrong: something is.
        """
        with self._machine.in_use():
            plan = await self._plan()
            if plan is None:
                return
            with plan:
                planned = self._planned(plan)
                oracle = Oracle(self._case, self._project, self._witness, self._trouble.others, planned)
                for turn in self._case.turns:
                    await self._turn(plan, oracle, turn)
                await self._to_the_end(plan, oracle)

    @property
    def trace(self) -> list[str]:
        """All that passed between client and server, and how each run ended."""
        return [*self._network.trace, *self.log]

    def _client(self) -> AbstractAsyncContextManager[PostHogClient]:
        """A client as another process would have it."""
        server, trouble = self._project.server, self._trouble
        blindly = self._case.run_blindly and not (trouble.planning or trouble.over)
        return client_over(
            self._network,
            key=BLIND_KEY.key if blindly else server.personal_api_key,
            project_id=server.project_id,
            limits=Limits(self._case.limits),
            uniform=lambda low, high: low,
        )

    def _on_request(self) -> None:
        self._requests += 1
        if self._requests > MOST_REQUESTS:
            raise Wrong(f"seed {self._case.seed}: more than {MOST_REQUESTS} requests, and no end")
        if self._end_at is not None and self._requests >= self._end_at:
            self._end_at = None
            self._end()

    async def _plan(self) -> Plan | None:
        """The plan, or None where there is nothing to do for anybody."""
        members, trouble = self._project.selected, self._trouble
        trouble.over = not self._case.planned_in_trouble
        try:
            return await self._make_plan(members)
        except (Refused, PostHogError) as error:
            if isinstance(error, Refused):
                self._expect_planned(frozenset())
            trouble.over = True  # whoever plans tries again
            return await self._make_plan(members) if self._wanted() else None
        finally:
            trouble.over = trouble.planning = False

    async def _make_plan(self, members: list[Member]) -> Plan:
        operation, selection = chosen(self._case, members, self._before)
        async with self._client() as client:
            return await make_plan(client, operation, selection, self._plan_path)

    def _planned(self, plan: Plan) -> list[Member]:
        """Who is in the plan, by the numbers of the targets."""
        members = {member.uuid: member for member in self._project.selected}
        targets = list(plan.iter())
        strangers = [target for target in targets if target.uuid not in members]
        self._expect([f"{len(strangers)} strangers are in the plan"] if strangers else [])
        planned = [members[target.uuid] for target in targets]
        names = frozenset(member.name for member in planned)
        self._expect_planned(names)
        notes = plan.recording_notes(range(plan.count)) if self._case.recordings_too else {}
        not_noted = frozenset(planned[number].name for number, note in notes.items() if note is None)
        without = frozenset(planned[target.number].name for target in targets if target.distinct_id is None)
        # one response without them is not enough
        missing = (not_noted | without) - self._trouble.long_spells - self._trouble.without_ids_twice
        self._expect([f"{name} is planned without its distinct IDs" for name in sorted(missing)])
        self._witness.begin(names, without)
        self._witness.recordings.not_noted = not_noted
        return planned

    def _expect_planned(self, names: frozenset[str]) -> None:
        """Whoever should be in the plan is, unless more than one response kept them out."""
        missing = [each.name for each in self._wanted() if each.name not in names | self._trouble.long_spells]
        self._expect([f"{name} is missing from the plan" for name in missing])

    def _wanted(self) -> list[Member]:
        if self._case.selected_by != "everyone":
            return self._project.selected
        persons = ((member, self._project.world.person(member.uuid)) for member in self._project.selected)
        keys = set(OPERATIONS[self._case.operation].keys)
        return [member for member, person in persons if person is not None and not keys.isdisjoint(person.properties)]

    async def _turn(self, plan: Plan, oracle: Oracle, turn: Turn) -> None:
        await self._wait(turn.gap_s)
        if turn.purpose == "verify" and not self._journal.exists():
            return
        if turn.ends_at is not None:
            self._end_at = self._requests + turn.ends_at
        await self._one(plan, oracle, turn.purpose, roughly=turn.roughly, killed=turn.is_killed)
        self._end_at = None

    async def _to_the_end(self, plan: Plan, oracle: Oracle) -> None:
        chance = random.Random(f"end {self._case.seed}")
        self._trouble.end()
        self._network.arrive()
        self.log.append(f"{self._machine.true() - EPOCH:.1f} the trouble is over")
        for round_ in range(MOST_ROUNDS if self._case.limits is not TIGHT else MOST_ROUNDS_IF_SLOW):
            await self._wait(chance.choice(PAUSES_S))
            run = await self._one(plan, oracle, "run")
            if self._ended_for_good:
                return
            if run is not None and round_:  # the first one may find somebody again whom it had given up
                self._expect(judge_waits(run))
            if run is not None and run.exit_code in ENDED:
                verified = await self._one(plan, oracle, "verify")
                if verified is not None and verified.exit_code in ENDED and states_of(run) == states_of(verified):
                    self._expect(oracle.judge_truth(verified))
                    self._expect(oracle.judge_bystanders())
                    await self._revert(plan)
                    return
            if round_ % 2:
                await self._wait(WEEK_S)
        last = read_report(self._journal, plan)
        self._expect([f"it never ends: {last.verdict} {_told(last)}"])

    async def _revert(self, plan: Plan) -> None:
        """Revert a job that kept a before-image."""
        if not self._case.keeps_before or not self._before.exists():
            return
        async with self._client() as client:
            await revert(client, self._before, self._plan_path.parent)
        await asyncio.sleep(60.0)  # until changes show
        self._expect(
            judge_reverted(self._case, self._project, self._trouble.others, self._planned_members(plan), self._had)
        )

    def _planned_members(self, plan: Plan) -> list[Member]:
        uuids = {target.uuid for target in plan.iter()}
        return [member for member in self._project.selected if member.uuid in uuids]

    async def _one(
        self, plan: Plan, oracle: Oracle, purpose: str, *, roughly: bool = False, killed: bool = False
    ) -> Report | None:
        """One run or verify by a process of its own; its report, or None where it raised."""
        events: list[JobEvent] = []
        stop = anyio.Event()
        report: Report | None = None
        ended = "ended"
        self._witness.maybe_not_kept.clear()  # a process that was killed may not have recorded the response
        async with self._client() as client:
            task = asyncio.ensure_future(self._job(client, plan, purpose, events, stop))
            self._end = partial(self._kill, task) if killed else task.cancel if roughly else stop.set
            try:
                async with asyncio.timeout(LONGEST_RUN_S):
                    report = await task
            except TimeoutError:
                self._expect([f"{purpose} goes on for more than {LONGEST_RUN_S / DAY_S:.0f} days"])
            except asyncio.CancelledError:
                ended = "cancelled"
            except KeptPersonsDeleted as error:
                ended = f"{type(error).__name__}: {error}"
                self._ended_for_good = self._trouble.over
                others = self._trouble.others
                lost = any(others.did(name, "remove", "merge", "recreate") for name in self._witness.planned)
                self._expect([] if lost or not self._trouble.over else ["persons were kept, and the job ends for good"])
            except EXPECTED as error:
                ended = f"{type(error).__name__}: {error}"
            except Exception as error:
                self._expect([f"{purpose} raised {error!r}"], cause=error)
            finally:
                self._end = lambda: None
        self._network.carries_on = False
        if self._at_kill is not None:
            self._journal.write_bytes(self._at_kill)
            self._at_kill, ended, events = None, "killed", []
        read = report or self._read(plan)
        if read is not None:
            if ended == "killed":
                oracle.note_killed(read)
            self.log.append(f"{purpose} {ended}: exit {read.exit_code} {_told(read)}")
            self._expect(judge_fold(read, ended_of(events)))
            self._expect(oracle.judge_proof(read))
            self._expect(judge_duty(read))
            if report is not None and purpose == "verify" and report.exit_code != report.duty.exit_code:
                self._expect([f"verify exits with {report.exit_code}: {report.duty.sentence}"])
        self._expect(self._witness.faults)
        return report

    def _kill(self, task: asyncio.Future[Report]) -> None:
        """End a run whose process writes nothing more: what its journal holds now is what the next run finds."""
        if self._journal.exists():
            self._at_kill = self._journal.read_bytes()
        self._network.carries_on = True
        task.cancel()

    def _read(self, plan: Plan) -> Report | None:
        """What the journal tells after a run that raised; None where it ended before there was one."""
        try:
            return read_report(self._journal, plan) if self._journal.exists() else None
        except FileTrouble:  # nothing was written to it
            return None

    def _job(
        self, client: PostHogClient, plan: Plan, purpose: str, events: list[JobEvent], stop: anyio.Event
    ) -> Awaitable[Report]:
        options: dict[str, Any] = {"on_progress": events.append, "stop": stop}
        if purpose == "verify":
            return verify_job(client, plan, self._journal, **options)
        return run_job(client, plan, self._journal, approve=plan.digest, **self._case.settings, **options)

    async def _wait(self, seconds: float) -> None:
        """Let time pass between two processes; in a week there is a purge."""
        await asyncio.sleep(seconds)
        if seconds >= WEEK_S:
            self._project.server.run_event_deletion()

    def _expect(self, problems: Any, cause: BaseException | None = None) -> None:
        found = list(problems)
        if not found:
            return
        case = self._case
        names = [name for name in self._witness.evidence if any(problem.startswith(f"{name} ") for problem in found)]
        stories = [f"  {name}: " + "; ".join(self._witness.evidence[name].story) for name in names]
        acts = [f"  {act.at - EPOCH:.1f} somebody: {act.what} {act.name}" for act in self._trouble.others.mutations]
        raise Wrong(
            "\n".join(
                [
                    f"seed {case.seed} ({case.operation}, era {case.era}, {case.targets} persons, {case.options}):",
                    *(f"* {problem}" for problem in found),
                    *self.log,
                    *acts,
                    *stories,
                    f"replay: python -m pytest tests/acceptance/job_model/test_jobs.py --seed {case.seed}",
                ]
            )
        ) from cause


def _told(report: Report) -> str:
    axes = {each.axis: {state.state: state.count for state in each.states} for each in report.axes}
    kept = {axis: states for axis, states in axes.items() if set(states) != {"not_requested"}}
    return f"{kept} {[(each.axis, each.reason, each.targets) for each in report.failures]}"


async def drive(seed: int) -> list[str]:
    """Run the case of a seed.

    Returns:
        All that passed between client and server, and how each run ended.

    Raises:
        Wrong: it goes against what the engine promises.
    """
    random.seed(f"engine {seed}")
    with tempfile.TemporaryDirectory() as folder:
        driver = Driver(draw(seed), Path(folder))
        await driver.run()
        return driver.trace
