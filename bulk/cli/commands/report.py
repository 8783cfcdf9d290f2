"""`posthog-bulk report`: write the report of a job, from its journal and, if it exists, its plan."""

import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bulk.cli.options.connection_options import FILE, OPTIONAL_PLAN_HELP, json_option
from bulk.cli.options.help_layout import command as help_command
from bulk.cli.options.help_layout import option
from bulk.cli.streams.output_file import FORCE_HELP, output_file

if TYPE_CHECKING:
    from bulk.plan.plan_file import Plan
    from bulk.progress.file_reading import OnRead
    from bulk.report.receipt import Receipt
    from bulk.report.report import Report
    from bulk.without_person.report import WithoutPersonReport

    AnyReport = Report | Receipt | WithoutPersonReport

FORMATS = ("html", "md", "json", "txt")
STDOUT = "-"
SEPARATORS = frozenset(",;\t|")


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
@option(
    "--reference", metavar="REFERENCE", help="Write the receipt of this request only; needs the receipts of the job"
)
@option(
    "--find",
    "ids",
    multiple=True,
    metavar="ID|-",
    help="Write whether the person with this distinct ID, UUID or email was erased; - reads one ID per line from "
    "stdin. Needs the receipts of the job, not the plan",
)
@option(
    "--find-file",
    type=FILE,
    metavar="FILE",
    help="Write whether the persons in this file were erased; one ID per line, or a CSV file like that of --requests",
)
@option(
    "--receipts",
    type=FILE,
    metavar="FILE",
    help="Receipts of the job (default: NAME.receipts for a journal NAME.journal.jsonl)",
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
    reference: str | None,
    ids: tuple[str, ...],
    find_file: Path | None,
    receipts: Path | None,
    force: bool,
    plan: Path | None,
    redact: bool,
    sign: Path | None,
    json: bool,
) -> int:
    """Write the report of the job in JOURNAL. Needs no network and no key.

    The same files result in the same report, byte for byte. The exit code is 0 if the job is complete, 75 while
    it waits for PostHog, and 1 if it needs attention.

    If the plan exists, the report has the values of the selection, which may identify persons: --redact leaves them
    out. verify-signature checks a signature.

    --reference writes the receipt of one request. --find says whether persons were erased, when, and with what result,
    also years later and without the plan. It shows numbers in place of IDs: the first ID you give is number 1.

    \b
    Example:
      posthog-bulk report leavers.journal.jsonl -o leavers.html
      posthog-bulk report leavers.journal.jsonl -o leavers.md --sign key.pem
      posthog-bulk report leavers.journal.jsonl --find user-1
    """
    from bulk.cli.display.terminal import text_width
    from bulk.cli.job_session import CommandOutput
    from bulk.files.lock_probe import is_locked
    from bulk.files.signed_file import signature_of
    from bulk.jobs.job_files import plan_of
    from bulk.report.rendering.text import WIDTH
    from bulk.sanitize import plain

    asked = _ids(ids, find_file) if ids or find_file is not None else None
    if asked is not None and reference is not None:
        raise click.UsageError("--reference and --find cannot be combined: give one of them")
    if receipts is not None and asked is None and reference is None:
        raise click.UsageError("--receipts only works with --reference and --find")

    def read() -> "AnyReport":
        if is_locked(journal):
            click.echo("posthog-bulk: a process is working on this job: shown as of its last record.", err=True)
        return _read(
            journal, plan, reference=reference, ids=asked, ids_file=find_file, receipts=receipts, values=not redact
        )

    if output is None or str(output) == STDOUT:
        if sign is not None:
            raise click.UsageError("--sign writes FILE.sig beside the report: add -o FILE")
        if json and layout not in (None, "json"):
            raise click.UsageError(f"--json writes JSON to stdout, so --format {layout} needs a file: add -o FILE")
        chosen = layout or ("json" if json else "txt")
        report = read()
        if reference is not None and layout is None and not json and getattr(report, "answers", None) == ():
            click.echo(_no_request(journal, reference, receipts, plan))
            return report.exit_code
        click.echo(render(report, chosen, width=text_width(sys.stdout, otherwise=WIDTH)), nl=False)
        return report.exit_code
    chosen = layout or _format_of(output)
    needed = [journal, plan or plan_of(journal), *([sign] if sign else [])]
    report = _write(read, chosen, output, sign, force=force, needed=needed)
    signed = f", its signature to {plain(signature_of(output))}" if sign else ""
    click.echo(f"Report written to {plain(output)}{signed}", err=True)
    CommandOutput(json=json).write_event(
        "file", path=str(output), format=chosen, verdict=report.verdict, exit_code=report.exit_code
    )
    return report.exit_code


def _write(
    read: "Callable[[], AnyReport]", layout: str, output: Path, sign: Path | None, *, force: bool, needed: list[Path]
) -> "AnyReport":
    """Write the report and, with a key, its signature, and return what was read.

    Arguments:
        read: reads what is to be written, once both files can be created.
        layout: the format.
        output: the file.
        sign: the file of the private key; None for no signature.
        force: replace existing files.
        needed: files that are never replaced.
    """
    from bulk.files.signed_file import load_private_key, signature_of
    from bulk.files.signed_file import sign as sign_content

    with ExitStack() as files:
        key = None if sign is None else load_private_key(sign)
        beside = None if key is None else output_file(signature_of(output), force=force, needed=needed)
        signature = None if beside is None else files.enter_context(beside)
        file = files.enter_context(output_file(output, force=force, needed=needed))
        report = read()
        content = render(report, layout).encode()
        file.write(content)
        if signature is not None and key is not None:
            signature.write(sign_content(content, key))
    return report


def _read(
    journal: Path,
    plan: Path | None,
    *,
    reference: str | None,
    ids: list[str] | None,
    ids_file: Path | None,
    receipts: Path | None,
    values: bool,
) -> "AnyReport":
    from bulk.cli.commands.status import read_job_report, read_with_plan
    from bulk.cli.job_session import show_long_reads
    from bulk.report.find import find_persons, find_request
    from bulk.without_person.records import is_journal_without_person, read_states
    from bulk.without_person.report import build_without_person_report

    if is_journal_without_person(journal):
        if ids is not None or reference is not None:
            raise click.UsageError(
                "--find and --reference need receipts, which a job for events without a person lacks"
            )
        return build_without_person_report(read_states(journal))
    if ids is None and reference is None:
        return read_job_report(journal, plan, values=values)
    with show_long_reads() as on_read:

        def find(journal: Path, plan: "Plan | None", *, on_read: "OnRead | None") -> "Receipt":
            if reference is not None:
                return find_request(journal, reference, receipts=receipts, plan=plan, on_read=on_read)
            return find_persons(journal, ids or (), receipts=receipts, plan=plan, on_read=on_read, ids_file=ids_file)

        receipt = read_with_plan(find, journal, plan, on_read=on_read)
    _note_separators(ids or [], receipt)
    return receipt


def _note_separators(ids: list[str], receipt: "Receipt") -> None:
    """Say that IDs which were not found may be whole lines of a table."""
    unknown = (value for value, answer in zip(ids, receipt.answers, strict=False) if answer.result == "not_in_job")
    if count := sum(not SEPARATORS.isdisjoint(value) for value in unknown):
        click.echo(
            f"posthog-bulk: {count:,} of the IDs that were not found {'have' if count > 1 else 'has'} a comma, a "
            "semicolon, a tab or a bar: give one ID per line, or a CSV file with a column distinct_id, email or uuid.",
            err=True,
        )


def _no_request(journal: Path, reference: str, receipts: Path | None, plan: Path | None) -> str:
    """Return the sentence that a job has no request of this reference, with the closest one that it has."""
    from bulk.cli.commands.status import read_with_plan
    from bulk.report.find import closest_reference
    from bulk.sanitize import plain

    def find(journal: Path, plan: "Plan | None", *, on_read: "OnRead | None") -> str | None:
        del on_read
        return closest_reference(journal, reference, receipts=receipts, plan=plan)

    closest = read_with_plan(find, journal, plan, on_read=None)
    hint = "." if closest is None else f"; did you mean {plain(closest)}?"
    return f"This job has no request with the reference {plain(reference)}{hint}"


def _ids(given: tuple[str, ...], file: Path | None) -> list[str]:
    """Return the IDs of the options, in their order; those of stdin and of the file one per line or row of CSV.

    Raises:
        UsageError: an ID is blank, or there is none.
        InputError: a CSV file cannot be used.
        FileTrouble: the file cannot be read.
    """
    from bulk.files.file_errors import as_file_trouble
    from bulk.sanitize import plain

    found: list[str] = []
    for each in given:
        if not each.strip():
            raise click.UsageError("--find is empty: give an ID")
        found += _lines(sys.stdin.buffer.read(), "stdin") if each == STDOUT else [each]
    if file is not None:
        with as_file_trouble(file, "cannot be read"):
            data = file.read_bytes()
        found += _lines(data, plain(file))
    return found


def _lines(data: bytes, source: str) -> list[str]:
    """Return the IDs of a file, one per line or in the rows of CSV.

    Raises:
        UsageError: it is empty or has a blank line, and no answer about a person may come from either.
        InputError: it is a CSV file that cannot be used.
    """
    from bulk.selection.inputs.id_rows import ids_of_rows

    if rows := ids_of_rows(data, source):
        return rows
    if rows is not None:
        raise click.UsageError(f"{source} has a header and no ID: give one ID per row")
    lines = data.removeprefix(b"\xef\xbb\xbf").removesuffix(b"\n").split(b"\n")
    found = [line.removesuffix(b"\r").decode("utf-8", "surrogateescape") for line in lines]
    blank = [number for number, line in enumerate(found, 1) if not line.strip()]
    if len(blank) == len(found):
        raise click.UsageError(f"{source} has no ID: give one ID per line")
    if blank:
        raise click.UsageError(f"line {blank[0]} of {source} is blank: remove it")
    return found


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


def render(report: "AnyReport", layout: str, *, width: int | None = None) -> str:
    """Return a report or a receipt as text.

    Arguments:
        report: the report or the receipt, or the report of a job for events without a person.
        layout: one of `FORMATS`.
        width: the longest line of plain text; None for that of a file.
    """
    from bulk.report.receipt import Receipt
    from bulk.report.rendering import render_json, render_markdown, render_text
    from bulk.without_person.report import WithoutPersonReport

    if isinstance(report, Receipt | WithoutPersonReport):
        return _render_document(report, layout, width=width)
    if layout == "txt" and width is not None:
        return render_text(report, width=width)
    return {"html": _html, "md": render_markdown, "json": render_json, "txt": render_text}[layout](report)


def _render_document(report: "Receipt | WithoutPersonReport", layout: str, *, width: int | None) -> str:
    from bulk.report.rendering.json import indented_json
    from bulk.report.rendering.markdown import document_markdown
    from bulk.report.rendering.sections.receipt import lay_out_receipt
    from bulk.report.rendering.text import WIDTH, document_text
    from bulk.without_person.report import WithoutPersonReport, lay_out_without_person

    if layout == "json":
        return indented_json(report)
    document = lay_out_without_person(report) if isinstance(report, WithoutPersonReport) else lay_out_receipt(report)
    if layout == "md":
        return document_markdown(document)
    if layout == "txt":
        return document_text(document, width=width or WIDTH)
    from bulk.report.rendering.html import document_html  # loads jinja2, which only this format needs

    return document_html(document)


def _html(report: "Report") -> str:
    from bulk.report.rendering.html import render_html  # loads jinja2, which only this format needs

    return render_html(report)
