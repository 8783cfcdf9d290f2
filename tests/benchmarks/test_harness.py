"""Whose turn it is, and what of it counts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness import Bench, Entry

ENTRIES = [Entry(label=name, name=name.lower(), says={"n": place}) for place, name in enumerate("ABC")]


class Recording(Bench):
    """A bench whose contenders are the number of the call."""

    def __init__(self, *, smoke: bool = False, repeats: int = 3) -> None:
        super().__init__(smoke=smoke, repeats=repeats, folder=Path())
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def run(self, question: str, name: str, says: Mapping[str, Any]) -> dict[str, float]:
        self.calls.append((name, dict(says)))
        return {"wall_s": float(len(self.calls)), "peak_mb": 1.0}


def test_everybody_runs_once_a_repeat_and_another_one_begins_each_time() -> None:
    bench = Recording()
    rows = bench.contest("x", ENTRIES, {"n": 9, "m": 7}, warm_up=False)
    names = "".join(name for name, _ in bench.calls)
    assert names == "abcbcacab"
    assert bench.calls[1] == ("b", {"n": 1, "m": 7})
    assert [row.contender for row in rows] == ["A", "B", "C"]
    assert rows[0].figures["wall_s"] == [1.0, 6.0, 8.0]


def test_the_first_round_warms_up_and_does_not_count() -> None:
    bench = Recording(repeats=1)
    rows = bench.contest("x", ENTRIES, {})
    assert len(bench.calls) == 6
    assert [row.figures["wall_s"] for row in rows] == [[4.0], [5.0], [6.0]]


@pytest.mark.parametrize(("smoke", "most", "times"), [(False, None, 3), (False, 2, 2), (False, 9, 3), (True, None, 1)])
def test_repeats_are_as_many_as_asked_for_and_no_more_than_the_question_takes(
    smoke: bool, most: int | None, times: int
) -> None:
    bench = Recording(smoke=smoke)
    rows = bench.contest("x", ENTRIES, {}, warm_up=False, most_repeats=most)
    assert {len(row.figures["wall_s"]) for row in rows} == {times}


def test_only_the_figures_that_are_wanted_are_kept_in_the_order_wanted() -> None:
    rows = Recording().contest("x", ENTRIES, {}, figures=("peak_mb", "missing", "wall_s"))
    assert [list(row.figures) for row in rows] == [["peak_mb", "wall_s"]] * 3
