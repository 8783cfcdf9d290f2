"""The part of a report about its input: how many lines it has, and how many of them the plan does not cover. Pure."""

import msgspec

from bulk.selection.inputs.coverage import InputCoverage


class InputReport(msgspec.Struct, frozen=True, kw_only=True):
    """How many lines the input has, and how many of them the plan does not cover, by reason; 0 lines for a filter.

    `repeated_unmatched` of the `repeated` lines repeat one that matches no person. `expected` is the
    number of lines that match no person and count as covered, because a user confirmed it: at `expected_at`, ISO 8601,
    by `expected_by`, if that was given.
    """

    lines: int
    not_covered: int
    unmatched: int
    refused: int
    unread: int
    protected: int = 0
    repeated: int = 0
    repeated_unmatched: int = 0
    expected: int = 0
    expected_at: str | None = None
    expected_by: str | None = None


def input_report(
    coverage: InputCoverage, *, expected_at: str | None = None, expected_by: str | None = None
) -> InputReport:
    """Return what a plan covers of its input, for a report.

    Arguments:
        coverage: of the input.
        expected_at: when it was confirmed that lines without a person have none, ISO 8601.
        expected_by: who did.
    """
    return InputReport(
        lines=coverage.lines,
        not_covered=coverage.not_covered,
        unmatched=coverage.unmatched,
        refused=coverage.refused,
        unread=coverage.unread,
        protected=coverage.protected,
        repeated=coverage.repeated,
        repeated_unmatched=coverage.repeated_unmatched,
        expected=coverage.expected,
        expected_at=expected_at if coverage.expected else None,
        expected_by=expected_by if coverage.expected else None,
    )


def coverage_in(one: InputReport | None) -> InputCoverage | None:
    """Return the coverage that a report shows; None where it does not tell."""
    if one is None:
        return None
    return InputCoverage(
        lines=one.lines,
        unmatched=one.unmatched,
        refused=one.refused,
        unread=one.unread,
        protected=one.protected,
        repeated=one.repeated,
        repeated_unmatched=one.repeated_unmatched,
        unmatched_expected=one.expected > 0,
    )
