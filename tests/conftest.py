"""What all tests share."""

import gc
import importlib.util
import os
import shutil
import signal
import sys
import zlib
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

BYTECODE = Path(__file__).parents[1] / ".cache" / "bytecode"

# Where Python is told not to write bytecode, each worker and each process that a test starts would compile all that it
# imports: several times what most tests need. It is kept apart from the code instead, from one run to the next. What
# stands above is compiled before that; hypothesis is too large for it.
if sys.dont_write_bytecode and sys.pycache_prefix is None:
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = str(BYTECODE)
    sys.dont_write_bytecode = False

from hypothesis import HealthCheck, settings  # noqa: E402 (compiled once, see above)

MEMORY = Path("/dev/shm")
MEMORY_NEEDED = 4 << 30
FEW_CASES = 8
"""Of a test with more cases than this, the quick part runs each value of each argument, but not each combination."""

# Each process that imports aiohttp reads the certificates of the system, for a tenth of a second. No test needs them.
os.environ["SSL_CERT_FILE"] = os.environ["SSL_CERT_DIR"] = os.devnull

# Journals and plans are synced thousands of times: in memory that takes no time. Everything else of files is the same.
if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > MEMORY_NEEDED:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))

# what an example takes says as much of the machine as of the code
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

# tests are no packages (import-mode=importlib), so what they share is loaded by its path
HELPERS = (
    "virtual_time",
    "outages",
    "drf_throttles",
    "changed_responses",
    "aioresponses_shim",
    "terminal_screen",
    "readable",
)
for _name in HELPERS:
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


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """Collect the tests without collecting garbage, and never search for any among them.

    They are hundreds of thousands of objects, and none becomes garbage: searching all of them again and again takes a
    third of the time of collection, and a part of that of each test.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class, name: str, obj: object
) -> list[pytest.Item] | None:
    """Leave slow tests out of the quick part before their thousands of cases are made."""
    if collector.config.option.markexpr != "not slow" or not name.startswith("test_"):
        return None
    marks = [*_marks_of(obj), *_marks_of(collector.obj)]
    return [] if any(mark.name == "slow" for mark in marks) else None


def _marks_of(where: object) -> list[pytest.Mark]:
    """Return the marks of a function, or those that a module puts on all its tests."""
    marks = getattr(where, "pytestmark", [])
    return [getattr(each, "mark", each) for each in (marks if isinstance(marks, list) else [marks])]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark cases as slow: the combinations of values that the quick part has already, and those over `quick_cases`."""
    cases = defaultdict[tuple[Path, str], list[pytest.Function]](list)
    for item in items:
        if isinstance(item, pytest.Function) and hasattr(item, "callspec") and not item.get_closest_marker("slow"):
            cases[item.path, item.originalname].append(item)
    for of_one_test in cases.values():
        of_one_test.sort(key=lambda each: zlib.crc32(each.name.encode()))  # any order that is always the same
        limit = of_one_test[0].get_closest_marker("quick_cases")
        if limit is not None:
            slow = of_one_test[limit.args[0] :]
        else:
            slow = list(_without_new_values(of_one_test)) if len(of_one_test) > FEW_CASES else []
        for item in slow:
            item.add_marker(pytest.mark.slow)


def _without_new_values(cases: list[pytest.Function]) -> Iterator[pytest.Function]:
    """Yield the cases of a test that have no value that those before them lack."""
    seen = set[tuple[int, ...]]()
    for case in cases:
        new = _values(case) - seen
        if not new:
            yield case
        seen |= new


def _values(case: pytest.Function) -> set[tuple[int, ...]]:
    """Return the identities of the arguments of a case; those of one `parametrize` are one value."""
    left = {name: id(value) for name, value in case.callspec.params.items()}
    values = set[tuple[int, ...]]()
    for number, mark in enumerate(case.iter_markers("parametrize")):
        names = mark.args[0].split(",") if isinstance(mark.args[0], str) else mark.args[0]
        values.add((number, *(left.pop(name.strip(), 0) for name in names)))
    return values | {(len(values) + number, value) for number, value in enumerate(left.values())}


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """Let `-n auto` start two workers per processor: tests wait for processes, sockets and disks."""
    processors = yield
    return processors if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ else 2 * processors


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Have workers that are done take tests from the others, so that none is idle at the end."""
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log) if config.getoption("dist") == "load" else None
