"""The results of benchmarks as values: figures of contenders over repeats, and targets for them. Pure."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec


class Row(msgspec.Struct, kw_only=True):
    """The figures of one contender, each with one value per repeat, in order."""

    contender: str
    figures: dict[str, list[float]] = {}

    def add(self, measured: Mapping[str, float]) -> None:
        """Add the figures of one repeat."""
        for name, value in measured.items():
            self.figures.setdefault(name, []).append(value)

    def median(self, name: str) -> float:
        """Return the median of a figure over the repeats, or NaN where it was not measured."""
        values = self.figures.get(name)
        return statistics.median(values) if values else math.nan


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """A value with a target."""

    what: str
    value: float
    bound: float
    sense: Literal[">=", "<="]

    @property
    def holds(self) -> bool:
        """Whether the target is met; a value that was not measured never meets it."""
        return self.value >= self.bound if self.sense == ">=" else self.value <= self.bound


class Result(msgspec.Struct, kw_only=True):
    """The result of one benchmark."""

    question: str
    asks: str
    rows: list[Row]
    checks: list[Check] = []
    notes: list[str] = []
    smoke: bool = False


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """The machine and the packages of a run."""

    system: str
    machine: str
    processor: str
    cores: int
    python: str
    packages: dict[str, str]


class Run(msgspec.Struct, kw_only=True):
    """All results of one run."""

    environment: Environment
    results: list[Result] = []


def row_of(rows: Sequence[Row], contender: str) -> Row:
    """Return the row of a contender.

    Raises:
        LookupError: it has no row.
    """
    for row in rows:
        if row.contender == contender:
            return row
    raise LookupError(f"{contender!r} was not measured")


def ratio(rows: Sequence[Row], one: str, other: str, figure: str) -> float:
    """Return one contender's figure divided by another's: the median of the ratio in each repeat.

    The contenders of one repeat run shortly after each other, so a slow phase of the machine affects both.
    """
    ours, theirs = row_of(rows, one).figures.get(figure, []), row_of(rows, other).figures.get(figure, [])
    ratios = [mine / its for mine, its in zip(ours, theirs, strict=False) if its]
    return statistics.median(ratios) if ratios else math.nan


def spread(values: Sequence[float]) -> tuple[float, float]:
    """Return the lowest and highest value of the middle half; of all values where there are fewer than four."""
    if len(values) < 4:
        return min(values), max(values)
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high
