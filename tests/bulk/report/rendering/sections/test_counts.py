"""The counts of a report add up: from the input to the persons, and from the persons to each kind of result."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_jobs import JOBS, plan_of

from bulk.report.parts.input_report import InputReport
from bulk.report.rendering.document import Table
from bulk.report.rendering.sections.counts import counts_section
from bulk.report.report import Report

SIGNS: dict[str, Callable[[int, int], int]] = {"+": lambda a, b: a + b, "-": lambda a, b: a - b}


def table_of(report: Report) -> Table:
    (table,) = (block for block in counts_section(report).blocks if isinstance(block, Table))
    return table


def sums_hold(report: Report) -> bool:
    """Add the rows up as a reader does."""
    total = sums = 0
    for number, (sign, _, shown) in enumerate(table_of(report).rows):
        value = int(shown.replace(",", ""))
        assert value >= 0
        assert (sign == "=") == (number in table_of(report).totals)
        if sign == "=":
            assert total == value, shown
            total, sums = 0, sums + 1
        else:
            total = SIGNS[sign](total, value)
    return sums > 1 and total == 0


@pytest.mark.parametrize("name", JOBS)
def test_the_counts_of_a_job_add_up(name: str) -> None:
    assert sums_hold(JOBS[name]())


small = st.integers(0, 9)


@pytest.mark.slow
@given(
    counts=st.fixed_dictionaries(dict.fromkeys(("unmatched", "refused", "unread", "protected"), small)),
    repeated=small,
    duplicates=small,
    aliases=small,
    selecting=st.integers(0, 50),
    count=st.integers(1, 60),
    with_plan=st.booleans(),
)
def test_any_counts_add_up(
    counts: dict[str, int],
    repeated: int,
    duplicates: int,
    aliases: int,
    selecting: int,
    count: int,
    with_plan: bool,
) -> None:
    covered = InputReport(
        lines=sum(counts.values()) + repeated + duplicates + aliases + selecting,
        not_covered=sum(counts.values()) + repeated,
        repeated=repeated,
        **counts,
    )
    plan = plan_of(covered.lines, duplicates=repeated + duplicates, aliases=aliases) if with_plan else None
    report = msgspec.structs.replace(JOBS["complete"](), input=covered, plan=plan, axes=(), count=count)
    total = 0
    for sign, _, shown in table_of(report).rows[:-1]:
        total = SIGNS[sign](total, int(shown))
    assert table_of(report).rows[-1][0] == "="
    assert total == count


def test_a_filter_begins_with_the_persons_that_the_server_listed() -> None:
    plan = msgspec.structs.replace(plan_of(0), findings=[{"kind": "listed", "count": 55}])
    report = msgspec.structs.replace(
        JOBS["complete"](), input=InputReport(lines=0, not_covered=0, unmatched=0, refused=0, unread=0), plan=plan
    )
    rows: Any = table_of(report).rows
    assert rows[0] == ("+", "Persons that the server listed", "55")
    assert rows[1][0::2] == ("-", "15")
    assert sums_hold(report)
    without = msgspec.structs.replace(report, plan=None)
    assert table_of(without).rows[0] == ("+", "Persons that the selection names", "40")
    assert sums_hold(without)
