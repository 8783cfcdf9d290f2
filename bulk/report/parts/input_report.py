"""The part of a report about its input: how many lines it has, and how many of them the plan does not cover. Pure."""

import msgspec

from bulk.selection.inputs.coverage import Coverage


class InputReport(msgspec.Struct, frozen=True, kw_only=True):
    """How many lines the input has, and how many of them the plan does not cover, by reason; 0 lines for a filter."""

    lines: int
    not_covered: int
    unmatched: int
    refused: int
    unread: int
    protected: int = 0
    repeated: int = 0


def input_report(coverage: Coverage) -> InputReport:
    """Return what a plan covers of its input, for a report."""
    return InputReport(
        lines=coverage.lines,
        not_covered=coverage.not_covered,
        unmatched=coverage.unmatched,
        refused=coverage.refused,
        unread=coverage.unread,
        protected=coverage.protected,
        repeated=coverage.repeated,
    )


def coverage_in(one: InputReport | None) -> Coverage | None:
    """Return the coverage that a report shows; None where it does not tell."""
    if one is None:
        return None
    return Coverage(
        lines=one.lines,
        unmatched=one.unmatched,
        refused=one.refused,
        unread=one.unread,
        protected=one.protected,
        repeated=one.repeated,
    )
