"""`posthog-bulk`: finds the command, runs it, and turns however it ends into one sentence and an exit code.

Its help shows without the client or the engine: commands are imported when they are called.
"""

import os
import signal
import sys
from contextlib import suppress
from importlib import import_module
from typing import Any

import click

from bulk.cli.exits import ExitCode, Interrupted, OutputClosed, exit_code, explain, single
from bulk.cli.streams.standard import StandardStreams

COMMANDS = {
    "demo": "See it work against a local server: plan, run, kill, resume, verify.",
    "server": "Run a PostHog-compatible local server in the foreground.",
    "persons": "Stream persons as JSON lines or CSV.",
    "plan": "Freeze whom an operation is for in a plan file; reads only.",
    "run": "Run a plan, or go on with it.",
    "delete": "Delete persons: plan, confirm, run and verify in one go.",
    "unset": "Remove properties from persons, in one go.",
    "update": "Set properties of persons, in one go.",
    "delete-events": "Delete the events of persons and keep the persons, in one go.",
    "delete-recordings": "Delete the recordings of persons and keep the persons, in one go.",
    "verify": "Read back what a job did, days or weeks later.",
    "status": "Show where a job stands, from its journal alone.",
    "report": "Write a job's report, from its journal alone.",
}


class LazyGroup(click.Group):
    """A group whose commands live in `bulk.cli.commands`, one module each."""

    def list_commands(self, _: click.Context) -> list[str]:
        """The commands in the order of the help."""
        return list(COMMANDS)

    def get_command(self, _: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"bulk.cli.commands.{cmd_name.replace('-', '_')}").command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; click would end the process for a closed stdout, with a code that means something else."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise OutputClosed from None

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _show_version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from bulk.version import VERSION

        click.echo(f"posthog-bulk {VERSION}")
        ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)
def posthog_bulk() -> None:
    """Erase, clean or change many PostHog persons, with proof.

    Every run can be killed and run again: the same command line goes on where the journal ends.

    \b
    Exit codes: 0 all done and verified as asked; 1 finished, some targets failed or contradicted;
    2 usage; 3 refused by a guard; 4 stopped by the failure breaker; 74 journal, plan or file trouble;
    75 not finished yet, run again; 77 key refused.

    \b
    Settings from the environment: POSTHOG_HOST (us, eu or a URL), POSTHOG_PROJECT_ID,
    POSTHOG_PERSONAL_API_KEY or POSTHOG_PERSONAL_API_KEY_FILE; for --route capture
    POSTHOG_PROJECT_API_KEY, asked of the server when missing.
    """


def main(arguments: list[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: without the program's name; those of the process by default.

    Returns:
        The exit code; does not return where a signal ends the process.
    """
    with StandardStreams() as streams:
        try:
            code = _run(sys.argv[1:] if arguments is None else arguments)
            streams.finish()
        except KeyboardInterrupt:
            return _end_by(signal.SIGINT, streams)
        except BaseException as error:
            if isinstance(error, SystemExit):
                raise
            return _tell(single(error), streams)
    return code


def _run(arguments: list[str]) -> int:
    try:
        result: Any = posthog_bulk.main(
            arguments, prog_name="posthog-bulk", standalone_mode=False, obj=tuple(arguments)
        )
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return ExitCode.USAGE
    except click.Abort:
        raise KeyboardInterrupt from None
    return int(result or 0)


def _tell(error: BaseException, streams: StandardStreams) -> int:
    if isinstance(error, Interrupted):
        return _end_by(error.signal_number, streams)
    if isinstance(error, BrokenPipeError | OutputClosed):
        return _end_by(signal.SIGPIPE, streams)
    click.echo(f"posthog-bulk: {explain(error)}", err=True)
    try:
        with suppress(OSError):  # told already, or worth less than the error
            streams.finish()
    except KeyboardInterrupt:
        return _end_by(signal.SIGINT, streams)
    return exit_code(error)


def _end_by(number: int, streams: StandardStreams) -> int:
    """End by the signal itself, so that the parent process sees why (a shell loop must stop)."""
    signal.signal(number, signal.SIG_DFL)
    streams.hurry()
    with suppress(OSError):
        streams.finish()
    os.kill(os.getpid(), number)
    return 128 + number
