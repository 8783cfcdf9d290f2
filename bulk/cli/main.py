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

from bulk.cli.exit_codes import ExitCode, Interrupted, OutputClosed, exit_code, explain, single
from bulk.cli.streams.standard import StandardStreams

COMMANDS = {
    "demo": "Show an erasure that is killed, resumed and verified, on a local server.",
    "server": "Run a local server that answers as PostHog does, in the foreground.",
    "persons": "Stream persons as JSON lines or CSV.",
    "plan": "Write a file that lists the persons an operation will affect. Read-only.",
    "run": "Run a plan, or resume it.",
    "delete": "Delete persons: plan, confirm, run and read back in one command.",
    "unset": "Remove properties of persons, in one command.",
    "update": "Set properties of persons, in one command.",
    "delete-events": "Delete the events of persons and keep the persons, in one command.",
    "delete-recordings": "Delete the recordings of persons and keep the persons, in one command.",
    "verify": "Read back the results of a job, days or weeks later.",
    "status": "Show the state of a job, from its journal alone.",
    "report": "Write a job's report, from its journal alone.",
}

OPERATIONS = ("delete", "unset", "update", "delete-events", "delete-recordings")
"""The commands that plan, confirm, run and verify in one go."""


class LazyGroup(click.Group):
    """A group whose commands live in `bulk.cli.commands`, one module each."""

    def list_commands(self, _: click.Context) -> list[str]:
        """The commands in the order of the help."""
        return list(COMMANDS)

    def get_command(self, _: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        folder = "bulk.cli.commands.operations" if cmd_name in OPERATIONS else "bulk.cli.commands"
        command: click.Command = import_module(f"{folder}.{cmd_name.replace('-', '_')}").command
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

    If a command is interrupted, even killed, run the same command line again to resume it.

    \b
    Exit codes: 0 done and read back as requested; 1 finished, but some targets need attention;
    2 wrong usage; 3 refused by a safety check; 4 stopped after too many failures; 70 a defect;
    74 a problem with a journal, plan or other file; 75 not finished, run it again; 77 no access.

    \b
    Settings from the environment: POSTHOG_HOST (us, eu or a URL), POSTHOG_PROJECT_ID,
    POSTHOG_PERSONAL_API_KEY or POSTHOG_PERSONAL_API_KEY_FILE; for --route capture
    POSTHOG_PROJECT_API_KEY, which the server is asked for if it is not set.
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
