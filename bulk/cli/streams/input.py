"""Reads a stream that may block in a separate thread, so that it never keeps the process from ending."""

import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from bulk.cli.signals.raising import LOOK_EVERY_S, raise_if_due, signals_held
from bulk.files.file_errors import as_file_trouble

_CHUNK = 64 * 1024
STANDARD_INPUT = Path("standard input")


class InputReader:
    """Reads lines of a stream; `close` wakes a caller that waits for one.

    The thread reads only when a line is requested, so that the rest of the stream stays for the next reader.

    Arguments:
        name: the name of the stream in errors.
        open_descriptor: returns the descriptor to read; called in the thread, because opening a pipe can block too.
    """

    def __init__(self, name: Path, open_descriptor: Callable[[], int]) -> None:
        self._name = name
        self._open_descriptor = open_descriptor
        self._changed = threading.Condition()
        self._buffer = bytearray()
        self._is_requested = False
        self._is_at_end = False
        self._is_closed = False
        self._error: OSError | None = None
        self._thread: threading.Thread | None = None

    def readline(self, limit: int = -1) -> bytes:
        """Return the next line with its newline, or its first `limit` bytes; empty at the end of input.

        Raises:
            FileTrouble: the stream cannot be read.
            ValueError: the stream is closed.
        """
        searched = 0
        while True:
            at = self._buffer.find(b"\n", searched)
            if at >= 0:
                return self._take(at + 1 if limit < 0 else min(at + 1, limit))
            searched = len(self._buffer)
            if 0 <= limit <= searched:
                return self._take(limit)
            if not self._fill():
                return self._take(searched)

    def read(self, size: int = -1) -> bytes:
        """Return the next `size` bytes, by default all that are left; fewer only at the end of input."""
        while (size < 0 or len(self._buffer) < size) and self._fill():
            pass
        return self._take(len(self._buffer) if size < 0 else min(size, len(self._buffer)))

    def close(self) -> None:
        """Stop reading, and wake a caller that waits."""
        with signals_held, self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _take(self, size: int) -> bytes:
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def _fill(self) -> bool:
        """Wait for more bytes, and return False at the end of input."""
        with signals_held, self._changed:
            if self._is_at_end:
                return False
            if self._thread is None:
                # a daemon thread, because the interpreter does not wait for those when it ends
                self._thread = threading.Thread(target=self._run, name="input", daemon=True)
                self._thread.start()
            self._is_requested = True
            self._changed.notify_all()
            while self._is_requested and not self._is_closed:
                raise_if_due()
                self._changed.wait(LOOK_EVERY_S)
            if self._is_closed:
                raise ValueError(f"{self._name} is closed")
            if self._error is not None:
                with as_file_trouble(self._name, "cannot be read"):
                    raise self._error
            return not self._is_at_end

    def _run(self) -> None:
        descriptor = None
        while self._wait_for_request():
            data, error = b"", None
            try:
                if descriptor is None:
                    descriptor = self._open_descriptor()
                data = os.read(descriptor, _CHUNK)
            except OSError as caught:
                error = caught
            with self._changed:
                self._buffer += data
                self._error = error
                self._is_at_end = not data
                self._is_requested = False
                self._changed.notify_all()
            if not data:
                return

    def _wait_for_request(self) -> bool:
        with self._changed:
            while not self._is_requested and not self._is_closed:
                self._changed.wait()
            return not self._is_closed


def standard_input(stream: TextIO) -> InputReader:
    """Return a reader of standard input, from which nothing was read yet."""
    return InputReader(STANDARD_INPUT, stream.fileno)


def may_block(path: Path) -> bool:
    """Return whether reading this file may block: a pipe, a socket or a terminal."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)


def blocking_file(path: Path) -> InputReader:
    """Return a reader of a file that may block."""
    return InputReader(path, lambda: os.open(path, os.O_RDONLY | os.O_CLOEXEC))
