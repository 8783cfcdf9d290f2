"""The text streams that replace `sys.stdout` and `sys.stderr` and write through an output thread.

Everything that prints uses them: click, rich, the interpreter itself. They sanitize all text once more
(guarantee 30). Writing never blocks; only `StandardStreams.finish` does.
"""

import codecs
import io
from typing import TextIO

from bulk.cli.streams.output import BEHIND, FULL, OutputThread
from bulk.sanitize import paragraph


class TextOutput(io.TextIOBase):
    """A text stream that queues what is written.

    Arguments:
        output: takes the bytes.
        original: the stream that this one replaces, for its encoding and descriptor.
        has_results: whether text is never dropped, as on stdout; messages on stderr can be.
    """

    def __init__(self, output: OutputThread, original: TextIO, *, has_results: bool) -> None:
        self._output = output
        self._original = original
        self._has_results = has_results
        self._encoding = _encoding(original)
        self.is_terminal = original.isatty()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the original stream."""
        return self._encoding

    @property
    def errors(self) -> str:  # type: ignore[override]
        """The error handler: a character that the encoding lacks is written as its code."""
        return "backslashreplace"

    @property
    def buffer(self) -> "_Bytes":
        """A binary stream for callers that write bytes."""
        return _Bytes(self)

    @property
    def is_behind(self) -> bool:
        """Whether so much is queued that progress is dropped."""
        return self._output.waiting > BEHIND

    def writable(self) -> bool:
        """Return True."""
        return True

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return self.is_terminal

    def fileno(self) -> int:
        """The descriptor of the original stream."""
        return self._original.fileno()

    def write(self, text: str) -> int:
        """Sanitize text and queue it.

        Raises:
            TypeError: it is not a str; click recognizes text streams by this.
        """
        if not isinstance(text, str):
            raise TypeError(f"write takes str, not {type(text).__name__}")
        self._put(paragraph(text).encode(self._encoding, self.errors))
        return len(text)

    def draw(self, text: str) -> int:
        """Queue text with control sequences; it is dropped if the terminal is far behind."""
        self._output.offer(text.encode(self._encoding, self.errors))
        return len(text)

    def flush(self) -> None:
        """Do nothing: the output thread writes what is queued."""

    def write_result(self, data: bytes) -> None:
        """Queue bytes unchanged; they are never dropped.

        Raises:
            OSError: the stream has ended.
        """
        self._output.write(data)

    def offer_line(self, line: bytes, *, limit: int | None = None) -> bool:
        """Queue a line that is dropped if the stream has ended, and return whether it was queued.

        Arguments:
            line: with its newline.
            limit: drop it too if more bytes than this are queued; None for no limit.
        """
        return self._output.offer(line, limit=limit)

    async def wait_for_room(self) -> None:
        """Wait until there is room for more results."""
        await self._output.wait_for_room()

    def limit_flush_time(self) -> None:
        """Limit the time for writing what is queued, because a signal asked the process to end."""
        self._output.limit_flush_time()

    def drain(self, *, timeout_s: float | None = None) -> bool:
        """Wait until everything is written, as `OutputThread.flush` does."""
        return self._output.flush(timeout_s=timeout_s)

    def _put(self, data: bytes) -> None:
        if self._has_results:
            self._output.write(data)
        else:
            self._output.offer(data, limit=FULL)


def as_text_output(stream: object) -> TextOutput | None:
    """Return the stream if it is a `TextOutput`, as stdout and stderr are while a command runs; otherwise None."""
    return stream if isinstance(stream, TextOutput) else None


class Drawing:
    """A `TextOutput` for a display: control sequences that move the cursor pass unchanged."""

    def __init__(self, stream: TextOutput) -> None:
        self._stream = stream
        self.encoding = stream.encoding

    def write(self, text: str) -> int:
        """Queue text with control sequences."""
        return self._stream.draw(text)

    def flush(self) -> None:
        """Do nothing, as `TextOutput.flush`."""

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Return its descriptor."""
        return self._stream.fileno()


class _Bytes(io.RawIOBase):
    """A `TextOutput` as a binary stream."""

    def __init__(self, text: TextOutput) -> None:
        self._text = text

    def writable(self) -> bool:
        return True

    def write(self, data: "bytes | bytearray | memoryview") -> int:  # type: ignore[override]
        self._text.write_result(bytes(data))
        return len(data)


def _encoding(original: TextIO) -> str:
    """Return the encoding of a stream; UTF-8 in place of ASCII, which terminals with an unset locale report."""
    name = original.encoding or "utf-8"
    return "utf-8" if codecs.lookup(name).name == "ascii" else name
