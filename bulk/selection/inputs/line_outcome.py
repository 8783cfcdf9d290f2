"""Says from a plan's findings why an input line selects no person of its own. Pure."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, Literal

import msgspec

from bulk.formatting import format_count
from bulk.number_ranges import parse_ranges
from bulk.selection.input_findings import WIDER_WORDS
from bulk.selection.inputs.causes import Cause

Outcome = Literal["selected", "unmatched", "unread", "protected", "refused", "repeated", "already_selected", "blank"]


class LineOutcome(msgspec.Struct, frozen=True):
    """What became of an input line.

    Arguments:
        outcome: in one word.
        reason: why a line is refused, the likely cause why it matches no person, what it would match if it were
            compared more widely, or that the line that it repeats is not covered either; None where there is none.
        repeats: the number of the first line that it repeats, or that selects a person which it names again; None for
            other lines, and where the plan does not say.
    """

    outcome: Outcome
    reason: str | None = None
    repeats: int | None = None


SELECTED = LineOutcome("selected")


def line_outcome(findings: dict[str, dict[str, Any]], number: int) -> LineOutcome | None:
    """Return what became of a line that selects no person of its own; None where the findings do not name it.

    Arguments:
        findings: of a plan, by kind.
        number: of the line, counted from 1.
    """
    found = next((outcome for outcome, lines in _outcomes(findings) if _names(lines, number)), None)
    if found == LineOutcome("unmatched", Cause.NONE.value) and _names(wider := findings.get("wider_match", {}), number):
        return LineOutcome("unmatched", f"it {WIDER_WORDS.get(str(wider.get('by')), 'would match otherwise')}")
    kind = {"repeated": "duplicates", "already_selected": "aliases"}.get("" if found is None else found.outcome)
    if found is None or kind is None:
        return found
    firsts = dict(findings.get(kind, {}).get("first_lines", ()))
    return msgspec.structs.replace(found, repeats=firsts.get(number))


def not_a_line(findings: dict[str, dict[str, Any]], selecting: Iterable[int], number: int) -> str:
    """Return why a number is not that of an input line, in words that follow it; of a plan that names all its lines.

    Arguments:
        findings: of the plan, by kind.
        selecting: the numbers of the lines that select persons.
        number: that neither of them names.
    """
    named = (parse_ranges(str(lines.get("lines", ""))) for _, lines in _outcomes(findings))
    ranges = [*chain.from_iterable(named), *((line, line + 1) for line in selecting)]
    first, last = min(start for start, _ in ranges), max(stop for _, stop in ranges) - 1
    if first < number < last:
        begins = max(min(stop, number) for start, stop in ranges if start < number) - 1
        return f"belongs to line {format_count(begins)}, which has a cell with line ends"
    count = int(findings["lines"]["count"])
    lines = f"the only line is line {first}" if count == 1 else f"the {count:,} lines are lines {first:,} to {last:,}"
    return f"{'is the header' if number < first else 'is beyond the end'}: {lines}"


def is_cut(findings: dict[str, dict[str, Any]]) -> bool:
    """Return whether the findings lack line numbers, because there are too many."""
    return any(lines.get("cut") for _, lines in _outcomes(findings))


def _outcomes(findings: dict[str, dict[str, Any]]) -> Iterator[tuple[LineOutcome, dict[str, Any]]]:
    """Yield each outcome with the finding that has its lines; those with a reason before those without."""
    unmatched, refused = findings.get("unmatched", {}), findings.get("refused", {})
    for reason, lines in refused.get("reasons", {}).items():
        yield LineOutcome("refused", reason), lines
    for cause, lines in unmatched.get("causes", {}).items():
        yield LineOutcome("unmatched", cause), lines
    yield LineOutcome("unmatched"), unmatched
    yield LineOutcome("unread"), findings.get("unread", {})
    yield LineOutcome("protected"), findings.get("protected", {}).get("input", {})
    repeated = findings.get("duplicates", {})
    yield LineOutcome("repeated", "that line is not covered"), repeated.get("not_covered", {})
    yield LineOutcome("repeated"), repeated
    yield LineOutcome("already_selected"), findings.get("aliases", {})
    yield LineOutcome("blank"), findings.get("blank", {})


def _names(lines: dict[str, Any], number: int) -> bool:
    """Return whether a finding names a line."""
    return any(start <= number < stop for start, stop in parse_ranges(str(lines.get("lines", ""))))
