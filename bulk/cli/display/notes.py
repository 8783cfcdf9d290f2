"""The display of a command with -q or -v: no progress, only notes such as the one about a signal."""

from contextlib import suppress
from typing import TextIO

import click

from bulk.cli.command_log import HIDES_PROGRESS
from bulk.cli.display.terminal import fit


def is_progress_hidden() -> bool:
    """Return whether the options of the command say to show no progress."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(HIDES_PROGRESS))


class Notes:
    """Shows no progress, only notes.

    Arguments:
        stream: where to write.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __call__(self, event: object) -> None:
        """Show nothing."""

    def note(self, text: str) -> None:
        """Write a line; a closed stream does not stop the job."""
        with suppress(OSError):
            self._stream.write(fit(text, self._stream) + "\n")
            self._stream.flush()

    def close(self) -> None:
        """Do nothing: nothing was drawn."""

    def restore(self) -> None:
        """Do nothing: nothing was drawn."""
