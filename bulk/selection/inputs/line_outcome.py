"""Says from a plan's findings why an input line selects no person of its own. Pure."""

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from bulk.number_ranges import parse_ranges

Outcome = Literal["selected", "unmatched", "unread", "protected", "refused", "repeated", "already_selected", "blank"]


class LineOutcome(msgspec.Struct, frozen=True):
    """What became of an input line.

    Arguments:
        outcome: in one word.
        reason: why a line is refused, the likely cause why it matches no person, or that the line that it repeats is
            not covered either; None where there is none.
        repeats: the number of the first line that it repeats; None for other lines, and where the plan does not say.
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
    if found is None or found.outcome != "repeated":
        return found
    firsts = dict(findings.get("duplicates", {}).get("first_lines", ()))
    return msgspec.structs.replace(found, repeats=firsts.get(number))


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
