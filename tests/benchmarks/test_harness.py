"""Contenders take turns, and the warm-up does not count."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness import Bench, Entry

ENTRIES = [Entry(label=name, name=name.lower(), arguments={"n": place}) for place, name in enumerate("ABC")]


class Recording(Bench):
    """A bench that records its runs, whose figure is the number of the run."""

    def __init__(self, *, smoke: bool = False, repeats: int = 3) -> None:
        super().__init__(smoke=smoke, repeats=repeats, folder=Path())
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def run(self, question: str, name: str, arguments: Mapping[str, Any]) -> dict[str, float]:
        self.calls.append((name, dict(arguments)))
        return {"wall_s": float(len(self.calls)), "peak_mb": 1.0}


def test_each_contender_runs_once_per_repeat_and_another_one_starts_each_time() -> None:
    bench = Recording()
    rows = bench.compare("x", ENTRIES, {"n": 9, "m": 7}, warm_up=False)
    names = "".join(name for name, _ in bench.calls)
    assert names == "abcbcacab"
    assert bench.calls[1] == ("b", {"n": 1, "m": 7})
    assert [row.contender for row in rows] == ["A", "B", "C"]
    assert rows[0].figures["wall_s"] == [1.0, 6.0, 8.0]


def test_the_first_round_warms_up_and_does_not_count() -> None:
    bench = Recording(repeats=1)
    rows = bench.compare("x", ENTRIES, {})
    assert len(bench.calls) == 6
    assert [row.figures["wall_s"] for row in rows] == [[4.0], [5.0], [6.0]]


@pytest.mark.parametrize(("smoke", "most", "times"), [(False, None, 3), (False, 2, 2), (False, 9, 3), (True, None, 1)])
def test_repeats_are_bounded_by_the_maximum_of_the_benchmark(smoke: bool, most: int | None, times: int) -> None:
    bench = Recording(smoke=smoke)
    rows = bench.compare("x", ENTRIES, {}, warm_up=False, max_repeats=most)
    assert {len(row.figures["wall_s"]) for row in rows} == {times}


def test_only_the_requested_figures_are_kept_in_that_order() -> None:
    rows = Recording().compare("x", ENTRIES, {}, figures=("peak_mb", "missing", "wall_s"))
    assert [list(row.figures) for row in rows] == [["peak_mb", "wall_s"]] * 3
