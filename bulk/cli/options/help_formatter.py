"""Writes the help at the width of the terminal, however narrow; click's own formatter takes at least 50 columns."""

import re
import shutil
import textwrap
from collections.abc import Iterable

import click

MIN_COLUMNS = 20
MIN_DESCRIPTION = 30
"""Columns that a description takes at least; with less room beside the option, it starts on the next line."""
_INDENT = 4
_WORD = r"""(?:'[^']*'|"[^"]*"|[^\s'"])+"""
_ARGUMENT = re.compile(rf"-[\w-]+ (?!-){_WORD}|{_WORD}")
"""A word of a command line, or an option with its value."""
_HYPHEN = "\N{NON-BREAKING HYPHEN}"
"""Stands for each hyphen while click breaks lines, so that no option is broken inside its name."""


class HelpFormatter(click.HelpFormatter):
    """A formatter whose lines fit the terminal; long command lines continue after a backslash, to be copied.

    Arguments:
        indent_increment: columns by which a section is indented.
        width: columns, by default those of the terminal.
        max_width: the most columns.
    """

    def __init__(self, indent_increment: int = 2, width: int | None = None, max_width: int | None = None) -> None:
        columns = min(shutil.get_terminal_size().columns, max_width or 80)
        super().__init__(indent_increment, width or max(MIN_COLUMNS, columns - 2), max_width)

    def write_dl(self, rows: Iterable[tuple[str, str]], *args: int, **options: int) -> None:
        """Write options or commands and their descriptions, side by side if there is room for that.

        Arguments:
            rows: each with a description.
            args: passed on to click.
            options: passed on to click.
        """
        rows = list(rows)
        first = min(30, max((len(name) for name, _ in rows), default=0))  # as click limits the column
        if self.width - first - 4 >= MIN_DESCRIPTION:
            before = len(self.buffer)
            super().write_dl([(_unbroken(name), _unbroken(text)) for name, text in rows], *args, **options)
            self.write(self._taken_back(before))
            return
        for name, text in rows:
            self._write_folded(f"{'':{self.current_indent}}{name}")
            self._write_folded(f"{'':{self.current_indent + _INDENT}}{text}", hang="")

    def write_text(self, text: str) -> None:
        """Write paragraphs; lines of a block that keeps its own line breaks are broken too where they are too long.

        Arguments:
            text: the paragraphs.
        """
        before = len(self.buffer)
        super().write_text(_unbroken(text))
        for line in self._taken_back(before).splitlines():
            if len(line) > self.width and line.lstrip().startswith("posthog-bulk "):
                self._write_command(line)
            else:
                self._write_folded(line)

    def _taken_back(self, before: int) -> str:
        """Remove what click wrote after this many pieces, and return it with its hyphens."""
        written = "".join(self.buffer[before:]).replace(_HYPHEN, "-")
        del self.buffer[before:]
        return written

    def _write_command(self, line: str) -> None:
        """Write a command line that is too long: it continues after a backslash, so that it can be copied."""
        lead = line[: len(line) - len(line.lstrip(" "))]
        lines = [lead]
        for argument in _ARGUMENT.findall(line):
            if len(lines[-1]) + len(argument) + len(" \\") > self.width and lines[-1].strip():
                lines[-1] += "\\"
                lines.append(f"{lead}  ")
            lines[-1] += f"{argument} "
        self.write("\n".join(part.rstrip() for part in lines) + "\n")

    def _write_folded(self, line: str, *, hang: str = "  ") -> None:
        text = line.lstrip(" ")
        lead = line[: len(line) - len(text)]
        parts = textwrap.wrap(
            text, self.width, initial_indent=lead, subsequent_indent=lead + hang, break_on_hyphens=False
        )
        self.write("".join(f"{part}\n" for part in parts or [""]))


def _unbroken(text: str) -> str:
    return text.replace("-", _HYPHEN)


class HelpContext(click.Context):
    """A context whose help is written by `HelpFormatter`."""

    formatter_class = HelpFormatter
