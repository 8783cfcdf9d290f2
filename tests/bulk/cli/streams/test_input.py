"""The input thread: it reads lines like a binary stream, and a silent stream blocks no other thread."""

import fcntl
import os
import struct
import termios
import threading
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from bulk.cli.streams.input import InputReader, blocking_file, may_block
from bulk.errors import FileTrouble


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_lines_are_those_of_any_stream() -> None:
    text = b"one\n\ntwo, longer than the limit\nthree\n" + b"x" * 200_000 + b"\nlast"
    inner, outer = os.pipe()
    writer = threading.Thread(target=lambda: (os.write(outer, text), os.close(outer)))
    writer.start()
    reader, expected = InputReader(Path("pipe"), lambda: inner), BytesIO(text)
    for limit in (-1, 10, 10, 10, 10, -1, 65536, -1, -1, -1):
        assert reader.readline(limit) == expected.readline(limit)
    writer.join()
    reader.close()
    os.close(inner)


def test_the_rest_is_read_at_once_or_in_pieces(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"one\ntwo\nthree")
    reader = blocking_file(tmp_path / "f")
    assert (reader.read(2), reader.readline(), reader.read(), reader.read(1)) == (b"on", b"e\n", b"two\nthree", b"")
    reader.close()


def test_closing_wakes_the_reader_of_a_silent_stream(pipe: tuple[int, int]) -> None:
    reader, said, waits = InputReader(Path("pipe"), lambda: pipe[0]), [], threading.Event()
    reader.readline(0)

    def wait() -> None:
        waits.set()
        try:
            reader.readline()
        except ValueError as error:
            said.append(str(error))

    thread = threading.Thread(target=wait)
    thread.start()
    waits.wait()
    reader.close()
    thread.join(30)
    assert said == ["pipe is closed"]
    os.write(pipe[1], b"\n")  # its own thread reads that and ends


def test_nothing_is_read_beyond_what_was_requested(pipe: tuple[int, int]) -> None:
    reader = InputReader(Path("pipe"), lambda: pipe[0])
    os.write(pipe[1], b"one\n")
    assert reader.readline() == b"one\n"
    os.write(pipe[1], b"for the next process\n")
    reader.close()
    (left,) = struct.unpack("i", fcntl.ioctl(pipe[0], termios.FIONREAD, bytes(4)))
    assert left == len(b"for the next process\n")


def test_an_unreadable_file_is_reported_in_one_sentence(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(FileTrouble, match=r"no such file|cannot be read"):
            blocking_file(path).readline()


def test_pipes_and_terminals_may_keep_their_reader_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "file").touch()
    assert may_block(tmp_path / "fifo")
    assert may_block(Path(os.devnull))
    assert not any(may_block(tmp_path / name) for name in ("file", "none", ".", "a\0b"))
