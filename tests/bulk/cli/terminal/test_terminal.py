"""The command at a terminal: approval by typing the count, and the display of progress."""

import io
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from readable import is_readable

import bulk
from bulk.cli import approval
from bulk.errors import Refused
from bulk.plan.plan_file import load_plan

Run = Callable[..., Any]


class Terminal:
    """A command at a terminal of its own, which the test types on and reads."""

    def __init__(self, *arguments: object) -> None:
        self.seen = ""
        self._screen, inner = pty.openpty()
        source = str(Path(next(iter(bulk.__path__))).parent)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bulk", *map(str, arguments)],
            stdin=inner,
            stdout=inner,
            stderr=inner,
            env={**os.environ, "PYTHONPATH": source, "TERM": "xterm", "COLUMNS": "100"},
            start_new_session=True,
        )
        os.close(inner)

    def read_until(self, text: str) -> None:
        while text not in self.seen:
            assert self._read(), self.seen

    def type(self, text: str) -> None:
        os.write(self._screen, text.encode())

    def finish(self) -> int:
        while self._read():
            pass
        return self.process.wait(timeout=30)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.hang_up()

    def hang_up(self) -> None:
        """Close the window: what the command writes from now on is an error."""
        if self._screen >= 0:
            os.close(self._screen)
        self._screen = -1

    def _read(self) -> bool:
        assert is_readable(self._screen, 30), f"nothing more came after {self.seen!r}"
        try:
            data = os.read(self._screen, 65536)
        except OSError:  # the other side is closed
            return False
        self.seen += data.decode(errors="replace")
        return bool(data)


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def start(*arguments: object) -> Terminal:
        opened.append(Terminal(*arguments))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


@pytest.fixture
def plan(run: Run, posthog: Any) -> Path:
    assert run("plan", "delete", "--where", "plan exact free", "-o", "x.plan.jsonl").code == 0
    return Path("x.plan.jsonl")


def count(plan: Path) -> int:
    with load_plan(plan) as loaded:
        return loaded.count


@pytest.mark.slow
def test_typing_the_count_approves_the_plan(terminal: Callable[..., Terminal], posthog: Any, plan: Path) -> None:
    one = terminal("run", plan)
    one.read_until("Type the number of persons to continue: ")
    assert f"About to delete {count(plan)} persons in project 1 (Local project) on http" in one.seen
    assert not posthog.mutations
    one.type(f"{count(plan)}\n")
    assert one.finish() == 0
    assert posthog.server.world.count() == 60 - count(plan)
    assert f"Complete: {count(plan)} persons gone" in one.seen


@pytest.mark.slow
@pytest.mark.parametrize("typed", ["y\n", "1\n", "\n", "\x04"])
def test_typing_anything_else_refuses_the_plan(
    terminal: Callable[..., Terminal], posthog: Any, plan: Path, typed: str
) -> None:
    one = terminal("run", plan)
    one.read_until("to continue: ")
    one.type(typed)
    assert one.finish() == 3
    assert "not approved" in one.seen
    assert not posthog.mutations
    assert not Path("x.journal.jsonl").exists()


@pytest.mark.slow
def test_an_interrupt_at_the_prompt_ends_the_command(
    terminal: Callable[..., Terminal], posthog: Any, plan: Path
) -> None:
    one = terminal("run", plan)
    one.read_until("to continue: ")
    one.process.send_signal(signal.SIGINT)
    assert one.finish() == -signal.SIGINT
    assert not posthog.mutations
    assert "to continue: \r\n\rposthog-bulk: interrupted by SIGINT. Nothing was changed; the plan is kept: " in one.seen
    assert "  posthog-bulk run x.plan.jsonl\r\n" in one.seen


@pytest.mark.slow
@pytest.mark.parametrize("ends_with", ["SIGINT", "\x04", "0\n"], ids=["an interrupt", "the end of input", "a refusal"])
@pytest.mark.parametrize("command", ["split", "shred"])
def test_each_prompt_warns_and_what_does_not_agree_changes_nothing(
    terminal: Callable[..., Terminal], run: Run, posthog: Any, plan: Path, command: str, ends_with: str
) -> None:
    uuid = posthog.server.world.add_person(["ada", "stranger"], {})
    if command == "split":
        one = terminal("split", uuid, "--main-distinct-id", "ada")
    else:
        with load_plan(plan) as loaded:
            digest = loaded.digest
        assert run("run", plan, "--approve", digest).code == 0
        one = terminal("shred", "x.journal.jsonl")
    files = sorted(Path().iterdir())
    one.read_until("to continue: ")
    assert "  \x1b[1;31mTHIS CANNOT BE UNDONE.\x1b[0m\r\n" in one.seen
    if ends_with == "SIGINT":
        one.process.send_signal(signal.SIGINT)
        assert one.finish() == -signal.SIGINT
        assert "\r\n\rposthog-bulk: interrupted by SIGINT. Nothing was changed, and no new file is left" in one.seen
    else:
        one.type(ends_with)
        assert one.finish() == 3
        assert "\r\n\rposthog-bulk: not " in one.seen.replace("\r\nposthog", "\r\n\rposthog")
    assert sorted(Path().iterdir()) == files
    assert posthog.server.world.uuid_of("stranger") == uuid


@pytest.mark.slow
def test_a_terminal_that_is_closed_ends_a_run_by_the_signal(
    terminal: Callable[..., Terminal], run: Run, posthog: Any, plan: Path
) -> None:
    posthog.server.reconfigure(latency_s=0.3)
    with load_plan(plan) as loaded:
        digest = loaded.digest
    one = terminal("run", plan, "--approve", digest, "--batch-size", "5", "--concurrency", "1")
    one.read_until("Test batch OK")
    one.hang_up()
    one.process.send_signal(signal.SIGHUP)
    assert one.process.wait(timeout=30) == -signal.SIGHUP
    posthog.server.reconfigure(latency_s=0.0)
    assert run("run", plan).code == 0


@pytest.mark.slow
def test_a_plan_and_run_command_shows_the_review_before_the_prompt(
    terminal: Callable[..., Terminal], posthog: Any
) -> None:
    one = terminal("delete", "--where", "plan exact free", "--plan", "y.plan.jsonl")
    one.read_until("to continue: ")
    assert "sha256:" in one.seen.partition("Digest")[2]
    assert not posthog.mutations
    one.type(f"{count(Path('y.plan.jsonl'))}\n")
    assert one.finish() == 0
    assert posthog.server.world.count() == 60 - count(Path("y.plan.jsonl"))


@pytest.mark.slow
@pytest.mark.parametrize("plan_option", [(), ("--plan", "y.plan.jsonl")])
@pytest.mark.parametrize("answer", ["ctrl-c", "another number", "end of input"])
def test_a_declined_approval_leaves_nothing_behind(
    terminal: Callable[..., Terminal], posthog: Any, answer: str, plan_option: tuple[str, ...]
) -> None:
    one = terminal("delete", "--where", "plan exact free", *plan_option)
    one.read_until("to continue: ")
    assert len(list(Path().glob("*.plan.jsonl"))) == 1
    if answer == "ctrl-c":
        one.process.send_signal(signal.SIGINT)
    else:
        one.type({"another number": "1\n", "end of input": "\x04"}[answer])
    assert one.finish() == (-signal.SIGINT if answer == "ctrl-c" else 3)
    assert list(Path().iterdir()) == []
    assert not posthog.mutations


@pytest.mark.slow
def test_a_plan_that_disappears_during_its_review_is_not_run(terminal: Callable[..., Terminal], posthog: Any) -> None:
    one = terminal("delete", "--where", "plan exact free", "--plan", "y.plan.jsonl")
    one.read_until("to continue: ")
    number = count(Path("y.plan.jsonl"))
    Path("y.plan.jsonl").unlink()
    one.type(f"{number}\n")
    assert one.finish() == 74
    assert "was removed or replaced while it was reviewed" in one.seen
    assert not posthog.mutations


@pytest.mark.slow
def test_an_approved_job_is_not_prompted_for_again(
    terminal: Callable[..., Terminal], run: Run, posthog: Any, plan: Path
) -> None:
    with load_plan(plan) as loaded:
        digest = loaded.digest
    assert run("run", plan, "--approve", digest).code == 0
    one = terminal("run", plan)
    assert one.finish() == 0
    assert "Type the number" not in one.seen


@pytest.mark.slow
def test_a_cap_is_checked_before_the_prompt(terminal: Callable[..., Terminal], posthog: Any, plan: Path) -> None:
    one = terminal("run", plan, "--max-targets", "1")
    assert one.finish() == 3
    assert "Type the number" not in one.seen


@pytest.mark.slow
def test_a_second_signal_restores_the_cursor(terminal: Callable[..., Terminal], posthog: Any, plan: Path) -> None:
    from asyncclient.testing import Fault

    posthog.server.faults.add(Fault("stall", action="bulk_delete"))
    with load_plan(plan) as loaded:
        digest = loaded.digest
    one = terminal("run", plan, "--approve", digest)
    one.read_until("\x1b[?25l")
    one.read_until("0 of ")
    while not posthog.mutations:
        one.read_until("")
    one.process.send_signal(signal.SIGTERM)
    one.read_until("No further requests")
    one.process.send_signal(signal.SIGTERM)
    assert one.finish() == -signal.SIGTERM
    assert one.seen.rindex("\x1b[?25h") > one.seen.rindex("\x1b[?25l")


@pytest.mark.parametrize(
    ("typed", "approved"),
    [("42\n", True), (" 42 ", True), ("4_2", False), ("4,2", False), ("43", False), ("", False)],
)
def test_only_the_count_approves(tmp_path: Path, typed: str, approved: bool) -> None:
    from datetime import UTC, datetime
    from uuid import UUID

    from bulk.plan.plan_file import FORMAT, PlanHeader
    from bulk.plan.plan_writer import PlanWriter

    header = PlanHeader(
        format=FORMAT,
        project_id=1,
        project_name="Acme",
        host="h",
        operation={"kind": "delete"},
        selection={},
        created_at="2026-01-01T00:00:00+00:00",
        version="1",
    )
    with PlanWriter.create(tmp_path / "p", header) as writer:
        for number in range(42):
            writer.add(UUID(int=number + 1), datetime.now(UTC))
        plan = writer.finish()
    shown = io.StringIO()
    with plan:
        if approved:
            approval.ask_for_approval(plan, say=shown.write, read=lambda: typed)
        else:
            with pytest.raises(Refused, match="not approved"):
                approval.ask_for_approval(plan, say=shown.write, read=lambda: typed)
    assert "About to delete 42 persons in project 1 (Acme) on h." in shown.getvalue()
