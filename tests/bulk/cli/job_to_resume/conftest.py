"""A file of leavers, and a job for it that was interrupted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.bulk.cli.job_to_resume.job_line import GO, LINE, PEOPLE, plans

Run = Callable[..., Any]


@pytest.fixture(autouse=True)
def leavers(posthog: Any) -> Path:
    path = Path("leavers.txt")
    path.write_text("".join(f"user-{number}\n" for number in range(PEOPLE)))
    return path


@pytest.fixture
def interrupted(run: Run, posthog: Any) -> Path:
    """A job that is approved and not finished, and its plan: the server fails after the test batch."""
    from asyncclient.testing import Fault

    posthog.server.faults.add(Fault("status", action="update", status=403, after=2))
    result = run(*LINE, *GO, "--batch-size", 2)
    assert result.code == 77, result.err
    posthog.server.faults.clear()
    (plan,) = plans()
    return plan
