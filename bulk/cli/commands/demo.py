"""`posthog-bulk demo`: the whole story against a local server, with a kill in the middle and a proof at the end."""

import tempfile
from contextlib import ExitStack
from pathlib import Path

import click

from bulk.cli.options.connection_options import FILE

KEPT = ("demo.plan.jsonl", "demo.journal.jsonl", "report.md", "report.json")


@click.command("demo")
@click.option(
    "--persons",
    type=click.IntRange(200, 1_000_000),
    default=5000,
    show_default=True,
    metavar="N",
    help="Persons on the local server.",
)
@click.option("--keep", type=FILE, metavar="DIR", help="Leave plan, journal and reports there.")
def command(persons: int, keep: Path | None) -> int:
    """See it work: plan an erasure on a local server, run it, kill it half-way, resume, verify, prove it.

    Needs no account and no network, and touches nothing but a folder of its own.

    \b
    Example:
      posthog-bulk demo --keep demo
    """
    from bulk.cli.demo.story import tell
    from bulk.cli.display.live_display import open_display
    from bulk.cli.signals import run_until_signal

    with ExitStack() as stack:
        if keep is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="posthog-bulk-demo-")))
        else:
            folder = _own_folder(keep)
        display = open_display(json=False)
        stack.callback(display.close)
        return run_until_signal(
            lambda _: tell(persons, folder, kept=keep is not None, display=display),
            notice=display.note,
            restore=display.restore,
        )


def _own_folder(folder: Path) -> Path:
    from bulk.files.private_files import trouble

    with trouble(folder, "cannot be made"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if taken := [name for name in KEPT if (folder / name).exists()]:
        raise click.UsageError(f"{folder} holds {taken[0]} of an earlier demo: choose another folder")
    return folder
