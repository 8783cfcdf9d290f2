"""A seed names one case: whoever replays it sees the same requests at the same times, and the same responses."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from job_model.driver import drive
from virtual_time import run_virtual

TESTS = Path(__file__).parents[2]
PRINT_DIGESTS = "from job_model.test_deterministic import digest\nprint([digest(seed) for seed in range(10)])"


def digest(seed: int) -> str:
    """Return a digest of all that passes between client and server in the case of a seed."""
    return hashlib.sha256("\n".join(run_virtual(drive(seed))).encode()).hexdigest()


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("case", [3, 7, 21, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (15, 28))])
def test_a_seed_gives_the_same_trace_each_time(case: int) -> None:
    assert digest(case) == digest(case)


@pytest.mark.slow
def test_a_seed_gives_the_same_trace_in_each_process() -> None:
    """The order of sets differs from process to process, because the hashes of strings and of most objects do."""
    digests = set()
    for hash_seed in ("1", "2"):
        path = os.pathsep.join(map(str, (TESTS.parent, TESTS, TESTS / "acceptance")))
        process = subprocess.run(
            [sys.executable, "-P", "-c", PRINT_DIGESTS],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=True,
        )
        digests.add(process.stdout)
    assert len(digests) == 1
    assert digests != {""}
