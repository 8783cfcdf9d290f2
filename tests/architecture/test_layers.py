"""The house rules that a machine can check: which way imports go, and which names stay in which room."""

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for package in ("asyncclient", "bulk") for path in (ROOT / package).rglob("*.py"))
NOT_INSTALLED = sorted(path for folder in ("tests", "benchmarks") for path in (ROOT / folder).rglob("*.py"))

# Lowest first: a layer imports itself and the layers before it. Folders of a package, or modules at its root.
LAYERS = {
    "bulk": (
        "errors version sanitize formatting number_ranges states property_checks operations events event_log",
        "concurrency",
        "files",
        "requests",
        "progress",
        "targets",
        "posthog",
        "selection",
        "plan",
        "export",
        "journal",
        "verification",
        "undo",
        "report",
        "jobs",
        "without_person",
        "execution",
        "engine",
        "cli __main__",
        "recipes",
    ),
    "asyncclient": (
        "_secret errors models filters activity timeline erasure config retry",
        "_protocol",
        "limits events property_projection",
        "_transport",
        "_resources",
        "client",
        "testing",
    ),
    "asyncclient.testing": (
        "options faults request_record",
        "http",
        "tables",
        "state",
        "queries",
        "handlers",
        "request_handler exchange control",
        "server",
    ),
}


@cache
def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(each) for each in SOURCES}


@cache
def syntax_tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def imports(path: Path) -> frozenset[str]:
    """Every module that a file imports, wherever in the file, but for those that only a type checker sees."""
    return frozenset(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    for statement in _statements(syntax_tree(path).body):
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom):
            assert statement.level == 0, f"{path}: relative import"
            for alias in statement.names:
                inner = f"{statement.module}.{alias.name}"
                yield inner if inner in MODULES else statement.module or ""


def _statements(block: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield the statements of a block and of the blocks inside it; expressions have no imports and take long."""
    for statement in block:
        test = statement.test if isinstance(statement, ast.If) else None
        if isinstance(test, ast.Name) and test.id == "TYPE_CHECKING":
            continue
        yield statement
        for name in ("body", "orelse", "handlers", "finalbody", "cases"):
            yield from _statements(getattr(statement, name, ()))


def imported_by(prefix: str) -> dict[str, set[str]]:
    return {
        name: set(imports(path)) for path in SOURCES if (name := module_name(path)) and (name + ".").startswith(prefix)
    }


def layer_of(package: str, module: str) -> int:
    part = module.removeprefix(f"{package}.").partition(".")[0]
    for level, parts in enumerate(LAYERS[package]):
        if part in parts.split():
            return level
    raise AssertionError(f"{module} is in no layer: add it to LAYERS")


def test_the_client_knows_nothing_of_the_engine() -> None:
    for module, used in imported_by("asyncclient.").items():
        assert not {name for name in used if name.split(".")[0] == "bulk"}, module


def test_the_local_server_takes_nothing_from_the_client() -> None:
    for module, used in imported_by("asyncclient.testing.").items():
        ours = {name for name in used if name.split(".")[0] == "asyncclient"}
        assert {name for name in ours if not name.startswith("asyncclient.testing")} == set(), module


def test_the_engine_uses_only_the_clients_public_names() -> None:
    for module, used in imported_by("bulk.").items():
        inner = {name for name in used if name.startswith("asyncclient.") and name != "asyncclient.testing"}
        assert not inner, f"{module} reaches into {inner}"


@pytest.mark.parametrize("package", LAYERS)
def test_imports_go_from_higher_layers_to_lower_ones(package: str) -> None:
    wrong = [
        f"{module} imports {name}"
        for module, used in imported_by(f"{package}.").items()
        for name in sorted(used)
        if module != package and name.startswith(f"{package}.") and layer_of(package, name) > layer_of(package, module)
    ]
    assert wrong == []


def test_the_map_of_the_engine_lists_its_layers_in_the_same_order() -> None:
    table = (ROOT / "bulk" / "README.md").read_text().split("\n## Layers\n")[1].split("\n## ")[0]
    listed = re.findall(r"\]\((\w+)(?:\.py|/)\)", table)
    assert listed == " ".join(LAYERS["bulk"]).split()


@pytest.mark.parametrize("prefix", ["asyncclient.", "bulk."])
def test_no_imports_in_circles(prefix: str) -> None:
    graph = {module: {name for name in used if name.startswith(prefix)} for module, used in imported_by(prefix).items()}
    graph.pop(prefix.rstrip("."), None)
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as circle:
        raise AssertionError(f"imports in a circle: {circle.args[1]}") from None


@pytest.mark.parametrize(
    ("library", "rooms"),
    [
        ("aiohttp", ("asyncclient._transport.session", "asyncclient._transport.failures", "asyncclient.testing")),
        ("signal", ("bulk.cli", "bulk.__main__")),
        ("click", ("bulk.cli",)),
        ("rich", ("bulk.cli",)),
        ("requests", ()),
    ],
)
def test_a_library_is_imported_only_in_its_own_modules(library: str, rooms: tuple[str, ...]) -> None:
    for path in SOURCES:
        module = module_name(path)
        if any(module == room or module.startswith(room + ".") for room in rooms):
            continue
        assert library not in {name.split(".")[0] for name in imports(path)}, f"{module} imports {library}"


def test_only_the_command_line_prints() -> None:
    for path in SOURCES:
        if not module_name(path).startswith("bulk.cli"):
            calls = [n for n in ast.walk(syntax_tree(path)) if isinstance(n, ast.Call)]
            assert not [n for n in calls if isinstance(n.func, ast.Name) and n.func.id == "print"], path


def test_no_file_outgrows_its_purpose() -> None:
    sizes = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in (*SOURCES, *NOT_INSTALLED)}
    assert {name: size for name, size in sizes.items() if size > 350} == {}


def test_every_module_opens_with_its_purpose() -> None:
    for path in SOURCES:
        assert ast.get_docstring(syntax_tree(path)), path


def test_no_folder_holds_more_than_a_dozen_modules() -> None:
    folders = {path.parent for path in (*SOURCES, *NOT_INSTALLED)}
    sizes = {
        str(folder.relative_to(ROOT)): sum(path.name != "__init__.py" for path in folder.glob("*.py"))
        for folder in folders
    }
    assert {name: size for name, size in sizes.items() if size > 12} == {}
