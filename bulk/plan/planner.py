"""Makes a plan: resolves a selection and writes a file that lists the persons an operation will affect.

It only reads from the server. If it is interrupted at any moment, no plan file exists.

The pair of calls that starts a job also resumes it, at any moment and any number of times:

    plan = await make_plan(client, DeletePersons(), ByDistinctIds("leavers.txt"), "erase.plan.jsonl", reuse=True)
    report = await run_job(client, plan, "erase.journal.jsonl", approve=plan.digest)
"""

import os
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import anyio.to_thread
import msgspec

from asyncclient import Bucket, PostHogClient
from bulk.concurrency.outages import RETRY_FOR_S, emit_outages, waiting_out
from bulk.concurrency.stop_gate import StopGate
from bulk.errors import BulkError, InputError, NotFinished, Refused, interruption_of
from bulk.event_log import LOGGER, EventLog
from bulk.events import PlanEvent, PlanProgress
from bulk.files.job_file_kinds import receipts_of
from bulk.files.private_files import refuse_existing
from bulk.formatting import count_of
from bulk.operations import Operation, PropertyOperation, UnsetProperties, UpdatePerPerson, axes, to_dict
from bulk.plan.line_receipts import LineReceipts
from bulk.plan.plan_file import FORMAT, Plan, PlanHeader, complete_receipts_of, load_plan
from bulk.plan.plan_match import check_plan_matches, check_record_matches
from bulk.plan.plan_writer import PlanWriter
from bulk.plan.recording_notes import RecordingNotes
from bulk.plan.value_counts import ValueCounts
from bulk.progress.activity import ActivityReporter, Moment
from bulk.progress.wait_tracker import WaitTracker
from bulk.property_checks import DesiredProperties
from bulk.requests.job_record import JobRecord
from bulk.requests.receipts_writer import ReceiptsWriter, refuse_receipts_of_a_job
from bulk.selection.conditions.protection import Protect, ProtectedPersons, check_protect
from bulk.selection.input_findings import WIDER_WORDS, Findings, LineNumbers
from bulk.selection.input_lines import comparison_of
from bulk.selection.inputs.causes import Cause
from bulk.selection.inputs.line_checks import Reason
from bulk.selection.resolver import Resolver
from bulk.selection.selections import ByEmails, ByFilter, ByPersonIds, ByRequests, InputSelection, Selection
from bulk.selection.values.row_selection import ByRows
from bulk.states import Axis
from bulk.version import VERSION

HOUR_S = 3600.0
NUMBERS_SHOWN = 60
"""Characters of line numbers in a message."""


async def make_plan(
    client: PostHogClient,
    operation: Operation,
    selection: Selection,
    path: Path | str,
    *,
    on_progress: Callable[[PlanEvent], None] | None = None,
    page_size: int = 1000,
    concurrency: int = 4,
    retry_for_s: float = RETRY_FOR_S,
    now: Callable[[], float] | None = None,
    reuse: bool = False,
    protect: Iterable[Protect] = (),
    record: JobRecord | None = None,
) -> Plan:
    """Write the targets of an operation to a plan file; only reads from the server (contract 6.1, 6.11, 12).

    With a filter, or with every person, `UnsetProperties` selects only persons that have one of its properties.

    With `reuse`, the same call opens the plan that an earlier process wrote, so that this call followed by `run_job`
    starts a job and also resumes it.

    Arguments:
        client: its `project_id` is a number.
        operation: what a run does to each target.
        selection: the persons.
        path: the plan file; must not exist, unless `reuse` is set.
        on_progress: called with typed events: the progress after every few requests and every second, and outages of
            the server.
        page_size: persons per page of a listing, 1 to 1000.
        concurrency: requests at once, at least 1.
        retry_for_s: seconds without any success for which an outage of the server is waited out; 0 for not at all, and
            at most 365 days.
        now: returns the time in epoch seconds; None for the server's clock.
        reuse: open the plan file if it exists, instead of selecting again; it must have been made for the same
            operation, selection, host and project, and the input must not have changed since.
        protect: persons that the plan must not contain: a file of distinct IDs, UUIDs or emails, and filters. They are
            left out and counted. Give them to `run_job` too, which refuses a plan that contains one.
        record: who orders the job and why, and the request that all of it answers; the plan, the journal and the
            report hold it. Its `reference` and `received` are also those of rows of `ByRequests` that have none.

    Raises:
        InputError: the selection or its input is empty; no request was made.
        Refused: the selection matches no person, or every person of the project without `everyone`; or the existing
            plan is for something else.
        NotFinished: no selected person could be read.
        FileTrouble: the plan file or receipts of a job of its name exist, or cannot be written; or the input cannot be
            read.
        PostHogError: the server did not respond for too long, or responded with an error.
    """
    path = Path(path)
    project_id = _check_arguments(client, operation, selection, page_size, concurrency)
    protect, record = check_protect(protect), record or JobRecord()
    if isinstance(selection, ByRequests):
        selection = msgspec.structs.replace(
            selection,
            reference=selection.reference or record.reference,
            received=selection.received or record.received,
        )
    if reuse and _exists(path):
        return await _open_matching(path, client, operation, selection, record)
    refuse_existing(path)
    refuse_receipts_of_a_job(receipts_of(path))
    if isinstance(operation, PropertyOperation) and operation.keep_before is not None:
        refuse_existing(Path(operation.keep_before))
    findings, clock, log = Findings(), now or client.server_time, EventLog()
    gate, count = StopGate(), 0

    def describe(moment: Moment) -> PlanProgress:
        return PlanProgress(
            seen=findings.seen,
            unit="line" if isinstance(selection, InputSelection) else "person",
            targets=count,
            requests=moment.requests,
            elapsed_s=moment.elapsed_s,
            wait=moment.wait,
        )

    wait_tracker = WaitTracker(client.limits, gate.sleeps)
    reporter = ActivityReporter(wait_tracker, describe, log.before(on_progress))
    reading = waiting_out(client, retry_for_s).observed(wait_tracker.client_event)
    if on_progress is not None:
        reading = reading.observed(emit_outages(on_progress))
    lines: list[LineReceipts] = []
    values = ValueCounts(operation.keys) if isinstance(operation, UpdatePerPerson) else None

    async with reporter.reporting():
        with Resolver(
            reading,
            selection,
            findings,
            gate,
            page_size=page_size,
            concurrency=concurrency,
            now=clock,
            keys=operation.keys if isinstance(operation, PropertyOperation) else (),
            having_keys=operation.keys if isinstance(operation, UnsetProperties) else (),
            refuse_everyone=True,
            on_line=lambda line: lines[0].add(line),
        ) as resolver:
            await resolver.begin()
            project = await reading.projects.get(project_id)
            header = PlanHeader(
                format=FORMAT,
                project_id=project_id,
                project_name=project.name,
                host=client.origin,
                operation=to_dict(operation),
                selection={"summary": selection.summary(), "details": selection.details()},
                created_at=datetime.fromtimestamp(clock(), UTC).isoformat(timespec="seconds"),
                version=VERSION,
                record=None if record.is_empty else record,
            )
            notes = None
            if Axis.RECORDINGS in axes(operation):
                notes = RecordingNotes(reading, gate, concurrency=concurrency)
            with (
                PlanWriter.create(path, header) as writer,
                ReceiptsWriter.create(
                    receipts_of(path),
                    host=header.host,
                    project_id=project_id,
                    created_at=header.created_at,
                    folds_case=isinstance(selection, InputSelection)
                    and comparison_of(selection).comparison == "ignore-case",
                ) as receipts,
                LineReceipts(receipts) as line_receipts,
                ProtectedPersons() as protected,
            ):
                lines.append(line_receipts)
                # those that were requested by another ID are found by that one
                by_distinct_id = not isinstance(selection, ByPersonIds | ByEmails)
                if protect:
                    with interruption_of("plan"):
                        await protected.read(reading, protect, gate, page_size=page_size)
                    findings.leave_out, findings.is_protected = protected.leave_out, protected.is_protected
                async for targets in resolver.targets():
                    receipts.add_persons(
                        writer.count,
                        [(person.ref.uuid, person.known_by if by_distinct_id else None) for person in targets],
                    )
                    noted = await notes.of(targets) if notes is not None else [None] * len(targets)
                    for person, note in zip(targets, noted, strict=True):
                        ref = person.ref
                        change = _once(person.change, operation) if values is not None else None
                        writer.add(
                            ref.uuid, ref.created_at, person.known_by, line=person.line, note=note, change=change
                        )
                        if values is not None and change is not None:
                            values.add(change)
                    count = writer.count
                    reporter.report()
                if protect:
                    findings.protected = protected.to_finding()
                if notes is not None:
                    findings.recordings = notes.to_finding()
                if not writer.count:
                    raise _no_target(findings)
                recorded = findings.to_list(requests=wait_tracker.requests)
                if values is not None:
                    recorded.append(values.to_finding())
                if due := line_receipts.due():
                    recorded.append({"kind": "due", "days": due})
                plan = writer.finish(
                    spent=spent_requests(client, clock()),
                    findings=recorded,
                    content=resolver.content,
                    receipts=receipts,
                )
                plan.counted_by.add(client.limits)
                LOGGER.info("plan written: %d persons, digest %s", plan.count, plan.digest)
                return plan


def _exists(path: Path) -> bool:
    return os.path.lexists(path)


async def _open_matching(
    path: Path, client: PostHogClient, operation: Operation, selection: Selection, record: JobRecord
) -> Plan:
    """Open an existing plan that was made for the same arguments; raises PlanError and Refused."""
    plan = load_plan(path)
    try:
        complete_receipts_of(plan)
        check_record_matches(plan, record)
        # in a thread, because a pipe may block
        await anyio.to_thread.run_sync(check_plan_matches, plan, operation, selection, abandon_on_cancel=True)
        for name, planned, given in (
            ("host", plan.header.host, client.origin),
            ("project", plan.header.project_id, client.project_id),
        ):
            if planned != given:
                raise Refused(
                    f"the existing plan {path} is for {name} {planned}, but the client is set to {given}",
                    f"set the client to that {name}, or name another plan file",
                )
    except BaseException:
        plan.close()
        raise
    return plan


def _once(change: DesiredProperties | None, operation: Operation) -> DesiredProperties | None:
    """Return the values of a row as the operation sets them."""
    if change is None or not (isinstance(operation, UpdatePerPerson) and operation.once):
        return change
    return DesiredProperties(once=change.values)


def _check_arguments(
    client: PostHogClient, operation: Operation, selection: Selection, page_size: int, concurrency: int
) -> int:
    """Return the project's number, or raise InputError."""
    row_keys = selection.keys if isinstance(selection, ByRows) else None
    taken_keys = tuple(operation.keys) if isinstance(operation, UpdatePerPerson) else None
    if row_keys != taken_keys:
        raise InputError(
            "rows of values and their operation belong together: give UpdateProperties.per_person(rows) and the same "
            "rows as the selection"
        )
    if isinstance(selection, ByFilter) and selection.is_empty:
        raise InputError("the selection is empty: select persons, or every person with everyone=True (--everyone)")
    if not 1 <= page_size <= 1000:
        raise InputError(f"page_size is {page_size}, which must be 1 to 1000")
    if concurrency < 1:
        raise InputError(f"concurrency is {concurrency}, which must be 1 or more")
    if not isinstance(client.project_id, int):
        raise InputError("a plan needs a project number: @current can change at any moment")
    return client.project_id


def _no_target(findings: Findings) -> BulkError:
    """Return the exception with which planning ends if there is no target."""
    if unread := findings.unreadable:
        were = f"{count_of(unread, 'selected person')} could not be read"
        return NotFinished(f"{were}, and no other person matches the selection", purpose="plan")
    refused = Refused(*_why_no_target(findings))
    if findings.discovery and findings.properties is not None:
        for key, closest in findings.properties.suggestions().items():
            if closest is not None:  # in a note, which the log does not have (guarantee 27)
                refused.add_note(f"Did you mean {closest} instead of {key}?")
    return refused


_REFUSED_FIXES = {
    Reason.NOT_A_UUID: "for distinct IDs, use --distinct-ids",
    Reason.NOT_AN_EMAIL: "for distinct IDs, use --distinct-ids",
    Reason.TAB: "if the file is CSV, name its column with --column",
    Reason.NOT_UTF8: "save the file as UTF-8",
}


def _why_no_target(findings: Findings) -> tuple[str, str]:
    """Return the problem and its fix."""
    if findings.protected.get("count"):
        return "every selected person is protected", "select other persons, or correct the protection list"
    if findings.discovery:
        return (
            "no selected person has any of the properties",
            "check the keys: if they are right, there is nothing to do",
        )
    if not findings.lines:
        return "no person matches the selection", "check the filters and the project"
    refused = sum(len(lines) for lines in findings.refused.values())
    if refused == findings.lines:
        reasons = ", ".join(sorted(reason.value for reason in findings.refused))
        fixes = {_REFUSED_FIXES.get(reason, "correct the input") for reason in findings.refused}
        fix = fixes.pop() if len(fixes) == 1 else "correct the input"
        return f"none of the {refused:,} input lines can be used ({reasons})", fix
    problem = f"no person matches any of the {findings.lines:,} input lines"
    causes = [f"{_lines(lines)}: {cause.value}" for cause, lines in findings.causes.items() if cause is not Cause.NONE]
    if findings.wider and findings.wider_by is not None:
        causes.append(f"{_lines(findings.wider)} {WIDER_WORDS[findings.wider_by]}")
    if causes:
        problem += f" ({'; '.join(causes)})"
    if refused:
        problem += f"; {refused:,} of them cannot be used"
    return problem, "check the input and the project"


def _lines(lines: LineNumbers) -> str:
    """Return lines as in "lines 1-2,7", with the first numbers if there are many."""
    numbers = str(lines.to_finding()["lines"])
    shown = numbers if len(numbers) <= NUMBERS_SHOWN else f"{numbers[:NUMBERS_SHOWN].rpartition(',')[0]},..."
    return f"{'line' if len(lines) == 1 else 'lines'} {shown}"


def spent_requests(client: PostHogClient, now: float) -> dict[str, list[float]]:
    """Return the times of requests that still count against a rate limit when the plan is run (guarantee 13)."""
    spent: dict[str, list[float]] = {}
    for bucket in Bucket:
        ages = [age for age in client.limits.recent(bucket) if age < HOUR_S]
        if ages:
            spent[bucket.value] = sorted(round(now - age, 3) for age in ages)
    return spent
