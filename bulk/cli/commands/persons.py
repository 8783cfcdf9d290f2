"""`posthog-bulk persons`: stream persons as JSON lines or CSV."""

import sys
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from bulk.cli.options.connection_options import FILE, Settings, settings_options
from bulk.cli.options.selection_options import Chosen, selection, selection_options
from bulk.cli.streams.output_file import FORCE_HELP, output_file
from bulk.cli.streams.text import queued

if TYPE_CHECKING:
    from asyncclient import PostHogClient
    from bulk.cli.display.live_display import Display
    from bulk.cli.signals import Stopper
    from bulk.selection.input_findings import Findings


@click.command("persons")
@selection_options
@click.option(
    "--format",
    "layout",
    type=click.Choice(["jsonl", "csv"]),
    default="jsonl",
    show_default=True,
    help="jsonl: one object of the server per line. csv: one row per person, safe in spreadsheets",
)
@click.option(
    "-o", "--output", type=FILE, metavar="FILE", help="Write to this new file, readable by you only, instead of stdout"
)
@click.option("--force", is_flag=True, help=FORCE_HELP)
@settings_options
def command(chosen: Chosen, layout: str, output: Path | None, force: bool, settings: Settings) -> int:
    """Write persons to stdout or a file, one per line; every person if none is selected. Read-only.

    Persons found by a filter show up to 1,000 of their distinct IDs, persons named by IDs up to 10.
    FILE appears complete or not at all, readable by its owner only.

    \b
    Example:
      posthog-bulk persons --where 'plan exact free' --format csv -o free.csv
    """
    from bulk.cli.job_session import with_client
    from bulk.export.person_export import export_csv, export_lines
    from bulk.selection.input_findings import Findings

    stream, header_lines = (export_csv, 1) if layout == "csv" else (export_lines, 0)
    whom = selection(chosen, writes=False)
    findings = Findings()
    needed = [*chosen.files, *([settings.key_file] if settings.key_file else [])]
    with nullcontext() if output is None else output_file(output, force=force, needed=needed) as file:
        write, room = _to_stdout(sys.stdout) if file is None else (file.write, None)

        async def work(client: "PostHogClient", _: "Stopper", __: "Display") -> int:
            count = 0
            async for line in stream(client, whom, findings):
                write(line)
                if room is not None:
                    await room()
                count += 1
            return count - header_lines

        count = with_client(settings, work)
    _tell(findings, count)
    return 0


def _to_stdout(stream: TextIO) -> tuple[Callable[[bytes], object], Callable[[], Awaitable[None]] | None]:
    """How to write lines, and how to wait for a slow reader; a terminal gets what is harmless there."""
    from bulk.sanitize import json_text

    output = queued(stream)
    if output is None:
        return stream.buffer.write, None
    if not output.is_terminal:
        return output.result, output.room
    # CSV has no such characters left, and JSON is still JSON without them
    return (lambda line: output.write(json_text(line.decode(errors="replace").rstrip()) + "\n")), output.room


def _tell(findings: "Findings", count: int) -> None:
    from bulk.cli.display.plan_review import LINES_MAX
    from bulk.report.rendering.document import Table, figure, finding_rows
    from bulk.report.rendering.text import table_lines
    from bulk.selection.input_findings import by_kind

    click.echo(f"{figure(count)} persons", err=True)
    if findings.lines:
        found = by_kind(findings.to_list(requests=0))
        table = Table(
            headings=("Finding", "Count", "Which lines"),
            rows=tuple(finding_rows(found)),
            numeric=frozenset({1}),
        )
        click.echo("\n".join(f"  {line}" for line in table_lines(table, cell_max=LINES_MAX)), err=True)
