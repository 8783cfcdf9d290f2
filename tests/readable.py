"""Waits until a file, pipe or terminal has something to read, whatever the number of its descriptor."""

import selectors
from typing import IO


def is_readable(file: int | IO[bytes] | IO[str], within_s: float) -> bool:
    """Return whether there is something to read, or the end, within some seconds.

    `select.select` would do the same, but refuses descriptors above 1023.
    """
    with selectors.DefaultSelector() as selector:
        selector.register(file, selectors.EVENT_READ)
        return bool(selector.select(within_s))
