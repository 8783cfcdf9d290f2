"""`posthog-bulk report`: a job's report, from its journal alone."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bulk.cli.job_paths import plan_of
from bulk.cli.options.connection_options import FILE
from bulk.cli.streams.output_file import FORCE_HELP, output_file

if TYPE_CHECKING:
    from bulk.report.report import Report


@click.command("report")
@click.argument("journal", type=FILE)
@click.option(
    "-o", "--output", type=FILE, metavar="FILE", help="Write to this .html, .md, .json or .txt file instead of stdout"
)
@click.option("--force", is_flag=True, help=FORCE_HELP)
@click.option(
    "--plan", type=FILE, metavar="FILE", help="Plan; by default NAME.plan.jsonl for NAME.journal.jsonl, if it exists"
)
def command(journal: Path, output: Path | None, force: bool, plan: Path | None) -> int:
    """Write the report of JOURNAL. Needs no network and no key. The same files give the same bytes each time.

    \b
    Example:
      posthog-bulk report leavers.journal.jsonl -o leavers.html
    """
    from bulk.cli.commands.status import read
    from bulk.report.rendering import render_json, render_markdown, render_text

    formats = {".html": _html, ".md": render_markdown, ".json": render_json, ".txt": render_text}
    if output is None:
        click.echo(render_text(read(journal, plan)), nl=False)
        return 0
    render = formats.get(output.suffix.lower())
    if render is None:
        raise click.UsageError(
            f"no report can be written as {output.suffix or 'a file without an ending'}: choose {', '.join(formats)}"
        )
    with output_file(output, force=force, needed=[journal, plan or plan_of(journal)]) as file:
        file.write(render(read(journal, plan)).encode())
    return 0


def _html(report: "Report") -> str:
    from bulk.report.rendering.html import render_html  # only who wants a page waits for jinja2

    return render_html(report)
