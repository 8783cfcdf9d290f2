"""For each guarantee, tests fail when it is broken: every row of the table is applied to a copy of the product."""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType

import pytest
from function_bodies import differ_in_bodies_only
from harness import LIMIT_S, ROOT, Workshop, cut
from table import GUARANTEES, TWINS, Cut, Twin

pytestmark = [pytest.mark.slow, pytest.mark.timeout(4 * LIMIT_S)]
PARTS = 4
BY_TEST = sorted(TWINS, key=lambda twin: twin.tests)
"""Twins that share a test file stand together, so that each worker of pytest imports as few of them as it can."""


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """One copy of the product and one interpreter for all twins of a test worker."""
    made = Workshop(tmp_path_factory.mktemp("twins"))
    yield made
    made.close()


@pytest.fixture
def thorough(case_count: Callable[[int, int], int]) -> bool:
    """Whether POSTHOG_BULK_SLOW=1 asks for what the default command leaves out."""
    return bool(case_count(0, 1))


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
    with workshop.broken((Cut("bulk/version.py", "VERSION = ", "VERSION =  "),)) as originals:
        assert file.read_bytes() != before
    assert file.read_bytes() == before == originals["bulk/version.py"].encode()


@pytest.mark.parametrize("part", range(PARTS))
def test_guarding_tests_pass_on_the_unchanged_product(workshop: Workshop, thorough: bool, part: int) -> None:
    """Nothing but the mistake makes a test fail in the copy: one case of each file, or all with POSTHOG_BULK_SLOW=1.

    The suite runs all of them on the product itself, of which the copy has the same bytes.
    """
    every = sorted({node for twin in TWINS for node in twin.tests})
    files = sorted({node.partition("::")[0] for node in every})[part::PARTS]
    nodes = tuple(node for node in every if node.partition("::")[0] in files)
    result = workshop.run(nodes, first_failure=False, one_of_each_file=not thorough)
    assert result.green, result.failures


def test_guarding_tests_pass_after_everything_is_imported_anew(workshop: Workshop, thorough: bool) -> None:
    """One case of each file whose tests run that way, or of all files with POSTHOG_BULK_SLOW=1."""
    nodes = tuple(sorted({node for twin in TWINS if thorough or not only_bodies_change(twin) for node in twin.tests}))
    result = workshop.run(nodes, anew=True, first_failure=False, one_of_each_file=True)
    assert result.anew
    assert result.green, result.failures


def only_bodies_change(twin: Twin) -> bool:
    """Return whether a mistake takes effect without a new import."""
    changed = dict[str, str]()
    for change in twin.cuts:
        text = changed.get(change.file) or (ROOT / change.file).read_text()
        changed[change.file] = text.replace(change.old, change.new)
    return all(differ_in_bodies_only((ROOT / file).read_text(), text) for file, text in changed.items())


@pytest.mark.parametrize(
    ("change", "anew"),
    [
        (Cut("bulk/formatting.py", 'return f"{count:,}"\n', 'return f"{count}"\n'), False),
        (Cut("bulk/version.py", 'VERSION = "', 'VERSION = "9'), True),
    ],
    ids=["function", "constant"],
)
def test_a_mistake_takes_effect_in_a_function_as_it_is_and_in_all_else_after_a_new_import(
    workshop: Workshop, change: Cut, anew: bool
) -> None:
    (workshop.folder / "test_effect.py").write_text(
        "from bulk.formatting import format_count\nfrom bulk.version import VERSION\n"
        "def test_it():\n    assert format_count(2473) == '2,473'\n    assert VERSION[0] != '9'\n"
    )
    node = "test_effect.py::test_it"
    assert workshop.run((node,)).green
    broken = workshop.run((node,), (change,))
    assert (broken.red, broken.anew) == (True, anew)
    assert workshop.run((node,)).green


def test_a_test_that_hangs_does_not_count_as_failed(workshop: Workshop) -> None:
    hanging = workshop.folder / "test_hangs.py"
    hanging.write_text(
        "import asyncio, pytest, bulk\n@pytest.mark.timeout(1)\n"
        "async def test_it():\n    await asyncio.Event().wait()\n"
    )
    result = workshop.run(("test_hangs.py::test_it",))
    assert (result.code, result.red, result.green) == (0, False, False)
    assert "Timeout (>1.0s)" in result.failures


class Interrupted(BaseException):
    """What the handler of a signal raises, as that of a time limit does."""


def test_an_interrupted_run_ends_and_the_next_one_gets_its_own_reply(workshop: Workshop) -> None:
    def interrupt(_: int, __: FrameType | None) -> None:
        raise Interrupted

    started = workshop.folder / "started"
    os.mkfifo(started)
    (workshop.folder / "test_waits.py").write_text(
        "import signal, bulk\ndef test_it():\n"
        f"    with open({str(started)!r}, 'w') as opened:\n"
        "        opened.write('.')\n        opened.flush()\n        signal.pause()\n"
    )
    (workshop.folder / "test_passes.py").write_text("import bulk\ndef test_it():\n    pass\n")

    def watch() -> str:
        with started.open() as opened:
            read = opened.read(1)
            os.kill(os.getpid(), signal.SIGUSR1)
            return read + opened.read()  # which ends with the process that has it open

    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with ThreadPoolExecutor(1) as threads:
            watching = threads.submit(watch)
            with pytest.raises(Interrupted):
                workshop.run(("test_waits.py::test_it",))
            assert watching.result() == "."
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert workshop.run(("test_passes.py::test_it",)).green


def test_a_test_that_ends_the_interpreter_is_an_error_and_the_next_run_has_another(workshop: Workshop) -> None:
    (workshop.folder / "test_ends.py").write_text(
        "import os, signal, bulk\ndef test_it():\n    os.kill(os.getppid(), signal.SIGKILL)\n"
    )
    (workshop.folder / "test_passes.py").write_text("import bulk\ndef test_it():\n    pass\n")
    with pytest.raises(AssertionError, match="is gone"):
        workshop.run(("test_ends.py::test_it",))
    assert workshop.run(("test_passes.py::test_it",)).green


def test_a_test_file_that_cannot_be_imported_is_an_error(workshop: Workshop) -> None:
    (workshop.folder / "test_import.py").write_text("import no_such_module\ndef test_it():\n    assert False\n")
    with pytest.raises(AssertionError, match="no_such_module"):
        workshop.run(("test_import.py::test_it",))


@pytest.mark.parametrize(
    "twin", BY_TEST, ids=[f"{twin.guarantee:02}-{twin.says.replace(' ', '-')}" for twin in BY_TEST]
)
def test_each_guarding_test_fails_on_the_twin(workshop: Workshop, thorough: bool, twin: Twin) -> None:
    """Each test fails, in functions that have the mistake or, where that is not enough, after a new import."""
    for node in twin.tests:
        result = workshop.run((node,), twin.cuts, anew=thorough)
        if not result.red and not result.anew:
            result = workshop.run((node,), twin.cuts, anew=True)
        assert result.red, f"{node} does not fail\n{result.failures}"
