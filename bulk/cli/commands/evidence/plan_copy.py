"""`posthog-bulk persons --plan`: a copy of a plan's persons for handing out, recorded in the journal of its job."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from bulk.cli.options.settings import Settings
from bulk.cli.streams.output_file import output_file

if TYPE_CHECKING:
    from asyncclient import PostHogClient
    from bulk.cli.display.live_display import Display
    from bulk.cli.signals.event_loop import Stopper
    from bulk.jobs.plan_copy import PlanPersons
    from bulk.plan.plan_file import Plan


def copy_plan(
    plan: Path, journal: Path | None, output: Path, *, layout: str, force: bool, json: bool, settings: Settings
) -> int:
    """Write the persons of a plan to a file, record that in the journal, and return the exit code.

    Arguments:
        plan: the plan.
        journal: of its job; None for the one that belongs to the plan.
        output: the file.
        layout: jsonl or csv.
        force: whether to replace an existing file.
        json: whether events go to stdout.
        settings: for the client.
    """
    from bulk.cli.exit_codes import ExitCode
    from bulk.cli.job_paths import check_job_files
    from bulk.cli.job_session import CommandOutput, show_long_reads
    from bulk.cli.signals.event_loop import run_to_its_end
    from bulk.formatting import count_of
    from bulk.jobs.job_files import journal_of
    from bulk.jobs.plan_copy import CopyJournal, PlanPersons
    from bulk.plan.plan_file import load_plan
    from bulk.sanitize import plain

    path = journal_of(plan) if journal is None else journal
    check_job_files(plan, path)
    found = PlanPersons()
    needed = [plan, path, *([settings.key_file] if settings.key_file else [])]
    with load_plan(plan) as loaded:
        with show_long_reads() as on_read:
            copies = CopyJournal(loaded, path, on_read=on_read)
        try:
            with output_file(output, force=force, needed=needed) as file:
                written = _write_copy(loaded, found, file.write, layout=layout, json=json, settings=settings)
                _check_any(plan, found)

            async def record() -> None:
                await copies.record(
                    found, layout=layout, sha256=written.sha256, requests=written.requests, at=written.at
                )

            run_to_its_end(record)
        finally:
            copies.close()
    _show(found)
    click.echo(f"{count_of(found.persons, 'person')} written to {plain(output)}; recorded in {plain(path)}", err=True)
    CommandOutput(json=json).write_event("persons", path=str(output), count=found.persons, findings=_findings(found))
    return ExitCode.NEEDS_ATTENTION if found.unread else ExitCode.DONE


def _check_any(plan: Path, found: "PlanPersons") -> None:
    """Check that a copy has a person, so that an empty file is not taken for one.

    Raises:
        NotFinished: it has none, and some persons could not be read.
        Refused: all persons are gone.
    """
    from bulk.errors import NotFinished, Refused
    from bulk.formatting import count_of
    from bulk.posthog.halving import because_of
    from bulk.sanitize import plain

    if found.persons:
        return
    if found.unread:
        raise NotFinished(
            f"{count_of(len(found.unread), 'person')} could not be read{because_of(found.read_error)}, and no other "
            "person is left",
            purpose="export",
        )
    gone = len(found.missing)
    everyone = f"all {gone:,} persons of {plain(plan)} are" if gone > 1 else f"the person of {plain(plan)} is"
    raise Refused(f"{everyone} gone, so no copy was made", "a copy has to be made before the run")


class _WrittenCopy(NamedTuple):
    """A copy that was written: its digest, the reads of the last hour, and the server's time in epoch seconds."""

    sha256: str
    requests: int
    at: float


def _write_copy(
    plan: "Plan",
    found: "PlanPersons",
    write: Callable[[bytes], object],
    *,
    layout: str,
    json: bool,
    settings: Settings,
) -> _WrittenCopy:
    """Read the persons of a plan and write them.

    Arguments:
        plan: the plan.
        found: records what became of each target.
        write: takes the lines.
        layout: jsonl or csv.
        json: whether events go to stdout.
        settings: for the client.
    """
    from asyncclient import Bucket
    from bulk.cli.job_session import run_with_client
    from bulk.cli.signals.explanations import explain_interruption, nothing_kept
    from bulk.execution import preflight
    from bulk.export.csv_rows import HEADER, csv_row
    from bulk.export.export_progress import reporting_export
    from bulk.jobs.plan_copy import export_plan

    digest = hashlib.sha256()

    def add(line: bytes) -> None:
        digest.update(line)
        write(line)

    async def work(client: "PostHogClient", _: "Stopper", display: "Display") -> _WrittenCopy:
        preflight.check_client(plan, origin=client.origin, project_id=client.project_id)
        async with reporting_export(client, display, lambda: found.persons) as (reading, gate):
            if layout == "csv":
                add(HEADER)
            lines = export_plan(reading, plan, found, gate=gate, retry_for_s=settings.retry_for_s, on_progress=display)
            async for line in lines:
                add(csv_row(line) if layout == "csv" else line)
        return _WrittenCopy(digest.hexdigest(), len(client.limits.recent(Bucket.OTHERS)), client.server_time())

    with explain_interruption(nothing_kept):
        return run_with_client(settings, work, json=json)


def _findings(found: "PlanPersons") -> list[dict[str, object]]:
    from bulk.number_ranges import format_ranges

    kinds = {"missing": found.missing, "unread": found.unread}
    return [
        {"kind": kind, "count": len(numbers), "targets": format_ranges(numbers)}
        for kind, numbers in kinds.items()
        if numbers
    ]


def _show(found: "PlanPersons") -> None:
    from bulk.formatting import count_of
    from bulk.number_ranges import format_ranges

    words = (
        (found.missing, "not in PostHog any more"),
        (found.unread, "could not be read: run the same command again with --force"),
    )
    for numbers, what in words:
        if numbers:
            click.echo(f"{count_of(len(numbers), 'person')} {what}: {format_ranges(numbers)} in the plan", err=True)
