"""PersonIdSet: exact for every form of UUID, and small (guarantee 15)."""

import subprocess
import sys
from random import Random

import pytest

from asyncclient._protocol.paging.person_id_set import SEGMENTS, PersonIdSet

FORMS = {
    "random": lambda random: random.getrandbits(128),
    "small": lambda random: random.randrange(5_000),
    "differing in the first bits only": lambda random: random.randrange(5_000) << 96,
    "differing in the middle only": lambda random: random.randrange(5_000) << 40,
    "equal by the large prime": lambda random: random.randrange(4_000) * (2**61 - 1),
    "equal by the small prime": lambda random: random.randrange(5_000) * SEGMENTS,
    "largest": lambda random: 2**128 - 1 - random.randrange(3),
}


@pytest.mark.parametrize("form", FORMS)
def test_person_ids_behave_like_a_set(form: str) -> None:
    random, ids, reference = Random(1), PersonIdSet(), set()
    for _ in range(40):
        numbers = [FORMS[form](random) for _ in range(random.choice([0, 1, 2, 300]))]
        before, expected = set(reference), []
        for index, number in enumerate(numbers):
            if number not in reference:
                expected.append(index)
                reference.add(number)
        assert [number in ids for number in numbers] == [number in before for number in numbers]
        assert ids.add_all(numbers) == expected
    assert len(ids) == len(reference)
    assert all(number in ids for number in reference)


_MEASURE = """
import random
from asyncclient._protocol.paging.person_id_set import PersonIdSet

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

ids, source = PersonIdSet(), random.Random(1)
ids.add_all([source.getrandbits(128) for _ in range(1000)])
before = resident()
for _ in range(400):
    ids.add_all([source.getrandbits(128) for _ in range(1000)])
print((resident() - before) / 400_000)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_person_takes_at_most_16_bytes() -> None:
    done = subprocess.run([sys.executable, "-c", _MEASURE], capture_output=True, text=True, check=True)
    assert float(done.stdout) <= 16
