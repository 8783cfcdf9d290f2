"""The command that prints the layers: every module is in it, and no part imports a later one."""

import re
import subprocess
import sys

import pytest

from tests.architecture.layers import layer_lines, main
from tests.architecture.test_layers import LAYERS, ROOT, imported_by


def parts(package: str) -> list[str]:
    return " ".join(LAYERS[package]).split()


@pytest.mark.parametrize("package", LAYERS)
def test_the_layers_are_printed_in_order_with_every_module(package: str) -> None:
    lines = list(layer_lines(package))
    layers = [found[1] for line in lines if (found := re.match(r" *\d+\. (.*)$", line))]
    assert ", ".join(layers).split(", ") == parts(package)
    printed = set(parts(package))
    for line in lines:
        if found := re.match(r" +(\w+)/  (.*)$", line):
            printed |= {f"{found[1]}.{inner}" for inner in found[2].split(", ")}
    modules = {name.removeprefix(f"{package}.") for name in imported_by(f"{package}.") if name != package}
    assert modules - printed == set()


@pytest.mark.parametrize("package", LAYERS)
def test_no_part_imports_one_that_is_printed_below_its_layer(package: str) -> None:
    level = {part: number for number, layer in enumerate(LAYERS[package]) for part in layer.split()}
    for line in layer_lines(package):
        if found := re.match(r" +(\w+) imports (.*)$", line):
            used = [name for name in found[2].split(", ") if name in level and name != package]
            assert [name for name in used if level[name] > level[found[1]]] == [], line


def test_the_command_prints_the_packages_given(capsys: pytest.CaptureFixture[str]) -> None:
    main(["asyncclient.testing"])
    assert capsys.readouterr().out.startswith("asyncclient.testing: ")


@pytest.mark.slow
def test_the_command_runs_as_written_in_contributing() -> None:
    assert ".venv/bin/python -m tests.architecture.layers" in (ROOT / "CONTRIBUTING.md").read_text()
    command = [sys.executable, "-m", "tests.architecture.layers"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert [line.partition(":")[0] for line in done.stdout.splitlines() if re.match(r"\S", line)] == [*LAYERS]
