"""The public signatures as a type checker sees them."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_public_signatures_say_what_they_give(tmp_path: Path) -> None:
    checked = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--warn-unused-ignores", "--config-file="),
            *("--cache-dir", str(tmp_path), str(Path(__file__).with_name("typing_check.py"))),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.slow
def test_pyright_finds_no_error_and_nothing_unknown_in_typical_uses(tmp_path: Path) -> None:
    """By its sibling that brings its own Node.js: the other one fetches it when it is first run."""
    settings = {
        "include": [str(Path(__file__).with_name("typing_check.py"))],
        "extraPaths": [str(ROOT)],  # an editable installation is not where a type checker looks
        "typeCheckingMode": "strict",
    }
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "basedpyright", "-p", str(tmp_path), "--pythonpath", sys.executable]
    checked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.slow
@pytest.mark.parametrize("checker", ["mypy", "basedpyright"])
def test_a_type_checker_shows_no_any_for_what_calls_give(tmp_path: Path, checker: str) -> None:
    """What `assert_type` says of each call, asked anew of the checker: `Any` would agree with everything."""
    tree = ast.parse(Path(__file__).with_name("typing_check.py").read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "assert_type":
            node.func.id, node.args = "reveal_type", node.args[:1]
    (tmp_path / "revealing.py").write_text(ast.unparse(tree))
    settings = {"include": ["revealing.py"], "extraPaths": [str(ROOT)], "typeCheckingMode": "basic"}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    arguments = {
        "mypy": ["--config-file=", "--cache-dir", str(tmp_path / "cache"), "revealing.py"],
        "basedpyright": ["-p", str(tmp_path), "--pythonpath", sys.executable],
    }[checker]
    command = [sys.executable, "-m", checker, *arguments]
    environment = {**os.environ, "MYPYPATH": str(ROOT)}
    told = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False).stdout
    shown = re.findall(r'(?:Revealed type is|Type of ".*" is) "(.*)"$', told, re.MULTILINE)
    assert len(shown) > 50, told
    assert [each for each in shown if "Any" in each or "Unknown" in each] == []


@pytest.mark.slow
def test_importing_the_client_takes_little_more_than_importing_aiohttp() -> None:
    def modules(statement: str) -> set[str]:
        code = f"import sys; {statement}; print(*sys.modules)"
        return set(
            subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
        )

    added = {name.split(".")[0] for name in modules("import asyncclient") - modules("import aiohttp")}
    assert added <= {
        "asyncclient",
        "msgspec",
        "aiolimiter",
        "anyio",
        "sniffio",
        "stat",
        "_stat",
        "__editable___posthog_bulk",
    } | set(sys.stdlib_module_names), added
    assert "aiohttp.web" not in modules("import asyncclient") - modules("import aiohttp")
