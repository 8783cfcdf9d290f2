"""Commands that must be refused, and a plan for some of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]

FREE = ("--where", "plan exact free")


@pytest.fixture
def refused(run: Run, posthog: Any) -> Callable[..., str]:
    """Run a command that must end with a code, one sentence and nothing changed; return the sentence."""

    def call(code: int, *arguments: object, stdin: Path | None = None) -> str:
        result = run(*arguments, stdin=stdin)
        assert (result.code, len(result.sentence.splitlines())) == (code, 1), result
        said = [line for line in result.err.splitlines() if line.startswith("posthog-bulk: ")]
        assert len(said) == 1
        assert not posthog.mutations
        assert posthog.server.world.count() == 60
        assert posthog.server.personal_api_key not in result.out + result.err
        return str(result.sentence)

    return call


@pytest.fixture
def plan(run: Run, posthog: Any) -> Path:
    """A plan for the free persons."""
    assert run("plan", "delete", *FREE, "-o", "x.plan.jsonl").code == 0
    return Path("x.plan.jsonl").absolute()
