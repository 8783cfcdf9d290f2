"""Runs pytest in forked children of one preloaded interpreter, so that twins need not start an interpreter each.

The server imports what all tests need except our own packages, which each child imports from its own folder. It reads
one JSON request per line from standard input and replies with two lines on standard output.
"""

import gc
import importlib
import json
import os
import sys
import traceback
from collections.abc import Iterable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from _pytest.config import default_plugins
from hypothesis import HealthCheck, Phase, settings

PACKAGES = ("asyncclient", "bulk")
PRELOADED = ("hypothesis", "aiohttp.web", "msgspec", "aiolimiter", "anyio", "anyio._backends._asyncio", "aioresponses")
PRELOADED += ("click", "rich.console", "rich.progress", "jinja2", "sqlite3", "sqlglot", "rest_framework", "uvloop")
PRELOADED += ("faulthandler", "packaging.version", "pdb", "readline", "secrets", "tomllib", "unittest.mock")
PROFILE = "no simpler example"
PLUGINS = ("_hypothesis_pytestplugin", "pytest_asyncio.plugin", "anyio.pytest_plugin", "pytest_timeout")


def preload() -> list[ModuleType]:
    """Import what the tests need, and return the plugins; skip what is not installed."""
    for name in (*(f"_pytest.{each}" for each in default_plugins), *PRELOADED):
        with suppress(ImportError):
            importlib.import_module(name)
    plugins = [importlib.import_module(name) for name in PLUGINS]
    # a twin has to fail, and nobody reads with which example: looking for a simpler one takes several times as long
    phases, too_slow = (Phase.explicit, Phase.generate), HealthCheck.too_slow
    settings.register_profile(PROFILE, deadline=None, suppress_health_check=[too_slow], phases=phases)
    ours = [name for name in sys.modules if name.split(".")[0] in PACKAGES]
    assert not ours, f"our own packages must come from the folder under test: {ours}"
    gc.collect()
    gc.freeze()  # a collection in a child would read all of this, and copy it by writing to it
    return plugins


class OneOfEachFile:
    """A plugin that leaves one test of each file, and one case of it: one of the quick ones, where there are any."""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        chosen = dict[Path, pytest.Item]()
        for item in sorted(items, key=lambda each: each.get_closest_marker("slow") is not None):
            chosen.setdefault(item.path, item)
        items[:] = chosen.values()


def run(request: dict[str, Any], plugins: list[ModuleType]) -> int:
    """Run pytest in this process against the packages in the folder of the request."""
    folder = Path(request["folder"]).resolve()
    os.setsid()  # one kill then ends this process and all that it started
    os.chdir(folder)
    os.environ.update(request["environment"])
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = request["bytecode"]  # of the copy; ends with it
    output = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    for name in PACKAGES:
        spec = find_spec(name)
        assert spec is not None
        _check_place(folder, spec.origin)
    chosen = [OneOfEachFile()] if request["one_of_each_file"] else []
    arguments = [f"--hypothesis-profile={PROFILE}", *request["arguments"]]
    code = int(pytest.main(arguments, [*plugins, *chosen]))
    for name in sys.modules.keys() & set(PACKAGES):
        _check_place(folder, sys.modules[name].__file__)
    return code


def _check_place(folder: Path, file: str | None) -> None:
    """Fail if a package was imported from elsewhere, such as an editable install."""
    assert file is not None
    assert Path(file).resolve().is_relative_to(folder), f"not the copy: {file}"


def serve(lines: Iterable[str], plugins: list[ModuleType]) -> None:
    """Reply to each request with its child's process ID and, when the child has ended, with its exit code."""
    for line in lines:
        request = json.loads(line)
        child = os.fork()
        if not child:
            code = 70
            try:
                code = run(request, plugins)
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        reply({"child": child})
        _, status = os.waitpid(child, 0)
        reply({"code": os.waitstatus_to_exitcode(status)})


def reply(fields: dict[str, int]) -> None:
    """Write one line to standard output."""
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    serve(sys.stdin, preload())
