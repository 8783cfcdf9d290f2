"""What was measured, as values: figures of contenders over repeats, and bounds they are held against. Pure."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec


class Row(msgspec.Struct, kw_only=True):
    """One contender: each figure once a repeat, in the order of the repeats."""

    contender: str
    figures: dict[str, list[float]] = {}

    def add(self, measured: Mapping[str, float]) -> None:
        """Take in what one repeat measured."""
        for name, value in measured.items():
            self.figures.setdefault(name, []).append(value)

    def median(self, name: str) -> float:
        """The median of a figure over the repeats; not a number where it was not measured."""
        values = self.figures.get(name)
        return statistics.median(values) if values else math.nan


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """A value that a target bounds."""

    what: str
    value: float
    bound: float
    sense: Literal[">=", "<="]

    @property
    def holds(self) -> bool:
        """Whether the target is met; what could not be measured meets none."""
        return self.value >= self.bound if self.sense == ">=" else self.value <= self.bound


class Result(msgspec.Struct, kw_only=True):
    """The answer to one question."""

    question: str
    asks: str
    rows: list[Row]
    checks: list[Check] = []
    notes: list[str] = []
    smoke: bool = False


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """Where it was measured."""

    system: str
    machine: str
    processor: str
    cores: int
    python: str
    packages: dict[str, str]


class Run(msgspec.Struct, kw_only=True):
    """All answers of one run."""

    environment: Environment
    results: list[Result] = []


def row_of(rows: Sequence[Row], contender: str) -> Row:
    """The row of a contender.

    Raises:
        LookupError: there is none.
    """
    for row in rows:
        if row.contender == contender:
            return row
    raise LookupError(f"nobody measured {contender!r}")


def ratio(rows: Sequence[Row], one: str, other: str, figure: str) -> float:
    """How many times another contender's figure one's is: the median over the repeats of the ratio in each.

    Contenders of one repeat run close to each other in time, so that what slows the machine slows both.
    """
    ours, theirs = row_of(rows, one).figures.get(figure, []), row_of(rows, other).figures.get(figure, [])
    ratios = [mine / its for mine, its in zip(ours, theirs, strict=False) if its]
    return statistics.median(ratios) if ratios else math.nan


def spread(values: Sequence[float]) -> tuple[float, float]:
    """The middle half of the values, or all of them where there are fewer than four: lowest and highest."""
    if len(values) < 4:
        return min(values), max(values)
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high
