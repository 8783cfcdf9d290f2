"""Runs tests in forked children of one interpreter that has imported them, so that a twin is cheap.

The server is a session of pytest in the copy of the packages that neither collects nor runs tests by itself. It reads
one JSON request per line from standard input. A request is to import test files, of an unchanged copy, or to run tests,
for which it forks. In the child, a changed file takes effect in one of two ways: functions get their new bodies, where
only bodies have changed; otherwise, everything of ours is imported anew. The child writes what its tests reported to a
file. The server writes one line to standard output for each request: for an import, with an error if there was one, and
for a child with its exit code, when it has ended.
"""

import gc
import importlib
import json
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO

import pytest
from _pytest.pathlib import import_path
from function_bodies import LiveFunctions
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

PACKAGES = ("asyncclient", "bulk")
OURS = (*PACKAGES, "benchmarks", "tests")
PRELOADED = ("hypothesis", "aiohttp.web", "msgspec", "aiolimiter", "anyio", "anyio._backends._asyncio", "aioresponses")
PRELOADED += ("click", "rich.console", "rich.progress", "jinja2", "sqlite3", "sqlglot", "rest_framework", "uvloop")
PRELOADED += ("faulthandler", "packaging.version", "pdb", "readline", "secrets", "tomllib", "unittest.mock")
PROFILE = "no simpler example"
PLUGINS = ("_hypothesis_pytestplugin", "pytest_asyncio.plugin", "anyio.pytest_plugin", "pytest_timeout")
TEXT_LIMIT = 4000


def preload() -> list[ModuleType]:
    """Import what the tests need besides our own packages, and return the plugins; skip what is not installed."""
    for name in PRELOADED:
        with suppress(ImportError):
            importlib.import_module(name)
    plugins = [importlib.import_module(name) for name in PLUGINS]
    # a twin has to fail, and nobody reads with which example: looking for a simpler one takes several times as long
    phases, too_slow = (Phase.explicit, Phase.generate), HealthCheck.too_slow
    settings.register_profile(
        PROFILE,
        derandomize=True,  # a twin fails in each run or in none, and not by chance
        database=None,
        deadline=None,
        suppress_health_check=[too_slow],
        phases=phases,
    )
    return plugins


def prepare_hypothesis() -> None:
    """Have hypothesis read its table of characters."""

    @settings(settings.get_profile(PROFILE), max_examples=1)
    @given(st.text())
    def draw(_: str) -> None:
        pass

    draw()


class Selection:
    """A plugin that leaves the tests of one request and notes how they end.

    Arguments:
        nodes: IDs of tests; without a case, all cases of a test.
        one_of_each_file: leave one test of each file, and one case of it: a quick one, where there are any.
    """

    def __init__(self, nodes: list[str], *, one_of_each_file: bool) -> None:
        self._functions = {node.partition("[")[0] for node in nodes}
        files = {Path(node.partition("::")[0]).resolve() for node in nodes}
        self._paths = files.union(*(file.parents for file in files))
        self._one_of_each_file = one_of_each_file
        self.reports = list[tuple[str, str, str, str]]()

    @pytest.hookimpl(tryfirst=True)
    def pytest_ignore_collect(self, collection_path: Path) -> bool:
        """Leave out other files and folders, without a look at them."""
        return collection_path not in self._paths

    @pytest.hookimpl(tryfirst=True)
    def pytest_pycollect_makeitem(self, collector: pytest.Collector, name: str) -> list[pytest.Item] | None:
        """Leave out other tests, before their cases are made."""
        other = name.startswith("test_") and f"{collector.nodeid}::{name}" not in self._functions
        return [] if other else None

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave one test of each file, if the request wants that."""
        if self._one_of_each_file:
            chosen = dict[Path, pytest.Item]()
            for item in sorted(items, key=lambda each: each.get_closest_marker("slow") is not None):
                chosen.setdefault(item.path, item)
            items[:] = chosen.values()

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note what could not be collected."""
        if report.failed:
            self._note(report, "collect")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a part of a test ended."""
        self._note(report, report.when or "")

    def _note(self, report: pytest.CollectReport | pytest.TestReport, when: str) -> None:
        self.reports.append((report.nodeid, when, report.outcome, report.longreprtext[-TEXT_LIMIT:]))


class Server:
    """A plugin that serves requests in place of collecting and running tests.

    Arguments:
        folder: the copy of the packages, which is the current folder.
        options: the arguments of pytest.
        plugins: what pytest does not load by itself.
        requests: one per line.
        replies: one per request.
    """

    def __init__(
        self, folder: Path, options: list[str], plugins: list[ModuleType], requests: TextIO, replies: TextIO
    ) -> None:
        self._folder = folder
        self._options = options
        self._plugins = plugins
        self._requests = requests
        self._replies = replies
        self._functions = LiveFunctions(folder)
        self._imported = set[str]()

    def pytest_collection(self) -> bool:
        """Collect nothing, but note what the modules for all tests have imported."""
        gc.collect()
        self._functions.note()
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Serve requests until there are no more."""
        for line in self._requests:
            request = json.loads(line)
            if "files" in request:
                self._reply(error=self._import(request["files"]))
                continue
            child = os.fork()
            if not child:
                self._end_with(request, session)
            self._reply(code=os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        return True

    def _import(self, files: list[str]) -> str:
        """Import test files and what pytest imports for them, as pytest does; a child then finds them imported.

        Returns:
            The traceback of an error; empty if there was none.
        """
        new = [file for file in files if file not in self._imported]
        if not new:
            return ""
        gc.disable()  # what is imported stays
        try:
            for file in new:
                path = self._folder / file
                for folder in reversed(path.relative_to(self._folder).parents):
                    if (self._folder / folder / "conftest.py").exists():
                        self._import_file(self._folder / folder / "conftest.py")
                self._import_file(path)
            prepare_hypothesis()
            self._imported.update(new)
            self._functions.note()
        except (Exception, pytest.skip.Exception):
            return traceback.format_exc()
        finally:
            gc.enable()
        return ""

    def _import_file(self, path: Path) -> None:
        import_path(path, mode="importlib", root=self._folder, consider_namespace_packages=False)

    def _reply(self, **fields: object) -> None:
        self._replies.write(json.dumps(fields) + "\n")
        self._replies.flush()

    def _end_with(self, request: dict[str, Any], session: pytest.Session) -> None:
        """Run the tests of a request, and end this process."""
        code = 70
        try:
            shown = self._run(request, session)
            check_places(self._folder)
            Path(request["output"]).write_text(json.dumps(shown))
            code = 0
        except BaseException:
            Path(request["output"]).write_text(traceback.format_exc())
        finally:
            os._exit(code)

    def _run(self, request: dict[str, Any], session: pytest.Session) -> dict[str, Any]:
        """Run tests after the changes of files took effect."""
        selection = Selection(request["nodes"], one_of_each_file=request["one_of_each_file"])
        changes = [(self._folder / file, old) for file, old in request["originals"].items()]
        anew = request["anew"] or not all(
            self._functions.exchange(path, old, path.read_text()) for path, old in changes
        )
        if anew:
            forget(self._folder)
            first = ["-x"] if request["first_failure"] else []
            pytest.main([*self._options, *first, *request["nodes"]], [*self._plugins, selection])
        else:
            session.config.pluginmanager.register(selection)
            items = session.perform_collect(request["nodes"])
            for item, following in zip(items, [*items[1:], None], strict=True):
                session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                if request["first_failure"] and session.testsfailed:
                    break
        return {"anew": anew, "reports": selection.reports}


def forget(folder: Path) -> None:
    """Forget all modules of ours, so that they are imported anew."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name.partition(".")[0] in OURS or (file is not None and Path(file).is_relative_to(folder)):
            del sys.modules[name]
    importlib.invalidate_caches()


def check_places(folder: Path) -> None:
    """Fail if a package was imported from elsewhere, such as an editable install."""
    for name in sys.modules.keys() & set(PACKAGES):
        file = sys.modules[name].__file__
        assert file is not None
        assert Path(file).is_relative_to(folder), f"not the copy: {file}"


def streams() -> Iterator[TextIO]:
    """Keep standard input and output for requests and replies, and leave the null device to the tests."""
    null = os.open(os.devnull, os.O_RDWR)
    for stream, mode in ((0, "r"), (1, "w")):
        yield open(os.dup(stream), mode)  # noqa: SIM115 (as long as the process)
        os.dup2(null, stream)
    os.dup2(null, 2)


if __name__ == "__main__":
    requests, replies = streams()
    sys.path.insert(0, str(Path.cwd()))
    plugins = preload()
    options = [f"--hypothesis-profile={PROFILE}", *sys.argv[1:]]
    pytest.main([*options, "tests"], [*plugins, Server(Path.cwd(), options, plugins, requests, replies)])
