"""Each promise has a test that goes red when the promise is broken: the table's every row is broken and seen red."""

from pathlib import Path

import pytest
from harness import LIMIT_S, copy_to, cut, is_red, run, sound_nodes
from twins import PROMISES, TWINS, Cut, Twin

pytestmark = pytest.mark.slow
PARTS = 4
PART_LIMIT_S = 4 * LIMIT_S
"""A part needs less than a minute of processor time; a busy machine takes several for that."""


def test_every_promise_has_a_row() -> None:
    assert sorted({each.promise for each in TWINS}) == list(range(1, PROMISES + 1))
    assert len({(twin.promise, twin.says) for twin in TWINS}) == len(TWINS)


def test_a_text_that_is_not_there_exactly_once_is_no_breakage(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("a = 1\na = 1\nb = 2\n")
    for old in ("a = 1", "c = 3"):
        with pytest.raises(AssertionError, match="times, not once"):
            cut(tmp_path, Cut("x.py", old, "pass"))
    cut(tmp_path, Cut("x.py", "b = 2", "b = 3"))
    assert (tmp_path / "x.py").read_text().endswith("b = 3\n")


@pytest.mark.timeout(PART_LIMIT_S + 50)
@pytest.mark.parametrize("part", range(PARTS))
def test_unbroken_all_guarding_tests_pass(tmp_path: Path, part: int) -> None:
    copy_to(tmp_path)
    code, said = run(tmp_path, sound_nodes(TWINS)[part::PARTS], first_failure=False, limit_s=PART_LIMIT_S)
    assert code == 0, said[-4000:]


def test_a_test_that_hangs_is_no_evidence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness._TEST_LIMIT_S", 1)
    copy_to(tmp_path)
    (tmp_path / "test_hangs.py").write_text(
        "import asyncio, bulk\nasync def test_it():\n    await asyncio.Event().wait()\n"
    )
    code, said = run(tmp_path, ("test_hangs.py",), first_failure=True)
    assert (code, is_red(code, said)) == (1, False)
    assert "Timeout (>1.0s)" in said


@pytest.mark.timeout(4 * LIMIT_S)
@pytest.mark.parametrize("twin", TWINS, ids=[f"{twin.promise:02}-{twin.says.replace(' ', '-')}" for twin in TWINS])
def test_broken_its_guarding_test_fails(tmp_path: Path, twin: Twin) -> None:
    copy_to(tmp_path)
    for change in twin.cuts:
        cut(tmp_path, change)
    for node in twin.tests:
        code, said = run(tmp_path, (node,), first_failure=True)
        assert is_red(code, said), f"exit code {code} from {node}\n{said[-4000:]}"
