"""`posthog-bulk persons`: export persons as JSON lines or CSV."""

import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from bulk.cli.options.connection_options import FILE, JOURNAL_HELP, json_option, settings_options
from bulk.cli.options.help_layout import command as help_command
from bulk.cli.options.help_layout import option
from bulk.cli.options.selection_options import SelectionArguments, build_selection, selection_options
from bulk.cli.options.settings import Settings
from bulk.cli.streams.output_file import FORCE_HELP, output_file
from bulk.cli.streams.text import as_text_output

if TYPE_CHECKING:
    from asyncclient import PostHogClient
    from bulk.cli.display.live_display import Display
    from bulk.cli.job_session import CommandOutput
    from bulk.cli.signals.event_loop import Stopper
    from bulk.files.unnamed_file import UnnamedFile
    from bulk.selection.input_findings import Findings
    from bulk.selection.selections import Selection


@help_command("persons")
@option(
    "--format",
    "layout",
    type=click.Choice(["jsonl", "csv"]),
    default="jsonl",
    help="jsonl: one JSON object per line, as the server sends it; csv: one row per person, safe to open in a "
    "spreadsheet",
)
@option(
    "-o", "--output", type=FILE, metavar="FILE", help="Write to this file, which only you can read, instead of stdout"
)
@option("--force", is_flag=True, help=FORCE_HELP)
@option("--count", "only_count", is_flag=True, help="Write only the number of persons to stdout")
@option(
    "--plan",
    type=FILE,
    metavar="FILE",
    help="Export the persons of this plan with all their distinct IDs, and record that in the journal of its job",
)
@option("--journal", type=FILE, metavar="FILE", help=JOURNAL_HELP)
@json_option
@selection_options
@settings_options
def command(
    selection_arguments: SelectionArguments,
    layout: str,
    output: Path | None,
    force: bool,
    only_count: bool,
    plan: Path | None,
    journal: Path | None,
    json: bool,
    settings: Settings,
) -> int:
    """Export the selected persons, or all persons of the project, one per line. Only reads from the server.

    PostHog returns up to 1,000 distinct IDs of a person found by a filter, and up to 10 of a person found by an ID.
    With --output, the file is created only if the export finishes. Persons that cannot be read are counted and
    named by input line, or by position in the listing, and the exit code is 1.

    With --plan, the export is a copy of the persons in a plan, to hand out before they are erased. Persons that are
    gone are named by their numbers in the plan.

    \b
    Example:
      posthog-bulk persons --where 'plan exact free' --format csv -o free.csv
      posthog-bulk persons --where 'plan exact free' --count
      posthog-bulk persons --plan leavers.plan.jsonl -o copy.jsonl
    """
    from bulk.cli.commands.evidence.plan_copy import copy_plan
    from bulk.cli.exit_codes import ExitCode
    from bulk.cli.job_session import CommandOutput
    from bulk.selection.input_findings import Findings

    if plan is not None:
        if selection_arguments.given or only_count or output is None:
            raise click.UsageError(
                "--plan exports exactly the persons of the plan, to a file: give -o FILE, and neither --count nor "
                "options that select persons"
            )
        return copy_plan(plan, journal, output, layout=layout, force=force, json=json, settings=settings)
    if journal is not None:
        raise click.UsageError("--journal is the journal of a plan: give --plan too, or leave it out")
    if only_count and output is not None:
        raise click.UsageError("--count writes the number of persons to stdout: leave out --output")
    if only_count:
        layout = "jsonl"  # it is counted, and not written
    if json and output is None and layout == "csv":
        raise click.UsageError("--json writes JSON to stdout, so --format csv needs a file: add -o FILE")
    selection = build_selection(selection_arguments, writes=False)
    findings = Findings()
    needed = [*selection_arguments.files, *([settings.key_file] if settings.key_file else [])]
    with nullcontext() if output is None else output_file(output, force=force, needed=needed) as file:
        persons = _export(
            selection, findings, output, file, layout=layout, only_count=only_count, json=json, settings=settings
        )
    _show_result(CommandOutput(json=json), persons, findings, output=output, only_count=only_count)
    return ExitCode.NEEDS_ATTENTION if findings.unreadable else ExitCode.DONE


def _export(
    selection: "Selection",
    findings: "Findings",
    output: Path | None,
    file: "UnnamedFile | None",
    *,
    layout: str,
    only_count: bool,
    json: bool,
    settings: Settings,
) -> int:
    """Export the persons of a selection, and return how many there are.

    Arguments:
        selection: the persons.
        findings: records the outcome of input lines.
        output: the name of the file; None for stdout.
        file: the open file; None for stdout.
        layout: jsonl or csv.
        only_count: whether nothing is written.
        json: whether events go to stdout.
        settings: for the client.
    """
    from bulk.cli.job_session import run_with_client
    from bulk.cli.signals.explanations import explain_interruption
    from bulk.export.export_progress import reporting_export
    from bulk.export.person_export import csv_lines, export_lines

    header_lines = 1 if layout == "csv" else 0
    write, wait_for_room = _writer(file, only_count=only_count)
    count = 0

    async def work(client: "PostHogClient", _: "Stopper", display: "Display") -> None:
        nonlocal count
        async with reporting_export(client, display, lambda: max(0, count - header_lines)) as (reading, gate):
            lines = export_lines(
                reading, selection, findings, gate=gate, retry_for_s=settings.retry_for_s, on_progress=display
            )
            async for line in csv_lines(lines, findings) if layout == "csv" else lines:
                write(line)
                if wait_for_room is not None:
                    await wait_for_room()
                count += 1

    # lines for people would otherwise be drawn between the persons
    is_result = file is not None or only_count
    in_place = is_result or not sys.stdout.isatty()
    with (
        explain_interruption(lambda: _interrupted(output, count - header_lines, only_count=only_count)),
        nullcontext() if is_result else _incomplete(lambda: count, header_lines),
    ):
        run_with_client(settings, work, json=json and is_result, in_place=in_place)
    return count - header_lines


def _writer(
    file: "UnnamedFile | None", *, only_count: bool
) -> tuple[Callable[[bytes], object], Callable[[], Awaitable[None]] | None]:
    """Return what takes a line of an export, and what waits until a reader of stdout has taken it."""
    if only_count:
        return len, None
    return _stdout_writer(sys.stdout) if file is None else (file.write, None)


def _show_result(
    shown: "CommandOutput", persons: int, findings: "Findings", *, output: Path | None, only_count: bool
) -> None:
    """Show how many persons an export or a count has, and what could not be read."""
    from bulk.formatting import count_of
    from bulk.sanitize import plain

    found = findings.to_list(requests=None)
    if only_count:
        _show_findings(findings)
        if shown.json:
            shown.write_event("count", count=persons, findings=found)
        else:
            click.echo(persons)
        return
    written = "" if output is None else f" written to {plain(output)}"
    click.echo(f"{count_of(persons, 'person')}{written}", err=True)
    _show_findings(findings)
    if output is not None:
        shown.write_event("persons", path=str(output), count=persons, findings=found)


def _interrupted(output: Path | None, persons: int, *, only_count: bool) -> str:
    """Return what an interruption leaves of an export."""
    from bulk.cli.signals.explanations import nothing_kept, same_command_line

    if output is not None:
        return nothing_kept()
    sentence = "The persons are not all counted." if only_count else _broken_off(persons)
    return f"{sentence} To start again:\n  {same_command_line()}"


@contextmanager
def _incomplete(lines: Callable[[], int], header_lines: int) -> Iterator[None]:
    """Say that what stdout has is not the whole export, if an error ends the block after its first line."""
    from bulk.cli.exit_codes import OutputClosed

    try:
        yield
    except (OutputClosed, BrokenPipeError):  # nobody reads it
        raise
    except Exception:
        if lines():
            click.echo(_broken_off(lines() - header_lines), err=True)
        raise


def _broken_off(persons: int) -> str:
    """Return that an export to stdout is incomplete, and after how many persons it broke off."""
    from bulk.formatting import count_of

    return f"The export is incomplete: it broke off after {count_of(max(0, persons), 'person')}."


def _stdout_writer(stream: TextIO) -> tuple[Callable[[bytes], object], Callable[[], Awaitable[None]] | None]:
    """Return functions that write a line and wait for a slow reader; lines for a terminal are sanitized."""
    from bulk.sanitize import json_text

    output = as_text_output(stream)
    if output is None:
        return stream.buffer.write, None
    if not output.is_terminal:
        return output.write_result, output.wait_for_room
    # CSV lines are sanitized already, and JSON stays valid when control characters are escaped
    return (lambda line: output.write(json_text(line.decode(errors="replace").rstrip()) + "\n")), output.wait_for_room


def _show_findings(findings: "Findings") -> None:
    from bulk.cli.display.terminal import text_width
    from bulk.formatting import count_of
    from bulk.report.rendering.document import Table
    from bulk.report.rendering.findings import finding_rows, finding_sentences
    from bulk.report.rendering.text import table_lines
    from bulk.selection.input_findings import by_kind

    if findings.unread_persons:
        click.echo(f"{count_of(findings.unread_persons, 'person')} of the query could not be read", err=True)
    if findings.lines or len(findings.unreadable_rows):
        found = by_kind(findings.to_list(requests=None))
        table = Table(
            headings=("Finding", "Count", "Lines"),
            rows=tuple(finding_rows(found)),
            numeric=frozenset({1}),
        )
        width = text_width(sys.stderr) - 2
        lines = (
            *table_lines(table, width=width),
            *finding_sentences(found),
        )
        click.echo("\n".join(f"  {line}" for line in lines), err=True)
