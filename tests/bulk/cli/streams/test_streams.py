"""The three standard streams as a shell may leave them: closed, full, or of a narrow encoding."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import bulk

pytestmark = pytest.mark.slow


def shell(line: str, posthog: Any, **environment: str) -> "subprocess.CompletedProcess[bytes]":
    """Run a line of shell in which `$BULK` is the command."""
    source = str(Path(next(iter(bulk.__path__))).parent)
    env = {**os.environ, **posthog.env, "PYTHONPATH": source, "BULK": f"{sys.executable} -m bulk", **environment}
    return subprocess.run(["sh", "-c", line], env=env, capture_output=True, stdin=subprocess.DEVNULL, timeout=60)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("$BULK persons >&-", 0),
        ("$BULK persons >/dev/null 2>&-", 0),
        ("$BULK --help >&-", 0),
        ("$BULK plan delete --distinct-ids - -o x.plan.jsonl <&-", 2),
    ],
)
def test_a_closed_stream_is_no_defect(posthog: Any, line: str, code: int) -> None:
    done = shell(line, posthog)
    assert done.returncode == code, done
    assert b"defect" not in done.stderr


def test_with_every_stream_closed_no_word_ends_up_in_plan_or_journal(posthog: Any) -> None:
    assert shell("$BULK plan delete --everyone -o x.plan.jsonl >&- 2>&- <&-", posthog).returncode == 0
    assert shell("$BULK delete --plan x.plan.jsonl --yes --expect-count 60 >&- 2>&- <&-", posthog).returncode == 0
    assert shell("$BULK status x.journal.jsonl", posthog).stdout.startswith(b"Job ")
    assert posthog.server.world.count() == 0


@pytest.mark.parametrize("command", ["persons", "plan delete --everyone -o x.plan.jsonl"])
def test_a_full_stdout_is_one_sentence(posthog: Any, command: str) -> None:
    done = shell(f"$BULK {command} >/dev/full", posthog)
    told = [line for line in done.stderr.splitlines() if line.startswith(b"posthog-bulk: ")]
    assert (done.returncode, len(told)) == (74, 1), done
    assert b"free some space" in told[0]
    assert b"Exception ignored" not in done.stderr


def test_a_character_that_the_encoding_lacks_is_shown_by_its_code(posthog: Any) -> None:
    line = "$BULK plan delete --everyone -o $NAME.plan.jsonl"
    done = shell(line, posthog, NAME="\u20ac", PYTHONIOENCODING="latin-1")
    assert done.returncode == 0, done
    assert b"\\u20ac.plan.jsonl" in done.stdout
