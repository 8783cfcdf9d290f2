"""Plans the revert of a job from its before-image. Only reads from the server.

A person with a value that it neither had before nor got from the job was changed by others since: it stays as it is and
is named by its number in the plan of the job. A person that is gone stays gone. What one response does not show, a
person or a value that the job set, is read again some seconds later before it counts (guarantee 11).
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

from asyncclient import PostHogClient, PostHogError
from bulk.concurrency.outages import RETRY_FOR_S, with_outage_wait
from bulk.concurrency.stop_gate import StopGate
from bulk.concurrency.workers import grouped, in_order
from bulk.errors import NotFinished, Refused, interruption_of
from bulk.event_log import LOGGER, EventLog
from bulk.events import PlanEvent, PlanProgress
from bulk.files.private_files import refuse_existing
from bulk.formatting import count_of
from bulk.operations import RouteChoice, UpdatePerPerson, desired_properties, from_dict, to_dict
from bulk.plan.no_target import NUMBERS_SHOWN
from bulk.plan.plan_file import FORMAT, Plan, PlanHeader
from bulk.plan.plan_writer import PlanWriter, refuse_before_image
from bulk.plan.planner import spent_requests
from bulk.plan.value_counts import ValueCounts
from bulk.posthog.batch_reads import READ_SIZE
from bulk.posthog.halving import because_of
from bulk.posthog.person_reader import PersonReader
from bulk.posthog.person_reads import LEFT_OUT, Absent, Present, Unread, is_same, properties_of
from bulk.posthog.rereads import read_until_known
from bulk.progress.activity_reporter import ActivityReporter, Moment
from bulk.progress.wait_tracker import WaitTracker
from bulk.property_checks import DesiredProperties
from bulk.selection.input_findings import LineNumbers
from bulk.undo.before_entries import BeforeFile, keys_of, read_before_file
from bulk.undo.before_records import Before
from bulk.undo.revert_decision import LeaveReason, decide_revert, lacks_set_value
from bulk.version import VERSION

MAX_OPEN = 10_000
"""Persons that responses left out, before they are read again together."""


async def plan_revert(
    client: PostHogClient,
    before_image: str | Path,
    path: str | Path,
    *,
    route: RouteChoice = "auto",
    keep_before: str | None = None,
    on_progress: Callable[[PlanEvent], None] | None = None,
    concurrency: int = 4,
    retry_for_s: float = RETRY_FOR_S,
    now: Callable[[], float] | None = None,
) -> Plan:
    """Plan that each person gets back the properties that it had before a job changed them; only reads.

    The plan has the persons whose values are those that the job set, or as before. The finding `revert` of the plan
    names all others by their number in the plan of that job: `changed` by others since, `as_before` already, `gone`
    (deleted or merged), `unread`, and `without_entry`, which the job did not change, or which were cut off the file. A
    person that is gone is not created again.

    Arguments:
        client: set to the host and project of the job.
        before_image: the file that the job wrote (`keep_before`); it needs no other file of the job.
        path: the plan file to write; must not exist.
        route: "rest", one call per person, and one more for the properties that it loses, or one per property on an
            older server; "capture", events in large batches; "auto", the faster one.
        keep_before: a new file for the before-image of the revert itself; None to keep none.
        on_progress: called with typed events: the progress of the planning, and outages of the server.
        concurrency: requests at once, at least 1.
        retry_for_s: seconds to wait for a server that does not respond, at most 365 days; 0 fails at once, except that
            a read is retried a few times, within seconds.
        now: returns the time in epoch seconds; None for the server's clock.

    Returns:
        The plan, to be reviewed, approved and run like any other.

    Raises:
        Refused: no person can be reverted, or the client is set to another host or project.
        NotFinished: no person could be read.
        FileTrouble: the before-image cannot be used, or the plan file exists or cannot be written.
        PostHogError: the server did not respond for too long, or responded with an error.
    """
    path, file = Path(path), read_before_file(Path(before_image))
    _check_client(client, file)
    keys = keys_of(file.opened)
    operation = UpdatePerPerson(keys=keys, unset_keys=file.lacking, route=route, keep_before=keep_before)
    refuse_existing(path)
    refuse_before_image(path, operation.keep_before)
    gate, clock, found = StopGate(), now or client.server_time, _Found(file)
    wait_tracker = WaitTracker(client.limits, gate.sleeps)
    reporter = ActivityReporter(wait_tracker, found.progress, EventLog().before(on_progress))
    reading = with_outage_wait(client.observed(wait_tracker.client_event), retry_for_s, on_outage=on_progress)
    async with reporter.reporting():
        with interruption_of("plan"):
            project = await reading.projects.get(file.opened.project)
            header = PlanHeader(
                format=FORMAT,
                project_id=file.opened.project,
                project_name=project.name,
                host=client.origin,
                operation=to_dict(operation),
                selection={
                    "summary": {"kind": "before_image", "input": "file"},
                    "details": {"kind": "before_image", "file": file.path.name, "plan_digest": file.opened.plan_digest},
                },
                created_at=datetime.fromtimestamp(clock(), UTC).isoformat(timespec="seconds"),
                version=VERSION,
            )
            reader = PersonReader(reading, gate, readers=concurrency, keys=keys)
            with PlanWriter.create(path, header) as writer:
                async for persons in _persons(found, reader, gate, concurrency):
                    for entry, result in persons:
                        _add(found, writer, entry, result)
                    reporter.report()
                if not writer.count:
                    raise found.nothing(reader.last_error)
                findings = [
                    {"kind": "requests", "count": wait_tracker.requests},
                    found.counts.to_finding(),
                    found.to_finding(),
                ]
                plan = writer.finish(spent=spent_requests(client, clock()), findings=findings)
    plan.counted_by.add(client.limits)
    LOGGER.info("plan written: %d persons, digest %s", plan.count, plan.digest)
    return plan


class _Found:
    """What was found of the persons of a before-image: counts, and the numbers of those that are left as they are."""

    def __init__(self, file: BeforeFile) -> None:
        self.file = file
        self.change = desired_properties(from_dict(file.opened.operation))
        self.counts = ValueCounts(keys_of(file.opened))
        self.seen = self.planned = 0
        self.left = {name: LineNumbers() for name in ("changed", "as_before", "gone", "unread", "without_entry")}
        for number in file.without_entry():
            self.left["without_entry"].add(number)

    def change_of(self, entry: Before) -> DesiredProperties:
        """Return what the job set or removed for a person."""
        change = entry.change or self.change
        assert change is not None
        return change

    def progress(self, moment: Moment) -> PlanProgress:
        return PlanProgress(
            seen=self.seen,
            unit="person",
            targets=self.planned,
            requests=moment.requests,
            elapsed_s=moment.elapsed_s,
            wait=moment.wait,
        )

    def to_finding(self) -> dict[str, Any]:
        return {
            "kind": "revert",
            "count": self.file.count,
            **{name: _numbers(lines) for name, lines in self.left.items() if name != "without_entry" or len(lines)},
        }

    def nothing(self, read_error: PostHogError | None) -> Refused | NotFinished:
        """Return the exception for a plan without a person; `read_error` is why some could not be read."""
        if unread := len(self.left["unread"]):
            were = f"{count_of(unread, 'person')} could not be read{because_of(read_error)}"
            return NotFinished(f"{were}, and no other person can be reverted", purpose="plan")
        words = {"changed": "changed by others since", "as_before": "already as before", "gone": "gone"}
        parts = []
        for name, what in words.items():
            if count := len(self.left[name]):
                was = "were" if name == "changed" else "are"
                parts.append(f"{count:,} {was if count > 1 else _ONE[was]} {what} ({_first(self.left[name])})")
        changed = _first(self.left["changed"])
        return Refused(
            f"no person of {self.file.path} can be reverted: {', '.join(parts) or 'it has no entry'}",
            f"the numbers are those of the job's plan: posthog-bulk show PLAN --target {changed.removesuffix(',...')}"
            if changed
            else "nothing has to be done",
        )


def _add(found: _Found, writer: PlanWriter, entry: Before, result: Present | Absent | Unread) -> None:
    """Add one person to the plan, or note why it is left as it is."""
    found.seen += 1
    back = _back(found, entry, result)
    if isinstance(back, str):
        found.left[back].add(entry.target)
        return
    writer.add(entry.uuid, entry.created_at, entry.distinct_id, change=back)
    found.planned = writer.count
    found.counts.add(back)


def _back(found: _Found, entry: Before, result: Present | Absent | Unread) -> DesiredProperties | str:
    if isinstance(result, Unread):
        return "unread"
    if isinstance(result, Absent) or not is_same(entry, result.person):
        return "gone"
    back = decide_revert(entry.had, found.change_of(entry), properties_of(result.person))
    return back.value if isinstance(back, LeaveReason) else back


_Read = list[tuple[Before, Present | Absent | Unread]]


async def _persons(found: _Found, reader: PersonReader, gate: StopGate, concurrency: int) -> AsyncIterator[_Read]:
    """Yield the entries with what a read shows of their persons; those that a second read has to decide come last."""
    still_open: list[Before] = []
    without_value: set[int] = set()

    def is_open(entry: Before, result: Present | Absent | Unread) -> bool:
        if not isinstance(result, Present):
            return result == LEFT_OUT
        if entry.target in without_value or not is_same(entry, result.person):
            return False
        if lacks_set_value(entry.had, found.change_of(entry), properties_of(result.person)):
            without_value.add(entry.target)
            return True
        return False

    async def read(entries: Sequence[Before]) -> tuple[_Read, Sequence[Before]]:
        results = (await reader.fetch_by_uuid({entry.uuid: entry.distinct_id for entry in entries})).results
        known: _Read = []
        left_out: list[Before] = []
        for entry in entries:
            if is_open(entry, results[entry.uuid]):
                left_out.append(entry)
            else:
                known.append((entry, results[entry.uuid]))
        return known, left_out

    async def read_again() -> _Read:
        groups, unread = await read_until_known(partial(_in_groups, read, concurrency), [*still_open], gate)
        still_open.clear()
        without_value.clear()
        return [*chain.from_iterable(groups), *((entry, LEFT_OUT) for entry in unread)]

    entries = found.file.entries()
    while at_once := [*islice(entries, concurrency)]:
        for known, left_out in await in_order(read, at_once, concurrency):
            yield known
            still_open += left_out
        if len(still_open) >= MAX_OPEN:
            yield await read_again()
    if still_open:
        yield await read_again()


async def _in_groups(
    read: Callable[[Sequence[Before]], Awaitable[tuple[_Read, Sequence[Before]]]],
    concurrency: int,
    entries: Sequence[Before],
) -> tuple[_Read, Sequence[Before]]:
    found: _Read = []
    left_out: list[Before] = []
    for known, open_entries in await in_order(read, [*grouped(entries, READ_SIZE)], concurrency):
        found += known
        left_out += open_entries
    return found, left_out


def _check_client(client: PostHogClient, file: BeforeFile) -> None:
    for name, was, is_set in (
        ("host", file.opened.host, client.origin),
        ("project", file.opened.project, client.project_id),
    ):
        if was != is_set:
            raise Refused(
                f"{file.path} is for {name} {was}, but the client is set to {is_set}", f"set the client to that {name}"
            )


_ONE = {"were": "was", "are": "is"}


def _first(numbers: LineNumbers) -> str:
    """Return numbers as in "0-3,7", the first ones if there are many."""
    text = str(numbers.to_finding()["lines"])
    return text if len(text) <= NUMBERS_SHOWN else f"{text[:NUMBERS_SHOWN].rpartition(',')[0]},..."


def _numbers(lines: LineNumbers) -> dict[str, Any]:
    finding = lines.to_finding()
    return {"count": finding["count"], "targets": finding["lines"], **({"cut": True} if "cut" in finding else {})}
