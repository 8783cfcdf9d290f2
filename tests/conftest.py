"""What all tests share."""

import importlib.util
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

# tests are no packages (import-mode=importlib), so what they share is loaded by its path
for _name in ("virtual_time", "drf_throttles", "answers"):
    _spec = importlib.util.spec_from_file_location(_name, Path(__file__).parent / f"{_name}.py")
    assert _spec is not None
    assert _spec.loader is not None
    _module = importlib.util.module_from_spec(_spec)
    sys.modules[_name] = _module
    _spec.loader.exec_module(_module)

# started in the background by a shell, tests and the processes that they start would ignore Ctrl-C
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def case_count() -> Callable[[int, int], int]:
    """How many generated cases a test runs: the first number, or with POSTHOG_BULK_SLOW=1 the second one."""
    thorough = os.environ.get("POSTHOG_BULK_SLOW") == "1"
    return lambda usual, slow: slow if thorough else usual
