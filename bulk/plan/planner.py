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
from bulk.selection.inputs.line_record import OnLine
from bulk.selection.resolver import Resolver
from bulk.selection.selections import ByFilter, ByRequests, InputSelection, Selection, check_selection
from bulk.selection.values.row_selection import ByRows
from bulk.states import Axis
from bulk.version import VERSION

HOUR_S = 3600.0
_exists = os.path.lexists


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
    planning = _Planning(
        client,
        operation,
        selection,
        on_progress=on_progress,
        page_size=page_size,
        concurrency=concurrency,
        retry_for_s=retry_for_s,
        now=now or client.server_time,
    )
    return await planning.write(path, project_id, protect, record)


class _Planning:
    """What one planning reads with, and what it finds and reports; arguments as for `make_plan`."""

    def __init__(
        self,
        client: PostHogClient,
        operation: Operation,
        selection: Selection,
        *,
        on_progress: Callable[[PlanEvent], None] | None,
        page_size: int,
        concurrency: int,
        retry_for_s: float,
        now: Callable[[], float],
    ) -> None:
        self._client, self._now = client, now
        self._operation, self._selection = operation, selection
        self._page_size, self._concurrency = page_size, concurrency
        self._gate, self._findings = StopGate(), Findings()
        self._wait_tracker = WaitTracker(client.limits, self._gate.sleeps)
        self._reporter = ActivityReporter(self._wait_tracker, self._describe, EventLog().before(on_progress))
        observed = client.observed(self._wait_tracker.client_event)
        self._reading = with_outage_wait(observed, retry_for_s, on_outage=on_progress)

    async def write(self, path: Path, project_id: int, protect: Sequence[Protect], record: JobRecord) -> Plan:
        """Resolve the selection, and write plan and receipts; raises what `make_plan` does."""
        lines: list[LineReceipts] = []  # receipts begin once a line is found that can be used
        async with self._reporter.reporting():
            with self._resolver(lambda line: lines[0].add(line)) as resolver:
                if not await resolver.begin():
                    raise no_target_error(self._findings)
                header = await self._header(project_id, record)
                with (
                    PlanWriter.create(path, header) as writer,
                    _create_receipts(path, header, self._selection) as receipts,
                    LineReceipts(receipts, today=datetime.fromtimestamp(self._now(), UTC).date()) as line_receipts,
                    ProtectedPersons() as protected,
                ):
                    lines.append(line_receipts)
                    if protect:
                        await self._leave_out(protected, protect)
                    values = await self._add_targets(resolver, writer, receipts)
                    if protect:
                        self._findings.protected = protected.to_finding()
                    if not writer.count:
                        raise no_target_error(self._findings)
                    plan = writer.finish(
                        spent=spent_requests(self._client, self._now()),
                        findings=self._recorded_findings(values, line_receipts.findings()),
                        content=resolver.content,
                        receipts=receipts,
                    )
        plan.counted_by.add(self._client.limits)
        LOGGER.info("plan written: %d persons, digest %s", plan.count, plan.digest)
        return plan

    def _describe(self, moment: Moment) -> PlanProgress:
        return PlanProgress(
            seen=self._findings.seen,
            unit="line" if isinstance(self._selection, InputSelection) else "person",
            targets=self._findings.targets,
            requests=moment.requests,
            elapsed_s=moment.elapsed_s,
            wait=moment.wait,
        )

    def _resolver(self, on_line: OnLine) -> Resolver:
        operation = self._operation
        return Resolver(
            self._reading,
            self._selection,
            self._findings,
            self._gate,
            page_size=self._page_size,
            concurrency=self._concurrency,
            now=self._now,
            keys=operation.keys if isinstance(operation, PropertyOperation) else (),
            having_keys=operation.keys if isinstance(operation, UnsetProperties) else (),
            refuse_everyone=True,
            on_line=on_line,
        )

    async def _header(self, project_id: int, record: JobRecord) -> PlanHeader:
        project = await self._reading.projects.get(project_id)
        return PlanHeader(
            format=FORMAT,
            project_id=project_id,
            project_name=project.name,
            host=self._client.origin,
            operation=to_dict(self._operation),
            selection={"summary": self._selection.summary(), "details": self._selection.details()},
            created_at=datetime.fromtimestamp(self._now(), UTC).isoformat(timespec="seconds"),
            version=VERSION,
            record=None if record.is_empty else record,
        )

    async def _leave_out(self, protected: ProtectedPersons, protect: Sequence[Protect]) -> None:
        """Read which persons are protected, and have the selection leave them out."""
        with interruption_of("plan"):
            await protected.read(self._reading, protect, self._gate, page_size=self._page_size)
        findings = self._findings
        findings.leave_out, findings.is_protected = protected.leave_out, protected.is_protected

    async def _add_targets(
        self, resolver: Resolver, writer: PlanWriter, receipts: ReceiptsWriter
    ) -> ValueCounts | None:
        """Write the selected persons, and return the counts of the values, where each person gets its own."""
        operation, notes = self._operation, None
        if Axis.RECORDINGS in axes(operation):
            notes = RecordingNotes(self._reading, self._gate, concurrency=self._concurrency)
        reader = PersonReader(self._reading, self._gate, readers=self._concurrency)
        entries = TargetEntries(
            writer, receipts, reader, self._gate, operation=operation, selection=self._selection, notes=notes
        )
        async for persons in resolver.targets():
            await entries.add(persons)
            self._reporter.report()
        await entries.write_held()
        if notes is not None:
            self._findings.recordings = notes.to_finding()
        return entries.values

    def _recorded_findings(
        self, values: ValueCounts | None, requests_due: list[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """Return all findings of the plan.

        Arguments:
            values: the counts of the values, where each person gets its own.
            requests_due: the findings about what is due when.
        """
        recorded = self._findings.to_list(requests=self._wait_tracker.requests)
        if values is not None:
            recorded.append(values.to_finding())
        return recorded + requests_due


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
