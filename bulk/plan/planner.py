"""Makes a plan: resolves a selection and writes a file that lists the persons an operation will affect.

It only reads from the server. If it is interrupted at any moment, no plan file exists.

The pair of calls that starts a job also resumes it, at any moment and any number of times:

    plan = await make_plan(client, DeletePersons(), ByDistinctIds("leavers.txt"), "erase.plan.jsonl", reuse=True)
    report = await run_job(client, plan, "erase.journal.jsonl", approve=plan.digest)
"""

import os
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio.to_thread
import msgspec

from asyncclient import Bucket, PostHogClient
from bulk.concurrency.outages import RETRY_FOR_S, with_outage_wait
from bulk.concurrency.stop_gate import StopGate
from bulk.errors import InputError, Refused, interruption_of
from bulk.event_log import LOGGER, EventLog
from bulk.events import PlanEvent, PlanProgress
from bulk.files.job_file_kinds import receipts_of
from bulk.files.private_files import refuse_existing
from bulk.operations import Operation, PropertyOperation, UnsetProperties, UpdatePerPerson, axes, to_dict
from bulk.plan.line_receipts import LineReceipts
from bulk.plan.no_target import no_target_error
from bulk.plan.plan_file import FORMAT, Plan, PlanHeader, complete_receipts_of, load_plan
from bulk.plan.plan_match import check_plan_matches, check_record_matches
from bulk.plan.plan_writer import PlanWriter, refuse_before_image
from bulk.plan.recording_notes import RecordingNotes
from bulk.plan.target_entries import TargetEntries
from bulk.plan.value_counts import ValueCounts
from bulk.posthog.person_reader import PersonReader
from bulk.progress.activity_reporter import ActivityReporter, Moment
from bulk.progress.wait_tracker import WaitTracker
from bulk.requests.job_record import JobRecord
from bulk.requests.receipts_writer import ReceiptsWriter, refuse_receipts_of_a_job
from bulk.selection.conditions.protection import Protect, ProtectedPersons, check_protect
from bulk.selection.input_findings import Findings
from bulk.selection.input_lines import comparison_of
from bulk.selection.resolver import Resolver
from bulk.selection.selections import ByFilter, ByRequests, InputSelection, Selection, check_selection
from bulk.selection.values.row_selection import ByRows
from bulk.states import Axis
from bulk.version import VERSION

HOUR_S = 3600.0


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
        retry_for_s: seconds to wait for a server that does not respond, at most 365 days; 0 fails at once, except that
            a read is retried a few times, within seconds.
        now: returns the time in epoch seconds; None for the server's clock.
        reuse: open the plan file if it exists, instead of selecting again; it must have been made for the same
            operation, selection, host and project, and the input must not have changed since.
        protect: persons that the plan must not contain: a file of distinct IDs, UUIDs or emails, and filters. They are
            left out and counted. Give them to `run_job` too, which refuses a plan that contains one.
        record: who orders the job and why, and the request that all of it answers; the plan, the journal and the
            report hold it. Its `reference` and `received` are also those of rows of `ByRequests` that have none.

    Raises:
        InputError: the selection or its input is empty or of another type; no request was made.
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
    selection = _with_defaults_of(record, selection)
    if reuse and _exists(path):
        return await _open_matching(path, client, operation, selection, record)
    _refuse_existing_files(path, operation)
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
    reading = with_outage_wait(client.observed(wait_tracker.client_event), retry_for_s, on_outage=on_progress)
    lines: list[LineReceipts] = []

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
            if not await resolver.begin():
                raise no_target_error(findings)
            project = await reading.projects.get(project_id)
            header = _header(
                client, operation, selection, record, project_id=project_id, project_name=project.name, at=clock()
            )
            deletes_recordings = Axis.RECORDINGS in axes(operation)
            notes = RecordingNotes(reading, gate, concurrency=concurrency) if deletes_recordings else None
            with (
                PlanWriter.create(path, header) as writer,
                _create_receipts(path, header, selection) as receipts,
                LineReceipts(receipts, today=datetime.fromtimestamp(clock(), UTC).date()) as line_receipts,
                ProtectedPersons() as protected,
            ):
                lines.append(line_receipts)
                if protect:
                    await _leave_out(protected, findings, reading, protect, gate, page_size=page_size)
                reader = PersonReader(reading, gate, readers=concurrency)
                entries = TargetEntries(
                    writer, receipts, reader, gate, operation=operation, selection=selection, notes=notes
                )
                async for persons in resolver.targets():
                    await entries.add(persons)
                    count = writer.count
                    reporter.report()
                if protect:
                    findings.protected = protected.to_finding()
                if notes is not None:
                    findings.recordings = notes.to_finding()
                if not writer.count:
                    raise no_target_error(findings)
                plan = writer.finish(
                    spent=spent_requests(client, clock()),
                    findings=_plan_findings(
                        findings, entries.values, line_receipts.findings(), requests=wait_tracker.requests
                    ),
                    content=resolver.content,
                    receipts=receipts,
                )
                plan.counted_by.add(client.limits)
                LOGGER.info("plan written: %d persons, digest %s", plan.count, plan.digest)
                return plan


def _exists(path: Path) -> bool:
    return os.path.lexists(path)


def _with_defaults_of(record: JobRecord, selection: Selection) -> Selection:
    """Return a selection whose requests have the job's reference and day of receipt, unless it sets others."""
    if not isinstance(selection, ByRequests):
        return selection
    return msgspec.structs.replace(
        selection,
        reference=selection.reference or record.reference,
        received=selection.received or record.received,
    )


def _refuse_existing_files(path: Path, operation: Operation) -> None:
    """Raise FileTrouble if a file exists that the plan or its job would write."""
    refuse_existing(path)
    refuse_receipts_of_a_job(receipts_of(path))
    if isinstance(operation, PropertyOperation):
        refuse_before_image(path, operation.keep_before)


def _header(
    client: PostHogClient,
    operation: Operation,
    selection: Selection,
    record: JobRecord,
    *,
    project_id: int,
    project_name: str,
    at: float,
) -> PlanHeader:
    return PlanHeader(
        format=FORMAT,
        project_id=project_id,
        project_name=project_name,
        host=client.origin,
        operation=to_dict(operation),
        selection={"summary": selection.summary(), "details": selection.details()},
        created_at=datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds"),
        version=VERSION,
        record=None if record.is_empty else record,
    )


def _create_receipts(path: Path, header: PlanHeader, selection: Selection) -> ReceiptsWriter:
    """Start the receipts of a plan."""
    folds_case = isinstance(selection, InputSelection) and comparison_of(selection).comparison == "ignore-case"
    return ReceiptsWriter.create(
        receipts_of(path),
        host=header.host,
        project_id=header.project_id,
        created_at=header.created_at,
        folds_case=folds_case,
    )


async def _leave_out(
    protected: ProtectedPersons,
    findings: Findings,
    client: PostHogClient,
    protect: Sequence[Protect],
    gate: StopGate,
    *,
    page_size: int,
) -> None:
    """Read which persons are protected, and have the selection leave them out."""
    with interruption_of("plan"):
        await protected.read(client, protect, gate, page_size=page_size)
    findings.leave_out, findings.is_protected = protected.leave_out, protected.is_protected


def _plan_findings(
    findings: Findings, values: ValueCounts | None, requests_due: list[dict[str, Any]], *, requests: int
) -> list[dict[str, Any]]:
    """Return all findings of a plan.

    Arguments:
        findings: about the input and the persons.
        values: the counts of the values, where each person gets its own.
        requests_due: the findings about what is due when.
        requests: made for the planning.
    """
    recorded = findings.to_list(requests=requests)
    if values is not None:
        recorded.append(values.to_finding())
    return recorded + requests_due


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


def _check_arguments(
    client: PostHogClient, operation: Operation, selection: Selection, page_size: int, concurrency: int
) -> int:
    """Return the project's number, or raise InputError."""
    check_selection(selection)
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


def spent_requests(client: PostHogClient, now: float) -> dict[str, list[float]]:
    """Return the times of requests that still count against a rate limit when the plan is run (guarantee 13)."""
    spent: dict[str, list[float]] = {}
    for bucket in Bucket:
        ages = [age for age in client.limits.recent(bucket) if age < HOUR_S]
        if ages:
            spent[bucket.value] = sorted(round(now - age, 3) for age in ages)
    return spent
