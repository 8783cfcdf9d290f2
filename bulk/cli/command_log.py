"""Writes the log of a command: a file that tells the story of an unattended job, and records on stderr with -v.

The records are those of the loggers `bulk` and `asyncclient`, plus the start and the end of the command. None of them
identifies a person or holds a value or a key, so the command line itself and texts of the server are not logged.
"""

import logging
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click

from bulk.cli.exit_codes import (
    EXIT_MEANINGS,
    ExitCode,
    Interrupted,
    OutputClosed,
    describe_error,
    exit_code,
    unwrap_group,
)
from bulk.errors import BreakerOpened, FileTrouble, JournalBusy, NotFinished, Refused
from bulk.files.job_file_kinds import JOURNAL_SUFFIX, PLAN_SUFFIX
from bulk.files.private_files import create_exclusive, open_regular, write_all
from bulk.formatting import format_duration
from bulk.sanitize import plain

LOGGERS = ("bulk", "asyncclient")
READ_AS_LINES = ("distinct_ids", "uuids", "emails")
"""Parameters that name a file of IDs, or stdin."""
HIDES_PROGRESS = "bulk.cli.hides_progress"
"""The key of `click.Context.meta` that is true if -q or -v replaces the display."""

_WITHOUT_VALUES = (BreakerOpened, FileTrouble, JournalBusy, NotFinished, Refused)
"""Errors whose messages name files and numbers, and no values."""


@contextmanager
def command_log(
    context: click.Context, *, quiet: bool, verbose: int, log_file: Path | None, log_level: str
) -> Iterator[None]:
    """Write the log of a command while the block runs, with its end.

    Arguments:
        context: the context of the command.
        quiet: show no progress.
        verbose: 1 to show the log on stderr in place of progress, 2 to show each request too.
        log_file: append the log to this file.
        log_level: the lowest level in the file.

    Raises:
        UsageError: the options contradict each other, or name the same file twice.
        FileTrouble: the file cannot be used.
    """
    if quiet and verbose:
        raise click.UsageError("-q and -v cannot be combined: give one of them")
    context.meta[HIDES_PROGRESS] = quiet or bool(verbose)
    handlers: list[logging.Handler] = []
    if verbose:
        handlers.append(ConsoleHandler(logging.INFO if verbose == 1 else logging.DEBUG))
    if log_file is not None:
        _check_is_no_other_file(context, log_file)
        handlers.append(FileHandler(log_file, logging.getLevelNamesMapping()[log_level.upper()]))
    if not handlers:
        yield
        return
    with _handling(handlers), _start_and_end(str(context.info_name)):
        yield


def _check_is_no_other_file(context: click.Context, log_file: Path) -> None:
    """Refuse a log file that the command reads or writes as something else: its records would become IDs, or a key."""
    from bulk.cli.streams.output_file import is_same_file

    for param in context.command.params:
        value = context.params.get(param.name or "")
        if param.name in READ_AS_LINES and value is not None:
            value = Path(value)
        if isinstance(value, Path) and is_same_file(value, log_file):
            label = max(param.opts, key=len) if isinstance(param, click.Option) else param.human_readable_name
            raise click.UsageError(f"{plain(log_file)} is the file of {label}: choose another name for the log file")
    for suffix in (PLAN_SUFFIX, JOURNAL_SUFFIX):
        if log_file.name.endswith(suffix) and not os.path.lexists(log_file):
            raise click.UsageError(
                f"{plain(log_file)} has the name of a plan or a journal: choose one that ends otherwise, such as .log"
            )


class ConsoleHandler(logging.Handler):
    """Writes records to stderr, with the local time."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record as a line; a closed stream does not stop the command."""
        when = time.strftime("%H:%M:%S", time.localtime(record.created))
        with suppress(OSError, ValueError):
            click.echo(f"{when} {_line(record)}", err=True)


class FileHandler(logging.Handler):
    """Appends records to a private file, with the time in UTC; a failed write ends the log, not the command.

    Arguments:
        path: created if it does not exist.
        level: the lowest level to write.

    Raises:
        FileTrouble: it is not a regular file, is a plan or a journal, or cannot be opened.
    """

    def __init__(self, path: Path, level: int) -> None:
        from bulk.cli.streams.output_file import is_plan_or_journal

        super().__init__(level)
        self._path = path
        if not os.path.lexists(path):
            self._descriptor: int | None = create_exclusive(path, flags=os.O_APPEND)
            return
        if is_plan_or_journal(path):
            raise FileTrouble(path, "is the plan or the journal of a job and takes no log", "choose another name")
        self._descriptor = open_regular(path, os.O_WRONLY | os.O_APPEND)

    def emit(self, record: logging.LogRecord) -> None:
        """Append a record as one line, in one write."""
        when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        if self._descriptor is None:
            return
        try:
            write_all(self._descriptor, f"{when}.{int(record.msecs):03d}Z {_line(record)}\n".encode())
        except OSError as error:
            self.close()
            reason = os.strerror(error.errno or 0)
            click.echo(
                f"posthog-bulk: the log {plain(self._path)} ends here: {reason}; the command continues", err=True
            )

    def close(self) -> None:
        """Close the file; may be called again."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
        super().close()


def _line(record: logging.LogRecord) -> str:
    return f"{record.levelname} {record.name}: {plain(record.getMessage(), limit=None)}"


@contextmanager
def _handling(handlers: list[logging.Handler]) -> Iterator[None]:
    """Add handlers to the loggers of this product, for the duration of the block."""
    lowest = min(handler.level for handler in handlers)
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(lowest)
        for handler in handlers:
            logger.addHandler(handler)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
            for handler in handlers:
                logger.removeHandler(handler)
        for handler in handlers:
            handler.close()


@contextmanager
def _start_and_end(name: str) -> Iterator[None]:
    from bulk.version import VERSION

    logger = logging.getLogger("bulk")
    logger.info("command %s of posthog-bulk %s started, process %d", name, VERSION, os.getpid())
    try:
        yield
    except click.exceptions.Exit as end:
        _log_end(logger, name, end.exit_code, "")
        raise
    except BaseException as raised:
        error = unwrap_group(raised)
        if isinstance(error, KeyboardInterrupt | Interrupted | OutputClosed | BrokenPipeError | click.Abort):
            logger.warning("command %s ended by %s", name, _signal_name(error))
        else:
            _log_end(logger, name, exit_code(error), log_reason(error))
        raise


def log_result(name: str, code: int) -> None:
    """Write the end of a command that returned an exit code."""
    _log_end(logging.getLogger("bulk"), name, code, "")


def _log_end(logger: logging.Logger, name: str, code: int, reason: str) -> None:
    level = {
        ExitCode.DONE: logging.INFO,
        ExitCode.NEEDS_ATTENTION: logging.WARNING,
        ExitCode.RUN_AGAIN: logging.WARNING,
    }
    text = f"exit code {code}"
    if code != ExitCode.DONE:
        text += f" ({EXIT_MEANINGS[ExitCode(code)]})"
    if reason:
        text += f": {reason}"
    logger.log(level.get(ExitCode(code), logging.ERROR), "command %s ended: %s", name, text)


def log_reason(error: BaseException) -> str:
    """Return in words why a command failed, without the texts of the server and of the command line."""
    import asyncclient
    from bulk.posthog.attempt_result import error_name, safe_code

    if isinstance(error, NotFinished) and isinstance(error.__cause__, asyncclient.PostHogError):
        error = error.__cause__  # the message quotes it
    if isinstance(error, asyncclient.Unreachable):
        return f"the server did not respond for {format_duration(error.away_s)}"
    if isinstance(error, asyncclient.PostHogError):
        parts: list[Any] = [getattr(error, name, None) for name in ("route", "status")]
        parts.append(safe_code(getattr(error, "code", None)))  # a server may put any text there
        facts = " ".join(str(part) for part in parts if part is not None)
        return error_name(error).replace("_", " ") + (f": {facts}" if facts else "")
    if isinstance(error, _WITHOUT_VALUES):
        return describe_error(error, with_notes=False)
    if isinstance(error, OSError):
        return os.strerror(error.errno or 0)
    if exit_code(error) is ExitCode.DEFECT:
        return describe_error(error)  # it names a place in the code
    return "an option, a setting or an input is invalid; the command says which"


def _signal_name(error: BaseException) -> str:
    if isinstance(error, Interrupted):
        return signal.Signals(error.signal_number).name
    return "SIGPIPE" if isinstance(error, OutputClosed | BrokenPipeError) else "SIGINT"
