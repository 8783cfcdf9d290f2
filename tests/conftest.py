"""What all tests share."""

import importlib.util
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

BYTECODE = Path(__file__).parents[1] / ".cache" / "bytecode"
MEMORY = Path("/dev/shm")
MEMORY_NEEDED = 4 << 30

# Where Python is told not to write bytecode, each worker and each process that a test starts would compile all that it
# imports: several times what most tests need. It is kept apart from the code instead, from one run to the next.
if sys.dont_write_bytecode and sys.pycache_prefix is None:
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = str(BYTECODE)
    sys.dont_write_bytecode = False

# Journals and plans are synced thousands of times: in memory that takes no time. Everything else of files is the same.
if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > MEMORY_NEEDED:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))

# what an example takes says as much of the machine as of the code
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

# tests are no packages (import-mode=importlib), so what they share is loaded by its path
for _name in ("virtual_time", "drf_throttles", "changed_responses", "aioresponses_shim", "terminal_screen"):
    _spec = importlib.util.spec_from_file_location(_name, Path(__file__).parent / f"{_name}.py")
    assert _spec is not None
    assert _spec.loader is not None
    _module = importlib.util.module_from_spec(_spec)
    sys.modules[_name] = _module
    _spec.loader.exec_module(_module)

# started in the background by a shell or with nohup, tests and the processes that they start would ignore these signals
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def case_count() -> Callable[[int, int], int]:
    """How many generated cases a test runs: the first number, or with POSTHOG_BULK_SLOW=1 the second one."""
    thorough = os.environ.get("POSTHOG_BULK_SLOW") == "1"
    return lambda usual, slow: slow if thorough else usual
