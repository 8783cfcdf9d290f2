"""The command `posthog-bulk`: finds the command, runs it, and turns its end into a message and an exit code.

Commands are imported when they are called, so that the help appears without loading the client or the engine.
"""

import os
import re
import signal
import sys
from contextlib import suppress
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import click

from bulk.cli.exit_codes import (
    EXIT_MEANINGS,
    HELP_MARK,
    ExitCode,
    Interrupted,
    OutputClosed,
    defect_place,
    describe_error,
    exit_code,
    unwrap_group,
)
from bulk.cli.options.help_formatter import HelpContext
from bulk.cli.options.help_layout import restyle_help_option
from bulk.cli.signals.explanations import describe_interruption
from bulk.cli.signals.raising import raising_interrupted
from bulk.cli.streams.standard import StandardStreams
from bulk.cli.streams.text import as_text_output

COMMANDS = {
    "demo": "Watch an erasure on a local server: killed, resumed, verified",
    "server": "Run a local server that behaves like PostHog",
    "persons": "Export persons as JSON lines or CSV",
    "plan": "Write a plan: a file that lists the persons an operation will affect",
    "show": "Show a plan again: its review, some of its persons, or what an input line selected",
    "run": "Run or resume a plan",
    "delete": "Delete persons, with their events and recordings if requested",
    "unset": "Remove properties of persons",
    "update": "Set properties of persons",
    "revert": "Write a plan that gives persons back what they had before an update or unset",
    "delete-events": "Delete the events of persons, keep the persons",
    "delete-recordings": "Delete the recordings of persons, keep the persons",
    "split": "Split distinct IDs off a person: each becomes a person of its own",
    "verify": "Read back the results of a job, days or weeks later",
    "status": "Show the state of a job",
    "jobs": "List the jobs of a folder: how far each is, and what to run next",
    "report": "Write the report of a job or the receipt of a request, or tell whether persons were erased",
    "verify-signature": "Check that a report is unchanged since it was signed",
    "shred": "Destroy the files of a job that identify persons, and keep the evidence",
    "completion": "Print the completion script for bash, zsh or fish",
}

OPERATIONS = ("delete", "unset", "update", "delete-events", "delete-recordings")
"""The commands that plan, ask for approval, run and verify."""
_FOLDERS = {"operations": (*OPERATIONS, "revert"), "evidence": ("shred", "verify-signature"), "single": ("split",)}
"""The folders of `bulk.cli.commands`, with the commands in them."""

_ENVIRONMENT = {
    "POSTHOG_HOST": "us (default), eu, or the URL of a self-hosted instance",
    "POSTHOG_PROJECT_ID": "Project ID",
    "POSTHOG_PERSONAL_API_KEY": "Personal API key; or set POSTHOG_PERSONAL_API_KEY_FILE to a file that holds it",
    "POSTHOG_PROJECT_API_KEY": "Project token for --route capture (default: read from the server)",
}

_HELD = "\ue000"
"""Stands for a character of a command line while the text around it is broken into lines."""
_COMMAND = re.compile(r"posthog-bulk [a-z-]+(?: (?:-[\w-]*\w|'[^']*'|[^\s,;']*[./][^\s,;']*[^\s,;'.)]|[A-Z]{3,}))*")
"""A command line within a sentence: the command, then options, quoted words, names of files and placeholders."""
_OWNERS_SHOWN = 3
"""Commands that an error names to which an option belongs."""


class LazyGroup(click.Group):
    """The group of all commands, each in its own module of `bulk.cli.commands`."""

    context_class = HelpContext

    def list_commands(self, _: click.Context) -> list[str]:
        """Return the commands in the order of the help."""
        return list(COMMANDS)

    def get_command(self, _: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command and return it; None if there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        folder = next((f".{folder}" for folder, names in _FOLDERS.items() if cmd_name in names), "")
        command: click.Command = import_module(f"bulk.cli.commands{folder}.{cmd_name.replace('-', '_')}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that is named first; an unknown name is refused with the closest ones."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            close = get_close_matches(name, COMMANDS)
            hint = f" Did you mean {' or '.join(close)}?" if close else ""
            raise click.UsageError(f"No such command {name!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Return the option --help, with a text in the style of the other options."""
        return restyle_help_option(super().get_help_option(ctx))

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; without this, click would exit with 1 when the reader of stdout closes it."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise OutputClosed from None

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        """List commands, environment variables and exit codes, without importing a command."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))
        with formatter.section("Environment"):
            formatter.write_dl(list(_ENVIRONMENT.items()))
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(int(code)), meaning) for code, meaning in EXIT_MEANINGS.items()])


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
    help="Show the version and exit",
)
def posthog_bulk() -> None:
    """Delete, clean up or change many PostHog persons, and prove what happened to each of them.

    To resume a command that was interrupted, or even killed, run the same command line again.

    \b
    Example:
      posthog-bulk plan delete --delete-events --distinct-ids leavers.txt -o leavers.plan.jsonl
      posthog-bulk run leavers.plan.jsonl

    For the options of a command: posthog-bulk COMMAND --help
    """


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code; does not return if a signal ends the process.

    Arguments:
        arguments: the command line without the name of the program; by default that of the process.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    json = _wants_json(arguments)
    with StandardStreams() as streams:
        try:
            with raising_interrupted():
                try:
                    code = _run(arguments)
                    streams.finish()
                except Exception as error:
                    code = _report_error(unwrap_group(error), streams, json=json)
        except KeyboardInterrupt:  # before or after that block
            return _end_interrupted(Interrupted(signal.SIGINT), streams, json=json)
        except Interrupted as end:
            return _end_interrupted(end, streams, json=json)
        except BaseException as error:
            return _report_error(unwrap_group(error), streams, json=json)
    return code


def _run(arguments: list[str]) -> int:
    try:
        result: Any = posthog_bulk.main(
            arguments, prog_name="posthog-bulk", standalone_mode=False, obj=tuple(arguments)
        )
    except SystemExit as end:  # click ends a request of a shell for completions so
        result = end.code
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.NoSuchOption as error:
        raise _misplaced(error) or error from None
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return ExitCode.USAGE
    except click.Abort:
        raise KeyboardInterrupt from None
    return int(result or 0)


def _misplaced(error: click.NoSuchOption) -> click.UsageError | None:
    """Return the error that says where an option belongs which a command does not have; None if it has no place."""
    context, name = error.ctx, error.option_name
    if context is None or not (owners := [each for each in COMMANDS if _has_option(context, each, name)]):
        return None
    command = str(context.command.name)
    if command not in COMMANDS:
        return click.UsageError(f"No such option {name!r} before the command: give it after the name of the command")
    if name in ("-o", "--output") and _has_option(context, command, "--plan"):
        return click.UsageError(f"No such option {name!r} of {command}: name the plan file with --plan", context)
    if command == "run" and not {*owners} - {*OPERATIONS, "plan", "revert", "persons"}:
        return click.UsageError(
            f"No such option {name!r} of run: a plan is run as it is; to change what it does, make another plan",
            context,
        )
    if len(owners) > _OWNERS_SHOWN:
        belongs = f"{', '.join(owners[:_OWNERS_SHOWN])} and other commands"
    else:
        belongs = " and ".join(filter(None, (", ".join(owners[:-1]), owners[-1])))
    return click.UsageError(f"No such option {name!r} of {command}: it belongs to {belongs}", context)


def _has_option(context: click.Context, command: str, name: str) -> bool:
    found = posthog_bulk.get_command(context, command)
    return found is not None and any(name in param.opts for param in found.params)


def _wants_json(arguments: list[str]) -> bool:
    """Return whether --json is among the options, even if the command line is invalid."""
    return "--json" in (arguments[: arguments.index("--")] if "--" in arguments else arguments)


def _report_error(error: BaseException, streams: StandardStreams, *, json: bool) -> int:
    if isinstance(error, BrokenPipeError | OutputClosed):
        return _die_by_signal(signal.SIGPIPE, streams)
    message, code = _describe(error)
    try:
        _show_error(message, code, json=json)
        with suppress(OSError):  # the error matters more
            streams.finish()
    except OSError:
        pass  # nobody reads stderr
    except Exception:
        return ExitCode.DEFECT
    return code


def _end_interrupted(end: Interrupted, streams: StandardStreams, *, json: bool) -> int:
    streams.limit_flush_time()
    if message := describe_interruption(end):
        with suppress(Exception):
            if sys.stderr.isatty() and (output := as_text_output(sys.stderr)) is not None:
                output.draw("\r")  # over the ^C of the terminal
            _show_error(message, 128 + end.signal_number, json=json)
    return _die_by_signal(end.signal_number, streams)


def _show_error(message: str, code: int, *, json: bool) -> None:
    """Show a message about the end of the command."""
    click.echo(_readable(f"posthog-bulk: {message}"), err=True)
    if json:
        from bulk.cli.job_session import CommandOutput

        CommandOutput(json=True).write_event("error", exit_code=int(code), message=message)


def _readable(message: str) -> str:
    """Return a message in lines that a terminal need not break, except for command lines to copy."""
    if not sys.stderr.isatty():
        return message
    from bulk.cli.display.terminal import fit, text_width

    longest = text_width(sys.stderr) - 4  # room for the indentation and a mark after the command

    def readable(line: str) -> str:
        if fit(line, sys.stderr) == line or line.startswith("  posthog-bulk "):
            return line
        text, mark, command = line.partition(HELP_MARK)
        commands = iter(_COMMAND.findall(text))
        held = _COMMAND.sub(lambda match: _HELD * min(len(match[0]), longest), text)
        folded = re.sub(f"{_HELD}+", lambda _: next(commands), fit(held, sys.stderr))
        return f"{folded}\n {mark}{command}" if mark else folded

    return "\n".join(map(readable, message.split("\n")))


def _describe(error: BaseException) -> tuple[str, ExitCode]:
    """Return the message and the exit code of an error; a defect while they are found is one more defect."""
    try:
        return describe_error(error), exit_code(error)
    except Exception as defect:
        places = f"{defect_place(defect)}, when an error {defect_place(error)} was reported"
        text = f"bug in posthog-bulk {places}; no further request was sent. Please report it."
        return text, ExitCode.DEFECT


def _die_by_signal(number: int, streams: StandardStreams) -> int:
    """End the process by the signal itself, so that a shell script that called it stops too."""
    signal.signal(number, signal.SIG_DFL)
    streams.limit_flush_time()
    with suppress(OSError):
        streams.finish()
    os.kill(os.getpid(), number)
    return 128 + number
