"""Each promise has a test that goes red when the promise is broken: the table's every row is broken and seen red."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import LIMIT_S, Workshop, cut, is_red, sound_nodes
from twins import PROMISES, TWINS, Cut, Twin

pytestmark = pytest.mark.slow
PARTS = 8
PART_LIMIT_S = 4 * LIMIT_S
"""A part needs half a minute of processor time; a busy machine takes several minutes for that."""


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """One copy and one interpreter for all twins of a worker."""
    made = Workshop(tmp_path_factory.mktemp("twins"))
    yield made
    made.close()


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


def test_a_broken_copy_is_whole_again_afterwards(workshop: Workshop) -> None:
    file = workshop.folder / "bulk" / "version.py"
    before = file.read_bytes()
    with workshop.broken((Cut("bulk/version.py", "VERSION = ", "VERSION =  "),)):
        assert file.read_bytes() != before
    assert file.read_bytes() == before


@pytest.mark.timeout(PART_LIMIT_S + 50)
@pytest.mark.parametrize("part", range(PARTS))
def test_unbroken_all_guarding_tests_pass(workshop: Workshop, part: int) -> None:
    code, said = workshop.run(sound_nodes(TWINS)[part::PARTS], first_failure=False, limit_s=PART_LIMIT_S)
    assert code == 0, said[-4000:]


def test_a_test_that_hangs_is_no_evidence(workshop: Workshop) -> None:
    hanging = workshop.folder / "test_hangs.py"
    hanging.write_text("import asyncio, bulk\nasync def test_it():\n    await asyncio.Event().wait()\n")
    code, said = workshop.run(("test_hangs.py",), first_failure=True, test_limit_s=1)
    assert (code, is_red(code, said)) == (1, False)
    assert "Timeout (>1.0s)" in said


@pytest.mark.timeout(4 * LIMIT_S)
@pytest.mark.parametrize("twin", TWINS, ids=[f"{twin.promise:02}-{twin.says.replace(' ', '-')}" for twin in TWINS])
def test_broken_its_guarding_test_fails(workshop: Workshop, twin: Twin) -> None:
    with workshop.broken(twin.cuts):
        for node in twin.tests:
            code, said = workshop.run((node,), first_failure=True)
            assert is_red(code, said), f"exit code {code} from {node}\n{said[-4000:]}"
