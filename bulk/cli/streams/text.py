"""The text streams in place of `sys.stdout` and `sys.stderr`, which write through an output thread.

Everything that prints goes through here: click, rich, the interpreter itself. All text is made harmless once more
(guarantee 30). Writing never waits; only `StandardStreams.finish` does.
"""

import codecs
import io
from typing import TextIO

from bulk.cli.streams.output import BEHIND, FULL, OutputThread
from bulk.sanitize import paragraph


class TextOutput(io.TextIOBase):
    """A text stream that queues what is written.

    Args:
        output: takes the bytes.
        original: the stream that this one replaces; it gives the encoding and the descriptor.
        has_results: whether text is never dropped, as on stdout; messages on stderr may be.
    """

    def __init__(self, output: OutputThread, original: TextIO, *, has_results: bool) -> None:
        self._output = output
        self._original = original
        self._has_results = has_results
        self._encoding = _encoding(original)
        self.is_terminal = original.isatty()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the bytes."""
        return self._encoding

    @property
    def errors(self) -> str:  # type: ignore[override]
        """The error handler, which shows a character that the encoding lacks by its code."""
        return "backslashreplace"

    @property
    def buffer(self) -> "_Bytes":
        """A binary stream for callers that write bytes."""
        return _Bytes(self)

    @property
    def is_behind(self) -> bool:
        """Whether so much is queued that progress is left out."""
        return self._output.waiting > BEHIND

    def writable(self) -> bool:
        """Always."""
        return True

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self.is_terminal

    def fileno(self) -> int:
        """The descriptor of the original stream."""
        return self._original.fileno()

    def write(self, text: str) -> int:
        """Queue text, made harmless.

        Raises:
            TypeError: it is not a str; this is how click tells text streams from binary ones.
        """
        if not isinstance(text, str):
            raise TypeError(f"write takes str, not {type(text).__name__}")
        self._put(paragraph(text).encode(self._encoding, self.errors))
        return len(text)

    def draw(self, text: str) -> int:
        """Queue text with its control sequences; it is dropped if the terminal is far behind."""
        self._output.offer(text.encode(self._encoding, self.errors))
        return len(text)

    def flush(self) -> None:
        """Do nothing: the output thread writes what is queued."""

    def result(self, data: bytes) -> None:
        """Queue bytes unchanged; they are never dropped.

        Raises:
            OSError: nothing can be written any more.
        """
        self._output.write(data)

    def event(self, line: bytes, *, limit: int | None = None) -> bool:
        """Queue a line that is dropped if the stream has ended, and return whether it was queued.

        Args:
            line: with its end.
            limit: bytes that may be in the queue already before it is dropped too; None for any number.
        """
        return self._output.offer(line, limit=limit)

    async def room(self) -> None:
        """Wait until more results can be queued."""
        await self._output.room()

    def hurry(self) -> None:
        """Limit the time to write the rest, after a signal asked the process to end."""
        self._output.hurry()

    def drain(self, *, timeout_s: float | None = None) -> bool:
        """Wait until everything is written, as `OutputThread.flush` does."""
        return self._output.flush(timeout_s=timeout_s)

    def _put(self, data: bytes) -> None:
        if self._has_results:
            self._output.write(data)
        else:
            self._output.offer(data, limit=FULL)


def queued(stream: object) -> TextOutput | None:
    """The stream if it is a `TextOutput`, as `sys.stdout` and `sys.stderr` are while a command runs; otherwise None."""
    return stream if isinstance(stream, TextOutput) else None


class Drawing:
    """A `TextOutput` as a display needs it: control sequences that move the cursor pass unchanged."""

    def __init__(self, stream: TextOutput) -> None:
        self._stream = stream
        self.encoding = stream.encoding

    def write(self, text: str) -> int:
        """Queue text with its control sequences."""
        return self._stream.draw(text)

    def flush(self) -> None:
        """Do nothing, as `TextOutput.flush`."""

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Its descriptor."""
        return self._stream.fileno()


class _Bytes(io.RawIOBase):
    """A `TextOutput` as a binary stream."""

    def __init__(self, text: TextOutput) -> None:
        self._text = text

    def writable(self) -> bool:
        return True

    def write(self, data: "bytes | bytearray | memoryview") -> int:  # type: ignore[override]
        self._text.result(bytes(data))
        return len(data)


def _encoding(original: TextIO) -> str:
    """Its encoding, or UTF-8 where that is ASCII, since today's terminals do not mean ASCII."""
    name = original.encoding or "utf-8"
    return "utf-8" if codecs.lookup(name).name == "ascii" else name
