"""The output thread: writing never waits, progress is dropped, results are not."""

import asyncio
import errno
import os
import sys
import threading

import pytest

from bulk.cli.streams.output import BEHIND, FULL, OutputThread, descriptor_sink


class Reader:
    """A sink that takes nothing until it is let."""

    def __init__(self) -> None:
        self.seen = b""
        self.let = threading.Event()
        self.error: OSError | None = None

    def __call__(self, data: bytes) -> int:
        assert self.let.wait(30)
        if self.error is not None:
            raise self.error
        self.seen += data
        return len(data)


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture
def output(reader: Reader) -> OutputThread:
    return OutputThread(reader)


def test_progress_is_dropped_while_its_reader_is_behind_and_results_are_not(
    output: OutputThread, reader: Reader
) -> None:
    output.write(b"r" * (BEHIND + 1))
    assert not output.offer(b"progress", limit=BEHIND)
    output.write(b"result")
    assert output.offer(b"news", limit=FULL)
    output.write(b"r" * FULL)
    assert not output.offer(b"more news", limit=FULL)
    assert output.offer(b"end", limit=None)
    reader.let.set()
    assert output.flush()
    assert reader.seen == b"r" * (BEHIND + 1) + b"resultnews" + b"r" * FULL + b"end"
    assert output.offer(b"progress", limit=BEHIND)
    assert output.flush()
    assert reader.seen.endswith(b"endprogress")
    output.close()


async def test_a_long_result_waits_for_its_reader(output: OutputThread, reader: Reader) -> None:
    await output.wait_for_room()
    output.write(b"r" * (FULL + 1))
    waiting = asyncio.create_task(output.wait_for_room())
    await asyncio.sleep(0)
    assert not waiting.done()
    reader.let.set()
    await asyncio.wait_for(waiting, 30)
    output.close()


async def test_waiting_for_a_reader_can_be_cancelled(output: OutputThread, reader: Reader) -> None:
    output.write(b"r" * (FULL + 1))
    waiting = asyncio.create_task(output.wait_for_room())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    reader.let.set()
    assert output.flush()
    output.close()


def test_after_a_signal_the_command_does_not_wait_for_a_blocked_reader(
    output: OutputThread, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bulk.cli.streams.output.GRACE_S", 0.0)
    output.write(b"result")
    output.limit_flush_time()
    assert not output.flush()
    reader.let.set()
    assert output.flush(timeout_s=30)
    output.close()


def test_a_signal_ends_a_wait_for_a_blocked_reader_that_has_begun(
    output: OutputThread, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bulk.cli.streams.output.GRACE_S", 0.0)
    output.write(b"result")
    begins = threading.Event()
    signals = threading.Thread(target=lambda: (begins.wait(), output.limit_flush_time()))
    signals.start()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(60.0)  # the other thread runs only while this one waits
    try:
        begins.set()
        assert not output.flush()
    finally:
        sys.setswitchinterval(interval)
        reader.let.set()
        signals.join()
    output.close()


@pytest.mark.parametrize("is_result", [True, False])
def test_a_result_that_cannot_be_written_is_an_error_and_an_event_is_not(
    output: OutputThread, reader: Reader, is_result: bool
) -> None:
    reader.error = OSError(errno.EPIPE, "closed")
    output.write(b"result") if is_result else output.offer(b"event")
    reader.let.set()
    if is_result:
        with pytest.raises(OSError, match="closed"):
            output.flush()
    else:
        assert output.flush()
    assert not output.offer(b"event", limit=None)
    with pytest.raises(OSError, match="closed"):
        output.write(b"result")
    output.close()


def test_a_pipe_that_somebody_made_non_blocking_gets_everything() -> None:
    inner, outer = os.pipe()
    os.set_blocking(outer, False)
    size = 1 << 20
    output = OutputThread(descriptor_sink(outer))
    output.write(b"r" * (2 * size))
    seen = 0
    while seen < 2 * size:
        seen += len(os.read(inner, size))
    assert output.flush()
    output.close()
    os.close(inner)
    os.close(outer)
