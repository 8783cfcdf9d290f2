"""`posthog-bulk report`: write the report of a job, from its journal and, if it exists, its plan."""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bulk.cli.options.connection_options import FILE, OPTIONAL_PLAN_HELP, json_option
from bulk.cli.options.help_layout import command as help_command
from bulk.cli.options.help_layout import option
from bulk.cli.streams.output_file import FORCE_HELP, output_file

if TYPE_CHECKING:
    from bulk.report.report import Report

FORMATS = ("html", "md", "json", "txt")
STDOUT = "-"


@help_command("report")
@click.argument("journal", type=FILE)
@option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE|-",
    help="Write to this .html, .md, .json or .txt file; - writes to stdout, which is the default",
)
@option(
    "--format",
    "layout",
    type=click.Choice(FORMATS),
    help="Format of the report (default: that of the file name, or txt on stdout)",
)
@option("--force", is_flag=True, help=FORCE_HELP)
@option("--plan", type=FILE, metavar="FILE", help=OPTIONAL_PLAN_HELP)
@option("--redact", is_flag=True, help="Leave out values of filters, queries and properties, and the input file")
@option(
    "--sign",
    type=FILE,
    metavar="KEYFILE",
    help="Also write the signature FILE.sig with this Ed25519 private key, a PEM file without a passphrase",
)
@json_option
def command(
    journal: Path,
    output: Path | None,
    layout: str | None,
    force: bool,
    plan: Path | None,
    redact: bool,
    sign: Path | None,
    json: bool,
) -> int:
    """Write the report of the job in JOURNAL. Needs no network and no key.

    The same files result in the same report, byte for byte. The exit code is that of its first sentence: 0 if the job
    is complete, 75 while it waits for PostHog, and 1 if it needs attention.

    If the plan exists, the report has the values of the selection, which may identify persons, unless --redact is
    given. verify-signature checks a signature.

    \b
    Example:
      posthog-bulk report leavers.journal.jsonl -o leavers.html
      posthog-bulk report leavers.journal.jsonl -o leavers.md --redact --sign signing-key.pem
    """
    from bulk.cli.commands.status import read_job_report
    from bulk.cli.display.terminal import text_width
    from bulk.cli.job_session import CommandOutput
    from bulk.files.signed_file import load_private_key, signature_of
    from bulk.files.signed_file import sign as sign_content
    from bulk.jobs.job_files import plan_of
    from bulk.sanitize import plain

    if output is None or str(output) == STDOUT:
        if sign is not None:
            raise click.UsageError("--sign writes FILE.sig beside the report: add -o FILE")
        if json and layout not in (None, "json"):
            raise click.UsageError(f"--json writes JSON to stdout, so --format {layout} needs a file: add -o FILE")
        chosen = layout or ("json" if json else "txt")
        report = read_job_report(journal, plan, values=not redact)
        click.echo(render(report, chosen, width=text_width(sys.stdout)), nl=False)
        return report.exit_code
    chosen = layout or _format_of(output)
    needed = [journal, plan or plan_of(journal), *([sign] if sign else [])]
    with ExitStack() as files:
        key = None if sign is None else load_private_key(sign)
        beside = None if key is None else output_file(signature_of(output), force=force, needed=needed)
        signature = None if beside is None else files.enter_context(beside)
        file = files.enter_context(output_file(output, force=force, needed=needed))
        report = read_job_report(journal, plan, values=not redact)
        content = render(report, chosen).encode()
        file.write(content)
        if signature is not None and key is not None:
            signature.write(sign_content(content, key))
    signed = f", its signature to {plain(signature_of(output))}" if sign else ""
    click.echo(f"Report written to {plain(output)}{signed}", err=True)
    CommandOutput(json=json).write_event(
        "file", path=str(output), format=chosen, verdict=report.verdict, exit_code=report.exit_code
    )
    return report.exit_code


def _format_of(output: Path) -> str:
    """Return the format that the name of a file stands for.

    Raises:
        UsageError: it stands for none.
    """
    from bulk.sanitize import plain

    name = output.suffix.lower().removeprefix(".")
    if name in FORMATS:
        return name
    suffix = plain(output.suffix) if output.suffix else "a file without an extension"
    raise click.UsageError(
        f"{plain(output)}: a report cannot be written as {suffix}: choose a name that ends with "
        f".{', .'.join(FORMATS)}, or give --format"
    )


def render(report: "Report", layout: str, *, width: int | None = None) -> str:
    """Return a report as text.

    Arguments:
        report: the report.
        layout: one of `FORMATS`.
        width: the longest line of plain text; None for that of a file.
    """
    from bulk.report.rendering import render_json, render_markdown, render_text

    if layout == "txt" and width is not None:
        return render_text(report, width=width)
    return {"html": _html, "md": render_markdown, "json": render_json, "txt": render_text}[layout](report)


def _html(report: "Report") -> str:
    from bulk.report.rendering.html import render_html  # loads jinja2, which only this format needs

    return render_html(report)
