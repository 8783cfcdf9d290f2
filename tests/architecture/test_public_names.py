"""The public names: every name in a public signature can be imported, and `help()` tells how to call each."""

import ast
import builtins
import collections.abc
import datetime
import inspect
import re
import textwrap
import types
import typing
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

import asyncclient
import bulk

PACKAGES = (asyncclient, bulk)
WELL_KNOWN = {
    name
    for module in (builtins, typing, collections.abc, datetime, uuid, types)
    for name in dir(module)
    if not name.startswith("_")
} | {"Path", "BinaryIO", "SSLContext", "aiohttp", "ClientSession", "msgspec", "Raw", "anyio", "Event", "Mapping"}
PUBLIC = {name for package in PACKAGES for name in package.__all__}
MADE_BY_THE_CLIENT = {"Capture", "CsvExport", "PersistedFolders", "Persons", "Projects", "Permit", "Query"} | {
    *("DataDeletionRequests", "SessionRecordings"),
    *("FileTrouble", "JournalBusy", "Plan"),  # and by the engine
}
"""Nobody else makes them, so what their constructors take is nobody else's business."""


def public_functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every function and method that a user can call, by its name."""
    for package in PACKAGES:
        for name in package.__all__:
            value = getattr(package, name)
            if inspect.isfunction(value):
                yield f"{package.__name__}.{name}", value
            if not inspect.isclass(value):
                continue
            for inner, member in inspect.getmembers(value):
                member = getattr(member, "__func__", member)
                if not inspect.isfunction(member) or not member.__module__.startswith(("asyncclient", "bulk")):
                    continue
                constructs = inner == "__init__" and name not in MADE_BY_THE_CLIENT
                if constructs or not inner.startswith("_"):
                    yield f"{package.__name__}.{name}.{inner}", member


FUNCTIONS = dict(public_functions())


def names_in_signature(function: Callable[..., Any]) -> set[str]:
    node = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
    annotations = [each.annotation for each in every if each is not None and each.annotation is not None]
    annotations += [node.returns] if node.returns is not None else []
    found: set[str] = set()
    for annotation in annotations:
        if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
            annotation = ast.parse(annotation.value, mode="eval").body
        found |= {inner.id for inner in ast.walk(annotation) if isinstance(inner, ast.Name)}
    return found


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_name_in_a_public_signature_can_be_imported(name: str) -> None:
    assert names_in_signature(FUNCTIONS[name]) - PUBLIC - WELL_KNOWN == set()


ELSEWHERE = re.compile(r"(?i)\b(see there|(arguments|errors)( and errors)? as|as in `|are those of|\w+: as `)")


def documentation(name: str) -> str:
    """What `help()` shows of a function; of a class for its constructor, or of the ancestor that defines it."""
    package, owner, *rest = name.split(".")
    value = getattr({"asyncclient": asyncclient, "bulk": bulk}[package], owner)
    if rest == ["__init__"]:
        return next(inspect.getdoc(each) or "" for each in value.__mro__ if "__init__" in vars(each))
    return inspect.getdoc(FUNCTIONS[name]) or ""


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_help_says_all_that_is_needed_to_call(name: str) -> None:
    told, function = documentation(name), FUNCTIONS[name]
    assert re.match(r"[^\n]+[.:](\n|$)", told), "the first line is one sentence"
    assert not ELSEWHERE.search(told), "all is said here, and not elsewhere"
    taken = [each for each in inspect.signature(function).parameters if each not in ("self", "cls")]
    assert [each for each in taken if not re.search(rf"(?m)^\s+([\w, ]*\W)?{each}\b[\w, ]*:", told)] == []
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        assert "Raises:" in told


STRUCTS = [
    value
    for name in asyncclient.__all__
    if inspect.isclass(value := getattr(asyncclient, name)) and issubclass(value, msgspec.Struct)
]


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda each: str(each.__name__))
def test_help_of_a_value_names_its_fields(struct: type[msgspec.Struct]) -> None:
    told = inspect.getdoc(struct) or ""
    assert [each for each in struct.__struct_fields__ if not re.search(rf"(?m)^\s+([\w, ]*\W)?{each}\b.*:", told)] == []


def test_every_public_name_is_there() -> None:
    for package in PACKAGES:
        assert len(package.__all__) == len(set(package.__all__))
        for name in package.__all__:
            assert getattr(package, name) is not None
    assert anyio.Event
    assert msgspec.Raw
    assert Path
