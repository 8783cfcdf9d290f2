"""Every command in a document or a help text exists: program, subcommand, options, modules and paths."""

import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from bulk.cli.main import COMMANDS, posthog_bulk
from tests.architecture.test_documents import DOCUMENTS, named
from tests.architecture.test_layers import ROOT

SHELL = {".", "export", "printf", "cd", "git", "curl", "openssl", "test", "for"}
TOOLS = {"pip", "ruff", "mypy", "tox", "pre-commit"}
"""Programs that a document may use and that are not checked further."""

_FENCED = re.compile(r"^ *```sh\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`((?:\.venv/bin/)?(?:posthog-bulk|python -m|pytest) [^`]+)`")


class Line(NamedTuple):
    """A command line, where it is, and whether it can be run as it is, or only names options."""

    place: str
    words: tuple[str, ...]
    is_whole: bool = True


def split(place: str, text: str, *, is_whole: bool = True) -> Iterator[Line]:
    """The simple commands of a shell line, without assignments of variables before the program."""
    words = shlex.split(text, comments=True)
    while words:
        end = words.index("&&") if "&&" in words else len(words)
        one, words = words[:end], words[end + 1 :]
        while one and re.match(r"[A-Z_]+=", one[0]):
            one = one[1:]
        if ">" in one:
            one = one[: one.index(">")]
        if one:
            yield Line(place, tuple(one), is_whole)


def lines_of_documents() -> Iterator[Line]:
    for document in DOCUMENTS:
        text = document.read_text()
        for block in _FENCED.findall(text):
            for line in block.splitlines():
                yield from split(named(document), line)
        for code in _INLINE.findall(text):
            yield from split(named(document), code, is_whole=False)


def lines_of_help() -> Iterator[Line]:
    with click.Context(posthog_bulk, info_name="posthog-bulk", **posthog_bulk.context_settings) as context:
        commands: list[click.Command] = [posthog_bulk]
        commands += [command for name in COMMANDS if (command := posthog_bulk.get_command(context, name))]
    for command in commands:
        for line in re.findall(r"^ *(posthog-bulk .*)$", command.help or "", re.MULTILINE):
            yield from split(f"help of {command.name}", line)


LINES = [*lines_of_documents(), *lines_of_help()]


def shown(line: Line) -> str:
    return f"{line.place}: {shlex.join(line.words)}"


def check_posthog_bulk(words: list[str], *, is_whole: bool = True) -> None:
    """Parse a line with the real command; placeholders in capitals stand for any value."""
    name, *arguments = words
    if name in ("COMMAND", "--help", "--version"):
        return
    with click.Context(posthog_bulk, info_name="posthog-bulk", **posthog_bulk.context_settings) as context:
        command = posthog_bulk.get_command(context, name)
        assert command is not None, f"no command {name}"
        try:
            command.make_context(name, arguments, parent=context).close()
        except click.exceptions.Exit:
            assert "--help" in arguments
        except click.UsageError as error:
            if is_whole or not isinstance(error, click.MissingParameter):
                raise AssertionError(error.format_message()) from None


def check_python_module(words: list[str]) -> None:
    assert importlib.util.find_spec(words[0]) is not None, f"no module {words[0]}"


def check_pytest(words: list[str]) -> None:
    """Every path that is given to pytest exists, with the test that follows it."""
    for word in words:
        path, _, test = word.partition("::")
        if "/" in path:
            assert (ROOT / path).exists(), f"no {path}"
            assert not test or f"def {test.partition('[')[0]}(" in (ROOT / path).read_text(), f"no {test} in {path}"


@pytest.mark.parametrize("line", LINES, ids=shown)
def test_every_command_exists(line: Line) -> None:
    program, words = line.words[0].removeprefix(".venv/bin/"), list(line.words[1:])
    match program:
        case "posthog-bulk":
            check_posthog_bulk(words, is_whole=line.is_whole)
        case "python" | "python3":
            if words[:1] == ["-m"]:
                check_python_module(words[1:])
        case "pytest":
            check_pytest(words)
        case _ if "/" in program:
            assert (ROOT / program).is_file(), f"no {program}"
        case _:
            assert program in SHELL | TOOLS, f"{program} is not known: check it here, or list it"


def test_commands_are_found_in_documents_and_in_the_help_of_every_command() -> None:
    places = {line.place for line in LINES}
    assert {"README.md", "CONTRIBUTING.md", *(f"help of {name}" for name in COMMANDS)} <= places


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["erase"], "no command erase"),
        (["run"], "Missing argument"),
        (["run", "x.plan.jsonl", "--aprove", "DIGEST"], "No such option"),
        (["delete", "--concurrency", "0"], "out of range"),
    ],
)
def test_a_command_that_does_not_exist_is_found(words: list[str], problem: str) -> None:
    with pytest.raises(AssertionError, match=problem):
        check_posthog_bulk(words)


def test_a_path_or_module_that_does_not_exist_is_found() -> None:
    with pytest.raises(AssertionError, match=r"no tests/gone\.py"):
        check_pytest(["tests/gone.py"])
    with pytest.raises(AssertionError, match="no test_gone in"):
        check_pytest([f"{Path(__file__).relative_to(ROOT)}::test_gone"])
    with pytest.raises(AssertionError, match="no module benchmark_of_nothing"):
        check_python_module(["benchmark_of_nothing"])
