"""The seeds of the model test: a few in the quick part, some by default, many in the slow suite, one to replay it."""

import os

import pytest

QUICK, FEW, MANY = 6, 500, 20_000


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", type=int, default=None, help="replay one case of the job model")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        one = metafunc.config.getoption("--seed", default=None)
        count = MANY if os.environ.get("POSTHOG_BULK_SLOW") == "1" else FEW
        slow = [pytest.param(seed, marks=pytest.mark.slow) for seed in range(QUICK, count)]
        metafunc.parametrize("seed", [*range(QUICK), *slow] if one is None else [one])
