"""What stands in for `sys.stdout` and `sys.stderr`: harmless text and whole results, through an output thread.

Whatever prints goes through here: click, rich, the interpreter itself. Text is made harmless once more (promise 30),
whoever wrote it. Writing never waits; only `StandardStreams.finish` does.
"""

import codecs
import io
from typing import TextIO

from bulk.cli.streams.output import BEHIND, FULL, OutputThread
from bulk.escape import paragraph


class TextOutput(io.TextIOBase):
    """A text stream that queues what is written.

    Args:
        output: takes the bytes.
        original: the stream that this one stands in for: whose encoding, descriptor and terminal.
        has_results: whether text must reach its reader, as on stdout; what people are told on stderr need not.
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
        """A character that the encoding lacks is shown by its code: no reason to stop a job."""
        return "backslashreplace"

    @property
    def buffer(self) -> "_Bytes":
        """For those who write bytes."""
        return _Bytes(self)

    @property
    def is_behind(self) -> bool:
        """Whether its reader is so slow that progress is better left out."""
        return self._output.waiting > BEHIND

    def writable(self) -> bool:
        """Always."""
        return True

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self.is_terminal

    def fileno(self) -> int:
        """The descriptor of the stream that it stands in for."""
        return self._original.fileno()

    def write(self, text: str) -> int:
        """Queue text, made harmless.

        Raises:
            TypeError: it is no text; that is how click tells text streams from others.
        """
        if not isinstance(text, str):
            raise TypeError(f"write takes str, not {type(text).__name__}")
        self._put(paragraph(text).encode(self._encoding, self.errors))
        return len(text)

    def draw(self, text: str) -> int:
        """Queue text as it is, control sequences of our own and all; dropped where the terminal is far behind."""
        self._output.offer(text.encode(self._encoding, self.errors))
        return len(text)

    def flush(self) -> None:
        """Nothing to do: what is written is on its way."""

    def result(self, data: bytes) -> None:
        """Queue bytes as they are; they are never dropped.

        Raises:
            OSError: nothing can be written any more.
        """
        self._output.write(data)

    def event(self, line: bytes, *, limit: int | None = None) -> bool:
        """Queue a line that a reader who went away need not get, and return whether it was taken.

        Args:
            line: with its end.
            limit: bytes that may be waiting already; None where it is dropped for no other reason.
        """
        return self._output.offer(line, limit=limit)

    async def room(self) -> None:
        """Wait until more results can be queued."""
        await self._output.room()

    def hurry(self) -> None:
        """What is still to be written gets a short time only: a signal has asked for the end."""
        self._output.hurry()

    def drain(self, *, timeout_s: float | None = None) -> bool:
        """Wait until everything is written; as `OutputThread.flush`."""
        return self._output.flush(timeout_s=timeout_s)

    def _put(self, data: bytes) -> None:
        if self._has_results:
            self._output.write(data)
        else:
            self._output.offer(data, limit=FULL)


def queued(stream: object) -> TextOutput | None:
    """The stream itself where it is one that queues, as `sys.stdout` and `sys.stderr` are while a command runs."""
    return stream if isinstance(stream, TextOutput) else None


class Drawing:
    """The same stream for a display, which moves the cursor: what it writes is not made harmless here."""

    def __init__(self, stream: TextOutput) -> None:
        self._stream = stream
        self.encoding = stream.encoding

    def write(self, text: str) -> int:
        """Queue text with its control sequences."""
        return self._stream.draw(text)

    def flush(self) -> None:
        """Nothing to do."""

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Its descriptor."""
        return self._stream.fileno()


class _Bytes(io.RawIOBase):
    """A text output, seen by those who write bytes."""

    def __init__(self, text: TextOutput) -> None:
        self._text = text

    def writable(self) -> bool:
        return True

    def write(self, data: "bytes | bytearray | memoryview") -> int:  # type: ignore[override]
        self._text.result(bytes(data))
        return len(data)


def _encoding(original: TextIO) -> str:
    """Its encoding; UTF-8 where that is ASCII, which no terminal of today means."""
    name = original.encoding or "utf-8"
    return "utf-8" if codecs.lookup(name).name == "ascii" else name
