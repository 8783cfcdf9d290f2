"""What every display can do, and the local time that displays show."""

from datetime import datetime
from typing import Protocol

from bulk.cli.display.messages import Event


class Display(Protocol):
    """Shows events as they arrive, without waiting for a slow reader.

    `close` restores the terminal and may be called twice. `restore` does so in a signal handler; nothing is drawn
    after it.
    """

    def __call__(self, event: Event) -> None: ...

    def note(self, text: str) -> None:
        """Show a line of text."""

    def close(self) -> None: ...

    def restore(self) -> None: ...


def local_time() -> datetime:
    """Return the time now in the zone of this machine."""
    return datetime.now().astimezone()
