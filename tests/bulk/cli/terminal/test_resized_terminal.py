"""A terminal that is resized while a command runs, waits or asks: no line stays broken, doubled or lost.

An independent terminal emulator interprets what the command writes.
"""

import codecs
import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyte
import pytest
from readable import is_readable

import bulk
from asyncclient.testing import Fault
from bulk.cli.display.screen import BAR_WIDTH

PATIENCE_S = 30.0
WIDE, NARROW = 120, 40
DELETE = ("delete", "--everyone", "--plan", "y.plan.jsonl", "--batch-size", "5", "--concurrency", "1")

pytestmark = pytest.mark.slow


class ReflowingScreen(pyte.Screen):
    """A screen that breaks and joins lines anew at a new width, as most terminals do; pyte itself cuts them, as xterm.

    Arguments:
        columns: width.
        lines: height.
    """

    def __init__(self, columns: int, lines: int) -> None:
        self._continued: set[int] = set()
        super().__init__(columns, lines)

    def draw(self, data: str) -> None:
        """Draw characters, and remember which rows a line continues below."""
        for character in data:
            if self.cursor.x == self.columns:
                self._continued.add(self.cursor.y)
            super().draw(character)

    def index(self) -> None:
        """Move down, or scroll at the bottom."""
        if self.cursor.y == self.lines - 1:
            self._continued = {row - 1 for row in self._continued if row}
        super().index()

    def erase_in_display(self, how: int = 0, *args: object, **kwargs: object) -> None:
        """Erase rows, which then end where they are."""
        super().erase_in_display(how, *args, **kwargs)
        self._continued = {row for row in self._continued if row < self.cursor.y} if how == 0 else set()

    def resize(self, lines: int | None = None, columns: int | None = None) -> None:
        """Break all lines anew; the cursor keeps its place in the text, and rows above the screen are lost."""
        new_columns, new_lines = columns or self.columns, lines or self.lines
        rows: list[list[pyte.screens.Char]] = []
        continued: set[int] = set()
        y, cursor = 0, (0, 0)
        while y < self.lines:
            text: list[pyte.screens.Char] = []
            start = y
            while True:
                text += [self.buffer[y][x] for x in range(self.columns)]
                if y not in self._continued:
                    break
                y += 1
            while text and text[-1].data == " ":
                text.pop()
            if start <= self.cursor.y <= y:
                at = (self.cursor.y - start) * self.columns + self.cursor.x
                cursor = len(rows) + at // new_columns, at % new_columns
            parts = [text[at : at + new_columns] for at in range(0, len(text), new_columns)] or [[]]
            continued |= set(range(len(rows), len(rows) + len(parts) - 1))
            rows += parts
            y += 1
        last = max([number for number, row in enumerate(rows) if row] + [cursor[0]])
        gone = max(0, last + 1 - new_lines)
        super().resize(new_lines, new_columns)
        self.buffer.clear()
        for number, row in enumerate(rows[gone : gone + new_lines]):
            for x, character in enumerate(row):
                self.buffer[number][x] = character
        self._continued = {row - gone for row in continued if row >= gone}
        self.cursor.y, self.cursor.x = max(0, cursor[0] - gone), cursor[1]


class PtyTerminal:
    """A terminal on which a process runs in the foreground.

    Arguments:
        arguments: those of the command.
        columns: width.
        lines: height.
        screen: the emulator.
    """

    def __init__(self, *arguments: object, screen: type[pyte.Screen], columns: int = WIDE, lines: int = 60) -> None:
        self.screen = screen(columns, lines)
        self._stream = pyte.Stream(self.screen)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.seen = ""
        self.fd, inner = pty.openpty()
        _set_size(self.fd, columns, lines)
        source = str(Path(next(iter(bulk.__path__))).parent)
        environment = {**os.environ, "PYTHONPATH": source, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        environment.pop("COLUMNS", None)
        # a new session has no terminal, and the first one that it opens becomes its own: it gets SIGWINCH and Ctrl-C
        self.process = subprocess.Popen(
            [
                "sh",
                "-c",
                'exec "$@" <"$0" >"$0" 2>&1',
                os.ttyname(inner),
                sys.executable,
                "-m",
                "bulk",
                *map(str, arguments),
            ],
            env=environment,
            start_new_session=True,
        )
        self._inner = inner

    @property
    def rows(self) -> list[str]:
        """The rows of the screen with text, without trailing spaces."""
        return [row.rstrip() for row in self.screen.display if row.strip()]

    @property
    def text(self) -> str:
        """The screen as text."""
        return "\n".join(self.rows)

    def type(self, text: str) -> None:
        """Type on the keyboard."""
        os.write(self.fd, text.encode())

    def resize(self, columns: int, lines: int | None = None) -> None:
        """Give the window another size; the kernel tells the process by SIGWINCH."""
        self.screen.resize(lines or self.screen.lines, columns)
        _set_size(self.fd, columns, self.screen.lines)

    def read_until(self, condition: Callable[["PtyTerminal"], object]) -> None:
        """Take what the process writes until a condition on the screen holds."""
        until = time.monotonic() + PATIENCE_S
        while not condition(self):
            left_s = max(0.0, until - time.monotonic())
            assert is_readable(self.fd, left_s), f"nothing more came after:\n{self.text}"
            assert self._read(), f"the process ended after:\n{self.text}"

    def finish(self) -> int:
        """Take what the process writes until it ends, and return its exit code."""
        os.close(self._inner)
        self._inner = -1
        while self._read():
            pass
        return self.process.wait(timeout=PATIENCE_S)

    def close(self) -> None:
        """End the process and close the terminal."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for descriptor in (self._inner, self.fd):
            if descriptor >= 0:
                os.close(descriptor)

    def _read(self) -> bool:
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # the other side is closed
            return False
        text = self._decoder.decode(data)
        self.seen += text
        self._stream.feed(text)
        return bool(data)


def _set_size(descriptor: int, columns: int, lines: int) -> None:
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))


both_screens = pytest.mark.parametrize(
    "screen", [pytest.param(ReflowingScreen, id="reflowing"), pytest.param(pyte.Screen, id="cutting")]
)


@pytest.fixture
def open_terminal() -> Iterator[Callable[..., PtyTerminal]]:
    opened: list[PtyTerminal] = []

    def start(*arguments: object, **options: Any) -> PtyTerminal:
        opened.append(PtyTerminal(*arguments, **options))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def is_bar(row: str) -> bool:
    """Return whether a row is a progress bar."""
    return set(row) <= {"━", "─"}


def bars(terminal: PtyTerminal) -> list[int]:
    """Return the widths of the progress bars on the screen."""
    return [len(row) for row in terminal.rows if is_bar(row)]


def is_redrawn(columns: int) -> Callable[[PtyTerminal], bool]:
    """Return whether the progress is drawn for a width, after what was there before."""
    return lambda terminal: bars(terminal) == [min(BAR_WIDTH, columns - 1)]


def shrink_and_grow(terminal: PtyTerminal, kept: str) -> None:
    """Resize during a run, and check the screen after each redrawing.

    Arguments:
        terminal: with the progress on it.
        kept: how the last line above the progress begins.
    """
    for columns in (NARROW, WIDE, 77):
        terminal.resize(columns)
        terminal.read_until(is_redrawn(columns))
        rows = terminal.rows
        assert terminal.text.count("Persons: ") == 1, terminal.text
        bar = next(number for number, row in enumerate(rows) if is_bar(row))
        assert any(row.startswith(kept) for row in rows[bar - 2 : bar]), terminal.text


@both_screens
def test_a_wait_and_a_run_are_redrawn_at_the_new_width(
    open_terminal: Callable[..., PtyTerminal], posthog: Any, screen: type[pyte.Screen]
) -> None:
    posthog.server.faults.add(Fault("status", status=503, after=12))
    terminal = open_terminal(*DELETE, "--yes", "--expect-count", 60, screen=screen)
    terminal.read_until(lambda one: "Server not reachable since" in one.text and bars(one) == [BAR_WIDTH])
    shrink_and_grow(terminal, "Test batch OK: 5 persons")
    posthog.server.reconfigure(latency_s=0.3)
    posthog.server.faults.clear()
    terminal.read_until(lambda one: "Server reachable again after" in one.text)
    terminal.resize(NARROW)
    terminal.read_until(is_redrawn(NARROW))
    assert terminal.finish() == 0
    assert "Complete: 60 persons" in terminal.text
    assert bars(terminal) == []
    assert not terminal.screen.cursor.hidden


@both_screens
def test_a_resized_prompt_still_takes_the_count(
    open_terminal: Callable[..., PtyTerminal], posthog: Any, screen: type[pyte.Screen]
) -> None:
    terminal = open_terminal(*DELETE, screen=screen)
    terminal.read_until(lambda one: "Type the number of persons to continue:" in one.text)
    before = terminal.rows
    terminal.resize(NARROW)
    terminal.resize(WIDE)
    if screen is ReflowingScreen:
        assert terminal.rows == before
    assert terminal.text.count("THIS CANNOT BE UNDONE.") == 1
    terminal.resize(NARROW)
    terminal.type("60\n")
    assert terminal.finish() == 0
    shown = [row for row in terminal.rows if not row.startswith("$")]
    assert "".join(shown).count("Complete: 60 persons") == 1
    assert bars(terminal) == []
    assert Path("y.journal.jsonl").exists()
    assert posthog.server.world.count() == 0
