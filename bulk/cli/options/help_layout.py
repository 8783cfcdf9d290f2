"""How options appear in the help of a command: in titled sections, each with its default and range in plain words.

Reads no setting and knows no command.
"""

import functools
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem
from click.types import FloatParamType, IntParamType

from bulk.cli.options.help_formatter import HelpContext
from bulk.formatting import format_count, parse_count

OWN_OPTIONS = "Options"
"""The section of options that only one command has."""
SECTION_NOTES = {
    "Selection": "Give one file, or conditions, or --everyone. Conditions can be combined with each other, but not "
    "with a file; a person has to meet all of them.",
    "Record of the job": "Your own words. Plan, journal and report keep them for good: do not name the persons.",
}
"""A sentence above the options of a section."""


class HelpOption(click.Option):
    """An option that belongs to a section of the help and shows its default and range in plain words."""

    section: str = OWN_OPTIONS

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return completions: those of the option's type, or files where the help names a file."""
        found = super().shell_complete(ctx, incomplete)
        if not found and self.metavar and self.metavar.startswith("FILE"):
            return [CompletionItem(incomplete, type="file")]
        return found

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return the option and its help, with default and range appended."""
        record = super().get_help_record(ctx)
        if record is None or not (notes := self._notes()):
            return record
        names, text = record
        return names, f"{text} ({'; '.join(notes)})"

    def _notes(self) -> list[str]:
        notes = []
        if isinstance(self.default, int | float | str) and not self.is_flag and not self.count:
            notes.append(f"default: {self._shown_default(self.default)}")
        if isinstance(self.type, WholeNumber) and self.type.range_text:
            notes.append(self.type.range_text)
        return notes

    def _shown_default(self, default: float | str) -> str:
        if isinstance(default, int) and isinstance(self.type, WholeNumber):
            return self.type.format(default)
        return str(int(default)) if isinstance(default, float) and default.is_integer() else str(default)


option = functools.partial(click.option, cls=HelpOption)
"""`click.option` for a `HelpOption`."""


LOG_PARAMS = ("quiet", "verbose", "log_file", "log_level")
LOG_LEVELS = ("debug", "info", "warning", "error")


def log_params() -> list[click.Parameter]:
    """Return the options that every command has: how much it shows, and where it writes its log."""
    params = [
        HelpOption(["-q", "--quiet"], is_flag=True, help="Show no progress; results and errors are still shown"),
        HelpOption(
            ["-v", "--verbose"],
            count=True,
            help="Show the log on stderr in place of progress; -vv also shows each request",
        ),
        HelpOption(
            ["--log-file"],
            type=FilePath(),
            metavar="FILE",
            help="Append the log to this file, which only you can read",
        ),
        HelpOption(
            ["--log-level"],
            type=click.Choice(LOG_LEVELS, case_sensitive=False),
            default="info",
            help="Lowest level in the log file; debug includes each request",
        ),
    ]
    for param in params:
        param.section = "Messages and log"
    return list(params)


class HelpCommand(click.Command):
    """A command with the options of the log, whose help lists its options section by section."""

    context_class = HelpContext

    def __init__(self, name: str | None, *, params: Sequence[click.Parameter] | None = None, **attributes: Any) -> None:
        super().__init__(name, params=[*(params or ()), *log_params()], **attributes)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, with its log."""
        from bulk.cli.command_log import command_log, log_result

        options = {name: ctx.params.pop(name) for name in LOG_PARAMS}
        with command_log(ctx, **options):
            result = super().invoke(ctx)
            log_result(str(ctx.info_name), int(result or 0))
        return result

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Return the option --help, with a text in the style of the other options."""
        return restyle_help_option(super().get_help_option(ctx))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, those of this command first."""
        sections: dict[str, list[tuple[str, str]]] = {OWN_OPTIONS: []}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None and isinstance(param, click.Option):  # arguments are in the usage line
                section = param.section if isinstance(param, HelpOption) else OWN_OPTIONS
                sections.setdefault(section, []).append(record)
        for title, records in sections.items():
            if records:
                with formatter.section(title):
                    if note := SECTION_NOTES.get(title):
                        formatter.write_text(note)
                    formatter.write_dl(records)


def restyle_help_option(help_option: click.Option | None) -> click.Option | None:
    """Return click's option --help with a text in the style of the other options."""
    if help_option is not None:
        help_option.help = "Show this help and exit"
    return help_option


command = functools.partial(click.command, cls=HelpCommand)
"""`click.command` for a `HelpCommand`."""


class FilePath(click.Path):
    """The path of a file. An empty one, as of a variable that is not set, and `-` are refused."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path.

        Raises:
            BadParameter: it names no file.
        """
        if not str(value):
            self.fail("the name of the file is empty.", param, ctx)
        if str(value) == "-":
            self.fail("'-' is not the name of a file; ./- is.", param, ctx)
        return super().convert(value, param, ctx)


class WholeNumber(IntParamType):
    """A whole number in a range.

    Arguments:
        low: the lowest number.
        high: the highest number; None for no limit.
        is_count: whether it counts something, so that it is shown, and may be given, with commas between thousands. A
            number that names something (a cohort, a line, a port) has none: `1,2` is a mistake for two of them.
    """

    name = "number"

    def __init__(self, low: int, high: int | None = None, *, is_count: bool = True) -> None:
        self._low = low
        self._high = high
        self.is_count = is_count

    @property
    def range_text(self) -> str:
        """The range as the help shows it; empty where every count is allowed."""
        if self._high is not None:
            return f"{self.format(self._low)} to {self.format(self._high)}"
        return f"at least {self.format(self._low)}" if self._low > 1 else ""

    def format(self, number: int) -> str:
        """Return a number as the help shows it."""
        return format_count(number) if self.is_count else str(number)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number.

        Raises:
            BadParameter: it is not a whole number, or is outside of the range.
        """
        number = parse_count(str(value))
        if number is None or (not self.is_count and "," in str(value)):
            self.fail(f"{value!r} is not a whole number.", param, ctx)
        if number < self._low or (self._high is not None and number > self._high):
            allowed = self.range_text or f"at least {self.format(self._low)}"
            self.fail(f"{self.format(number)} is out of range: give {allowed}.", param, ctx)
        return number


class Seconds(FloatParamType):
    """A finite number of seconds, at least 0."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds.

        Raises:
            BadParameter: it is not such a number; neither infinity nor NaN can be waited for.
        """
        try:
            seconds = float(value)
        except ValueError:
            seconds = math.nan
        if not (math.isfinite(seconds) and seconds >= 0):
            self.fail(f"{value!r} is not a number of seconds: give 0 or more, as in 1.5.", param, ctx)
        return seconds


class Duration(FloatParamType):
    """A duration such as 90s, 15min, 2h or 1h30min; a number alone is seconds. The value is in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds.

        Raises:
            BadParameter: it is not a duration.
        """
        seconds = parse_duration(str(value))
        if seconds is None:
            self.fail(
                f"{value!r} is not a duration: give seconds, or a number with s, min, h or d, up to 365d.", param, ctx
            )
        return seconds


_UNIT_SECONDS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?) ?(s|min|m|h|d|)", re.ASCII)
_DURATION = re.compile(rf"{_DURATION_PART.pattern}(?: ?{_DURATION_PART.pattern})*", re.ASCII)
_MAX_LENGTH = 20
_MAX_SECONDS = 365 * 86400.0
"""The display adds a duration to the time of day, so the sum has to be a date."""


def parse_duration(text: str) -> float | None:
    """Return the seconds of a duration such as 90s, 15min or 1h30min; None if it is none, or longer than 365 days."""
    text = text.strip().lower()
    if len(text) > _MAX_LENGTH or not _DURATION.fullmatch(text):
        return None
    parts = _DURATION_PART.findall(text)
    if len(parts) > 1 and any(not unit for _, unit in parts):
        return None
    seconds = float(sum(float(number) * _UNIT_SECONDS[unit] for number, unit in parts))
    return seconds if seconds <= _MAX_SECONDS else None
