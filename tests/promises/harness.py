"""Breaks a copy of the packages on purpose and runs tests against it. Knows no promise."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from twin import Cut, Twin

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 100
_TEST_LIMIT_S = 80
_TIMED_OUT = re.compile(r"\bTimeout \(>[0-9.]+s\)")
_PLUGINS = tuple(
    word
    for name in ("pytest_asyncio.plugin", "anyio.pytest_plugin", "_hypothesis_pytestplugin", "pytest_timeout")
    for word in ("-p", name)
)
_OURS = shutil.ignore_patterns("__pycache__", "promises", ".hypothesis")

# The editable install must not win: the copy comes first, and a run that finds other packages is no evidence.
_GUARD = """
import os, sys
from importlib.util import find_spec
from pathlib import Path
import pytest

def ours(file):
    assert Path(file).resolve().is_relative_to(here), f"not the copy: {file}"

here = Path(os.environ["TWIN"]).resolve()
sys.path.insert(0, str(here))
for name in ("asyncclient", "bulk"):
    ours(find_spec(name).origin)
code = pytest.main(sys.argv[1:])
for name in {"asyncclient", "bulk"} & sys.modules.keys():
    ours(sys.modules[name].__file__)
sys.exit(code)
"""


def copy_to(folder: Path) -> None:
    """Copy the packages and their tests into an empty folder."""
    for name in ("asyncclient", "bulk", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=_OURS)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, folder / name)


def cut(folder: Path, change: Cut) -> None:
    """Make one textual change.

    Raises:
        AssertionError: the old text is not there exactly once, so the table has to be brought up to date.
    """
    path = folder / change.file
    text = path.read_text()
    found = text.count(change.old)
    assert found == 1, f"{change.file} holds the text to break {found} times, not once: {change.old!r}"
    assert change.old != change.new
    path.write_text(text.replace(change.old, change.new))
    compile(path.read_text(), change.file, "exec")  # a twin that is no Python breaks everything and proves nothing


def run(folder: Path, nodes: tuple[str, ...], *, first_failure: bool, limit_s: float = LIMIT_S) -> tuple[int, str]:
    """Run tests against the packages of that folder.

    Arguments:
        first_failure: stop there.
        limit_s: seconds until the process is killed; each test has a shorter limit of its own.

    Returns:
        The exit code of pytest and what it said.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "POSTHOG_"))}
    environment |= {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "TWIN": str(folder)}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    options = [*_PLUGINS, "-q", "-p", "no:cacheprovider", "--no-header", "--tb=line", "-rfE"]
    options += ["--timeout", str(_TEST_LIMIT_S)]  # before this process is killed, so that a test that hangs is named
    command = [sys.executable, "-c", _GUARD, *options, *(["-x"] if first_failure else []), *nodes]
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=limit_s,
        text=True,
        errors="replace",
    )
    return done.returncode, done.stdout


def is_red(code: int, said: str) -> bool:
    """Whether a test ran and failed: no collection error, no error of a fixture, no time limit, nothing else."""
    return code == 1 and re.search(r"^FAILED ", said, re.MULTILINE) is not None and not _TIMED_OUT.search(said)


def sound_nodes(twins: tuple[Twin, ...]) -> tuple[str, ...]:
    """Every guarding test once."""
    return tuple(sorted({node for twin in twins for node in twin.tests}))
