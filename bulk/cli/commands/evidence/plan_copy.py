"""`posthog-bulk persons --plan`: a copy of a plan's persons for handing out, recorded in the journal of its job."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bulk.cli.options.settings import Settings
from bulk.cli.streams.output_file import output_file

if TYPE_CHECKING:
    from asyncclient import PostHogClient
    from bulk.cli.display.live_display import Display
    from bulk.cli.signals import Stopper
    from bulk.jobs.plan_copy import PlanPersons


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
    import anyio

    from asyncclient import Bucket
    from bulk.cli.exit_codes import ExitCode
    from bulk.cli.interruption import explained, nothing_kept
    from bulk.cli.job_paths import check_job_files
    from bulk.cli.job_session import CommandOutput, run_with_client
    from bulk.concurrency.stop_gate import StopGate
    from bulk.events import Activity
    from bulk.execution import preflight
    from bulk.export.csv_rows import HEADER, csv_row
    from bulk.formatting import count_of
    from bulk.jobs.job_files import journal_of
    from bulk.jobs.plan_copy import CopyJournal, PlanPersons, export_plan
    from bulk.plan.plan_file import load_plan
    from bulk.progress.activity import ActivityReporter, Moment
    from bulk.progress.wait_tracker import WaitTracker
    from bulk.sanitize import plain

    path = journal_of(plan) if journal is None else journal
    check_job_files(plan, path)
    found, digest, made_at, requests = PlanPersons(), hashlib.sha256(), 0.0, 0
    needed = [plan, path, *([settings.key_file] if settings.key_file else [])]
    with load_plan(plan) as loaded:
        copies = CopyJournal(loaded, path)
        try:
            with output_file(output, force=force, needed=needed) as file:

                def write(line: bytes) -> None:
                    digest.update(line)
                    file.write(line)

                async def work(client: "PostHogClient", _: "Stopper", display: "Display") -> None:
                    nonlocal made_at, requests
                    preflight.check_client(loaded, origin=client.origin, project_id=client.project_id)
                    gate = StopGate()

                    def describe(moment: Moment) -> Activity:
                        return Activity(
                            phase="exporting",
                            elapsed_s=moment.elapsed_s,
                            requests=moment.requests,
                            persons=found.persons,
                            wait=moment.wait,
                        )

                    wait_tracker = WaitTracker(client.limits, gate.sleeps)
                    async with ActivityReporter(wait_tracker, describe, display).reporting():
                        if layout == "csv":
                            write(HEADER)
                        lines = export_plan(
                            client.observed(wait_tracker.client_event),
                            loaded,
                            found,
                            gate=gate,
                            retry_for_s=settings.retry_for_s,
                            on_progress=display,
                        )
                        async for line in lines:
                            write(csv_row(line) if layout == "csv" else line)
                    made_at, requests = client.server_time(), len(client.limits.recent(Bucket.OTHERS))

                with explained(nothing_kept):
                    run_with_client(settings, work, json=json)

            async def record() -> None:
                await copies.record(found, layout=layout, sha256=digest.hexdigest(), requests=requests, at=made_at)

            anyio.run(record)
        finally:
            copies.close()
    _show(found)
    click.echo(f"{count_of(found.persons, 'person')} written to {plain(output)}; recorded in {plain(path)}", err=True)
    CommandOutput(json=json).write_event("persons", path=str(output), count=found.persons, findings=_findings(found))
    return ExitCode.NEEDS_ATTENTION if found.unread else ExitCode.DONE


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
