"""The outcome of a line that selects no person, from the findings of a plan."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk.selection.input_findings import Findings, by_kind
from bulk.selection.inputs.causes import Cause
from bulk.selection.inputs.line_checks import Reason, RefusedLine
from bulk.selection.inputs.line_outcome import LineOutcome, is_cut, line_outcome

OUTCOMES: list[LineOutcome | None] = [
    None,
    *(LineOutcome("refused", reason.value) for reason in Reason),
    *(LineOutcome("unmatched", cause.value) for cause in Cause),
    LineOutcome("unread"),
    LineOutcome("protected"),
    LineOutcome("repeated"),
    LineOutcome("repeated", "that line is not covered"),
    LineOutcome("already_selected", repeats=1),
    LineOutcome("blank"),
]


def add(findings: Findings, number: int, outcome: LineOutcome | None) -> None:
    findings.lines += 1
    match outcome:
        case None:
            findings.add_target(1, line=number)
        case LineOutcome("refused", reason):
            findings.refuse(RefusedLine(number, Reason(reason)))
        case LineOutcome("unmatched", cause):
            findings.add_unmatched(number, Cause(cause))
        case LineOutcome("unread"):
            findings.unread.add(number)
        case LineOutcome("protected"):
            findings.protected_lines.add(number)
        case LineOutcome("repeated", reason):
            findings.duplicates.add(number)
            if reason is not None:
                findings.repeated.add(number)
        case LineOutcome("blank"):
            findings.blank.add(number)
        case _:
            findings.add_alias(number, 1)


@pytest.mark.slow
@given(st.lists(st.sampled_from(OUTCOMES), max_size=30))
def test_each_line_has_the_outcome_that_was_recorded(outcomes: list[LineOutcome | None]) -> None:
    findings = Findings()
    findings.protected = {"count": 1}
    for number, outcome in enumerate(outcomes, 1):
        add(findings, number, outcome)
    found = by_kind(findings.to_list(requests=0))
    assert [line_outcome(found, number) for number in range(1, len(outcomes) + 1)] == outcomes
    assert line_outcome(found, len(outcomes) + 1) is None
    assert not is_cut(found)


def test_findings_of_other_versions_are_read() -> None:
    found: dict[str, dict[str, Any]] = {"unmatched": {"count": 9, "lines": "1-3", "cut": True}, "protected": {}}
    assert line_outcome(found, 2) == LineOutcome("unmatched")
    assert line_outcome(found, 4) is None
    assert is_cut(found)
