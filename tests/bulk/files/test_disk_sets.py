"""Disk sets and index: they equal a set and a dictionary, use little memory and leave no file behind."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk.files.disk_sets import DiskIdIndex, DiskIdSet, DiskStringSet

few_ids = st.integers(0, 30).map(lambda number: UUID(int=number << 64 | 5))
few_texts = st.sampled_from(["", "a", "A", "é", "e\u0301", "\ud800", "\udfff", "\x00", "a\x00", "😀"])


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(st.lists(few_ids, max_size=8) | few_ids, max_size=12))
def test_an_id_is_new_only_once(steps: list[list[UUID] | UUID]) -> None:
    met: set[UUID] = set()
    with DiskIdSet() as seen:
        for step in steps:
            batch = step if isinstance(step, list) else [step]
            expected = []
            for uuid in batch:
                expected.append(uuid not in met)
                met.add(uuid)
            assert (seen.add_many(step) if isinstance(step, list) else [seen.add(step)]) == expected
            assert len(seen) == len(met)


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(st.lists(st.tuples(few_ids, st.integers(0, 2**40)), max_size=8), max_size=6))
def test_an_index_returns_the_same_numbers_as_a_dictionary(steps: list[list[tuple[UUID, int]]]) -> None:
    known: dict[UUID, int] = {}
    with DiskIdIndex() as numbers:
        for step in steps:
            numbers.add_many(step)
            known.update(step)
            for number in range(31):
                uuid = UUID(int=number << 64 | 5)
                assert numbers.get(uuid) == known.get(uuid)


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(few_texts, max_size=20))
def test_a_string_is_new_only_once_and_never_confused_with_another(texts: list[str]) -> None:
    with DiskStringSet() as one, DiskStringSet() as many:
        expected = [text not in texts[:at] for at, text in enumerate(texts)]
        assert [one.add(text) for text in texts] == expected
        assert many.add_many(texts) == expected


def test_two_sets_are_independent() -> None:
    with DiskIdSet() as one, DiskIdSet() as other:
        assert one.add(UUID(int=1))
        assert other.add(UUID(int=1))


SPILL = """
import os, random, sys
from uuid import UUID
from bulk.files import disk_sets
from bulk.files.disk_sets import DiskIdSet
disk_sets._Table.__init__.__kwdefaults__["cache_kib"] = 512
folder = sys.argv[1]
def ours():
    names = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            names.append(os.readlink("/proc/self/fd/" + fd))
        except FileNotFoundError:  # the one that lists them
            pass
    return [name for name in names if name.startswith(folder)]
with DiskIdSet() as seen:
    for _ in range(200):
        seen.add_many(UUID(bytes=random.randbytes(16)) for _ in range(5_000))
        if ours():
            break
    print([name.endswith(" (deleted)") for name in ours()], os.listdir(folder))
print(ours(), os.listdir(folder))
"""


@pytest.mark.slow
def test_the_temporary_file_has_no_name(tmp_path: Path) -> None:
    environment = os.environ | {"SQLITE_TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", SPILL, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "[True] []\n[] []\n"


FULL = """
import random, resource
from uuid import UUID
from bulk.errors import FileTrouble
from bulk.files import disk_sets
from bulk.files.disk_sets import DiskIdSet
disk_sets._Table.__init__.__kwdefaults__["cache_kib"] = 512
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
seen = DiskIdSet()
try:
    for _ in range(200):
        seen.add_many(UUID(bytes=random.randbytes(16)) for _ in range(5_000))
except FileTrouble as error:
    print(error)
"""


@pytest.mark.slow
def test_a_full_temporary_folder_is_reported_with_a_fix(tmp_path: Path) -> None:
    environment = os.environ | {"SQLITE_TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", FULL], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.startswith(f"{tmp_path}: a temporary file cannot grow there: ")
    assert done.stdout.endswith("; free some space there, or set TMPDIR.\n")
    assert list(tmp_path.iterdir()) == []


MANY = """
import random, resource, sys
from uuid import UUID
from bulk.files.disk_sets import DiskIdSet
thousands = int(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with DiskIdSet() as seen:
    new = 0
    for _ in range(thousands):
        new += sum(seen.add_many(UUID(bytes=random.randbytes(16)) for _ in range(1_000)))
    assert new == len(seen) == thousands * 1_000
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
def test_a_set_on_disk_takes_as_little_memory_for_many_ids(case_count: Callable[[int, int], int]) -> None:
    command = [sys.executable, "-c", MANY, str(case_count(400, 1_000))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 24_000


def test_a_closed_set_leaves_no_file() -> None:
    seen = DiskIdSet()
    seen.add(UUID(int=1))
    seen.close()
    seen.close()
    with pytest.raises(Exception, match="closed"):
        seen.add(UUID(int=1))
