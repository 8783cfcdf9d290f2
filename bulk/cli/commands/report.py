"""`posthog-bulk report`: write the report of a job, from its journal and, if it exists, its plan."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bulk.cli.options.connection_options import FILE, PLAN_HELP
from bulk.cli.options.help_layout import command as help_command
from bulk.cli.options.help_layout import option
from bulk.cli.streams.output_file import FORCE_HELP, output_file

if TYPE_CHECKING:
    from bulk.report.report import Report


@help_command("report")
@click.argument("journal", type=FILE)
@option(
    "-o", "--output", type=FILE, metavar="FILE", help="Write to this .html, .md, .json or .txt file instead of stdout"
)
@option("--force", is_flag=True, help=FORCE_HELP)
@option("--plan", type=FILE, metavar="FILE", help=PLAN_HELP)
def command(journal: Path, output: Path | None, force: bool, plan: Path | None) -> int:
    """Write the report of the job in JOURNAL. Needs no network, no key, and not even the plan.

    The same files result in the same report, byte for byte.

    \b
    Example:
      posthog-bulk report leavers.journal.jsonl -o leavers.html
    """
    from bulk.cli.commands.status import read_job_report
    from bulk.jobs.job_files import plan_of
    from bulk.report.rendering import render_json, render_markdown, render_text
    from bulk.sanitize import plain

    formats = {".html": _html, ".md": render_markdown, ".json": render_json, ".txt": render_text}
    if output is None:
        click.echo(render_text(read_job_report(journal, plan)), nl=False)
        return 0
    render = formats.get(output.suffix.lower())
    if render is None:
        suffix = plain(output.suffix) if output.suffix else "a file without an extension"
        raise click.UsageError(
            f"{plain(output)}: a report cannot be written as {suffix}: choose a name that ends with "
            f"{', '.join(formats)}"
        )
    with output_file(output, force=force, needed=[journal, plan or plan_of(journal)]) as file:
        file.write(render(read_job_report(journal, plan)).encode())
    click.echo(f"Report written to {plain(output)}", err=True)
    return 0


def _html(report: "Report") -> str:
    from bulk.report.rendering.html import render_html  # loads jinja2, which only this format needs

    return render_html(report)
