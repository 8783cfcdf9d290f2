"""`posthog-bulk shred`: destroy the files of a job that identify persons, and keep the evidence."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bulk.cli.options.connection_options import FILE, PLAN_HELP, json_option
from bulk.cli.options.help_layout import command as help_command
from bulk.cli.options.help_layout import option

if TYPE_CHECKING:
    from bulk.cli.job_session import CommandOutput
    from bulk.jobs.shred import Shredded

NOTE = "Overwriting may leave old data on some disks: copy-on-write file systems, snapshots, SSDs and backups keep it."


@help_command("shred")
@click.argument("journal", metavar="JOB", type=FILE)
@option("--plan", type=FILE, metavar="FILE", help=PLAN_HELP)
@option(
    "--receipts",
    is_flag=True,
    help="Also destroy the receipts; report --find can then no longer tell whether a person was erased",
)
@option(
    "--unfinished",
    is_flag=True,
    help="Also accept a job that is not finished, waits for PostHog, or has persons that need attention, and a plan of "
    "--without-person that has no journal in its folder",
)
@option("--yes", is_flag=True, help="Do not ask for confirmation")
@json_option
def command(journal: Path, plan: Path | None, receipts: bool, unfinished: bool, yes: bool, json: bool) -> int:
    """Overwrite and remove the files of a job that identify persons: its plan and its before-image (--keep-before).

    JOB is the journal of the job. The journal stays as evidence, and records what was destroyed. For a job that was
    never run, JOB is its plan, and its receipts are removed too.

    Afterwards no file names the persons, the job cannot be reverted, and its persons cannot be read back any more.
    report, status and report --find still work. If the command is killed, run it again.

    \b
    Example:
      posthog-bulk shred leavers.journal.jsonl
    """
    from bulk.cli.job_session import CommandOutput
    from bulk.errors import NO_SUCH_FILE, JournalError
    from bulk.jobs.job_files import plan_of

    if not os.path.lexists(journal) and not os.path.lexists(plan or plan_of(journal)):
        raise JournalError(journal, NO_SUCH_FILE, "name the journal of the job, or its plan if it was never run")
    if not yes:
        _confirm(journal, plan, receipts=receipts, unfinished=unfinished)
    done = _destroy(journal, plan, receipts=receipts, unfinished=unfinished)
    _show_destroyed(done, journal, CommandOutput(json=json))
    return 0


def _destroy(journal: Path, plan: Path | None, *, receipts: bool, unfinished: bool) -> "Shredded":
    """Destroy the files of a job and return which, with a note of how to continue if a signal ends it."""
    from bulk.cli.job_session import show_long_reads
    from bulk.cli.signals.event_loop import run_to_its_end
    from bulk.cli.signals.explanations import explain_interruption, same_command_line
    from bulk.cli.signals.raising import raise_if_due
    from bulk.jobs.shred import shred_job
    from bulk.without_person.shred import find_job, shred_without_person

    def on_read(path: Path, read: int, size: int) -> None:
        raise_if_due()
        progress(path, read, size)

    def on_overwrite(path: Path, written: int, size: int) -> None:
        raise_if_due()
        progress.overwritten(path, written, size)

    async def work() -> "Shredded":
        if (files := find_job(journal, plan)) is not None:
            return await shred_without_person(*files, unfinished=unfinished, now=time.time(), on_overwrite=on_overwrite)
        return await shred_job(
            journal,
            plan=plan,
            receipts=receipts,
            unfinished=unfinished,
            on_read=on_read,
            on_overwrite=on_overwrite,
        )

    in_part = "Some files may already be destroyed. To continue:"
    with explain_interruption(lambda: f"{in_part}\n  {same_command_line()}"), show_long_reads() as progress:
        return run_to_its_end(work)


def _show_destroyed(done: "Shredded", journal: Path, output: "CommandOutput") -> None:
    """Show which files were destroyed, and which are kept."""
    from bulk.sanitize import file_word, plain

    for path in done.removed:
        output.print(f"Overwritten and removed: {plain(path)}")
    if not done.removed:
        output.print("Nothing to remove: the files are gone already.")
    if done.kept:
        output.print(f"Kept as evidence: {', '.join(plain(path) for path in done.kept)}")
    output.print(NOTE)
    if done.kept:
        output.print_command(f"For the report: posthog-bulk report {file_word(str(journal))}")
    output.write_event(
        "shredded",
        removed=[str(path) for path in done.removed],
        kept=[str(path) for path in done.kept],
        shredded_at=done.shredded_at,
    )


def _confirm(journal: Path, plan: Path | None, *, receipts: bool, unfinished: bool) -> None:
    """Ask at the terminal, once nothing refuses the destruction; if no file is left, there is nothing to ask.

    Raises:
        UsageError: there is no terminal to ask at.
        Refused: the job may not be shredded, or the user did not confirm.
    """
    from bulk.cli.approval import ask_at_terminal, can_prompt
    from bulk.cli.signals.explanations import explain_interruption, nothing_kept
    from bulk.errors import Refused

    if not can_prompt():
        raise click.UsageError("there is no terminal to confirm at: give --yes")
    with explain_interruption(nothing_kept):
        if not (files := _files(journal, plan, receipts=receipts, unfinished=unfinished)):
            return
        *first, last = files
        listed = f"{', '.join(first)} and {last}" if first else last
        typed = ask_at_terminal(f"About to destroy {listed}.", "Type shred to continue: ")
    if typed.lower() != "shred":
        raise Refused("not confirmed; nothing was changed", "run the same command again to be asked again")


def _files(journal: Path, plan: Path | None, *, receipts: bool, unfinished: bool) -> list[str]:
    """Return the files to destroy in words, after a check that they may be."""
    from bulk.cli.job_session import show_long_reads
    from bulk.jobs.shred import BEFORE_IMAGE, PLAN, RECEIPTS, files_to_shred
    from bulk.sanitize import plain
    from bulk.without_person.shred import find_job, submission_files_to_shred

    if (job := find_job(journal, plan)) is not None:
        return [f"the plan {plain(path)}" for path in submission_files_to_shred(*job, unfinished=unfinished)]
    with show_long_reads() as on_read:
        found = files_to_shred(journal, plan=plan, receipts=receipts, unfinished=unfinished, on_read=on_read)
    words = {PLAN: "the plan", BEFORE_IMAGE: "the before-image", RECEIPTS: "the receipts"}
    return [f"{words.get(kind, 'the incomplete end')} {plain(path)}" for kind, path in found.items()]
