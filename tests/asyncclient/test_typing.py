"""The public signatures as a type checker sees them."""

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
