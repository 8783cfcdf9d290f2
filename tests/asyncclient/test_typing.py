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
CACHE = ROOT / ".cache" / "mypy"
"""Of what mypy found in the libraries, from one run to the next."""


@pytest.mark.slow
@pytest.mark.parametrize("checker", ["mypy", "basedpyright"])
def test_a_type_checker_finds_no_error_in_typical_uses_and_no_any_in_results(tmp_path: Path, checker: str) -> None:
    """What `assert_type` says of each call is asked anew of the checker: `Any` would agree with everything.

    Of the two pyrights it is the one that brings its own Node.js: the other one fetches it when it is first run.
    """
    uses = Path(__file__).with_name("typing_check.py")
    tree = ast.parse(uses.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "assert_type":
            node.func.id, node.args = "reveal_type", node.args[:1]
    revealing = tmp_path / "revealing.py"
    revealing.write_text(f"# pyright: basic\n{ast.unparse(tree)}")
    settings = {
        "include": [str(uses), "revealing.py"],
        "extraPaths": [str(ROOT)],  # an editable installation is not where a type checker looks
        "typeCheckingMode": "strict",
    }
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    arguments = {
        "mypy": [
            *("--strict", "--warn-unused-ignores", "--config-file=", "--cache-dir", str(CACHE)),
            *(str(uses), str(revealing)),
        ],
        "basedpyright": ["-p", str(tmp_path), "--pythonpath", sys.executable],
    }[checker]
    command = [sys.executable, "-m", checker, *arguments]
    environment = {**os.environ, "MYPYPATH": str(ROOT)}
    checked = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    told = checked.stdout
    shown = re.findall(r'(?:Revealed type is|Type of ".*" is) "(.*)"$', told, re.MULTILINE)
    assert len(shown) > 50, told + checked.stderr
    assert [each for each in shown if "Any" in each or "Unknown" in each] == []
    assert "revealing.py" in told  # and there the uses that are wrong, of which the original says that they are
    assert [line for line in told.splitlines() if uses.name in line] == [], told


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
