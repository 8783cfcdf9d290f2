"""Says which input a plan does not cover: lines that match no person, are refused, or cannot be read. Pure.

It holds counts alone, so that journals and reports may have it without the plan.
"""

from typing import Any

import msgspec

from bulk.formatting import count_of


class Coverage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What a plan covers of its input.

    Arguments:
        lines: lines of the input; 0 for a filter.
        unmatched: lines that match no person.
        refused: lines that cannot be used.
        unread: lines, or persons that a filter selects, whose person could not be read.
    """

    lines: int = 0
    unmatched: int = 0
    refused: int = 0
    unread: int = 0

    @property
    def not_covered(self) -> int:
        """Lines, or persons of a filter, that the plan does not cover."""
        return self.unmatched + self.refused + self.unread

    def words(self) -> str:
        """Return what is not covered, as the end of a sentence; empty if everything is."""
        if not self.not_covered:
            return ""
        verb = "is" if self.not_covered == 1 else "are"
        if not self.lines:
            return f"{count_of(self.unread, 'selected person')} {verb} not covered (could not be read)"
        parts = ((self.unmatched, "matched no person"), (self.refused, "refused"), (self.unread, "could not be read"))
        why = ", ".join(f"{count:,} {what}" for count, what in parts if count)
        return f"{self.not_covered:,} of {count_of(self.lines, 'input line')} {verb} not covered ({why})"


def coverage_of(findings: dict[str, dict[str, Any]]) -> Coverage:
    """Return the coverage that a plan's findings show.

    Arguments:
        findings: by kind.
    """

    def count(kind: str, field: str = "count") -> int:
        value = findings.get(kind, {}).get(field, 0)
        return value if isinstance(value, int) else 0

    if "lines" not in findings:
        return Coverage(unread=count("discovery", "unread"))
    return Coverage(
        lines=count("lines"), unmatched=count("unmatched"), refused=count("refused"), unread=count("unread")
    )


def with_coverage(verdict: str, coverage: Coverage | None) -> str:
    """Return a verdict that also says what the plan does not cover.

    Arguments:
        verdict: one sentence.
        coverage: None where it is not known.
    """
    words = "" if coverage is None else coverage.words()
    return f"{verdict.removesuffix('.')}; {words}." if words else verdict
