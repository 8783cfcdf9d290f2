"""`posthog-bulk demo`: a whole erasure on a local server, killed half-way, resumed and verified."""

import tempfile
from contextlib import ExitStack
from pathlib import Path

import click

from bulk.cli.options.connection_options import json_option
from bulk.cli.options.help_layout import WholeNumber, option
from bulk.cli.options.help_layout import command as help_command

DEMO_FILES = ("demo.plan.jsonl", "demo.journal.jsonl", "demo.receipts", "report.html", "report.md", "report.json")


@help_command("demo")
@option(
    "--persons",
    type=WholeNumber(200, 1_000_000),
    default=5000,
    metavar="N",
    help="Persons on the local server",
)
@option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Keep plan, journal, receipts and reports in this folder",
)
@json_option
def command(persons: int, keep: Path | None, json: bool) -> int:
    """Watch an erasure on a local server: plan, run, kill half-way, resume, verify, report, prove.

    Needs no account and no network, and writes to a temporary folder or to that of --keep.

    \b
    Example:
      posthog-bulk demo --keep demo
    """
    from bulk.cli.demo.story import run_demo
    from bulk.cli.display.live_display import open_display
    from bulk.cli.job_session import CommandOutput
    from bulk.cli.signals.event_loop import run_until_signal

    with ExitStack() as stack:
        if keep is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="posthog-bulk-demo-")))
        else:
            folder = _demo_folder(keep)
        display = open_display(json=json)
        stack.callback(display.close)
        return run_until_signal(
            lambda _: run_demo(
                persons, folder, kept=keep is not None, display=display, output=CommandOutput(json=json)
            ),
            notice=display.note,
            restore=display.restore,
        )


def _demo_folder(folder: Path) -> Path:
    from bulk.files.file_errors import as_file_trouble
    from bulk.sanitize import plain

    with as_file_trouble(folder, "cannot be created"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if taken := [name for name in DEMO_FILES if (folder / name).exists()]:
        raise click.UsageError(f"{plain(folder)} holds {taken[0]} of an earlier demo: choose another folder")
    return folder
