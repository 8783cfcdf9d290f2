"""Replaces stdout and stderr while a command runs, and writes what is queued when it ends."""

import io
import os
import signal
import sys
import threading
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Any, TextIO

from bulk.cli.streams.output import OutputThread, Sink, descriptor_sink
from bulk.cli.streams.text import TextOutput


class StandardStreams:
    """Context manager that replaces `sys.stdout` and `sys.stderr`.

    If both write to the same terminal, pipe or file, they share a thread, so that their lines stay in order.
    """

    def __enter__(self) -> "StandardStreams":
        self._undo = ExitStack()
        _open_missing()
        out, err = sys.stdout, sys.stderr
        _flush(out, err)
        results = OutputThread(_sink(out))
        messages = results if _same_file(out, err) else OutputThread(_sink(err))
        self._out = TextOutput(results, out, has_results=True)
        self._err = TextOutput(messages, err, has_results=False)
        for name, stream, original in (("stdout", self._out, out), ("stderr", self._err, err)):
            setattr(sys, name, stream)
            self._undo.callback(setattr, sys, name, original)
        self._undo.callback(results.close)
        self._undo.callback(messages.close)
        self._undo.enter_context(_TerminalStopsIgnored())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._undo.close()

    def limit_flush_time(self) -> None:
        """Limit the time for writing what is queued, because a signal asked the process to end."""
        self._out.limit_flush_time()
        self._err.limit_flush_time()

    def finish(self) -> None:
        """Wait until everything is written; after a signal, only for a limited time.

        Raises:
            OSError: a result could not be written to stdout.
            Interrupted: a signal came meanwhile.
        """
        try:
            self._out.drain()
        except OSError:
            self._err.drain()
            raise
        self._err.drain()


class _TerminalStopsIgnored:
    """Lets a background process write to its terminal or read from it without being stopped.

    A stopped process (`stty tostop`, a prompt in a background job) would not handle INT and TERM.
    """

    def __enter__(self) -> None:
        self._before: dict[signal.Signals, Any] = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTTOU, signal.SIGTTIN):
                self._before[number] = signal.signal(number, signal.SIG_IGN)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)


def _open_missing() -> None:
    """Open /dev/null for each standard stream that the parent process has closed.

    Otherwise the next file opened gets its descriptor, and a message to stderr could be written into a journal.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)
            if descriptor != number:
                os.dup2(descriptor, number)
                os.close(descriptor)
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


def _flush(*streams: TextIO) -> None:
    for stream in streams:
        with suppress(OSError, ValueError):
            stream.flush()


def _sink(stream: TextIO) -> Sink:
    descriptor = _descriptor(stream)
    if descriptor is not None:
        return descriptor_sink(descriptor)

    def write(data: bytes) -> int:
        stream.write(data.decode(stream.encoding or "utf-8", "replace"))
        stream.flush()
        return len(data)

    return write


def _descriptor(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except (OSError, ValueError, io.UnsupportedOperation):
        return None


def _same_file(one: TextIO, other: TextIO) -> bool:
    descriptors = [_descriptor(stream) for stream in (one, other)]
    if None in descriptors:
        return one is other
    first, second = (os.fstat(descriptor) for descriptor in descriptors if descriptor is not None)
    return os.path.samestat(first, second)
