"""For each guarantee, tests fail when it is broken: every row of the table is applied to a copy of the product."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness import LIMIT_S, Workshop, cut, guarding_tests, is_red
from twins import GUARANTEES, TWINS, Cut, Twin

pytestmark = pytest.mark.slow
PARTS = 8
PART_LIMIT_S = 2 * LIMIT_S


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """One copy of the product and one interpreter for all twins of a test worker."""
    made = Workshop(tmp_path_factory.mktemp("twins"))
    yield made
    made.close()


def test_every_guarantee_has_a_twin() -> None:
    assert sorted({each.guarantee for each in TWINS}) == list(range(1, GUARANTEES + 1))
    assert len({(twin.guarantee, twin.says) for twin in TWINS}) == len(TWINS)


def test_a_text_that_does_not_occur_exactly_once_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("a = 1\na = 1\nb = 2\n")
    for old in ("a = 1", "c = 3"):
        with pytest.raises(AssertionError, match="times, not once"):
            cut(tmp_path, Cut("x.py", old, "pass"))
    cut(tmp_path, Cut("x.py", "b = 2", "b = 3"))
    assert (tmp_path / "x.py").read_text().endswith("b = 3\n")


def test_the_copy_is_restored_after_a_twin(workshop: Workshop) -> None:
    file = workshop.folder / "bulk" / "version.py"
    before = file.read_bytes()
    with workshop.broken((Cut("bulk/version.py", "VERSION = ", "VERSION =  "),)):
        assert file.read_bytes() != before
    assert file.read_bytes() == before


@pytest.mark.timeout(PART_LIMIT_S + 50)
@pytest.mark.parametrize("part", range(PARTS))
def test_guarding_tests_pass_on_the_unchanged_product(
    workshop: Workshop, case_count: Callable[[int, int], int], part: int
) -> None:
    """Nothing but the mistake makes a test fail in the copy: one case of each file, or all with POSTHOG_BULK_SLOW=1.

    The suite runs all of them on the product itself, of which the copy has the same bytes.
    """
    every = guarding_tests(TWINS)
    files = sorted({node.partition("::")[0] for node in every})[part::PARTS]
    code, output = workshop.run(
        tuple(node for node in every if node.partition("::")[0] in files),
        first_failure=False,
        one_of_each_file=not case_count(0, 1),
        limit_s=PART_LIMIT_S,
    )
    assert code == 0, output[-4000:]


def test_a_test_that_hangs_does_not_count_as_failed(workshop: Workshop) -> None:
    hanging = workshop.folder / "test_hangs.py"
    hanging.write_text("import asyncio, bulk\nasync def test_it():\n    await asyncio.Event().wait()\n")
    code, output = workshop.run(("test_hangs.py",), first_failure=True, test_limit_s=1)
    assert (code, is_red(code, output)) == (1, False)
    assert "Timeout (>1.0s)" in output


@pytest.mark.timeout(4 * LIMIT_S)
@pytest.mark.parametrize("twin", TWINS, ids=[f"{twin.guarantee:02}-{twin.says.replace(' ', '-')}" for twin in TWINS])
def test_each_guarding_test_fails_on_the_twin(workshop: Workshop, twin: Twin) -> None:
    with workshop.broken(twin.cuts):
        for node in twin.tests:
            code, output = workshop.run((node,), first_failure=True)
            assert is_red(code, output), f"exit code {code} from {node}\n{output[-4000:]}"
