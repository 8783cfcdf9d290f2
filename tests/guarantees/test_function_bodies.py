"""Changed bodies take effect in functions that exist already; every other change is left to a new import."""

import gc
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
from function_bodies import LiveFunctions, differ_in_bodies_only

MODULE = """
from contextlib import contextmanager
from functools import wraps

LIMIT = 5

def logged(function):
    @wraps(function)
    def call(*arguments):
        return "logged", function(*arguments)
    return call

class Account:
    owed = 3
    def __init__(self, paid: int) -> None:
        self.paid = paid
    @property
    def rest(self) -> int:
        return self.owed - self.paid
    @staticmethod
    def limit() -> int:
        return LIMIT

@logged
def total(*amounts: int) -> int:
    return sum(amounts)

@contextmanager
def opened(name: str):
    yield name

async def later() -> list[int]:
    return [each for each in range(3)]

def counter(start: int):
    def step() -> int:
        return start + 1
    return step

step = counter(7)
CONVERTERS = {"int": lambda text: int(text), "float": lambda text: float(text)}
"""


@pytest.fixture
def module(tmp_path: Path) -> ModuleType:
    """The module, imported from a file."""
    path = tmp_path / "accounts.py"
    path.write_text(MODULE)
    spec = spec_from_file_location("accounts", path)
    assert spec is not None
    assert spec.loader is not None
    made = module_from_spec(spec)
    sys.modules["accounts"] = made
    try:
        spec.loader.exec_module(made)
    finally:
        del sys.modules["accounts"]
    return made


@pytest.fixture
def exchange(module: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], bool]:
    """Make one change of the text, and say whether it has taken effect."""
    monkeypatch.setattr(gc, "freeze", lambda: None)  # which is for a process that ends soon
    functions = LiveFunctions(tmp_path)
    functions.note()
    return lambda old, new: functions.exchange(tmp_path / "accounts.py", MODULE, MODULE.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "result"),
    [
        ("self.owed - self.paid", "self.owed + self.paid", lambda module: module.Account(2).rest == 5),
        ("self.paid = paid", "self.paid = paid + 1", lambda module: module.Account(1).rest == 1),
        ("return LIMIT\n", "x = 1\n        return LIMIT + x\n", lambda module: module.Account.limit() == 6),
        ("return sum(amounts)", "return max(amounts)", lambda module: module.total(1, 2, 4) == ("logged", 4)),
        ('"logged", function', '"seen", function', lambda module: module.total(1, 2) == ("seen", 3)),
        ("yield name", "yield name + '!'", lambda module: module.opened("x").__enter__() == "x!"),
        ("for each in range(3)", "for each in range(1)", lambda module: result_of(module.later()) == [0]),
        ("start + 1", "start + 2", lambda module: module.step() == 9 and module.counter(1)() == 3),
    ],
)
def test_a_changed_body_takes_effect_in_functions_that_exist(
    exchange: Callable[[str, str], bool], module: ModuleType, old: str, new: str, result: Callable[[ModuleType], bool]
) -> None:
    assert not result(module)
    assert exchange(old, new)
    assert result(module)
    assert module.CONVERTERS["int"]("7") == 7


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LIMIT = 5", "LIMIT = 6"),
        ("owed = 3", "owed = 4"),
        ("paid: int) -> None", "paid: int = 1) -> None"),
        ("@logged\n", ""),
        ("step = counter(7)", "step = counter(8)"),
        ("async def later", "def later"),
        ("return start + 1", "return 1"),  # the closure has no cell any more
    ],
)
def test_any_other_change_needs_a_new_import_and_changes_nothing(
    exchange: Callable[[str, str], bool], module: ModuleType, old: str, new: str
) -> None:
    before = {name: function.__code__ for name, function in vars(module).items() if hasattr(function, "__code__")}
    assert not exchange(old, new)
    assert before == {name: function.__code__ for name, function in vars(module).items() if name in before}


def test_texts_that_differ_in_lines_and_comments_alone_differ_in_bodies_only() -> None:
    assert differ_in_bodies_only(MODULE, MODULE.replace("LIMIT = 5", "# of a day\n\nLIMIT = 5"))
    assert not differ_in_bodies_only(MODULE, MODULE + "LIMIT = 6\n")


def result_of(coroutine: object) -> object:
    """Return what a coroutine that awaits nothing returns."""
    with pytest.raises(StopIteration) as ended:
        coroutine.send(None)  # type: ignore[attr-defined]
    return ended.value.value
